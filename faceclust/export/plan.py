"""What an exporter wants written, as data: planned first, then shown, applied or undone.

Every exporter is a generator of `Action`s and touches no file. `apply.py` carries actions out,
journals each of them, and takes them back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from faceclust.records import TaggedPhoto

LinkKind = Literal["copy", "hard", "reflink"]
Progress: TypeAlias = Callable[[int, int], None]
"""Told how many photos are done, of how many."""


@dataclass(frozen=True, slots=True)
class WriteText:
    """Put exactly these bytes at `path`, a file of our own (json, csv, a new sidecar).

    Attributes:
        merged_from: the bytes found at `path` that `content` was merged from, when the file may
            belong to someone else (an existing sidecar); None where only a file that we wrote
            ourselves may be replaced.
        photo: the photo that a sidecar belongs to.
        seed: the packet inside it, where a new sidecar repeats that.
    """

    path: Path
    content: bytes
    merged_from: bytes | None = None
    photo: Path | None = None
    seed: bytes | None = None


@dataclass(frozen=True, slots=True)
class WriteTable:
    """Put a document at `path`, a file of our own, that may be too long to be held whole.

    Attributes:
        pieces: begins it anew, each time with the same bytes.
    """

    path: Path
    pieces: Callable[[], Iterator[bytes]]


@dataclass(frozen=True, slots=True)
class PlaceFile:
    """Put a copy, hard link or reflink of the photo `source` at `path`."""

    path: Path
    source: Path
    link: LinkKind


@dataclass(frozen=True, slots=True)
class PlaceSymlink:
    """Make `path` a symbolic link to `target`, a path relative to the link's own folder."""

    path: Path
    target: Path


@dataclass(frozen=True, slots=True)
class EmbedXmp:
    """Replace the XMP packet inside the photo `path`; the original is kept beside it."""

    path: Path
    packet: bytes


Action: TypeAlias = WriteText | WriteTable | PlaceFile | PlaceSymlink | EmbedXmp


def one_by_one(photos: Sequence[TaggedPhoto], progress: Progress) -> Iterator[TaggedPhoto]:
    """Each of `photos`; an exporter asks for the next one when what it planned is carried out."""
    for done, photo in enumerate(photos, 1):
        yield photo
        progress(done, len(photos))

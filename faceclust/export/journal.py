"""What is remembered of each write, so that it can be taken back, and what is told about it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeAlias

EntryKind: TypeAlias = Literal["write", "place", "symlink", "embed", "mkdir", "scratch"]
Status: TypeAlias = Literal[
    "created", "updated", "unchanged", "skipped", "removed", "restored", "left"
]


@dataclass(frozen=True, slots=True)
class Entry:
    """One write, with all that is needed to recognise and undo it.

    Attributes:
        kind: "mkdir" is a folder that we made, "scratch" one in which a crash may leave a
            scratch file, and the others are what became of an `Action`.
        path: absolute, no symbolic link in its folder. Like every path from the file system it
            may hold surrogate escapes, so it is stored as `os.fsencode(path)`.
        digest: of what is written, see `digests.stands`.
        before: the bytes that stood there, or the target if it was a symbolic link; None where
            nothing did or it need not be kept (a photo).
        before_mode: permission bits of what stood there, None where nothing did.
        before_digest: what stood there, None where nothing did.
        backup: path of the kept original of an embedded photo.
        source: path of the photo that was placed.
    """

    kind: EntryKind
    path: str
    digest: str
    before: bytes | None = None
    before_mode: int | None = None
    before_digest: str | None = None
    backup: str | None = None
    source: str | None = None


class Journal(Protocol):
    """The memory of an export. Every method is durable when it returns."""

    def intend(self, entry: Entry) -> int:
        """Note what is about to be written; returns the entry's id."""

    def done(self, entry_id: int) -> None:
        """Note that it was written."""

    def undone(self, entry_id: int) -> None:
        """Note that it is not, or no longer, written."""

    def written(self, path: Path) -> Collection[str]:
        """Digests of all entries at `path`, intended or done, that are not undone.

        The intended count too: after a crash the file may be in either state.
        """

    def drop_between(self, path: Path) -> None:
        """Forget what stood at `path` between the first and the last but one of our writes."""


@dataclass(frozen=True, slots=True)
class Event:
    """What became of one file; `reason` says why where it was skipped or left."""

    status: Status
    path: Path
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Summary:
    """How many files came to each status."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    skipped: int = 0
    removed: int = 0
    restored: int = 0
    left: int = 0

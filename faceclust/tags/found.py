"""What one file of another program says about one photo."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias, get_args

from faceclust.records import Notes
from faceclust.xmp import Region

Source: TypeAlias = Literal["xmp", "picasa", "osxphotos", "takeout"]
SOURCES: tuple[Source, ...] = get_args(Source)
Frame: TypeAlias = Literal["stored", "displayed"]


@dataclass(frozen=True, slots=True)
class Found:
    """People in a photo.

    Attributes:
        file: the file that says so, for messages: relative to the library where it lies in it.
        regions: named faces; the boxes as they stand in the file.
        names: people without a box.
        notes: what we ourselves noted beside the names; `authors` the libraries that did.
        placeholders: folded names in `regions` and `names` that we ourselves wrote for people
            without one.
        frame: what the boxes refer to by the format's own rules: the pixels as they are stored,
            or the photo as it is displayed. Some writers do the other.
    """

    source: Source
    file: str
    regions: tuple[Region, ...] = ()
    names: tuple[str, ...] = ()
    frame: Frame = "displayed"
    notes: Notes = field(default_factory=Notes)
    authors: frozenset[str] = frozenset()
    placeholders: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Problem:
    """A file that was left out, and why."""

    file: str
    reason: str

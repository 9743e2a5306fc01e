"""A folder for each person with relative symbolic links to their photos, or their faces."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceclust.export.folders import FolderOptions, first_regions, photo_name, placements
from faceclust.export.names import Namer
from faceclust.export.plan import PlaceSymlink, Progress, WriteText
from faceclust.records import TaggedPhoto


@dataclass(frozen=True, slots=True)
class SymlinkOptions:
    """Which people get a folder, and what goes into it.

    Attributes:
        crops: files with the cut-out faces in place of links to whole photos.
        placeholders: unnamed people get a folder too ("Person 12").
        min_faces: unnamed people with fewer faces than this get none; named people always do.
    """

    crops: bool = False
    placeholders: bool = True
    min_faces: int = 2


def plan(
    photos: Iterable[TaggedPhoto],
    options: SymlinkOptions,
    out: Path,
    crop: Callable[[int], bytes | None] = lambda face_id: None,
    progress: Progress = lambda done, total: None,
) -> Iterator[PlaceSymlink | WriteText]:
    """Plan `out/<person>/<photo>` as links, or `out/<person>/<photo> <face>.jpg` as crops.

    The layout is that of `folders.plan`.

    Args:
        photos: with the regions to export.
        options: which people, and links or crops.
        out: the folder for it all.
        crop: gives the JPEG bytes of a face, or None where there are none (it is left out).
            Called only with `options.crops`.
        progress: told of each photo with people, when what was planned for it is done.
    """
    whom = FolderOptions("copy", options.placeholders, options.min_faces)
    placed = placements(photos, out, whom, progress)
    namer = Namer()
    if not options.crops:
        for folder, photo, _ in first_regions(placed):
            path = folder / photo_name(namer, folder, photo)
            yield PlaceSymlink(path, relative_target(photo.path, folder))
        return
    for folder, photo, region in placed:
        if (jpeg := crop(region.face_id)) is not None:
            face = str(region.face_id)
            name = namer.name(folder, f"{photo.relative.stem} {face}", face, ".jpg")
            yield WriteText(folder / name, jpeg)


def relative_target(source: Path, folder: Path) -> Path:
    """`source` as seen from `folder`, both with the symbolic links above them resolved.

    A link's ".." climbs from where its folder really is, not from the path it was reached by.
    From another drive of Windows no path leads to it, so that it is given in full.
    """
    real = Path(os.path.realpath(source.parent)) / source.name
    try:
        return Path(os.path.relpath(real, os.path.realpath(folder)))
    except ValueError:
        return real

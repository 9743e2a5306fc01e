"""A folder for each person with their photos in it: copies, hard links or reflinks."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceclust.export.names import Namer
from faceclust.export.plan import LinkKind, PlaceFile, Progress, one_by_one
from faceclust.records import PersonRegion, TaggedPhoto


@dataclass(frozen=True, slots=True)
class FolderOptions:
    """Which people get a folder, and how photos get into it.

    Attributes:
        link: "copy", "hard" (same file under a second name) or "reflink" (a copy that shares
            its blocks, on Btrfs, XFS and the like).
        placeholders: unnamed people get a folder too ("Person 12").
        min_faces: unnamed people with fewer faces than this get none; named people always do.
    """

    link: LinkKind = "copy"
    placeholders: bool = True
    min_faces: int = 2


def plan(
    photos: Iterable[TaggedPhoto],
    options: FolderOptions,
    out: Path,
    progress: Progress = lambda done, total: None,
) -> Iterator[PlaceFile]:
    """Plan `out/<person>/<photo>` for everyone in every photo.

    A photo of Ann and Bob goes into both folders. People whose names come to the same folder
    name stay apart ("A_B", "A_B (7)"), and so do photos of the same name. `progress` is told of
    each photo with people, when what was planned for it is done.
    """
    namer = Namer()
    for folder, photo, _ in first_regions(placements(photos, out, options, progress)):
        yield PlaceFile(folder / photo_name(namer, folder, photo), photo.path, options.link)


Placement = tuple[Path, TaggedPhoto, PersonRegion]


def placements(
    photos: Iterable[TaggedPhoto], out: Path, options: FolderOptions, progress: Progress
) -> Iterator[Placement]:
    """Every face to be exported, with its person's folder and its photo.

    Longest-known photos come first (by face id), so that new photos take no old one's name.
    """
    tagged = sorted((photo for photo in photos if photo.regions), key=_age)
    folders = _person_folders(tagged, out, options)
    for photo in one_by_one(tagged, progress):
        for region in photo.regions:
            if region.person_id in folders:
                yield folders[region.person_id], photo, region


def first_regions(placed: Iterable[Placement]) -> Iterator[Placement]:
    """`placed` with each photo only once in each folder."""
    seen: set[tuple[Path, Path]] = set()
    for folder, photo, region in placed:
        if (folder, photo.path) not in seen:
            seen.add((folder, photo.path))
            yield folder, photo, region


def photo_name(namer: Namer, folder: Path, photo: TaggedPhoto) -> str:
    """The photo's file name in `folder`."""
    file = photo.relative
    return namer.name(folder, file.stem, file.as_posix(), file.suffix)


def _age(photo: TaggedPhoto) -> tuple[int, str]:
    return min(region.face_id for region in photo.regions), photo.relative.as_posix()


def _person_folders(
    photos: Iterable[TaggedPhoto], out: Path, options: FolderOptions
) -> dict[int, Path]:
    regions = [region for photo in photos for region in photo.regions]
    faces = Counter(region.person_id for region in regions)
    namer = Namer()
    return {
        region.person_id: out / namer.name(out, region.name, str(region.person_id))
        for region in sorted(regions, key=lambda region: (not region.named, region.person_id))
        if region.named or (options.placeholders and faces[region.person_id] >= options.min_faces)
    }

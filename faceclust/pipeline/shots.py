"""The photos of a library as other programs call them: by path, name and date."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from faceclust.pipeline.library import Library
from faceclust.records import PhotoInfo
from faceclust.store import catalogue
from faceclust.tags import alike, listing, osxphotos, sidecars


@dataclass(frozen=True, slots=True)
class PhotoFile:
    """A photo of the library: its folder (relative, with "/"), file name, photo id and facts."""

    folder: str
    name: str
    photo: int
    info: PhotoInfo

    @property
    def path(self) -> str:
        """Relative to the library, with "/"."""
        return f"{self.folder}/{self.name}" if self.folder else self.name


class Index:
    """Finds the photo of the library that an entry of Apple's is about."""

    def __init__(self, library: Library, shots: Mapping[str, list[PhotoFile]]) -> None:
        self._root = library.root
        self._sizes = catalogue.file_sizes(library.db)
        self._by_name: defaultdict[str, list[PhotoFile]] = defaultdict(list)
        self._by_likeness: defaultdict[str, list[PhotoFile]] = defaultdict(list)
        self._by_path: dict[str, PhotoFile] = {}
        for folder in shots.values():
            for shot in folder:
                self._by_name[shot.name].append(shot)
                self._by_likeness[alike(shot.name)].append(shot)
                self._by_path[shot.path] = shot

    def find(self, photo: osxphotos.ApplePhoto) -> PhotoFile | None:
        """By its path; else by its name, where time or size say that it is the same photo."""
        for path in photo.paths:
            with suppress(ValueError):
                relative = Path(path).relative_to(self._root).as_posix()
                if relative in self._by_path:
                    return self._by_path[relative]
        exact = [s for name in photo.names for s in self._by_name.get(name, ())]
        likely = [s for name in photo.names for s in self._by_likeness.get(alike(name), ())]
        for named in (exact, likely):
            same = {s.path: s for s in named if self._same(s, photo)}
            if same:
                only = len({s.photo for s in same.values()}) == 1
                return next(iter(same.values())) if only else None
        return None

    def _same(self, shot: PhotoFile, photo: osxphotos.ApplePhoto) -> bool:
        taken, size = shot.info.taken_at, self._sizes.get(shot.path)
        return (taken is not None and taken == photo.taken_at) or size == photo.size


def by_folder(library: Library) -> defaultdict[str, list[PhotoFile]]:
    """The photos of each folder that has any."""
    shots: defaultdict[str, list[PhotoFile]] = defaultdict(list)
    for path, photo, info in catalogue.photos_with_files(library.db):
        folder, _, name = path.rpartition("/")
        shots[folder].append(PhotoFile(folder, name, photo, info))
    return shots


def stems_of(shots: list[PhotoFile]) -> Mapping[str, dict[str, str]]:
    """The photos of each stem, name to format."""
    stems: defaultdict[str, dict[str, str]] = defaultdict(dict)
    for shot in shots:
        stems[stem(shot.name)][shot.name] = shot.info.format
    return stems


def stem(name: str) -> str:
    """What a.xmp belongs to: the name without its ending, as `alike` has it."""
    return alike(PurePosixPath(name).stem)


def sidecar_count(library: Library) -> int:
    """How many photos have a sidecar; none is opened."""
    count = 0
    for folder, shots in by_folder(library).items():
        names = listing(library.root / folder)
        stems = stems_of(shots)
        count += sum(
            bool(sidecars.sidecars_of(shot.name, names, stems[stem(shot.name)])) for shot in shots
        )
    return count

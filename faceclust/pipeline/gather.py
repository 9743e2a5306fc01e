"""Finding, in and beside a library's photos, what other programs say of the people in them."""

from __future__ import annotations

import os
from collections import ChainMap
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from faceclust.errors import InputError
from faceclust.pipeline.apart import Apart
from faceclust.pipeline.import_request import Wanted
from faceclust.pipeline.library import Library
from faceclust.pipeline.shots import Index, PhotoFile, by_folder, stem, stems_of
from faceclust.tags import (
    Found,
    Names,
    Problem,
    listing,
    osxphotos,
    picasa,
    read_bounded,
    sidecars,
    takeout,
    titles,
)
from faceclust.tags.files import open_plain

OnProblem: TypeAlias = Callable[[Problem], None]
Progress: TypeAlias = Callable[[int, int], None]
Said: TypeAlias = Iterator[tuple["PhotoFile", Found]]


def gather(
    library: Library,
    request: Wanted,
    on_problem: OnProblem,
    progress: Progress = lambda done, total: None,
) -> Said:
    """Everything that is said about photos of the library, in order of folders and names.

    Args:
        on_problem: told of each file that is left out.
        progress: told how many photos have been looked at, of how many.
    """
    shots = by_folder(library)
    shots.setdefault("", [])
    total = sum(map(len, shots.values()))
    with Apart() as apart:
        walk = _Walk(
            library, request, on_problem, shots, apart.read, lambda done: progress(done, total)
        )
        yield from walk.folders()
        if "osxphotos" in request.sources:
            yield from walk.lists()


@dataclass(slots=True)
class _Walk:
    """One walk over the folders of a library; `on_looked` is told at how many photos it looked."""

    library: Library
    request: Wanted
    on_problem: OnProblem
    shots: Mapping[str, list[PhotoFile]]
    read_packet: Callable[[Path], bytes | None]
    on_looked: Callable[[int], None] = lambda done: None
    done: int = 0
    found_lists: list[Path] = field(default_factory=list)

    def folders(self) -> Said:
        """What stands in and beside photos."""
        root = Path(os.path.realpath(self.library.root))
        contacts = self._contacts() if "picasa" in self.request.sources else {}
        for folder in sorted(self.shots):
            done = self.done + len(self.shots[folder])
            if Path(os.path.realpath(self.library.root / folder)).is_relative_to(root):
                yield from self._folder(folder, contacts)
            else:
                self._problem(folder, "is reached by a link that leads elsewhere")
            self._looked(done)

    def _folder(self, folder: str, contacts: dict[str, str]) -> Said:
        path, shots = self.library.root / folder, self.shots[folder]
        names = listing(path)
        if "xmp" in self.request.sources:
            yield from self._xmp(shots, names)
        if "picasa" in self.request.sources:
            yield from self._picasa(folder, shots, names, contacts)
        used: set[str] = set()
        if "takeout" in self.request.sources:
            yield from self._takeout(shots, names, used)
        if self.request.all_photos:
            left = [n for n in names if n.casefold().endswith(titles.SUFFIX)]
            self.found_lists += [
                path / n for n in left if n not in used and osxphotos.is_list(path / n)
            ]

    def _looked(self, done: int) -> None:
        self.done = done
        self.on_looked(done)

    def _problem(self, file: str, reason: str) -> None:
        self.on_problem(Problem(file or ".", reason))

    def _read(self, file: str) -> bytes | None:
        try:
            return read_bounded(self.library.root / file)
        except InputError as error:
            self._problem(file, str(error))
            return None

    # --- XMP ---

    def _xmp(self, shots: list[PhotoFile], names: Names) -> Said:
        stems = stems_of(shots)
        for shot in self._counted(shots):
            beside = sidecars.sidecars_of(shot.name, names, stems[stem(shot.name)])
            paths = [_beside(shot, name) for name in beside]
            if [shot.path, *paths] not in self.request:
                continue
            said = [found for path in paths for found in self._sidecar(shot, path)]
            if not any(found.regions or found.names or found.authors for found in said):
                said += self._embedded(shot)
            yield from ((shot, found) for found in said)

    def _counted(self, shots: list[PhotoFile]) -> Iterator[PhotoFile]:
        """Each photo, which counts when its XMP is read: that takes longest of all tags."""
        for shot in shots:
            yield shot
            self._looked(self.done + 1)

    def _sidecar(self, shot: PhotoFile, path: str) -> Iterator[Found]:
        content = self._read(path)
        if content is not None:
            yield from self._packet(shot, content, path)

    def _embedded(self, shot: PhotoFile) -> Iterator[Found]:
        try:
            # No link, no pipe: what is opened is the file that was scanned.
            open_plain(self.library.root / shot.path).close()
            packet = self.read_packet(self.library.root / shot.path)
        except InputError as error:
            self._problem(shot.path, _short(str(error), self.library.root / shot.path))
            return
        if packet is not None:
            yield from self._packet(shot, packet, shot.path)

    def _packet(self, shot: PhotoFile, packet: bytes, file: str) -> Iterator[Found]:
        try:
            yield sidecars.read_xmp(packet, shot.info, file)
        except InputError as error:
            self._problem(file, str(error))

    # --- Picasa ---

    def _contacts(self) -> dict[str, str]:
        """Names by contact id: Picasa's own list first, then the lists in all folders."""
        known: dict[str, str] = {}
        beside = [self.library.root / picasa.CONTACTS_NAME]
        for path in [*self.request.contacts, *(p for p in beside if p.exists())]:
            try:
                _learn(known, picasa.read_contacts(read_bounded(path)))
            except InputError as error:
                self._problem(str(path), str(error))
        for folder in sorted(self.shots):
            path = self.library.root / folder
            for name in _inis(listing(path)):
                with suppress(InputError):
                    _learn(known, picasa.read_ini(read_bounded(path / name)).contacts)
        return known

    def _picasa(
        self, folder: str, shots: list[PhotoFile], names: Names, contacts: dict[str, str]
    ) -> Said:
        by_name = {shot.name: shot for shot in shots}
        photos = Names(by_name)
        for name in _inis(names):
            file = f"{folder}/{name}" if folder else name
            content = self._read(file)
            ini = picasa.read_ini(content or b"")
            named, sections = ChainMap(ini.contacts, contacts), Names(ini.faces)
            for photo, faces in ini.faces.items():
                shot = by_name.get(photos.find(photo) or "")
                if shot is None or sections.find(shot.name) != photo:
                    continue
                if [shot.path, file] not in self.request:
                    continue
                found, unknown = picasa.people_in(faces, named, file)
                yield shot, found
                if unknown:
                    self._problem(
                        file,
                        f"[{photo}] names a contact that no list of contacts has; give Picasa's "
                        "contacts.xml, too",
                    )
                if photo in ini.damaged:
                    self._problem(file, f"[{photo}] has a face that cannot be read")

    # --- Google ---

    def _takeout(self, shots: list[PhotoFile], names: Names, used: set[str]) -> Said:
        if not shots or [_beside(shots[0], name) for name in names] not in self.request:
            return
        photos = {shot.name for shot in shots}
        there = titles.jsons_of(photos, names, lambda n: self._title(_beside(shots[0], n)))
        for shot in shots:
            readings = there.get(shot.name, [])
            if [shot.path, *(_beside(shot, n) for n in chain(*readings))] in self.request:
                yield from self._google(shot, readings, used)

    def _google(self, shot: PhotoFile, readings: list[list[str]], used: set[str]) -> Said:
        """What the JSON of a photo says; nothing where two may be its own."""
        said = []
        for candidates in readings:
            for name in candidates:
                found = self._takeout_file(_beside(shot, name))
                if found is not None:
                    used.add(name)
                    said.append(found)
                    break
        if len(said) == 1 and [shot.path, said[0].file] in self.request:
            yield shot, said[0]

    def _title(self, file: str) -> str | None:
        """The title in a JSON; None where it is none of Google's, which is no problem yet."""
        with suppress(InputError):
            return takeout.read_title(read_bounded(self.library.root / file))
        return None

    def _takeout_file(self, file: str) -> Found | None:
        content = self._read(file)
        try:
            return None if content is None else takeout.read_takeout(content, file)
        except InputError as error:
            self._problem(file, str(error))
            return None

    # --- Apple ---

    def lists(self) -> Said:
        """What the lists say that osxphotos wrote."""
        index = Index(self.library, self.shots)
        for path in [*self.request.lists, *self.found_lists]:
            missing = 0
            try:
                with open_plain(path) as file:
                    for photo in osxphotos.read_list(file):
                        shot = index.find(photo)
                        if shot is not None:
                            yield shot, photo.people(shot.info, str(path))
                        missing += shot is None
            except InputError as error:
                self._problem(str(path), str(error))
            if missing:
                self._problem(str(path), f"{missing} of its photos are not in this library")


def _learn(known: dict[str, str], contacts: Mapping[str, str]) -> None:
    """Take over the contacts that are not known yet; in place, as every folder may have a list."""
    for contact, name in contacts.items():
        known.setdefault(contact, name)


def _inis(names: Names) -> list[str]:
    there = (names.find(name) for name in picasa.INI_NAMES)
    return [name for name in there if name is not None]


def _beside(shot: PhotoFile, name: str) -> str:
    return f"{shot.folder}/{name}" if shot.folder else name


def _short(message: str, path: Path) -> str:
    """A message that begins with a path, without it."""
    return message.removeprefix(f"{path}: ")

"""What exports brought into photos: only that may a later one take out again."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from faceclust.errors import InputError
from faceclust.export import xmp
from faceclust.export.journal import Entry, EntryKind, Journal, Status
from faceclust.export.names import fold
from faceclust.export.plan import Action, EmbedXmp, WriteText
from faceclust.export.xmp import NOTHING, Previous, XmpOptions
from faceclust.photos import content_hash
from faceclust.pipeline.library import Library
from faceclust.store import Scanned, catalogue, intake, journal


@dataclass(frozen=True, slots=True)
class Read:
    """What an import took over of one photo.

    Attributes:
        photo, path: its id, and its file, relative to the library.
        names: people whom faces there have now.
        authors: the libraries whose notes were read.
    """

    photo: int
    path: str
    names: tuple[str, ...]
    authors: frozenset[str]


def numbers(library: Library) -> dict[Path, int]:
    """Ids of the photos of all files that are there, by their places on this machine."""
    return {
        library.root / path: photo for path, photo, _ in catalogue.photos_with_files(library.db)
    }


@dataclass(frozen=True, slots=True)
class Moves:
    """Where names went that exports brought into photos which are not where they were then.

    Attributes:
        left: photo id to the paths that it has left, with its sidecars. A file that scans leave out
            now has not left: what other programs say of its copies is not ours.
        before: path to the ids of photos that were there and are nowhere now: overwritten, or
            edited beyond recognition. Their sidecars are still there.
    """

    left: Mapping[int, Collection[str]]
    before: Mapping[str, Collection[int]]

    def of(self, photo: int, path: str) -> list[tuple[int, str]]:
        """Photo ids and paths under which all is noted that was brought into a file."""
        left = [(photo, place) for place in self.left.get(photo, ())]
        return [(photo, path), *left, *((lost, path) for lost in self.before.get(path, ()))]


def moves(library: Library) -> Moves:
    """What became of the photos that exports brought anything into, by the last scan."""
    left: defaultdict[int, set[str]] = defaultdict(set)
    before: defaultdict[str, set[int]] = defaultdict(set)
    for photo, path, taken in journal.strays(library.db):
        files = catalogue.paths_of(library.db, photo)
        if taken and not files:
            before[path].add(photo)
        elif taken or not _is_there(library, path, files):
            left[photo].add(path)
    return Moves(left, before)


def _is_there(library: Library, path: str, files: Iterable[str]) -> bool:
    """Whether a file that scans leave out is there; not a new name of one of `files`, in case."""
    return os.path.lexists(library.root / path) and fold(path) not in map(fold, files)


def previous(library: Library) -> Callable[[Path], Previous]:
    """What exports, not undone since, brought into the photo at a place."""
    photos, moved, db = numbers(library), moves(library), library.db

    def brought(place: Path) -> Previous:
        if (photo := photos.get(place)) is None:
            return NOTHING
        path = place.relative_to(library.root).as_posix()
        found = NOTHING
        for noted in moved.of(photo, path):
            names, keywords = journal.names_in(db, *noted)
            authors, branches = journal.notes_in(db, *noted), journal.branches_in(db, *noted)
            found |= Previous(names, keywords, authors, branches)
        return found

    return brought


def wrote(library: Library) -> Callable[[Path, Path | None], bool]:
    """Whether exports, not undone since, wrote the sidecar at a place; for a photo, if given."""
    photos, moved, db = numbers(library), moves(library), library.db

    def is_ours(sidecar: Path, photo: Path | None) -> bool:
        if photo is None:
            return bool(journal.digests_at(db, os.fspath(sidecar)))
        path = photo.relative_to(library.root).as_posix()
        return any(
            journal.is_sidecar_of(db, os.fspath(sidecar), *noted)
            for noted in moved.of(photos[photo], path)
        )

    return is_ours


def left_by(library: Library, done: Mapping[Path, Status]) -> Callable[[int, str], bool]:
    """Whether an undo left what was noted of a photo at a path.

    Args:
        done: what it came to at each place.
    """
    moved = moves(library)

    def is_left(photo: int, path: str) -> bool:
        place = library.root / path
        place = Path(os.path.realpath(place.parent), place.name)
        homes = (place, place.with_name(f"{place.name}.xmp"), place.with_suffix(".xmp"))
        came = {done[home] for home in homes if home in done}
        if path in moved.left.get(photo, ()):
            # A sidecar that is not where it was went along with the photo.
            return "left" in came or came.isdisjoint(("removed", "restored"))
        return "left" in came or not came

    return is_left


def adopt(library: Library, batch: int | None, read: Iterable[Read]) -> None:
    """Take what an import read of another library's exports for this one's: it is replaced by now.

    Args:
        batch: of the import; when that is undone, all is another's again. None where the import
            decided nothing, for all was known.
    """
    number = journal.begin_export(library.db, _adopted(batch))
    for each in read:
        journal.put_names(
            library.db,
            number,
            each.photo,
            each.path,
            each.names,
            each.names,
            authors=each.authors,
            branches=xmp.branches(each.names, XmpOptions().root),
        )


def disown(library: Library, batches: Iterable[int | None]) -> None:
    """Undo `adopt`."""
    for batch in set(batches):
        journal.forget(library.db, _adopted(batch))


def _adopted(batch: int | None) -> str:
    return "import" if batch is None else f"import {batch}"


def _before(packet: bytes | None) -> Previous:
    try:
        return NOTHING if packet is None else xmp.written_in(packet)
    except InputError:
        # Broken XMP inside a photo is not repeated in its new sidecar.
        return NOTHING


@dataclass(slots=True)
class OurNames:
    """A journal that notes with each write which names it brings, that were not there before.

    Only what we brought may a later export take out again. It is noted before the write, so that
    it is known however the write ends.
    """

    library: Library
    export_id: int
    book: Journal
    read_packet: Callable[[Path], bytes | None]
    photos: dict[Path, int]
    photo: Path | None = None
    brought: Previous = NOTHING
    noted: Previous = NOTHING
    entry: tuple[int, EntryKind] | None = None

    def watch(self, actions: Iterator[Action]) -> Iterator[Action]:
        """Pass actions on, keeping in mind what each is about to bring."""
        for action in actions:
            match action:
                case WriteText(content=content, photo=Path() as photo):
                    self._expect(photo, content, action.merged_from or action.seed)
                case EmbedXmp(path=photo, packet=content):
                    self._expect(photo, content, self._inside(photo))
                case _:
                    self.photo = None
            yield action

    def _inside(self, photo: Path) -> bytes | None:
        try:
            return self.read_packet(photo)
        except InputError:
            return None

    def _expect(self, photo: Path, content: bytes, before: bytes | None) -> None:
        if photo != self.photo:
            self.photo, self.noted = photo, NOTHING
        # Not what another write into this photo has noted: if this one fails, that stays.
        self.brought = xmp.written_in(content).less(_before(before)).less(self.noted)

    def intend(self, entry: Entry) -> int:
        """Note the names, then the write itself."""
        if entry.kind not in ("write", "embed") or self.photo is None:
            return self.book.intend(entry)
        self._tell(journal.put_names, self.photo)
        number = self.book.intend(entry)
        self.entry = number, entry.kind
        return number

    def done(self, entry_id: int) -> None:
        """Note that it was written."""
        self.book.done(entry_id)
        if self.photo is not None and self.entry is not None and self.entry[0] == entry_id:
            self.noted |= self.brought
            if self.entry[1] == "embed":
                self._know(self.photo)

    def undone(self, entry_id: int) -> None:
        """Note that it was not written, and brought nothing."""
        self.book.undone(entry_id)
        if self.photo is not None and self.entry is not None and self.entry[0] == entry_id:
            self._tell(journal.drop_names, self.photo)

    def written(self, path: Path) -> Collection[str]:
        """As `Journal.written`."""
        return self.book.written(path)

    def drop_between(self, path: Path) -> None:
        """As `Journal.drop_between`."""
        self.book.drop_between(path)

    def _tell(self, change: Callable[..., None], photo: Path) -> None:
        change(
            self.library.db,
            self.export_id,
            self.photos[photo],
            photo.relative_to(self.library.root).as_posix(),
            self.brought.names,
            self.brought.keywords,
            authors=self.brought.notes,
            branches=self.brought.branches,
        )

    def _know(self, photo: Path) -> None:
        """Let the library know the photo by its new content, also if it is moved before a scan."""
        facts, path = photo.stat(), photo.relative_to(self.library.root).as_posix()
        digest = content_hash(photo)
        with self.library.db.transaction() as sql:
            edited = Scanned(path, facts.st_size, facts.st_mtime_ns, content_hash=digest)
            intake.put_edited(sql, edited)

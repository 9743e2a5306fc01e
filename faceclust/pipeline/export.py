"""Export: people and photos to planned writes, and their journal to the way back."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from faceclust.errors import PersonError, PhotoError
from faceclust.export import apply, folders, symlinks, table, xmp
from faceclust.export.folders import FolderOptions
from faceclust.export.journal import Entry, Event, Journal, Status, Summary
from faceclust.export.names import fold
from faceclust.export.plan import Action, Progress, WriteTable
from faceclust.export.symlinks import SymlinkOptions
from faceclust.export.xmp import XmpOptions
from faceclust.photos import content_hash
from faceclust.pipeline import brought
from faceclust.pipeline.apart import Apart
from faceclust.pipeline.export_request import ExportRequest, check, root_of
from faceclust.pipeline.guesses import Guesses
from faceclust.pipeline.library import Library
from faceclust.pipeline.notes import Notebook, notebook
from faceclust.pipeline.people import all_people
from faceclust.records import Notes, Person, PersonRegion, TaggedPhoto
from faceclust.store import catalogue, journal


def tagged_photos(
    library: Library,
    people: list[Person],
    guesses: Guesses | None = None,
    notebook: Notebook | None = None,
    *,
    by_code_points: bool = False,
) -> Iterator[TaggedPhoto]:
    """Each present photo with the people in it, in order of path; ignored people left out.

    Args:
        guesses: attributes to go with the faces.
        notebook: notes to go with the photo.
        by_code_points: names that are no text are not the last ones.
    """
    photos = catalogue.photos_by_code_points if by_code_points else catalogue.photos_with_files
    owner = {face: person for person in people if not person.ignored for face in person.faces}
    boxes = catalogue.live_boxes(library.db)
    for path, photo_id, info in photos(library.db):
        regions = tuple(
            PersonRegion(
                person_id=owner[face].id,
                face_id=face,
                name=owner[face].name or f"Person {owner[face].id}",
                box=box,
                named=owner[face].name is not None,
                guesses=guesses.of(face) if guesses else (),
            )
            for face, box in boxes.get(photo_id, ())
            if face in owner
        )
        notes = notebook.of(boxes.get(photo_id, ())) if notebook else Notes()
        yield TaggedPhoto(library.root / path, Path(path), info, regions, notes)


def table_pieces(library: Library, request: ExportRequest) -> Iterator[bytes]:
    """The JSON or CSV document, as it is read from the library."""
    return _table(library, request, all_people(library))()


def _table(
    library: Library, request: ExportRequest, people: list[Person]
) -> Callable[[], Iterator[bytes]]:
    guesses = Guesses(library)

    def pieces() -> Iterator[bytes]:
        photos = tagged_photos(library, people, guesses, by_code_points=True)
        if request.format == "csv":
            return table.to_csv(photos, guesses.attributes)
        return table.to_json([person for person in people if not person.ignored], photos)

    return pieces


def export(
    library: Library,
    request: ExportRequest,
    on_event: Callable[[Event], None],
    progress: Progress = lambda done, total: None,
) -> Summary:
    """Write what is asked for; every write is journalled first and can be undone.

    Args:
        on_event: called with what became of each file.
        progress: told how many photos are done, of how many; never for json and csv, which are
            one file.

    Raises:
        OptionError: the format needs --to, or an option does not go with it.
        PersonError: there is nothing to write.
        WriteError: the disk is full.
    """
    check(library, request)
    people = all_people(library)
    if request.format == "xmp" and not request.placeholders and not any(p.name for p in people):
        _check_worth(library)
    with Apart() as apart:
        return _carry_out(library, request, people, on_event, progress, apart)


def _check_worth(library: Library) -> None:
    """Refuse an export of no names, unless it has names of earlier ones to take out."""
    if not journal.brought_any(library.db):
        raise PersonError(
            'Nobody has a name yet; run `faceclust name NUMBER "NAME"` first, or pass '
            "--placeholders to write numbers."
        )


def _carry_out(
    library: Library,
    request: ExportRequest,
    people: list[Person],
    on_event: Callable[[Event], None],
    progress: Progress,
    apart: Apart,
) -> Summary:
    number = 0 if request.dry_run else journal.begin_export(library.db, request.format)
    book: Journal = _Book(library, number)
    refused: list[Path] = []

    def refuse(path: Path, reason: str) -> None:
        refused.append(path)
        on_event(Event("skipped", path, reason))

    actions = _plan(library, request, people, refuse, progress, apart)
    planned: set[Path] = set()
    if request.format in ("folders", "symlinks"):
        actions = _noting(actions, planned)
    if request.format == "xmp" and not request.dry_run:
        names = brought.OurNames(library, number, book, apart.read, brought.numbers(library))
        actions, book = names.watch(actions), names
    root = root_of(library, request)
    summary = apply.apply(
        actions, book, root=root, dry_run=request.dry_run, on_event=on_event, embed=apart.embed
    )
    if request.format in ("folders", "symlinks"):
        stale = _stale(library, Path(os.path.realpath(root)), planned)
        pruned = apply.undo(
            stale, book, dry_run=request.dry_run, on_event=on_event, copies=_copies(library)
        )
        summary = replace(summary, removed=pruned.removed, left=pruned.left)
    return replace(summary, skipped=summary.skipped + len(refused))


def _noting(actions: Iterator[Action], planned: set[Path]) -> Iterator[Action]:
    for action in actions:
        planned.add(Path(os.path.realpath(action.path.parent), action.path.name))
        yield action


def _stale(library: Library, root: Path, planned: set[Path]) -> Iterator[tuple[int, Entry]]:
    """What earlier exports put below `root` and this one does not want: under an old name, say."""
    wanted = planned | {folder for path in planned for folder in path.parents}
    folded = {fold(str(path)): path for path in wanted}
    for number, fields in journal.entries_below(library.db, os.fspath(root)):
        path = Path(str(fields["path"]))
        if fields["kind"] == "scratch" or path in wanted:
            continue
        if not _is_same_place(path, folded.get(fold(str(path)))):
            yield number, Entry(**fields)  # type: ignore[arg-type]


def _is_same_place(path: Path, other: Path | None) -> bool:
    """Whether two paths that differ in case only are one, as many file systems have it."""
    try:
        return (
            other is not None
            and path.parent.samefile(other.parent)
            and (path.name == other.name or path.samefile(other))
        )
    except OSError:
        return False


def _copies(library: Library) -> Callable[[Path], list[Path]]:
    """The library's files with the content of another one, as the last scan found them."""

    def copies(path: Path) -> list[Path]:
        try:
            found = catalogue.paths_of_content(library.db, content_hash(path))
        except PhotoError:
            return []
        return [library.root / file for file in found]

    return copies


def undo_export(library: Library, *, dry_run: bool, on_event: Callable[[Event], None]) -> Summary:
    """Take back exactly what the last export wrote and nobody changed since.

    Raises:
        PersonError: there is no export to take back.
    """
    last = journal.last_export(library.db)
    if last is None:
        raise PersonError("There is no export to take back.")
    entries = (
        (number, Entry(**fields))  # type: ignore[arg-type]
        for number, fields in journal.entries(library.db, last[0])
    )
    done: dict[Path, Status] = {}

    def watch(event: Event) -> None:
        done[event.path] = event.status
        on_event(event)

    book = _Book(library, last[0])
    summary = apply.undo(entries, book, dry_run=dry_run, on_event=watch, copies=_copies(library))
    if not dry_run:
        journal.close_undone(library.db, last[0], brought.left_by(library, done))
    return summary


@dataclass(frozen=True, slots=True)
class _Book:
    """The store as the exporters' journal."""

    library: Library
    export_id: int

    def intend(self, entry: Entry) -> int:
        return journal.add_entry(self.library.db, self.export_id, asdict(entry))

    def done(self, entry_id: int) -> None:
        journal.set_state(self.library.db, entry_id, "done")

    def undone(self, entry_id: int) -> None:
        journal.set_state(self.library.db, entry_id, "undone")

    def written(self, path: Path) -> Collection[str]:
        return journal.digests_at(self.library.db, os.fspath(path))

    def drop_between(self, path: Path) -> None:
        journal.drop_between(self.library.db, os.fspath(path))


def _plan(
    library: Library,
    request: ExportRequest,
    people: list[Person],
    refuse: Callable[[Path, str], None],
    progress: Progress,
    apart: Apart,
) -> Iterator[Action]:
    notes = None
    if request.format == "xmp":
        notes = notebook(library, people, dry_run=request.dry_run)
    photos = tagged_photos(library, people, notebook=notes)
    root = root_of(library, request)
    placeholders = request.placeholders
    match request.format:
        case "folders":
            options = FolderOptions(request.link, placeholders is not False)
            return folders.plan(photos, options, root, progress)
        case "symlinks":
            links = SymlinkOptions(request.crops, placeholders is not False)
            return symlinks.plan(
                photos, links, root, lambda face: catalogue.thumbnail(library.db, face), progress
            )
        case "xmp":
            return xmp.plan(
                photos,
                XmpOptions(request.sidecar_style, request.embed, placeholders is True),
                brought.previous(library),
                on_error=refuse,
                read=apart.read,
                wrote=brought.wrote(library),
                progress=progress,
            )
        case "json" | "csv":
            assert request.to is not None
            path = root / request.to.name
            return iter([WriteTable(path, _table(library, request, people))])

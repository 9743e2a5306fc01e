"""Export: people and photos to planned writes, and their journal to the way back."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from faceclust.errors import OptionError, PersonError, WriteError
from faceclust.export import apply, folders, symlinks, table, xmp
from faceclust.export.folders import FolderOptions
from faceclust.export.journal import Entry, Event, Status, Summary
from faceclust.export.names import fold
from faceclust.export.plan import Action, LinkKind, WriteTable
from faceclust.export.symlinks import SymlinkOptions
from faceclust.export.xmp import XmpOptions
from faceclust.pipeline import brought
from faceclust.pipeline.apart import Apart
from faceclust.pipeline.guesses import Guesses
from faceclust.pipeline.library import Library
from faceclust.pipeline.notes import Notebook, notebook
from faceclust.pipeline.people import all_people
from faceclust.records import Notes, Person, PersonRegion, TaggedPhoto
from faceclust.store import catalogue, journal

ExportFormat: TypeAlias = Literal["xmp", "folders", "symlinks", "json", "csv"]
STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to write, and where.

    Attributes:
        to: the folder for folders and symlinks, the file for json and csv ("-" or None: stdout).
        placeholders: write "Person 12" for the unnamed; None is each format's own default (yes
            for folders and symlinks, no for xmp).
    """

    format: ExportFormat
    to: Path | None = None
    link: LinkKind = "copy"
    crops: bool = False
    sidecar_style: Literal["full", "adobe"] = "full"
    embed: bool = False
    placeholders: bool | None = None
    dry_run: bool = False

    @property
    def to_stdout(self) -> bool:
        """Whether the result is printed rather than written."""
        return self.format in ("json", "csv") and self.to in (None, STDOUT)


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


def export(library: Library, request: ExportRequest, on_event: Callable[[Event], None]) -> Summary:
    """Write what is asked for; every write is journalled first and can be undone.

    Raises:
        OptionError: the format needs --to, or an option does not go with it.
        PersonError: there is nothing to write.
        WriteError: the disk is full.
    """
    _check(library, request)
    people = all_people(library)
    if request.format == "xmp" and not request.placeholders and not any(p.name for p in people):
        raise PersonError(
            'Nobody has a name yet; run `faceclust name NUMBER "NAME"` first, or pass '
            "--placeholders to write numbers."
        )
    with Apart() as apart:
        return _carry_out(library, request, people, on_event, apart)


def _carry_out(
    library: Library,
    request: ExportRequest,
    people: list[Person],
    on_event: Callable[[Event], None],
    apart: Apart,
) -> Summary:
    number = 0 if request.dry_run else journal.begin_export(library.db, request.format)
    book = _Book(library, number)
    refused: list[Path] = []

    def refuse(path: Path, reason: str) -> None:
        refused.append(path)
        on_event(Event("skipped", path, reason))

    actions = _plan(library, request, people, refuse, apart)
    planned: set[Path] = set()
    if request.format in ("folders", "symlinks"):
        actions = _noting(actions, planned)
    if request.format == "xmp" and not request.dry_run:
        names = brought.OurNames(library, number, apart.read, brought.numbers(library))
        actions, on_event = names.watch(actions), names.after(on_event)
    root = _root(library, request)
    summary = apply.apply(
        actions, book, root=root, dry_run=request.dry_run, on_event=on_event, embed=apart.embed
    )
    if request.format in ("folders", "symlinks"):
        stale = _stale(library, Path(os.path.realpath(root)), planned)
        pruned = apply.undo(stale, book, dry_run=request.dry_run, on_event=on_event)
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

    summary = apply.undo(entries, _Book(library, last[0]), dry_run=dry_run, on_event=watch)
    if not dry_run:
        came = _by_photo(library, done)
        journal.close_undone(
            library.db, last[0], lambda photo: not came[photo] or "left" in came[photo]
        )
    return summary


def _by_photo(library: Library, done: Mapping[Path, Status]) -> defaultdict[int, set[Status]]:
    """What an undo came to at the places where the names of each photo may have been written.

    Nothing, for a photo that was moved since with its sidecar: its names are still there.
    """
    came: defaultdict[int, set[Status]] = defaultdict(set)
    for photo, number in brought.numbers(library).items():
        place = Path(os.path.realpath(photo.parent), photo.name)
        homes = (place, place.with_name(f"{place.name}.xmp"), place.with_suffix(".xmp"))
        came[number].update(done[home] for home in homes if home in done)
    return came


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


def _check(library: Library, request: ExportRequest) -> None:
    if library.address is not None and request.format not in ("json", "csv"):
        raise OptionError(
            f"The photos lie at {library.address}, where nothing is written; choose --format json "
            "or csv."
        )
    if request.format in ("folders", "symlinks") and request.to is None:
        raise OptionError(f"--format {request.format} needs --to FOLDER, the folder to write into.")
    if request.format == "xmp" and request.to is not None:
        raise OptionError("--format xmp writes beside the photos; leave --to out.")
    if request.embed and request.format != "xmp":
        raise OptionError("--embed goes with --format xmp only.")
    if request.crops and request.format != "symlinks":
        raise OptionError("--crops goes with --format symlinks only.")
    if request.to is not None and request.format != "xmp":
        _check_target(library, request.format, request.to.expanduser().absolute())


def _check_target(library: Library, export_format: ExportFormat, target: Path) -> None:
    """One sentence about --to in place of one for each photo."""
    table_file = export_format in ("json", "csv")
    if table_file and target.is_dir():
        raise OptionError(
            f"--to {target} is a folder; give a file, such as {target / 'people.'}{export_format}."
        )
    folder = target.parent if table_file else target
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise OptionError(f"--to {target} cannot be made: {folder} is a file, not a folder.")
    if not os.access(folder, os.W_OK):
        raise WriteError(f"--to {target} cannot be made: {folder} is read-only; choose another.")
    if export_format == "folders" and target.resolve().is_relative_to(library.root):
        raise OptionError(
            f"--to {target} lies in the library, where the copies would be scanned as new photos; "
            "choose a folder outside of it."
        )


def _root(library: Library, request: ExportRequest) -> Path:
    """The folder that nothing may be written outside of."""
    if request.format == "xmp" or request.to is None:
        return library.root
    target = request.to.expanduser().absolute()
    return target.parent if request.format in ("json", "csv") else target


def _plan(
    library: Library,
    request: ExportRequest,
    people: list[Person],
    refuse: Callable[[Path, str], None],
    apart: Apart,
) -> Iterator[Action]:
    notes = None
    if request.format == "xmp":
        notes = notebook(library, people, dry_run=request.dry_run)
    photos = tagged_photos(library, people, notebook=notes)
    root = _root(library, request)
    placeholders = request.placeholders
    match request.format:
        case "folders":
            options = FolderOptions(request.link, placeholders is not False)
            return folders.plan(photos, options, root)
        case "symlinks":
            links = SymlinkOptions(request.crops, placeholders is not False)
            return symlinks.plan(
                photos, links, root, lambda face: catalogue.thumbnail(library.db, face)
            )
        case "xmp":
            return xmp.plan(
                photos,
                XmpOptions(request.sidecar_style, request.embed, placeholders is True),
                brought.previous(library),
                on_error=refuse,
                read=apart.read,
                wrote=lambda path: bool(journal.digests_at(library.db, os.fspath(path))),
            )
        case "json" | "csv":
            assert request.to is not None
            path = root / request.to.name
            return iter([WriteTable(path, _table(library, request, people))])

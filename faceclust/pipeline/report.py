"""Report: the people of a library as a page or as pictures, in files that were not there before."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from typing import Literal, TypeAlias

from faceclust.errors import OptionError, PersonError, WriteError
from faceclust.export import disk
from faceclust.export.names import Namer
from faceclust.export.report import (
    PersonFigures,
    ReportOptions,
    figures,
    overview,
    page,
    person_sheet,
)
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import people_of
from faceclust.records import Person
from faceclust.store import catalogue

ReportFormat: TypeAlias = Literal["html", "png"]


@dataclass(frozen=True, slots=True)
class ReportRequest:
    """What to write, and where.

    Attributes:
        to: a file; for png also a folder, which then gets one picture a person.
        force: replace what stands there.
    """

    to: Path
    format: ReportFormat = "html"
    options: ReportOptions = field(default_factory=ReportOptions)
    force: bool = False

    @property
    def one_each(self) -> bool:
        """Whether every person gets a picture of his own."""
        return self.format == "png" and self.to.suffix.lower() != ".png"


@dataclass(frozen=True, slots=True)
class ReportWritten:
    """What a report came to.

    Attributes:
        files: what was written, in order.
        people, faces: how many it is about.
    """

    files: tuple[Path, ...]
    people: int
    faces: int


def report(library: Library, request: ReportRequest) -> ReportWritten:
    """Write a report.

    Raises:
        PersonError: there is nobody to show.
        OptionError: the target stands already, or cannot be used.
        WriteError: it cannot be written.
    """
    target = request.to.expanduser().absolute()
    _check(library, request, target)
    facts = catalogue.face_facts(library.db)
    everyone = [
        person for person in people_of(library, facts) if not (person.ignored or person.hidden)
    ]
    shown = figures(everyone, facts, request.options)
    if not shown:
        raise PersonError("There is nobody to show yet; run `faceclust scan FOLDER` first.")
    if request.one_each:
        shown = shown[: request.options.sheets]
    files = _files(library, request, target, everyone, shown)
    return ReportWritten(tuple(files), len(shown), sum(person.faces for person in shown))


def _files(
    library: Library,
    request: ReportRequest,
    target: Path,
    everyone: Sequence[Person],
    shown: Sequence[PersonFigures],
) -> list[Path]:
    """Write what `shown` asks for; `everyone` is counted on the page."""

    def thumbnail(face: int) -> bytes | None:
        return catalogue.thumbnail(library.db, face)

    title = PurePath(library.place).name or library.place
    if request.one_each:
        return [
            _write(path, [person_sheet(person, thumbnail)], request.force)
            for path, person in _named(target, shown)
        ]
    if request.format == "png":
        return [_write(target, [overview(shown, title, thumbnail)], request.force)]
    counts = {
        "people": len(everyone),
        "named": sum(person.name is not None for person in everyone),
        "faces": sum(len(person.faces) for person in everyone),
        "photos": catalogue.counts(library.db, None)["photos"],
    }
    text = page(shown, _shown(title), counts, thumbnail, request.options)
    return [_write(target, (piece.encode() for piece in text), request.force)]


def _shown(title: str) -> str:
    """A folder's name as text; bytes that are not UTF-8 become question marks."""
    return title.encode("utf-8", "replace").decode()


def _named(folder: Path, people: Iterable[PersonFigures]) -> Iterator[tuple[Path, PersonFigures]]:
    """A file for each person; the same name for the same person every time."""
    namer = Namer()
    for person in sorted(people, key=lambda person: person.id):
        yield folder / namer.name(folder, person.label, str(person.id), ".png"), person


def _check(library: Library, request: ReportRequest, target: Path) -> None:
    """One sentence about --to before anything is made."""
    inside = Path(os.path.realpath(target.parent), target.name).is_relative_to(
        os.path.realpath(library.root)
    )
    if request.format == "png" and inside:
        raise OptionError(
            f"--to {request.to} lies in the library, where the pictures would be scanned as new "
            "photos; choose a place outside of it."
        )
    if target.is_dir() and not request.one_each:
        raise OptionError(f"--to {request.to} is a folder; give the name of a file.")
    if request.one_each and target.exists() and not target.is_dir():
        raise OptionError(f"--to {request.to} is a file; give a folder, or a name with .png.")
    if not request.one_each and os.path.lexists(target) and not request.force:
        raise OptionError(f"{request.to} is there already; pass --force to replace it.")


def _write(path: Path, pieces: Iterable[bytes], force: bool) -> Path:
    """Make a file, its owner's alone, all or nothing."""
    try:
        path.parent.mkdir(mode=disk.PRIVATE_FOLDER, parents=True, exist_ok=True)
        with disk.scratch(path.parent) as new:
            with disk.create(new) as file:
                for piece in pieces:
                    file.write(piece)
                file.flush()
                os.fsync(file.fileno())
            new.replace(path) if force else disk.install(new, path)
    except FileExistsError as error:
        raise OptionError(f"{path} is there already; pass --force to replace it.") from error
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {disk.reason(error, path)}.") from error
    return path

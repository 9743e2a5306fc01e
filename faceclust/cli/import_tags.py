"""faceclust import: take over the names that other programs gave."""

from __future__ import annotations

import locale
import os
import sys
from collections.abc import Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceclust.cli.console import console, counted, faces, out, print_json, progress_bar
from faceclust.cli.options import Db, Json, LibraryFolder, Wait
from faceclust.errors import InputError

if TYPE_CHECKING:
    from faceclust.pipeline import ImportReport, OpenHint
    from faceclust.tags import Source

_REASONS = {
    "two-names": "two names for one face",
    "named-otherwise": "you gave the face another name",
    "rejected": "you said that the face is not this person",
    "not-a-face": "you said that it is not a face",
    "hidden": "you ignore the person of that face or name",
    "twice": "the same name on two faces of one photo",
    "no-face": "no face was found where the box is",
    "ambiguous": "the box fits two faces",
    "bad-name": "the name cannot be used",
    "parted": "you said that it is not one person with others of that name",
    "too-early": "the photo is older than the person, by the date of birth you gave",
    "put-together": "two names for faces that you made one person",
    "same-person": "noted as somebody else, but you said that it is this person",
    "a-face": "noted as no face, but you said whose it is",
    "two-births": "two dates of birth",
}


class From(str, Enum):
    """Whose tags are read."""

    xmp = "xmp"
    picasa = "picasa"
    osxphotos = "osxphotos"
    takeout = "takeout"


def import_tags(
    paths: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="[PATH]...",
            help="Photos, folders, sidecars, osxphotos' JSON, Picasa's contacts.xml; - reads paths "
            "from stdin. Without: everything in the library.",
        ),
    ] = None,
    source: Annotated[
        list[From] | None, typer.Option("--from", help="Whose tags to read; may be repeated.")
    ] = None,
    hints: Annotated[
        bool, typer.Option("--hints", help="Only list names that wait for a face; import nothing.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be taken over.")] = (
        False
    ),
    json: Json = False,
    library: LibraryFolder = None,
    db: Db = None,
    wait: Wait = 0.0,
) -> None:
    """Take over names from XMP, Picasa, Apple Photos and Google Takeout.

    Boxes are matched to the faces that were found, whichever way the photo is turned. What
    contradicts itself, or what you said, is listed and left alone. `faceclust undo import`.
    """
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        if hints:
            people = {f: p.id for p in pipeline.all_people(found) for f in p.faces}
            _hints(pipeline.open_hints(found), people, json)
            return
        given = _paths(paths or [])
        if paths and not given:
            raise InputError("No path came through the pipe; nothing was imported.")
        sources: tuple[Source, ...] = tuple(each.value for each in source or ())
        with found.db.exclusive(wait), progress_bar("Importing", shown=not json) as progress:
            report = pipeline.import_tags(found, given, sources, dry_run=dry_run, progress=progress)
    if json:
        print_json(_record(report))
    else:
        _tell(report, dry_run)
    if given and all(map(Path.is_file, given)) and report.problems and not report.photos:
        raise typer.Exit(1)


def _paths(given: list[str]) -> list[Path]:
    if "-" in given:
        # As bytes: a name need not be UTF-8, and may hold what ends a line elsewhere in Unicode.
        # (No photo's name ends with a carriage return; lines that Windows wrote do.)
        lines = sys.stdin.buffer.read().split(b"\n")
        piped = [_decoded(line.removesuffix(b"\r")) for line in lines]
        given = [path for path in given if path != "-"] + piped
    return [Path(path) for path in given if path]


def _decoded(path: bytes) -> str:
    """A path that came through a pipe; one that cannot be decoded leads nowhere, and is told so."""
    try:
        return os.fsdecode(path)
    except UnicodeDecodeError:
        # Only on Windows, where names are taken for UTF-8 but most programs write the code page.
        return path.decode(locale.getpreferredencoding(do_setlocale=False), errors="replace")


def _record(report: ImportReport) -> dict[str, Any]:
    def about(item: Any) -> dict[str, Any]:
        return {
            "photo": report.paths.get(item.photo), "source": item.source, "file": item.file,
        }  # fmt: skip

    return {
        "photos": report.photos,
        "people": report.people,
        "answers": report.answers,
        "known": report.known,
        "used_hints": report.used,
        "placeholders": report.placeholders,
        "hints": [{"name": hint.name, **about(hint)} for hint in report.hints],
        "conflicts": [
            {"kind": each.kind, "names": list(each.names), "face": each.face, **about(each)}
            for each in report.conflicts
        ],
        "problems": [{"file": each.file, "reason": each.reason} for each in report.problems],
    }


def _tell(report: ImportReport, dry_run: bool) -> None:
    for name, count in report.people.items():
        out.print(f"{console.escape(name)}: {faces(count)}")
    for each in report.conflicts:
        where = console.escape(report.paths.get(each.photo, each.file))
        names = " / ".join(map(console.escape, each.names))
        face = f" (face {each.face})" if each.face else ""
        console.say(f"not taken over: {where}{face}: {names}: {_REASONS[each.kind]}")
    for problem in report.problems:
        console.say(f"skipped: {console.escape(problem.file)}: {console.escape(problem.reason)}")
    if report.placeholders:
        console.say(
            f"left out: {counted(report.placeholders, 'name')} such as Person 12, which exports of "
            "faceclust gave to people without one."
        )
    if report.hints:
        console.say(
            f"{counted(len(report.hints), 'name')} without a place in their photo; "
            "see `faceclust import --hints`."
        )
    if report.answers:
        console.tell(
            f"{counted(report.answers, 'other answer')} "
            "(not this person, no face, births, ignored, hidden)."
        )
    count = sum(report.people.values())
    console.tell(
        ("Dry run: " if dry_run else "")
        + f"{faces(count)} of {counted(len(report.people), 'person', 'people')} named from "
        f"{counted(report.photos, 'photo')}; {report.known} known already, "
        f"{counted(len(report.conflicts), 'contradiction')}."
    )


def _hints(hints: list[OpenHint], people: Mapping[int, int], json: bool) -> None:
    """Names that wait, and whom they may be: `faceclust name` takes people's numbers."""
    if json:
        print_json(
            [
                {
                    "name": hint.name,
                    "photo": hint.path,
                    "unnamed_faces": list(hint.faces),
                    "unnamed_people": [people[face] for face in hint.faces if face in people],
                }
                for hint in hints
            ]
        )
        return
    console.say(f"{counted(len(hints), 'name')} that no face of their photo has yet:")
    for hint in hints:
        numbers = ", ".join(str(people[face]) for face in hint.faces if face in people) or "nobody"
        out.print(
            f"{console.escape(hint.name)}: {console.escape(hint.path)} (without a name: {numbers})"
        )

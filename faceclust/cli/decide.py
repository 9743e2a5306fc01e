"""The user's answers: name, merge, reject, not-a-face, ignore."""

from __future__ import annotations

from typing import Annotated

import typer

from faceclust.cli.console import console
from faceclust.cli.options import Db, LibraryFolder, Who

Face = Annotated[int, typer.Argument(help="A face's number, as `faceclust people WHO` shows it.")]


def name(
    who: Who,
    new_name: Annotated[str, typer.Argument(metavar="NAME", help="What to call the person.")],
    library: LibraryFolder = None,
    db: Db = None,
) -> None:
    """Name a person. The name stays, whatever is scanned or clustered later."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person, joined = pipeline.name(found, who, new_name)
    label = console.escape(person.name or "")
    console.tell(f"{label} (number {person.id}) has {len(person.faces)} faces.")
    if joined is not None:
        console.say(
            f"Joined with number {joined.id}, who was {label} already; `faceclust undo` parts them."
        )


def merge(
    who: Annotated[list[str], typer.Argument(metavar="WHO...", help="Two or more people.")],
    library: LibraryFolder = None,
    db: Db = None,
) -> None:
    """Say that several people are one and the same."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person = pipeline.merge(found, who)
    label = console.escape(person.name or f"Number {person.id}")
    console.tell(f"{label} now has {len(person.faces)} faces.")


def reject(face: Face, who: Who, library: LibraryFolder = None, db: Db = None) -> None:
    """Say that FACE is not WHO; it will never be put there again."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person = pipeline.reject(found, face, who)
    where = f"now belongs to number {person.id}" if person else "waits for the next clustering"
    console.tell(f"Face {face} {where}.")


def not_a_face(face: Face, library: LibraryFolder = None, db: Db = None) -> None:
    """Say that FACE is a drawing, an object, or nothing at all."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        pipeline.not_a_face(found, face)
    console.tell(f"Face {face} is left out from now on.")


def ignore(who: Who, library: LibraryFolder = None, db: Db = None) -> None:
    """Hide a person from lists and exports."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person = pipeline.ignore(found, who)
    console.tell(f"Number {person.id} with {len(person.faces)} faces is hidden from now on.")

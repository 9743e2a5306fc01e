"""The user's answers: who is who, who is not, and whom not to show."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from faceclust.cli.console import console, faces, out, print_json
from faceclust.cli.options import Db, Json, LibraryFolder, Who

if TYPE_CHECKING:
    from faceclust.pipeline import LogEntry
    from faceclust.records import Person

Show = Annotated[bool, typer.Option("--show", help="Take it back.")]

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
        alike = pipeline.namesakes(found, person)
    label = console.escape(person.name or "")
    console.tell(f"{label} (number {person.id}) has {faces(len(person.faces))}.")
    if joined is not None:
        console.say(
            f"Joined with number {joined.id}, who was {label} already; `faceclust undo` parts them."
        )
    for other in alike:
        console.say(
            f"{console.escape(other.name or '')} (number {other.id}) is somebody else; "
            f"`faceclust merge {other.id} {person.id}` makes them one."
        )


def merge(
    who: Annotated[list[str], typer.Argument(metavar="WHO...", help="Two or more people.")],
    library: LibraryFolder = None,
    db: Db = None,
) -> None:
    """Say that several people are one and the same."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        apart, names = pipeline.overruled(found, who)
        person = pipeline.merge(found, who)
    label = console.escape(person.name or f"Number {person.id}")
    given = ", ".join(console.escape(each) for each in who)
    console.tell(f"{given} are one person now: {label}, {faces(len(person.faces))}.")
    if apart:
        console.say("You had said that they are not; that holds no more. `faceclust undo`")
    for gone in names:
        console.say(f"Nobody is called {console.escape(gone)} any more. `faceclust undo`")


def reject(face: Face, who: Who, library: LibraryFolder = None, db: Db = None) -> None:
    """Say that FACE is not WHO; it will never be put there again."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person = pipeline.reject(found, face, who)
    where = f"now belongs to number {person.id}" if person else "waits for the next clustering"
    console.tell(f"Face {face} {where}.")


def not_a_face(
    face: Face, show: Show = False, library: LibraryFolder = None, db: Db = None
) -> None:
    """Say that FACE is a drawing, an object, or nothing at all."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        pipeline.not_a_face(found, face, show=show)
    console.tell(f"Face {face} {'is a face again' if show else 'is left out from now on'}.")


def split(
    who: Who,
    like: Annotated[
        list[int], typer.Option("--like", metavar="FACE", help="An example; give two, one each.")
    ],
    library: LibraryFolder = None,
    db: Db = None,
) -> None:
    """Make two people of one: each face goes with the nearer of two examples.

    A name stays with the first one.
    """
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        old, new = pipeline.split(found, who, like)
    label = console.escape(old.name or f"Number {old.id}")
    console.tell(
        f"{label} keeps {faces(len(old.faces))}; number {new.id} has {faces(len(new.faces))}."
    )


def differ(
    who: Who,
    other: Annotated[str, typer.Argument(metavar="OTHER", help="Another number or name.")],
    library: LibraryFolder = None,
    db: Db = None,
) -> None:
    """Say that two look-alikes are two people; they will never be put together."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        pipeline.differ(found, who, other)
    console.tell(f"{console.escape(who)} and {console.escape(other)} are two people.")


def birth(
    who: Who,
    date: Annotated[
        str | None, typer.Argument(help="YYYY-MM-DD, YYYY-MM or YYYY; left out: forget it.")
    ] = None,
    library: LibraryFolder = None,
    db: Db = None,
) -> None:
    """Say when a person was born: photos taken before never show that person."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person, left = pipeline.birth(found, who, date)
    label, born = console.escape(person.name or ""), person.birth
    console.tell(
        f"{label} was born {born}; faces in earlier photos that are taken out: {left}."
        if born
        else f"{label} has no date of birth now."
    )


def ignore(who: Who, show: Show = False, library: LibraryFolder = None, db: Db = None) -> None:
    """Leave a stranger out of lists, questions and exports; `people --hidden` shows them."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person = pipeline.ignore(found, who, show=show)
    _tell_aside(person, "shown again" if show else "ignored from now on")


def hide(who: Who, show: Show = False, library: LibraryFolder = None, db: Db = None) -> None:
    """Leave a person out of lists and questions; exports still carry the name."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        person = pipeline.hide(found, who, show=show)
    _tell_aside(person, "shown again" if show else "hidden from now on")


def _tell_aside(person: Person, state: str) -> None:
    label = console.escape(person.name or f"Number {person.id}")
    console.tell(f"{label}, {faces(len(person.faces))}, is {state}.")


def log(
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 20,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """List what was decided, when and by whom; `faceclust undo` takes it back."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        entries = pipeline.log(found, limit)
    if json:
        print_json([_record(entry) for entry in entries])
        return
    for entry in entries:
        made, about = entry.decision, f" of {console.escape(entry.who)}" if entry.who else ""
        stands = "" if entry.stands else "  (taken back)" if made.kind != "undo" else ""
        about += "".join(f" and {console.escape(other)}" for other in entry.other)
        what = f"undo decision {made.undoes}" if made.kind == "undo" else entry.kind + about
        count = f", {faces(entry.faces)}" if entry.faces else ""
        by = console.escape(made.made_by)
        out.print(f"{made.id:>6}  {made.made_at[:19]}  {by:10}  {what}{count}{stands}")


def _record(entry: LogEntry) -> dict[str, object]:
    made = entry.decision
    return {
        "id": made.id,
        "made_at": made.made_at,
        "made_by": made.made_by,
        "kind": entry.kind,
        "person": None if entry.kind == "import" else made.person,
        "who": entry.who,
        "others": list(made.others),
        "other_names": list(entry.other),
        "faces": entry.faces,
        "date": made.date,
        "undoes": made.undoes,
        "stands": entry.stands,
    }

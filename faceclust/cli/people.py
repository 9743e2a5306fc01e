"""faceclust people: everyone in the library, or one person's faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from faceclust.cli.console import UNBOUNDED, console, counted, out, print_json
from faceclust.cli.console import faces as count
from faceclust.cli.options import Db, Json, LibraryFolder

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rich.text import Text

    from faceclust.pipeline import PersonSummary
    from faceclust.records import Person

# Guesses that are worth a word: likelier than not for a face, prevailing for a person. A model that
# takes "yes" and "no" for equally common must be surer of a "yes".
LIKELY, PREVAILING, YES = 0.5, 0.8, 0.9
NAME_CELLS = 40  # of a name in the table on a terminal; names may have 300 characters
# These pass; they say nothing about a person.
PASSING = ("expression", "pose", "smiling")


def people(
    who: Annotated[
        str | None, typer.Argument(help="A person's number or name: list that person's faces.")
    ] = None,
    everyone: Annotated[bool, typer.Option("--all", help="Strangers, too.")] = False,
    strangers: Annotated[
        bool,
        typer.Option("--strangers", help="Only strangers: seen once, on one day, or never well."),
    ] = False,
    hidden: Annotated[
        bool,
        typer.Option("--hidden", help="Only those that `faceclust hide` or `ignore` put away."),
    ] = False,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """List people with their number of faces, dates and best face; or the faces of WHO."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        if who is not None:
            _faces(who, pipeline.faces_of(found, who), json)
            return
        summaries = pipeline.summaries(found, hidden=hidden)
        counts = pipeline.status(found)
    if strangers:
        shown = [s for s in summaries if s.stranger]
    else:
        shown = [s for s in summaries if everyone or hidden or not s.stranger]
    if json:
        print_json([_record(summary) for summary in shown])
        return
    collapsed = 0 if strangers else len(summaries) - len(shown)
    if shown:
        _table(shown)
    elif not collapsed:
        console.say(_nobody(hidden=hidden, strangers=strangers, faces=bool(counts["faces"])))
    if collapsed:
        lead = "and" if shown else "Nobody but"
        console.say(f"{lead} {counted(collapsed, 'stranger')} (see --strangers)")
    if waiting := counts["unclustered_faces"]:
        console.say(f"Faces not grouped yet: {waiting}; `faceclust scan` again to finish.")


def _nobody(*, hidden: bool, strangers: bool, faces: bool) -> str:
    """Why a list is empty."""
    if hidden:
        return "Nobody is hidden or ignored."
    if strangers:
        return "Nobody is a stranger."
    if faces:
        return "Everybody is hidden or ignored (see --hidden)."
    return "No faces yet; faceclust scan FOLDER finds those in your photos."


def _record(summary: PersonSummary) -> dict[str, object]:
    from faceclust.records import by_attribute

    return {
        "id": summary.person.id,
        "name": summary.person.name,
        "birth": summary.person.birth,
        "faces": len(summary.person.faces),
        "photos": summary.photos,
        "first": summary.first,
        "last": summary.last,
        "best_face": summary.best_face,
        "best_photo": summary.best_photo,
        "attributes": by_attribute(summary.guesses),
        "stranger": summary.stranger,
    }


def _table(summaries: list[PersonSummary]) -> None:
    from rich.table import Table

    from faceclust.records import by_attribute

    described = any(summary.guesses for summary in summaries)
    looks = ["looks (guessed)"] if described else []
    heads = ("number", "name", "faces", "photos", "from", "to", "face", *looks, "best photo")
    table = Table(*heads, box=None)
    for summary in summaries:
        lasting = [guess for guess in summary.guesses if guess.attribute not in PASSING]
        words = console.escape(_words(by_attribute(lasting), PREVAILING))
        table.add_row(
            str(summary.person.id),
            _called(summary.person),
            str(len(summary.person.faces)),
            str(summary.photos),
            (summary.first or "")[:10],
            (summary.last or "")[:10],
            str(summary.best_face),
            *([words] if described else []),
            console.escape(summary.best_photo),
        )
    if not out.is_terminal:
        # A pipe has no width: there, one person is one line.
        out.width = UNBOUNDED
    out.print(table)


def _called(person: Person) -> Text:
    """The name for the table: whole, but for a terminal, where a long one is cut off."""
    from rich.text import Text

    name = Text.from_markup(console.escape(person.name or ""))
    if out.is_terminal:
        name.truncate(NAME_CELLS, overflow="ellipsis")
    return name


def _faces(who: str, faces: list[dict[str, Any]], json: bool) -> None:
    if json:
        print_json(faces)
        return
    console.say(f"{console.escape(who)}: {count(len(faces))}; number, date and photo of each:")
    if any(face["attributes"] for face in faces):
        console.say("In brackets: guesses of appearance, not facts.")
    for face in faces:
        date = str(face["taken_at"] or "")[:10]
        words = _words(face["attributes"], LIKELY)
        looks = console.escape(f"  [{words}]") if words else ""
        out.print(f"{face['face']:>8}  {date:10}  {console.escape(str(face['file']))}{looks}")


def _words(attributes: Mapping[str, Mapping[str, Any]], least: float) -> str:
    """Guesses in a few words: values, or the attribute's name for "yes"; "no" goes unsaid."""
    likely = {
        name: guess["value"]
        for name, guess in attributes.items()
        if guess["probability"] >= (YES if guess["value"] == "yes" else least)
    }
    return ", ".join(
        name if value == "yes" else value for name, value in likely.items() if value != "no"
    )

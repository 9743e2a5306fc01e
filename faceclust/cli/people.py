"""faceclust people: everyone in the library, or one person's faces."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from faceclust.cli.console import UNBOUNDED, console, out, print_json
from faceclust.cli.console import faces as count
from faceclust.cli.options import Db, Json, LibraryFolder

if TYPE_CHECKING:
    from faceclust.pipeline import PersonSummary


def people(
    who: Annotated[
        str | None, typer.Argument(help="A person's number or name: list that person's faces.")
    ] = None,
    everyone: Annotated[
        bool, typer.Option("--all", help="Also those seen only once and without a name.")
    ] = False,
    hidden: Annotated[
        bool, typer.Option("--hidden", help="Only those that `faceclust ignore` hid.")
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
        summaries = pipeline.summaries(found, ignored=hidden)
        waiting = pipeline.status(found)["unclustered_faces"]
    everyone = everyone or hidden
    shown = [s for s in summaries if everyone or s.person.name or len(s.person.faces) > 1]
    if json:
        print_json([_record(summary) for summary in shown])
        return
    _table(shown)
    if once := len(summaries) - len(shown):
        console.say(f"and {once} seen once (--all shows them)")
    if waiting:
        console.say(f"{waiting} faces are not grouped yet; `faceclust scan` again to finish.")


def _record(summary: PersonSummary) -> dict[str, object]:
    return {
        "id": summary.person.id,
        "name": summary.person.name,
        "faces": len(summary.person.faces),
        "photos": summary.photos,
        "first": summary.first,
        "last": summary.last,
        "best_face": summary.best_face,
        "best_photo": summary.best_photo,
    }


def _table(summaries: list[PersonSummary]) -> None:
    from rich.table import Table

    table = Table("number", "name", "faces", "photos", "from", "to", "face", "best photo", box=None)
    for summary in summaries:
        table.add_row(
            str(summary.person.id),
            console.escape(summary.person.name or ""),
            str(len(summary.person.faces)),
            str(summary.photos),
            (summary.first or "")[:10],
            (summary.last or "")[:10],
            str(summary.best_face),
            console.escape(summary.best_photo),
        )
    if not out.is_terminal:
        # A pipe has no width: there, one person is one line.
        out.width = UNBOUNDED
    out.print(table)


def _faces(who: str, faces: list[dict[str, object]], json: bool) -> None:
    if json:
        print_json(faces)
        return
    console.say(f"{console.escape(who)}: {count(len(faces))}; number, date and photo of each:")
    for face in faces:
        date = str(face["taken_at"] or "")[:10]
        out.print(f"{face['face']:>8}  {date:10}  {console.escape(str(face['file']))}")

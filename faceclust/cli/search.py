"""faceclust search: find faces by words."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from faceclust.cli.console import console, out, print_json
from faceclust.cli.options import Db, Json, LibraryFolder


def search(
    text: Annotated[str, typer.Argument(help='What to look for: "a smiling child with glasses".')],
    person: Annotated[
        str | None, typer.Option(metavar="WHO", help="Only this person's faces: number or name.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="Show so many faces.")] = 20,
    crops: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Also put the faces into a new folder.")
    ] = None,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Rank faces by how well TEXT describes their looks, best first.

    Shows rank, score, face, person and photo. Words about anything but faces find nothing.
    """
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        matches = pipeline.search(found, text, limit=limit, who=person)
        if crops is not None:
            pipeline.save_crops(found, matches, crops)
    if json:
        print_json([asdict(match) for match in matches])
        return
    for match in matches:
        who = console.escape(match.name or str(match.person))
        file = console.escape(match.file)
        out.print(f"{match.rank:>4}  {match.score:.3f}  {match.face:>8}  {who:20}  {file}")

"""faceclust status: what the library holds, what went wrong, what is out of date."""

from __future__ import annotations

from typing import Annotated

import typer

from faceclust.cli.console import console, out, print_json
from faceclust.cli.options import Db, Json, LibraryFolder


def status(
    errors: Annotated[
        bool, typer.Option("--errors", help="List the photos that could not be read, and why.")
    ] = False,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Show photos, faces, people, errors, models and what is stale."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        facts = pipeline.unreadable(found) if errors else pipeline.status(found)
    if json:
        print_json(facts)
    elif isinstance(facts, list):
        for row in facts:
            out.print(f"{console.escape(row['file'])}: {console.escape(row['reason'])}")
    else:
        for label, value in facts.items():
            out.print(f"{label.replace('_', ' '):>20}  {console.escape(str(value))}")

"""faceclust undo: take back the last decision, or the last export."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from faceclust.cli.console import console
from faceclust.cli.export import print_summary, show_event
from faceclust.cli.options import Db, LibraryFolder, Wait


class What(str, Enum):
    """What can be taken back."""

    decision = "decision"
    export = "export"


def undo(
    what: Annotated[What, typer.Argument(help="The last decision, or the last export.")] = (
        What.decision
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what an undone export would change.")
    ] = False,
    library: LibraryFolder = None,
    db: Db = None,
    wait: Wait = 0.0,
) -> None:
    """Take back the last decision (the default), or exactly what the last export wrote."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        if what is What.decision:
            decision = pipeline.undo(found)
            subject = f" {console.escape(decision.name)}" if decision.name else ""
            console.tell(f"Taken back: {decision.kind}{subject} ({len(decision.faces)} faces).")
            return
        with found.db.exclusive(wait):
            summary = pipeline.undo_export(found, dry_run=dry_run, on_event=show_event(dry_run))
    print_summary(summary, dry_run)

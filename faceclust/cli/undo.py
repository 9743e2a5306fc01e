"""faceclust undo: take back the last decision, export or import."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Annotated

import typer

from faceclust.cli.console import console, faces
from faceclust.cli.export import print_summary, show_event
from faceclust.cli.options import Db, LibraryFolder, Wait

if TYPE_CHECKING:
    from faceclust.records import Decision


class What(str, Enum):
    """What can be taken back."""

    decision = "decision"
    export = "export"
    import_ = "import"


def undo(
    what: Annotated[What, typer.Argument(help="The last decision, export or import.")] = (
        What.decision
    ),
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be taken back.")
    ] = False,
    library: LibraryFolder = None,
    db: Db = None,
    wait: Wait = 0.0,
) -> None:
    """Take back the last decision (the default), or what the last export or import did."""
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        if what is What.decision:
            _tell(pipeline.undo(found, dry_run=dry_run), dry_run)
            return
        if what is What.import_:
            _tell(pipeline.undo_import(found, dry_run=dry_run), dry_run)
            return
        with found.db.exclusive(wait):
            summary = pipeline.undo_export(found, dry_run=dry_run, on_event=show_event(dry_run))
    print_summary(summary, dry_run)
    if summary.left:
        raise typer.Exit(1)


def _tell(decisions: list[Decision], dry_run: bool) -> None:
    verb = "Would be taken back" if dry_run else "Taken back"
    last = decisions[0]
    if last.batch is not None:
        count = sum(len(decision.faces) for decision in decisions if decision.kind == "name")
        console.tell(f"{verb}: the import of {last.made_at[:10]}, {faces(count)}.")
        return
    subject = f" {console.escape(last.name)}" if last.name else ""
    about = f" of number {last.person}" if last.person else ""
    console.tell(f"{verb}: {last.kind}{subject}{about}, {faces(len(last.faces))}.")

"""faceclust undo: take back the last decisions, the last import, or the last export."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Annotated

import typer

from faceclust.cli.console import console, faces
from faceclust.cli.export import print_summary, show_event
from faceclust.cli.options import Db, LibraryFolder, Wait
from faceclust.errors import OptionError

if TYPE_CHECKING:
    from faceclust.records import Decision

MOST_DIGITS = 9


def undo(
    what: Annotated[
        str,
        typer.Argument(
            metavar="[N|import|export]", help="How many decisions, or the last import or export."
        ),
    ] = "1",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show what would be taken back.")
    ] = False,
    library: LibraryFolder = None,
    db: Db = None,
    wait: Wait = 0.0,
) -> None:
    """Take back the last decision (the default), N of them, or the last import or export.

    An import counts as one decision, an answer to a question of `review` as well.
    """
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found:
        if what == "import":
            _tell_all(pipeline.undo_import(found, dry_run=dry_run), dry_run)
            return
        if what != "export":
            _tell_all(pipeline.undo(found, _count(what), dry_run=dry_run), dry_run)
            return
        with found.db.exclusive(wait):
            summary = pipeline.undo_export(found, dry_run=dry_run, on_event=show_event(dry_run))
    print_summary(summary, dry_run)
    if summary.left:
        raise typer.Exit(1)


def _count(what: str) -> int:
    if what == "decision":
        return 1
    if not (what.isascii() and what.isdecimal()) or len(what) > MOST_DIGITS:
        raise OptionError(f"{what!r} cannot be taken back; give a number, import or export.")
    return int(what)


def _tell_all(decisions: list[Decision], dry_run: bool) -> None:
    """One line for each decision, and one for each import."""
    verb = "Would be taken back" if dry_run else "Taken back"
    for _, group in groupby(decisions, key=lambda decision: decision.batch):
        taken = list(group)
        if taken[0].source is not None:
            count = sum(len(decision.faces) for decision in taken if decision.kind == "name")
            console.tell(f"{verb}: the import of {taken[0].made_at[:10]}, {faces(count)}.")
            continue
        for decision in taken:
            subject = f" {console.escape(decision.name)}" if decision.name else ""
            about = f" of number {decision.person}" if decision.person else ""
            how_many = f", {faces(len(decision.faces))}" if decision.faces else ""
            console.tell(f"{verb}: {decision.kind}{subject}{about}{how_many}.")

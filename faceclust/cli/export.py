"""faceclust export: write people where other programs read them."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from faceclust.cli.console import console, out, print_json, progress_bar
from faceclust.cli.options import Db, Json, LibraryFolder, Wait
from faceclust.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from faceclust.pipeline import Event, ExportRequest, Library, Summary


class Format(str, Enum):
    """Where people are written."""

    xmp = "xmp"
    folders = "folders"
    symlinks = "symlinks"
    json = "json"
    csv = "csv"


class Link(str, Enum):
    """How photos get into folders."""

    copy = "copy"
    hard = "hard"
    reflink = "reflink"


class SidecarStyle(str, Enum):
    """How sidecars are called."""

    full = "full"
    adobe = "adobe"


def export(
    export_format: Annotated[Format, typer.Option("--format", "-f", help="What to write.")],
    to: Annotated[
        Path | None,
        typer.Option(
            "--to", "-o", help="Folder (folders, symlinks) or file (json, csv; - is stdout)."
        ),
    ] = None,
    link: Annotated[Link, typer.Option(help="For folders: how photos get there.")] = Link.copy,
    crops: Annotated[
        bool, typer.Option("--crops", help="For symlinks: faces, not photos.")
    ] = False,
    sidecar_style: Annotated[
        SidecarStyle, typer.Option(help="For xmp: a.jpg.xmp (full) or a.xmp (adobe).")
    ] = SidecarStyle.full,
    embed: Annotated[
        bool, typer.Option("--embed", help="For xmp: write into the photos; originals are kept.")
    ] = False,
    placeholders: Annotated[
        bool | None,
        typer.Option("--placeholders/--no-placeholders", help='Write "Person 12" for the unnamed.'),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change.")] = False,
    library: LibraryFolder = None,
    db: Db = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Write people as XMP, folders, links, JSON or CSV. `faceclust undo export` takes it back.

    Unnamed people are written as "Person 12" by folders and symlinks, and left out by xmp.
    """
    from faceclust import pipeline

    request = pipeline.ExportRequest(
        format=export_format.value,
        to=to,
        link=link.value,
        crops=crops,
        sidecar_style=sidecar_style.value,
        embed=embed,
        placeholders=placeholders,
        dry_run=dry_run,
    )
    with pipeline.find_library(library, db) as found:
        if request.to_stdout:
            _print_table(found, request, json)
            return
        with found.db.exclusive(wait):
            summary, events = _carry_out(found, request, json)
    if json:
        print_json(_record(summary, events, dry_run))
    else:
        print_summary(summary, dry_run)
    if summary.skipped:
        raise typer.Exit(1)


def _print_table(library: Library, request: ExportRequest, json: bool) -> None:
    from faceclust import pipeline

    if json:
        raise OptionError("--json tells what was written; leave it out with --to -.")
    for piece in pipeline.table_pieces(library, request):
        typer.echo(piece, nl=False)


def _carry_out(library: Library, request: ExportRequest, json: bool) -> tuple[Summary, list[Event]]:
    """What was written; with --json also of which files, else that has been told on the way."""
    from faceclust import pipeline

    events: list[Event] = []
    told = events.append if json else show_event(request.dry_run)
    # What a dry run prints on a terminal would break the bar, and tells how far it is.
    printed = request.dry_run and out.is_terminal
    with progress_bar("Exporting", shown=not (json or printed)) as progress:
        return pipeline.export(library, request, told, progress), events


def show_event(dry_run: bool) -> Callable[[Event], None]:
    """A printer for events: all of them in a dry run, else what was skipped or left."""

    def show(event: Event) -> None:
        path = console.escape(str(event.path))
        if event.reason:
            console.say(f"{event.status}: {path}: {console.escape(event.reason)}")
        elif dry_run and event.status != "unchanged":
            out.print(f"would be {event.status}: {path}")

    return show


def _record(summary: Summary, events: list[Event], dry_run: bool) -> dict[str, object]:
    from dataclasses import asdict

    files = [
        {"status": event.status, "path": str(event.path), "reason": event.reason or None}
        for event in events
        if event.status != "unchanged"
    ]
    return {"dry_run": dry_run, **asdict(summary), "files": files}


def print_summary(summary: Summary, dry_run: bool) -> None:
    """One line that says how much was written."""
    from dataclasses import asdict

    parts = [f"{count} {status}" for status, count in asdict(summary).items() if count]
    console.tell(("Dry run: " if dry_run else "") + (", ".join(parts) or "nothing to do") + ".")

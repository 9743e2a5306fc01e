"""faceclust report: the people of a library to look at."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from faceclust.cli.console import console, out, print_json
from faceclust.cli.options import Db, Json, LibraryFolder


class ReportFormat(str, Enum):
    """What a report is."""

    html = "html"
    png = "png"


def report(
    to: Annotated[
        Path | None,
        typer.Option(
            "--to",
            "-o",
            help="The file; for png a folder gets one picture a person. "
            "Else faceclust-report.html or .png here.",
        ),
    ] = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", "-f", help="One page, or contact sheets.")
    ] = ReportFormat.html,
    seen_once: Annotated[
        bool, typer.Option("--all", help="Also those seen only once and without a name.")
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Write one page with everyone in it: faces, counts and a timeline. Nothing else is needed.

    The page holds its pictures itself and asks no server for anything. Very large libraries show
    pictures of those with the most faces, and say so.
    """
    from dataclasses import asdict

    from faceclust import pipeline

    request = pipeline.ReportRequest(
        to=to or Path(f"faceclust-report.{report_format.value}"),
        format=report_format.value,
        options=pipeline.ReportOptions(seen_once=seen_once),
        force=force,
    )
    with pipeline.find_library(library, db) as found:
        written = pipeline.report(found, request)
    if json:
        record = asdict(written) | {"files": [str(path) for path in written.files]}
        print_json({"format": request.format, **record})
        return
    for path in written.files:
        out.print(console.escape(str(path)))

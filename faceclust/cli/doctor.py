"""`faceclust doctor`: what is wrong with this set-up."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.text import Text

from faceclust.cli.console import console, print_json
from faceclust.cli.options import Db, LibraryFolder, Wait
from faceclust.errors import OptionError

if TYPE_CHECKING:
    from faceclust.doctor import Finding

_STYLES = {"ok": "green", "warn": "yellow", "error": "bold red"}


def doctor(
    compact: Annotated[
        bool,
        typer.Option(
            "--compact",
            help="Write the library's database anew, in less space and faster to read, and do "
            "nothing else. Ctrl-C leaves it as it was.",
        ),
    ] = False,
    library: LibraryFolder = None,
    db: Db = None,
    wait: Wait = 0.0,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON instead of lines.")] = False,
) -> None:
    """Look for what is wrong with this set-up; exit code 2 if something keeps it from working."""
    if compact:
        _compact(library, db, wait, as_json)
        return
    if library is not None or db is not None:
        raise OptionError("--library and --db go with --compact only.")
    from faceclust.doctor import diagnose
    from faceclust.pipeline.places import libraries_folder

    findings = diagnose(libraries_folder())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        lines = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            lines.print(_line(finding))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(2)


def _compact(library: str | None, db: Path | None, wait: float, as_json: bool) -> None:
    from faceclust import pipeline

    with pipeline.find_library(library, db) as found, found.db.exclusive(wait):
        before, after = pipeline.compact(found.db)
    if as_json:
        print_json({"database": str(found.db.path), "before": before, "after": after})
    else:
        path = console.escape(str(found.db.path))
        console.tell(f"{path} takes {after / 1e6:.1f} MB, {before / 1e6:.1f} before.")


def _line(finding: Finding) -> Text:
    remedy = f"\n       {finding.remedy}" if finding.remedy else ""
    level = (f"{finding.level:5}", _STYLES[finding.level])
    return Text.assemble(level, "  ", finding.what, (remedy, "italic"))

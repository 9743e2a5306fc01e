"""`faceclust doctor`: what is wrong with this set-up."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.text import Text

if TYPE_CHECKING:
    from faceclust.doctor import Finding

_STYLES = {"ok": "green", "warn": "yellow", "error": "bold red"}


def doctor(
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of lines."),
) -> None:
    """Look for what is wrong with this set-up; exit code 2 if something keeps it from working."""
    from faceclust.doctor import diagnose
    from faceclust.pipeline.library import libraries_folder

    findings = diagnose(libraries_folder())
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings], indent=2))
    else:
        console = Console(soft_wrap=True, highlight=False)
        for finding in findings:
            console.print(_line(finding))
    if any(finding.level == "error" for finding in findings):
        raise typer.Exit(2)


def _line(finding: Finding) -> Text:
    remedy = f"\n       {finding.remedy}" if finding.remedy else ""
    level = (f"{finding.level:5}", _STYLES[finding.level])
    return Text.assemble(level, "  ", finding.what, (remedy, "italic"))

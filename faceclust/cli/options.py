"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

Db: TypeAlias = Annotated[
    Path | None,
    typer.Option("--db", help="The library's database file, in place of the usual one."),
]
LibraryFolder: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--library",
        "-l",
        help="The library's folder or address. Else: the library you are in, or the one used last.",
    ),
]
Json: TypeAlias = Annotated[bool, typer.Option("--json", help="Print JSON on stdout.")]
Wait: TypeAlias = Annotated[
    float,
    typer.Option("--wait", metavar="SECONDS", min=0, help="Wait for another faceclust to finish."),
]
Who: TypeAlias = Annotated[str, typer.Argument(metavar="WHO", help="A person's number or name.")]


def _absolute(file: str | None) -> str | None:
    """A file's full name: what is remembered must be found from any folder."""
    return str(Path(file).expanduser().absolute()) if file else file


EDGES = (
    "universal or clip-cluster: which models score pairs of faces; for partition, and for infomap, "
    "which then walks between pairs of P > 0.5 in place of cosines."
)
Weights: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="FILE",
        callback=_absolute,
        help="Score pairs by this edge model (.npz) or CLIP-Cluster model (.safetensors) of "
        "`faceclust train`; '' goes back.",
    ),
]
ByComponent: TypeAlias = Annotated[
    bool | None,
    typer.Option(
        "--by-component/--whole-graph",
        help="For infomap: walk each connected component of the pruned graph by itself, or all at "
        "once. Left out: the former with --edges, the latter by cosine.",
    ),
]
Engine: TypeAlias = Annotated[
    str, typer.Option(help="local: this machine; ray: a Ray cluster, with the same result.")
]
Address: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="ADDRESS",
        help="A running Ray cluster: auto or HOST:PORT. Else: one is started on this machine.",
    ),
]
Neighbours: TypeAlias = Annotated[int | None, typer.Option(min=1, help="Neighbours of a face.")]
Seed: TypeAlias = Annotated[int | None, typer.Option(min=0, help="For methods that draw lots.")]
Edges: TypeAlias = Annotated[str | None, typer.Option(help=EDGES)]

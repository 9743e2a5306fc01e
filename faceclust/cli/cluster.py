"""faceclust cluster: group the faces anew, with another method or threshold."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from faceclust.cli.console import console, counted, faces, print_json
from faceclust.cli.options import (
    Address,
    ByComponent,
    Db,
    Edges,
    Engine,
    Json,
    LibraryFolder,
    Neighbours,
    Seed,
    Wait,
    Weights,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from faceclust.pipeline.cluster import ClusterReport
    from faceclust.records import Person


def cluster(
    method: Annotated[str | None, typer.Option(help="See `faceclust eval --help`.")] = None,
    k: Neighbours = None,
    threshold: Annotated[
        float | None, typer.Option(help="Cosine similarity; the higher the stricter.")
    ] = None,
    num_people: Annotated[int | None, typer.Option(min=1, help="For kmeans.")] = None,
    seed: Seed = None,
    edges: Edges = None,
    weights: Weights = None,
    by_component: ByComponent = None,
    exact_below: Annotated[
        int | None,
        typer.Option(min=0, help="Faces from which neighbours are searched for approximately."),
    ] = None,
    search_share: Annotated[
        float | None,
        typer.Option(help="Share of the faces that an approximate search looks at, up to 1."),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            help="cpu or cuda (an NVIDIA GPU): where neighbours are searched and CLIP-Cluster runs."
        ),
    ] = None,
    engine: Engine = "local",
    address: Address = None,
    library: LibraryFolder = None,
    db: Db = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Group the faces of the library anew. Names and other answers stay as they are."""
    from faceclust import pipeline

    flags: dict[str, dict[str, object]] = {
        "cluster": {
            "method": method, "k": k, "threshold": threshold, "num_people": num_people,
            "seed": seed, "edges": edges, "weights": weights,
            "by_component": by_component, "exact_below": exact_below,
            "search_share": search_share,
        },
        "scan": {"device": device},
    }  # fmt: skip
    with pipeline.find_library(library, db) as found, found.db.exclusive(wait):
        config = pipeline.settings(found, flags)
        before = {person.id: len(person.faces) for person in pipeline.all_people(found)}
        with pipeline.steps(
            engine, address, device=config.scan.device, notify=console.notify
        ) as steps:
            report = pipeline.cluster(found, config.cluster, steps=steps, notify=console.notify)
        named = [person for person in pipeline.all_people(found) if person.name]
        pipeline.remember(found, {"cluster": flags["cluster"]})
    if json:
        print_json(asdict(report))
    else:
        _tell(report, named, before)


def _tell(report: ClusterReport, named: list[Person], before: Mapping[int, int]) -> None:
    """What a clustering came to; `before`: how many faces each person had."""
    threshold = "" if report.threshold is None else f" at {report.threshold:g}"
    console.tell(
        f"{faces(report.faces)} in {counted(report.clusters, 'cluster')} by {report.method}"
        f"{threshold} ({report.seconds:.1f} s)."
    )
    for person in named:
        if (was := before.get(person.id, 0)) != len(person.faces):
            label = console.escape(person.name or "")
            console.say(f"{label} has {faces(len(person.faces))} now, not {was}.")
    if report.edges:
        console.say(f"Pairs of faces scored by {console.escape(report.edges)}.")

"""faceclust eval: score a clustering against known people."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceclust.cli.console import out, print_json
from faceclust.cli.options import Db, Json, LibraryFolder


def evaluate(
    labels: Annotated[
        Path | None,
        typer.Option(help="CSV with columns file and person: score this library against it."),
    ] = None,
    data: Annotated[
        Path | None,
        typer.Option(help="Folder or tar with one folder of photos per person: score that."),
    ] = None,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The files of --data are aligned 112 x 112 crops.")
    ] = False,
    method: Annotated[
        str | None,
        typer.Option(
            help="partition, infomap, components, chinese-whispers, cdp, aro, hac, dbscan, "
            "hdbscan, kmeans or immich."
        ),
    ] = None,
    threshold: Annotated[
        float | None, typer.Option(help="Cosine similarity; the method's own default if left out.")
    ] = None,
    k: Annotated[int | None, typer.Option(min=1, help="Neighbours of a face.")] = None,
    num_people: Annotated[
        int | None, typer.Option(min=1, help="For kmeans; the true number if left out.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="For methods that draw lots.")] = None,
    profile: Annotated[str | None, typer.Option(help="For --data: the networks to use.")] = None,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Print pairwise and BCubed precision, recall and F against known people."""
    from faceclust import pipeline

    options = {
        "method": method, "k": k, "threshold": threshold, "num_people": num_people, "seed": seed,
    }  # fmt: skip
    report = pipeline.evaluate(
        labels=labels, data=data, aligned=aligned, options=options, profile=profile,
        library=library, db=db,
    )  # fmt: skip
    if json:
        print_json(report)
        return
    out.print(
        f"{report['faces']} faces of {report['people']} people in {report['clusters']} clusters"
    )
    for metric in ("pairwise", "bcubed"):
        score = report[metric]
        out.print(
            f"{metric:>8}  precision {score['precision']:.2%}  recall {score['recall']:.2%}  "
            f"F {score['f']:.2%}"
        )
    seconds = ", ".join(f"{part} {value:.1f} s" for part, value in report["seconds"].items())
    out.print(f"{report['method']}, threshold {report['threshold']}; {seconds}")

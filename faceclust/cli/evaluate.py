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
    edges: Annotated[str | None, typer.Option(help="For partition: auto or universal.")] = None,
    profile: Annotated[str | None, typer.Option(help="For --data: the networks to use.")] = None,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Print pairwise and BCubed precision, recall and F against known people.

    Without --labels and --data, the names given in the library are the truth: its faces are
    clustered as if nobody had a name, and those with a name are scored.
    """
    from faceclust import pipeline

    options = {
        "method": method, "k": k, "threshold": threshold, "num_people": num_people, "seed": seed,
        "edges": edges,
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
    if clicks := report["clicks"]:
        for way, label in (("by_questions", "best question first"), ("by_size", "by size alone")):
            shares = ", ".join(f"{n} to {share}" for share, n in clicks[way].items())
            out.print(f"  clicks  {shares}, {label}")
    if same_photo := report.get("same_photo"):
        out.print(
            f"{same_photo['one_person']} of {same_photo['pairs']} pairs of faces in one photo are "
            f"taken for one person ({same_photo['share']:.2%})"
        )
    if advice := report.get("advice"):
        out.print(
            f"best threshold on the named faces: {advice['threshold']:g}, BCubed F "
            f"{advice['f']:.2%} (now {advice['used_f']:.2%})"
        )
    if report["edges"]:
        out.print(f"pairs of faces scored by {report['edges']}", highlight=False)
    seconds = ", ".join(f"{part} {value:.1f} s" for part, value in report["seconds"].items())
    out.print(f"{report['method']}, threshold {report['threshold']}; {seconds}")

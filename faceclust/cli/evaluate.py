"""faceclust eval: score a clustering against known people."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, TypeAlias

import typer

from faceclust.cli.console import (
    UNBOUNDED,
    console,
    counted,
    faces,
    has_bar,
    out,
    print_json,
    progress_bar,
)
from faceclust.cli.options import (
    ByComponent,
    Db,
    Edges,
    Json,
    LibraryFolder,
    Neighbours,
    Seed,
    Weights,
)
from faceclust.errors import OptionError

Labels: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="CSV with columns file and person: score this library against it."),
]
Data: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="Folder or tar with one folder of photos per person: score that."),
]
Method: TypeAlias = Annotated[
    str | None,
    typer.Option(
        help="partition, infomap, fc-es, components, chinese-whispers, cdp, aro, hac, "
        "dbscan, hdbscan, kmeans or immich."
    ),
]
Runs: TypeAlias = Annotated[
    Path | None,
    typer.Option(help="For --ablate: folder with models VARIANT-SEED.safetensors of train."),
]


def evaluate(
    labels: Labels = None,
    data: Data = None,
    aligned: Annotated[
        bool, typer.Option("--aligned", help="The files of --data are aligned 112 x 112 crops.")
    ] = False,
    method: Method = None,
    threshold: Annotated[
        float | None, typer.Option(help="Cosine similarity; the method's own default if left out.")
    ] = None,
    k: Neighbours = None,
    num_people: Annotated[
        int | None, typer.Option(min=1, help="For kmeans; the true number if left out.")
    ] = None,
    seed: Seed = None,
    edges: Edges = None,
    weights: Weights = None,
    by_component: ByComponent = None,
    profile: Annotated[str | None, typer.Option(help="For --data: the networks to use.")] = None,
    ablate: Annotated[
        bool,
        typer.Option("--ablate", help="Compare all methods and variants, five seeds each."),
    ] = False,
    runs: Runs = None,
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
        "edges": edges, "weights": weights, "by_component": by_component,
    }  # fmt: skip
    if ablate:
        _compare(options, labels=labels, data=data, aligned=aligned, profile=profile,
                 library=library, db=db, runs=runs, json=json)  # fmt: skip
        return
    if runs is not None:
        raise OptionError("--runs goes with --ablate only.")
    report = pipeline.evaluate(
        labels=labels, data=data, aligned=aligned, options=options, profile=profile,
        library=library, db=db, notify=console.notify,
    )  # fmt: skip
    if json:
        print_json(report)
    else:
        _tell(report)


def _tell(report: Mapping[str, Any]) -> None:
    """What `pipeline.evaluate` found."""
    out.print(
        f"{faces(report['faces'])} of {counted(report['people'], 'person', 'people')} in "
        f"{counted(report['clusters'], 'cluster')}"
    )
    for metric in ("pairwise", "bcubed"):
        score = report[metric]
        out.print(
            f"{metric:>8}  precision {score['precision']:.2%}  recall {score['recall']:.2%}  "
            f"F {score['f']:.2%}"
        )
    if clicks := report["clicks"]:
        for way, label in (("by_questions", "best question first"), ("by_size", "by size alone")):
            shares = [
                f"{share} out of reach" if n is None else f"{n} to {share}"
                for share, n in clicks[way].items()
            ]
            out.print(f"  clicks  {', '.join(shares)}, {label}")
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
        scorer = console.escape(report["edges"])
        out.print(f"pairs of faces scored by {scorer}", highlight=False)
    seconds = ", ".join(f"{part} {value:.1f} s" for part, value in report["seconds"].items())
    at = "" if report["threshold"] is None else f", threshold {report['threshold']:g}"
    out.print(f"{report['method']}{at}; {seconds}")


def _compare(options: Mapping[str, object], *, json: bool, **source: Any) -> None:
    from faceclust import pipeline

    if given := [name for name, value in options.items() if value is not None]:
        flag = given[0].replace("_", "-")
        raise OptionError(f"--ablate compares all methods; leave --{flag} out.")
    with _progress() as progress:
        report = pipeline.ablate(**source, progress=progress, notify=console.notify)
    if json:
        print_json(report)
    else:
        _print_table(report)


@contextmanager
def _progress() -> Iterator[Callable[[int, int, str], None]]:
    """Which row is being run: a bar on a terminal, else a line each on stderr."""
    if not has_bar():
        yield lambda done, total, name: console.notify(f"{done + 1}/{total} {name}")
        return
    with progress_bar("Embedding", "rows") as bar:
        yield bar


def _print_table(report: dict[str, Any]) -> None:
    """One line a row of `pipeline.ablate`, percent, mean ± standard deviation over the seeds."""
    from rich.table import Table

    columns = ("", "threshold", "F pairwise", "F BCubed", "clusters", "seconds", "seeds")
    table = Table(*columns, box=None, header_style="")
    part = None
    for row in report["rows"]:
        if row["part"] != part:
            part = row["part"]
            table.add_section()
            table.add_row(f"[bold]{console.escape(part)}[/bold]")
        table.add_row(console.escape(row["name"]), *_cells(row))
    if not out.is_terminal:
        out.width = UNBOUNDED  # a pipe has no width: there, one variant is one line
    out.print(
        f"{faces(report['faces'])} of {counted(report['people'], 'person', 'people')}, one graph of"
        f" {report['neighbours']} neighbours a face; F in percent, mean ± standard deviation of"
        f" {report['seeds']} seeds, or once where the seed does not matter"
    )
    out.print(table)
    if report["note"]:
        out.print(console.escape(report["note"]))
    out.print(f"{report['seconds']['total']:.0f} s, embedding included.")


def _cells(row: dict[str, Any]) -> list[str]:
    if "note" in row:
        return [console.escape(row["note"])]
    once = row["runs"] == 1
    scores = [
        f"{100 * row[metric]['f']:.2f}" + ("" if once else f" ± {100 * row[metric]['spread']:.2f}")
        for metric in ("pairwise", "bcubed")
    ]
    threshold = "" if row["threshold"] is None else f"{row['threshold']:g}"
    return [
        threshold, *scores, f"{row['clusters']:.0f}", f"{row['seconds']:.2f}",
        "once" if once else str(row["runs"]),
    ]  # fmt: skip

"""faceclust train: train the models of this program on labelled faces."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from faceclust.cli.console import console, counted, err, faces, print_json
from faceclust.cli.options import Address, Db, Engine, Json, LibraryFolder

EVERY_SECONDS = 5.0
TOLD = {"f", "log_loss", "told"}  # what makes a row worth a line of its own


def train(
    data: Annotated[
        list[str],
        typer.Option(
            metavar="DATA",
            help="ms1m, library, or a folder or tar with one folder per person; may be repeated.",
        ),
    ],
    out: Annotated[
        Path | None, typer.Option(help="Folder of the run: checkpoints, losses, results.")
    ] = None,
    root: Annotated[Path | None, typer.Option(help="Folder of MS1M; else $FACECLUST_MS1M.")] = None,
    part: Annotated[
        str | None, typer.Option(help="Part of MS1M, in learn-to-cluster's layout: part0_train.")
    ] = None,
    stage: Annotated[
        str, typer.Option(help="edges, face-clip, clip-cluster, or all that the data can feed.")
    ] = "all",
    profile: Annotated[str | None, typer.Option(help="The networks that embed the data.")] = None,
    seed: Annotated[int, typer.Option(min=0, help="Of everything random.")] = 0,
    device: Annotated[str, typer.Option(help="cpu or cuda.")] = "cpu",
    precision: Annotated[str, typer.Option(help="float32 or bf16.")] = "float32",
    epochs: Annotated[int | None, typer.Option(min=1, help="Passes of edges.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of each stage.")] = None,
    resume: Annotated[
        bool | None,
        typer.Option("--resume/--no-resume", help="Go on from a checkpoint; by itself if any."),
    ] = None,
    variant: Annotated[
        str, typer.Option(help="What clip-cluster is made of, for ablations.")
    ] = "clip-cluster",
    engine: Engine = "local",
    address: Address = None,
    library: LibraryFolder = None,
    db: Db = None,
    json: Json = False,
) -> None:
    """Train on labelled faces; what was stopped goes on where it was.

    clip-cluster adds to the edge model in --out, or to the shipped one where there is none, and
    describes faces by the face-CLIP that is shipped, not by one that was trained in --out.

    With --data library the edge model is tuned on your own named people, measured on some of them
    that are held out, and used for that library if it tells those apart better.
    """
    from faceclust.train import run
    from faceclust.train.options import TrainOptions

    options = TrainOptions(stage, seed, device, precision, epochs, steps, resume, variant)  # type: ignore[arg-type]
    with _progress() as tell:
        report = run.train(
            data, out, options, root=root, part=part, profile=profile, library=library, db=db,
            engine=engine, address=address, tell=tell, notify=console.notify,
        )  # fmt: skip
    if json:
        print_json(report)
        return
    for name, file in report["files"].items():
        console.tell(f"{name}: {console.escape(file)}")
    for name, why in report["skipped"].items():
        console.tell(f"{name} is left out: it {why}")
    if "library" in report:
        _verdict(report["library"])
    console.say(f"{report['seconds']:.0f} s")


def _verdict(found: dict[str, Any]) -> None:
    console.tell(
        f"Held out: {faces(found['faces'])} of "
        f"{counted(found['people'], 'named person', 'named people')}."
    )
    for name in ("shipped", "trained"):
        f = {measure: found[name][measure]["f"] for measure in ("pairwise", "bcubed")}
        console.tell(f"{name:>8}  F pairwise {f['pairwise']:.2%}  BCubed {f['bcubed']:.2%}")
    if found["kept"]:
        console.tell("The trained model is better; this library uses it from now on:")
        console.tell(f"  {console.escape(found['kept'])}")
        console.say("Next: faceclust cluster")
    else:
        console.tell("The trained model is no better; this library uses the shipped one.")


@contextmanager
def _progress() -> Iterator[Callable[[dict[str, Any]], None]]:
    """A status line on a terminal; else a line now and then, and one for each F."""
    if console.quiet:
        yield lambda row: None
        return
    if err.is_terminal:
        with err.status("Reading the data") as status:

            def show(row: dict[str, Any]) -> None:
                status.update(console.escape(_line(row)))
                if TOLD & row.keys():
                    err.print(console.escape(_line(row)))

            yield show
        return
    last = 0.0

    def say(row: dict[str, Any]) -> None:
        nonlocal last
        if TOLD & row.keys() or time.monotonic() - last > EVERY_SECONDS:
            last = time.monotonic()
            err.print(console.escape(_line(row)))

    yield say


def _line(row: dict[str, Any]) -> str:
    """A row in words: "edges  step 300 of 900  loss 0.1234"."""
    counts = {key: row[key] for key in ("step", "library", "faces", "epoch") if key in row}
    of = {"step": row.get("of"), "library": row.get("libraries")}
    words = [f"{key} {n}" + (f" of {of[key]}" if of.get(key) else "") for key, n in counts.items()]
    figures = [f"{key} {value:.4f}" for key, value in row.items() if isinstance(value, float)]
    said = [row[key] for key in ("data", "told") if key in row]
    return "  ".join([row["stage"], *said, *words, *figures])

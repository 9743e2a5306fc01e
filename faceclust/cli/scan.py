"""faceclust scan: find, align, embed and cluster the faces of a folder of photos."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import typer

from faceclust.cli.console import console, counted, has_bar, print_json, progress_bar
from faceclust.cli.console import faces as count
from faceclust.cli.options import Address, Db, Engine, Json, Wait, Weights
from faceclust.errors import OptionError

if TYPE_CHECKING:
    from collections.abc import Callable

    from faceclust.pipeline.library import Library
    from faceclust.pipeline.scan import ScanReport

Folder: TypeAlias = Annotated[
    str,
    typer.Argument(
        help="The folder that holds the photos, or an address of fsspec's: s3://bucket/photos."
    ),
]
Profile: TypeAlias = Annotated[
    str | None,
    typer.Option(help="mobile, or an InsightFace pack: its name (buffalo_l) or folder."),
]
Clip: TypeAlias = Annotated[
    str | None,
    typer.Option(help="What describes faces: face-clip, none, or MODEL/TAG of open_clip."),
]
MinFace: TypeAlias = Annotated[
    int | None, typer.Option(min=8, help="Ignore faces smaller than this many pixels.")
]
Tiles: TypeAlias = Annotated[
    bool | None, typer.Option("--tiles/--no-tiles", help="Search large photos in tiles (slow).")
]
Recursive: TypeAlias = Annotated[
    bool | None, typer.Option("--recursive/--no-recursive", help="Enter subfolders.")
]
Exclude: TypeAlias = Annotated[
    list[str] | None, typer.Option(metavar="GLOB", help="Leave these files or folders out.")
]
RetryErrors: TypeAlias = Annotated[
    bool, typer.Option("--retry-errors", help="Read again what could not be read before.")
]
Shards: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FOLDER",
        help="With --engine ray: keep shards of faces here; all its machines must see it.",
    ),
]


def scan(
    folder: Folder,
    profile: Profile = None,
    clip: Clip = None,
    device: Annotated[str | None, typer.Option(help="cpu or cuda (an NVIDIA GPU).")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Processes that read photos.")] = None,
    min_face: MinFace = None,
    tiles: Tiles = None,
    recursive: Recursive = None,
    exclude: Exclude = None,
    weights: Weights = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Stop after so many photos.")] = None,
    retry_errors: RetryErrors = False,
    engine: Engine = "local",
    address: Address = None,
    shards: Shards = None,
    db: Db = None,
    wait: Wait = 0.0,
    json: Json = False,
) -> None:
    """Find the people in FOLDER: new and changed photos are read, their faces grouped.

    Profile, CLIP model, device, sizes, exclusions and weights are remembered for the library.
    --exclude and --no-recursive on a folder inside it hold for that folder and this scan only.
    """
    from faceclust import pipeline

    if shards is not None and engine == "local":
        raise OptionError("--shards is where a Ray cluster keeps faces; give --engine ray with it.")
    flags: dict[str, dict[str, object]] = {
        "scan": {"profile": profile, "clip": clip, "device": device, "workers": workers},
        "detector": {"min_face": min_face, "tiles": tiles},
        "walk": {"recursive": recursive, "exclude": exclude},
        "cluster": {"weights": weights},
    }
    library, inside = pipeline.for_scan(folder, db)
    with library, library.db.exclusive(wait), pipeline.kept_if_used(library):
        config = pipeline.settings(library, flags, limit=limit, retry_errors=retry_errors)
        processes = config.scan.processes_on("cpu")
        with (
            pipeline.steps(engine, address, processes, config.scan.device, console.notify) as steps,
            _progress(lambda: pipeline.count_photos(library, inside, config)) as progress,
        ):
            report = pipeline.scan(
                library, inside, config,
                notify=console.notify, progress=progress, steps=steps, shards=shards,
            )  # fmt: skip
            grouped = pipeline.cluster(
                library, config.cluster, anew=False, steps=steps, notify=console.notify
            )
        pipeline.remember(library, flags, inside)
        if json:
            print_json({"scan": asdict(report), "cluster": asdict(grouped)})
        else:
            _summary(library, report, grouped.edges, part=inside != library.root)


def _summary(library: Library, report: ScanReport, edges: str | None, *, part: bool) -> None:
    from faceclust import pipeline

    heads = pipeline.head_count(library)
    tagged = 0 if heads["named"] else pipeline.sidecar_count(library)
    console.tell(
        f"{counted(report.found, 'photo')}: {report.read} read, {report.unchanged} unchanged, "
        f"{report.linked} moved or copied, {report.errors} unreadable, {report.missing} gone "
        f"({report.seconds:.0f} s)."
    )
    several = counted(heads["several"], "person", "people")
    console.tell(
        f"{count(heads['faces'])}, {several} seen more than once, "
        f"{heads['once']} seen once, {heads['named']} with a name."
    )
    if edges and heads["faces"]:
        console.say(f"Pairs of faces scored by {console.escape(edges)}.")
    if report.described:
        console.say(f"{count(report.described)} of earlier scans described by CLIP.")
    if report.excluded:
        back = "the next scan without them brings" if part else "--exclude '' and --recursive bring"
        console.say(
            f"{counted(report.excluded, 'known photo')} left out by --exclude or --no-recursive: "
            f"in no list until {back} them back, with their names."
        )
    for folder, reason in report.folders:
        console.say(f"Folder {console.escape(folder)} was left out: {console.escape(reason)}")
    if heads["errors"]:
        console.say(
            f"{counted(heads['errors'], 'photo')} cannot be read; why: faceclust status --errors"
        )
    if not report.found:
        console.say("No photos were found; `faceclust scan --help` says which folder is meant.")
    elif not heads["faces"]:
        console.say("No faces were found; smaller ones are looked for with --min-face and --tiles.")
    elif not heads["named"]:
        if tagged:
            console.say(
                f"{counted(tagged, 'photo has', 'photos have')} sidecars (.xmp); "
                "faceclust import takes over names in them."
            )
        console.say('Next: faceclust people, then faceclust name NUMBER "NAME"')


@contextmanager
def _progress(photos: Callable[[], int]) -> Iterator[Callable[[ScanReport], None]]:
    """A bar with rate and time left; photos are counted where there is one only."""
    with progress_bar("Looking for photos") as bar:
        total = photos() if has_bar() else 0
        bar(0, total, "Scanning")

        def update(report: ScanReport) -> None:
            done = report.unchanged + report.linked + report.read + report.errors
            rate = f"{report.read / report.seconds:.1f}" if report.seconds else "-"
            faces = f"{report.described} described" if report.described else count(report.faces)
            bar(done, total, faces, f"{rate} photos/s")

        yield update

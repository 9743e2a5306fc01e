"""`faceclust train`: read the data, train the stages that were asked for, say what came of it."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from faceclust import config as settings
from faceclust import weights
from faceclust.config import Config
from faceclust.engine.tasks import Runner
from faceclust.errors import OptionError, WriteError
from faceclust.export import disk
from faceclust.graph.architecture import VARIANTS
from faceclust.graph.edges import load as load_edges
from faceclust.pipeline import find_library, models
from faceclust.pipeline.identities import Extras
from faceclust.pipeline.library import Library
from faceclust.pipeline.steps import runner
from faceclust.train import edges, journal, own
from faceclust.train.data import sources
from faceclust.train.data.folders import Embedding
from faceclust.train.data.sources import Corpus
from faceclust.train.edges import EdgeTraining
from faceclust.train.journal import Journal, Row
from faceclust.train.options import ALL, Stage, TrainOptions
from faceclust.train.plan import Plan, plan_of, require_use
from faceclust.weights import Notify

# A killed training's processes that made batches notice that in 5 seconds, and hold its folder.
WAIT_SECONDS = 6.0
LOADERS = 8  # processes that make batches for a GPU: enough for one
# All that a stage leaves in its folder beside its result.
LEFT = (
    "state.safetensors", "losses.jsonl", "losses.png", "edges.npz", "face-clip.safetensors",
    "clip-cluster.safetensors",
)  # fmt: skip
Tell = Callable[[Row], None]


def train(
    data: Sequence[str],
    out: Path | None,
    options: TrainOptions,
    *,
    root: Path | None = None,
    part: str | None = None,
    profile: str | None = None,
    library: str | Path | None = None,
    db: Path | None = None,
    engine: str = "local",
    address: str | None = None,
    tell: Tell = lambda row: None,
    notify: Notify | None = None,
) -> dict[str, Any]:
    """Train on labelled faces; a run that was stopped goes on where it was.

    Args:
        data: see `sources.read`.
        out: the run's folder: `embeddings/` of the data, and for each stage its checkpoint,
            `losses.jsonl`, `losses.png` and result. Only "library" can do without.
        options: see there.
        root, part: of MS1M.
        profile: networks that embed the data.
        library, db: which library "library" means.
        engine, address: who draws the libraries of the edge model, see `steps.runner`.
        tell: given what happens, as rows with a "stage".
        notify: told about weights being fetched.

    Returns:
        out, seconds, files {stage: path}, skipped {stage: what it needs that these data lack},
        and for "library" its verdict.

    Raises:
        OptionError: options that do not go together, or with the run in `out`.
        InputError: the data are missing or damaged.
        LibraryError: the library has too few named people.
        WeightsError: networks cannot be had, or the stage needs what is not installed.
        WriteError: `out` cannot be written.
    """
    started = time.monotonic()
    if not data:
        raise OptionError("--data is missing; give ms1m, library, or a folder or tar of people.")
    if (library or db) and list(data) != [sources.LIBRARY]:
        raise OptionError("--library and --db go with --data library only.")
    if tuning := list(data) == [sources.LIBRARY]:
        options = replace(options, stage="edges" if options.stage == ALL else options.stage)
    require_use(options, tuning=tuning, profile=profile, engine=engine, read=bool(root or part))
    plan = Plan(("edges",), {}) if tuning else plan_of(data, options, root, part)
    for stage, why in plan.skipped.items():
        tell({"stage": stage, "told": f"is left out: it {why}"})
    report: dict[str, Any] = {
        "out": str(out) if out else None, "files": {}, "skipped": dict(plan.skipped)
    }  # fmt: skip
    with _folder(out, own=tuning) as folder, runner(engine, address) as connected:
        begin(folder, plan.stages, options.resume)
        if tuning:
            with find_library(library, db) as found, found.db.exclusive():
                report["library"] = _tune(found, folder, options, tell, connected)
        else:
            using = partial(_embedding, folder, data, options, plan, profile, tell, notify)
            read = partial(sources.read, data, using, root=root, part=part)
            report["files"] = _stages(folder, data, options, plan, read, tell, connected)
    return {**report, "seconds": round(time.monotonic() - started, 1)}


@contextmanager
def _private() -> Iterator[None]:
    """What is written meanwhile is its owner's alone, as it tells people apart.

    Process wide. No weights are fetched meanwhile: several users may share those.
    """
    before = os.umask(0o077)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _folder(out: Path | None, *, own: bool) -> Iterator[Path]:
    """The run's folder, held; a library's own model can do with one that is gone afterwards."""
    if out is None:
        if not own:
            raise OptionError("--out is missing; give the folder that the run is to be kept in.")
        with tempfile.TemporaryDirectory(prefix="faceclust-") as scratch:
            yield Path(scratch)
        return
    try:
        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = FileLock(out / ".lock", timeout=WAIT_SECONDS, mode=0o600).acquire()
    except Timeout as error:
        raise OptionError(
            f"Another faceclust is training in {out}; wait, or pass another --out."
        ) from error
    except OSError as error:
        raise WriteError(
            f"{out} cannot be written ({error.strerror}); pass --out a folder of your own."
        ) from error
    with lock:
        yield out


def begin(folder: Path, stages: Sequence[Stage], resume: bool | None) -> None:
    """Check that there is what --resume wants, or clear away what --no-resume does not want.

    Raises:
        OptionError: there is nothing to resume.
    """
    there = [s for s in stages if (folder / s / "state.safetensors").is_file()]
    if resume and not there:
        raise OptionError(f"{folder} holds no checkpoint to --resume from; leave --resume out.")
    for stage in stages if resume is False else ():
        for name in LEFT:
            (folder / stage / name).unlink(missing_ok=True)
        for name in ("examples", "graphs"):
            shutil.rmtree(folder / stage / name, ignore_errors=True)


def _embedding(
    folder: Path, data: Sequence[str], options: TrainOptions, plan: Plan, profile: str | None,
    tell: Tell, notify: Notify | None,
) -> Embedding:  # fmt: skip
    config = settings.load()
    workers = 1 if options.device == "cuda" else None
    weights.require_device(options.device)
    scan = settings.override(config.scan, profile=profile, device=options.device, workers=workers)
    extras = Extras(
        mirrored=list(data) != [sources.MS1M],
        clip="face-clip" if "clip-cluster" in plan.stages else None,
    )
    return Embedding(
        models.resolve(scan.profile, notify),
        Config(scan=scan, detector=config.detector),
        folder / "embeddings",
        extras,
        lambda name, faces: tell({"stage": "embedding", "data": name, "faces": faces}),
    )


def _stages(
    folder: Path, data: Sequence[str], options: TrainOptions, plan: Plan,
    read: Callable[[], Corpus], tell: Tell, runner: Runner,
) -> dict[str, str]:  # fmt: skip
    """Train each stage; the file of each."""
    files: dict[str, str] = {}
    corpus: Corpus | None = None
    for stage in plan.stages:
        if stage != "face-clip" and corpus is None:
            corpus = read()
        out = folder / stage
        out.mkdir(mode=disk.PRIVATE_FOLDER, exist_ok=True)
        told = partial(_told, tell, stage)
        rows = Journal(out, told)
        match stage:
            case "face-clip":  # keeps its losses itself
                files[stage] = str(_face_clip(data, options, out, told))
            case "edges":
                assert corpus is not None
                wanted = edge_options(options)
                with _private():
                    model = edges.train(corpus.crowd, wanted, out, tell=rows, runner=runner)
                files[stage] = str(model)
            case "clip-cluster":
                assert corpus is not None
                with _private():
                    files[stage] = str(_clip_cluster(corpus, options, folder, rows))
        with _private():
            journal.draw(journal.read(rows.path), out / "losses.png")
    return files


def _told(tell: Tell, stage: Stage, row: Row) -> None:
    tell({"stage": stage, **row})


def edge_options(options: TrainOptions, base: EdgeTraining | None = None) -> EdgeTraining:
    """The options of the edge model with those of the command."""
    base = base or EdgeTraining()
    fit = replace(base.fit, epochs=options.epochs or base.fit.epochs, steps=options.steps)
    return replace(base, fit=fit, seed=options.seed)


def _tune(
    library: Library, folder: Path, options: TrainOptions, tell: Tell, runner: Runner
) -> dict[str, Any]:
    identities = sources.read_library(library)
    wanted = edge_options(options, own.TUNING)
    with _private():
        rows = Journal(folder / "edges", partial(_told, tell, "edges"))
        verdict = own.tune(library, identities, wanted, folder / "edges", rows, runner)
        journal.draw(journal.read(rows.path), folder / "edges" / "losses.png")
    return {**asdict(verdict), "kept": str(verdict.kept) if verdict.kept else None}


def _clip_cluster(corpus: Corpus, options: TrainOptions, folder: Path, tell: Journal) -> Path:
    """Train what is added to the run's own edge model, or to the shipped one where it has none."""
    from faceclust.train import clip_cluster

    own_edges = folder / "edges" / "edges.npz"
    base = load_edges(own_edges) if own_edges.is_file() else None
    tell({"told": f"adds to {own_edges if base else 'the shipped edge model'}"})

    recipe = clip_cluster.ProxyTraining(seed=options.seed, architecture=VARIANTS[options.variant])
    recipe = replace(recipe, steps=options.steps or recipe.steps)
    return clip_cluster.train(
        corpus.crowd, corpus.identities.space, recipe, folder / "clip-cluster",
        device=options.device, precision=options.precision, base=base, tell=tell,
    )  # fmt: skip


def _face_clip(data: Sequence[str], options: TrainOptions, out: Path, tell: Tell) -> Path:
    from faceclust.train import checkpoint, face_clip

    loaders = min(LOADERS, settings.cores()) if options.device == "cuda" else 0
    recipe = checkpoint.Options(
        data[0],
        str(out),
        seed=options.seed,
        device=options.device,
        precision=options.precision,
        loaders=loaders,
    )
    recipe = replace(recipe, steps=options.steps or recipe.steps)
    trunk = weights.path_of("arcface-mobilefacenet-512")
    return face_clip.train(recipe, weights.own("face-clip.json"), trunk, tell)

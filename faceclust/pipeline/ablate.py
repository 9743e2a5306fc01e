"""Ablate: every variant and every rival on one neighbour graph, with several seeds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from faceclust import config as settings
from faceclust.cluster import fc_es
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.embed.arcface import lengths, normalise
from faceclust.embed.clip import FACE_CLIP, model_id
from faceclust.errors import InputError, OptionError, WeightsError
from faceclust.evaluate import PRF, Scores, scores
from faceclust.graph.knn import knn
from faceclust.pipeline import library as libraries
from faceclust.pipeline import models, trained, variants
from faceclust.pipeline.cluster import description_of
from faceclust.pipeline.evaluate import check_source
from faceclust.pipeline.labelled import Labelled, labelled_data, labelled_library
from faceclust.pipeline.library import Library
from faceclust.pipeline.memory import peak_rss_mb
from faceclust.pipeline.trained import Runs
from faceclust.pipeline.variants import EdgeScorer, Faces, Row, Tuned, Variant
from faceclust.records import IntArray
from faceclust.weights import Notify

SEEDS = 5
LISTS = max(EDGE_LISTS, fc_es.LISTS)
Progress: TypeAlias = Callable[[int, int, str], None]
Score: TypeAlias = Callable[[IntArray], Scores]


def ablate(
    *,
    labels: Path | None = None,
    data: Path | None = None,
    aligned: bool = False,
    profile: str | None = None,
    library: str | Path | None = None,
    db: Path | None = None,
    runs: Path | None = None,
    seeds: int = SEEDS,
    progress: Progress | None = None,
    notify: Notify | None = None,
) -> dict[str, Any]:
    """Score every variant of the method and every rival on the same embeddings and neighbours.

    Args:
        labels, data, aligned, profile, library, db, notify: as of `evaluate`.
        runs: folder with files `<variant>-<seed>.safetensors` of trainings of CLIP-Cluster, which
            are compared in place of the shipped one.
        seeds: how often to run what draws lots, with the seeds 0, 1, ...
        progress: is told how many rows are done, of how many, and which is next.

    Returns:
        faces, people, neighbours, seeds, seconds {embed, knn, total}, peak_rss_mb, and rows: part,
        name, threshold (the best one by BCubed F with the first seed, where the row says so),
        runs (1 where the seed does not matter), pairwise and bcubed {precision, recall, f,
        spread}, clusters, seconds; means over the runs, spread being the standard deviation of f.
        `seconds` is what a clustering took, without the neighbours; the first row of an edge model
        holds its scoring. Of a row that could not be run: part, name, note. And note: which
        variants have no rows for want of trained models, and how to make them, or None.

    Raises:
        OptionError: not exactly one of `labels` and `data`, or options that do not go together.
        InputError, LibraryError: as `evaluate` does; or `runs` holds no models, or unfit ones.
        WeightsError: a file of `runs` is damaged.
    """
    if labels is None and data is None:
        raise OptionError("--ablate needs known people: give --labels CSV or --data FOLDER.")
    check_source(labels, data, aligned, profile)
    started = time.perf_counter()
    found = None  # and unfit files are told before the long work begins
    if data is not None:
        if runs is not None:
            config = settings.override(settings.load().scan, profile=profile)
            space = models.resolve(config.profile).model_id
            found = trained.read(runs, space, model_id(FACE_CLIP))
        labelled = labelled_data(data, aligned, profile, clip=True, notify=notify)
    else:
        assert labels is not None
        with libraries.find_library(library, db) as opened:
            found = None if runs is None else _runs_for(opened, runs)
            labelled = labelled_library(opened, labels)
    if found is None:
        scorers = trained.shipped(labelled.space, labelled.described)
        there = [trained.WHOLE] if scorers else []
    else:
        scorers, there = trained.of_runs(found), [*found]
    report = compare(labelled, seeds, scorers, progress)
    report["note"] = trained.missing_rows(there)
    report["seconds"]["total"] = round(time.perf_counter() - started, 3)
    return report


def _runs_for(library: Library, runs: Path) -> Runs:
    """The models of a folder, if they fit the library."""
    clip = description_of(library)
    if clip is None:
        raise InputError(
            "--runs needs CLIP embeddings of all faces; run "
            f"`faceclust scan {library.place}` first."
        )
    return trained.read(runs, library.db.setting("model") or "", clip)


def compare(
    labelled: Labelled,
    seeds: int,
    scorers: Sequence[EdgeScorer] = (),
    progress: Progress | None = None,
) -> dict[str, Any]:
    """The report of `ablate`, of faces that are embedded already, with trained models of edges."""
    if len(labelled.persons) < 2:
        raise InputError("There is nothing to compare: fewer than two faces were found.")
    names = np.array(labelled.persons)
    known = names != ""
    truth = np.unique(names[known], return_inverse=True)[1].astype(np.int64)
    started = time.perf_counter()
    faces = _faces(labelled, int(truth.max()) + 1)
    searched = time.perf_counter() - started

    def score(labels: IntArray) -> Scores:
        return scores(truth, labels[known])

    parts = variants.table(faces, scorers)
    total = sum(len(part) for part in parts.values())
    rows: list[dict[str, Any]] = []
    for part, members in parts.items():
        for row in members:
            if progress:
                progress(len(rows), total, row.name)
            rows.append({"part": part, "name": row.name, **_run(row, faces, score, seeds)})
    return {
        "faces": int(known.sum()),
        "people": faces.num_people,
        "neighbours": LISTS,
        "seeds": seeds,
        "seconds": {"embed": round(labelled.embed_seconds, 3), "knn": round(searched, 3)},
        "peak_rss_mb": peak_rss_mb(),
        "rows": rows,
    }


def _faces(labelled: Labelled, num_people: int) -> Faces:
    space = labelled.space
    x = normalise(labelled.embeddings, space.parts)
    return Faces(
        x,
        knn(x, LISTS),
        num_people,
        lengths(labelled.embeddings, space.parts),
        space.thresholds,
        labelled.described,
        labelled.photo,
    )


def _run(row: Row, faces: Faces, score: Score, seeds: int) -> dict[str, Any]:
    """What a row comes to, or why it could not be run."""
    try:
        threshold = _best(row, faces, score) if isinstance(row, Tuned) else row.threshold
        runs, seconds = [], []
        for seed in _seeds(row, seeds):
            started = time.perf_counter()
            labels = _labels(row, faces, threshold, seed)
            seconds.append(time.perf_counter() - started)
            runs.append(score(labels))
    except (OptionError, WeightsError) as error:
        return {"note": str(error)}
    return {
        "threshold": threshold,
        "runs": len(runs),
        "pairwise": _mean([run.pairwise for run in runs]),
        "bcubed": _mean([run.bcubed for run in runs]),
        "clusters": statistics.fmean(run.num_clusters for run in runs),
        "seconds": round(statistics.fmean(seconds), 3),
    }


def _seeds(row: Row, seeds: int) -> Sequence[int]:
    own = row.seeds if isinstance(row, Variant) else ()
    return own or range(seeds if row.draws else 1)


def _best(row: Tuned, faces: Faces, score: Score) -> float:
    """The threshold of the highest BCubed F with the first seed; the first one of several."""
    labels = row.sweep(faces, row.grid, 0)
    return max(zip(row.grid, labels, strict=True), key=lambda pair: score(pair[1]).bcubed.f)[0]


def _labels(row: Row, faces: Faces, threshold: float | None, seed: int) -> IntArray:
    if isinstance(row, Variant):
        return row.labels(faces, seed)
    assert threshold is not None
    return next(row.sweep(faces, [threshold], seed))


def _mean(values: list[PRF]) -> dict[str, float]:
    """Means, and the standard deviation of f (of a sample; 0 for one value)."""
    means = {
        part: statistics.fmean(getattr(value, part) for value in values)
        for part in ("precision", "recall", "f")
    }
    spread = statistics.stdev(value.f for value in values) if len(values) > 1 else 0.0
    return {**means, "spread": spread}

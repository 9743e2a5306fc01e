"""Ablate: every variant and every rival on one neighbour graph, with several seeds."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from faceclust.cluster import fc_es
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.embed.arcface import lengths, normalise
from faceclust.errors import InputError, OptionError, WeightsError
from faceclust.evaluate import PRF, Scores, scores
from faceclust.graph import structure
from faceclust.graph.knn import knn
from faceclust.pipeline import library as libraries
from faceclust.pipeline import variants
from faceclust.pipeline.evaluate import check_source
from faceclust.pipeline.labelled import Labelled, labelled_data, labelled_library
from faceclust.pipeline.memory import peak_rss_mb
from faceclust.pipeline.variants import Faces, Row, Tuned, Variant
from faceclust.records import IntArray

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
    library: Path | None = None,
    db: Path | None = None,
    seeds: int = SEEDS,
    progress: Progress | None = None,
) -> dict[str, Any]:
    """Score every variant of the method and every rival on the same embeddings and neighbours.

    Args:
        labels, data, aligned, profile, library, db: as of `evaluate`.
        seeds: how often to run what draws lots, with the seeds 0, 1, ...
        progress: is told how many rows are done, of how many, and which is next.

    Returns:
        faces, people, neighbours, seeds, seconds {embed, knn, total}, peak_rss_mb, and rows: part,
        name, threshold (the best one by BCubed F with the first seed, where the row says so),
        runs (1 where the seed does not matter), pairwise and bcubed {precision, recall, f,
        spread}, clusters, seconds; means over the runs, spread being the standard deviation of f.
        `seconds` is what a clustering took, without the neighbours; the first row of an edge model
        holds its scoring. Of a row that could not be run: part, name, note.

    Raises:
        OptionError, InputError, LibraryError: as `evaluate` does.
    """
    check_source(labels, data, aligned, profile)
    started = time.perf_counter()
    if data is not None:
        wants_clip = any(scorer.clip for scorer in variants.SCORERS)
        labelled = labelled_data(data, aligned, profile, clip=wants_clip)
    else:
        assert labels is not None
        with libraries.find(library, db) as found:
            labelled = labelled_library(found, labels)
    report = compare(labelled, seeds, progress)
    report["seconds"]["total"] = round(time.perf_counter() - started, 3)
    return report


def compare(labelled: Labelled, seeds: int, progress: Progress | None = None) -> dict[str, Any]:
    """The report of `ablate`, of faces that are embedded already."""
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

    parts = variants.table(faces)
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
        space.thresholds,
        structure.quality(lengths(labelled.embeddings, space.parts)),
        labelled.clip,
        labelled.photo,
    )


def _run(row: Row, faces: Faces, score: Score, seeds: int) -> dict[str, Any]:
    """What a row comes to, or why it could not be run."""
    try:
        threshold = _best(row, faces, score) if isinstance(row, Tuned) else row.threshold
        runs, seconds = [], []
        for seed in range(seeds if row.draws else 1):
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

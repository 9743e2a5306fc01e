"""Cluster: embeddings to clusters with stable ids."""

from __future__ import annotations

import time
from dataclasses import asdict, dataclass

import numpy as np

import faceclust
from faceclust import people
from faceclust.cluster.methods import ClusterOptions, needs_neighbours
from faceclust.cluster.methods import cluster as partition
from faceclust.cluster.stable import stable_ids
from faceclust.embed.arcface import normalise
from faceclust.errors import LibraryError
from faceclust.graph.knn import knn
from faceclust.pipeline.library import Library
from faceclust.records import FloatArray, IntArray
from faceclust.store import StoredClustering, catalogue, ledger


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """A partition of N faces and what it took.

    Attributes:
        labels: (N,) int64, 0..K-1.
        threshold: the one that was used, or None.
        knn_seconds, cluster_seconds: wall-clock time.
    """

    labels: IntArray
    threshold: float | None
    knn_seconds: float
    cluster_seconds: float


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What a clustering of the library came to."""

    faces: int
    clusters: int
    method: str
    threshold: float | None
    seconds: float


def group(embeddings: FloatArray, options: ClusterOptions) -> Grouping:
    """Cluster faces by their embeddings: neighbours, then the method.

    Args:
        embeddings: (N, D) float32, of any length.
    """
    x = normalise(embeddings)
    started = time.perf_counter()
    neighbours = knn(x, options.k) if needs_neighbours(options.method) else None
    searched = time.perf_counter()
    result = partition(x, options, neighbours)
    return Grouping(
        result.labels,
        result.threshold,
        searched - started,
        time.perf_counter() - searched,
    )


def cluster(library: Library, options: ClusterOptions) -> ClusterReport:
    """Cluster all faces of the library and keep the result; ids stay where clusters do.

    Nothing is done where neither faces nor options have changed since: the result is a function
    of them.

    Raises:
        LibraryError: nothing was scanned yet.
        OptionError: the method cannot take so many faces.
    """
    started = time.perf_counter()
    model = library.db.setting("model")
    if model is None:
        raise LibraryError(
            f"{library.root} has not been scanned yet; run `faceclust scan {library.root}`."
        )
    excluded = people.not_faces(ledger.decisions(library.db))
    newest = ledger.newest_clustering(library.db)
    recipe = {"faceclust": faceclust.__version__, **asdict(options)}
    current = catalogue.embedded_faces(library.db, model) - excluded
    if newest and newest.model == model and newest.membership.keys() == current:
        threshold = newest.options.get("threshold_used")
        if newest.options == recipe | {"threshold_used": threshold}:
            clusters, seconds = len(set(newest.membership.values())), time.perf_counter() - started
            return ClusterReport(len(current), clusters, options.method, threshold, seconds)
    faces, x = catalogue.live_faces(library.db, model)
    keep = ~np.isin(faces, list(excluded))
    faces, x = faces[keep], x[keep]
    result = group(x, options)
    ids = stable_ids(
        faces,
        result.labels,
        newest.membership if newest else {},
        lambda count: ledger.new_ids(library.db, count),
    )
    ledger.put_clustering(
        library.db,
        StoredClustering(
            model=model,
            method=options.method,
            options=recipe | {"threshold_used": result.threshold},
            membership=dict(zip(faces.tolist(), ids.tolist(), strict=True)),
        ),
    )
    clusters = int(result.labels.max()) + 1 if len(faces) else 0
    seconds = time.perf_counter() - started
    return ClusterReport(len(faces), clusters, options.method, result.threshold, seconds)

"""Cluster: embeddings to clusters with stable ids."""

from __future__ import annotations

import hashlib
import re
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np

import faceclust
from faceclust import people, weights
from faceclust.cluster.methods import ClusterOptions, lists_of, needs_edges
from faceclust.cluster.methods import cluster as partition
from faceclust.cluster.stable import stable_ids
from faceclust.embed.arcface import lengths, normalise
from faceclust.errors import LibraryError
from faceclust.graph import edges, structure
from faceclust.graph.knn import knn
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import Space, space
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


EDGES = "edges-universal.npz"


def group(
    embeddings: FloatArray,
    options: ClusterOptions,
    within: Space,
    photo: IntArray | None = None,
    model: Path | None = None,
) -> Grouping:
    """Cluster faces by their embeddings: neighbours, edges, then the method.

    Args:
        embeddings: (N, D) float32, of any length; the length tells how recognisable a face is.
        options: with None as the threshold, that of the space or else the method's own counts.
        within: the space of the model that made the embeddings.
        photo: (N,) which photo each face is in, where that is known: two faces of one photo are
            hardly ever one person.
        model: the edge model, in place of the shipped one.
    """
    if options.threshold is None:
        options = replace(options, threshold=within.thresholds.get(options.method))
    x = normalise(embeddings, within.parts)
    started = time.perf_counter()
    k = lists_of(options)
    neighbours = knn(x, k) if k else None
    searched = time.perf_counter()
    scored = None
    if neighbours is not None and needs_edges(options.method):
        quality = structure.quality(lengths(embeddings, within.parts))
        scored = edges.score(edges.load(model or weights.own(EDGES)), x, neighbours, quality)
    apart = None if photo is None else same_photo(photo)
    result = partition(x, options, neighbours, scored, apart)
    return Grouping(
        result.labels,
        result.threshold,
        searched - started,
        time.perf_counter() - searched,
    )


def own_edges(library: Library) -> Path:
    """Where the edge model that was trained on this library's own people lies, if there is one.

    It stands beside the database and is named after it and the networks whose embeddings it was
    trained on; `faceclust train --data library` puts it there, and whoever removes it has the
    shipped one back.
    """
    model = re.sub(r"[^A-Za-z0-9+.-]", "_", library.db.setting("model") or "")
    return library.db.path.with_name(f"{library.db.path.name}.{model}.edges.npz")


def own_edges_or_none(library: Library) -> Path | None:
    """The library's own edge model, or None where the shipped one is to be used."""
    path = own_edges(library)
    return path if path.is_file() else None


def same_photo(photo: IntArray) -> IntArray:
    """All pairs of faces that share a photo: (2, M), i < j, from (N,) photos."""
    order = np.argsort(photo, kind="stable")
    groups = np.split(order, np.flatnonzero(np.diff(photo[order])) + 1)
    pairs = [np.stack(np.triu_indices(len(group), 1)) for group in groups]
    found = [group[pair] for group, pair in zip(groups, pairs, strict=True) if pair.size]
    return np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.int64)


def photos_of(library: Library, faces: IntArray) -> IntArray:
    """The photos that faces were found in: (N,) photo ids of (N,) face ids."""
    photos = catalogue.photo_of_faces(library.db)
    return np.array([photos[int(face)] for face in faces], np.int64)


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
    own = own_edges_or_none(library) if needs_edges(options.method) else None
    if own:
        recipe["edges"] = hashlib.sha256(own.read_bytes()).hexdigest()
    current = catalogue.embedded_faces(library.db, model) - excluded
    if newest and newest.model == model and newest.membership.keys() == current:
        threshold = newest.options.get("threshold_used")
        if newest.options == recipe | {"threshold_used": threshold}:
            clusters, seconds = len(set(newest.membership.values())), time.perf_counter() - started
            return ClusterReport(len(current), clusters, options.method, threshold, seconds)
    faces, x = catalogue.live_faces(library.db, model)
    keep = ~np.isin(faces, list(excluded))
    faces, x = faces[keep], x[keep]
    result = group(x, options, space(model), photos_of(library, faces), own)
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

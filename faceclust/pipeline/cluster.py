"""Cluster: embeddings to clusters with stable ids."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace

import numpy as np

import faceclust
from faceclust import people, weights
from faceclust.cluster.constraints import Constraints
from faceclust.cluster.methods import ClusterOptions, lists_of, needs_edges
from faceclust.cluster.methods import cluster as partition
from faceclust.cluster.stable import stable_ids
from faceclust.embed.arcface import lengths, normalise
from faceclust.errors import LibraryError
from faceclust.graph import edges, structure
from faceclust.graph.knn import knn
from faceclust.pipeline.arrive import Crowd, arrive, between, constraints_of, same_photo
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import EDGES, Space, space
from faceclust.pipeline.people import dates
from faceclust.records import Decision, FloatArray, Graph, IntArray, Neighbours
from faceclust.store import Nearby, StoredClustering, catalogue, ledger


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """A partition of N faces and what it took.

    Attributes:
        labels: (N,) int64, 0..K-1.
        threshold: the one that was used, or None.
        knn_seconds, cluster_seconds: wall-clock time.
        neighbours, edges: what it was made from, where the method scores pairs of faces.
    """

    labels: IntArray
    threshold: float | None
    knn_seconds: float
    cluster_seconds: float
    neighbours: Neighbours | None = None
    edges: Graph | None = None


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What a clustering of the library came to."""

    faces: int
    clusters: int
    method: str
    threshold: float | None
    seconds: float


def group(
    embeddings: FloatArray,
    options: ClusterOptions,
    within: Space,
    photo: IntArray | None = None,
    constraints: Constraints | None = None,
) -> Grouping:
    """Cluster faces by their embeddings: neighbours, edges, then the method.

    Args:
        embeddings: (N, D) float32, of any length; the length tells how recognisable a face is.
        options: with None as the threshold, that of the space or else the method's own counts.
        within: the space of the model that made the embeddings.
        photo: (N,) which photo each face is in, where that is known: two faces of one photo are
            hardly ever one person.
        constraints: what the user decided.
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
        scored = edges.score(edges.load(weights.own(EDGES)), x, neighbours, quality)
    apart = None if photo is None else same_photo(photo)
    result = partition(x, options, neighbours, scored, apart, constraints)
    return Grouping(
        result.labels,
        result.threshold,
        searched - started,
        time.perf_counter() - searched,
        None if scored is None else neighbours,
        scored,
    )


def photos_of(library: Library, faces: IntArray) -> IntArray:
    """The photos that faces were found in: (N,) photo ids of (N,) face ids."""
    photos = catalogue.photo_of_faces(library.db)
    return np.array([photos[int(face)] for face in faces], np.int64)


def cluster(library: Library, options: ClusterOptions, *, anew: bool = True) -> ClusterReport:
    """Cluster the faces of the library and keep the result; ids stay where clusters do.

    What the user decided holds in the result. Nothing is done where nothing has changed since.

    Args:
        anew: group all faces. Else, faces that were grouped stay where they are, and new ones find
            their place (see `arrive`), unless options or networks have changed, the method is not
            "partition", or the library has grown by more than `GROWTH` since it was grouped anew.

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
    decisions = ledger.decisions(library.db)
    excluded = people.not_faces(decisions)
    newest = ledger.newest_clustering(library.db)
    recipe = {"faceclust": faceclust.__version__, **asdict(options)}
    current = catalogue.embedded_faces(library.db, model) - excluded
    same = newest is not None and newest.model == model and recipe.items() <= newest.options.items()
    if newest and same and newest.membership.keys() == current:
        known = newest.options.get("anew"), newest.options.get("decisions")
        if not anew or known == (len(current), len(decisions)):
            return _report(newest, started)
    faces, x = catalogue.live_faces(library.db, model)
    keep = ~np.isin(faces, list(excluded))
    crowd = Crowd(faces[keep], x[keep], photos_of(library, faces[keep]), space(model))
    found = None
    if newest and same and not anew:
        found = arrive(library, crowd, newest, decisions)
    if found is None:
        result, nearby = _anew(library, crowd, options, newest, decisions)
        facts = {"threshold_used": result.threshold, "anew": len(current)}
        kept = dict(zip(crowd.faces.tolist(), result.labels.tolist(), strict=True))
    else:
        kept, nearby = found
        assert newest is not None
        facts = {key: newest.options.get(key) for key in ("threshold_used", "anew")}
    noted = recipe | facts | {"decisions": len(decisions)}
    clustering = StoredClustering(model, options.method, noted, kept)
    ledger.put_clustering(library.db, clustering, nearby)
    return _report(clustering, started)


def _anew(
    library: Library,
    crowd: Crowd,
    options: ClusterOptions,
    newest: StoredClustering | None,
    decisions: Sequence[Decision],
) -> tuple[Grouping, Nearby | None]:
    """All faces grouped, with stable ids for labels, and what is to be kept beside."""
    faces = crowd.faces
    demanded = people.bonds(decisions, faces.tolist(), dates(library, decisions))
    result = group(crowd.x, options, crowd.space, crowd.photo, constraints_of(demanded, faces))
    nearby = None
    if result.neighbours is not None and result.edges is not None:
        nearby = Nearby(faces, result.neighbours, between(result.edges, result.labels))
    ids = stable_ids(
        faces,
        result.labels,
        newest.membership if newest else {},
        lambda count: ledger.new_ids(library.db, count),
    )
    return replace(result, labels=ids), nearby


def _report(clustering: StoredClustering, started: float) -> ClusterReport:
    membership, threshold = clustering.membership, clustering.options.get("threshold_used")
    seconds = time.perf_counter() - started
    clusters = len(set(membership.values()))
    return ClusterReport(len(membership), clusters, clustering.method, threshold, seconds)

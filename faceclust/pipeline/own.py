"""How well the library is clustered, by the names that its user has given."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np

from faceclust import people
from faceclust.cluster.methods import ClusterOptions, lists_of
from faceclust.cluster.methods import cluster as partition
from faceclust.embed.arcface import normalise
from faceclust.errors import LibraryError
from faceclust.evaluate import bcubed, scores
from faceclust.graph.knn import knn
from faceclust.pipeline.arrive import same_photo
from faceclust.pipeline.cluster import described_for, own_edges_or_none, photos_of
from faceclust.pipeline.grouping import Grouping, group
from faceclust.pipeline.library import Library
from faceclust.pipeline.memory import peak_rss_mb
from faceclust.pipeline.models import space
from faceclust.pipeline.people import all_people, dates
from faceclust.records import FloatArray, IntArray
from faceclust.store import catalogue, ledger

THRESHOLDS = tuple(round(0.30 + 0.05 * step, 2) for step in range(11))
ENOUGH = 2  # named people, at least


def score_by_names(library: Library, options: ClusterOptions) -> dict[str, Any]:
    """Cluster the library as if nobody had a name, and score that on the faces that have one.

    Only faces count that the user put with a named person himself. As names are mostly given to
    whole clusters, the estimate leans to the clustering that they were given to.

    Args:
        options: the clustering to be scored.

    Returns:
        As `evaluate`, and same_photo {pairs, one_person, share}: of the pairs of faces in one
        photo, how many the library's people put together, which is hardly ever right; advice
        {threshold, f, used_f}: the threshold with the best BCubed F on the named faces, or None
        where the method has none.

    Raises:
        LibraryError: fewer than two people have a name.
    """
    decisions = ledger.decisions(library.db)
    model = library.db.setting("model") or ""
    faces, x = catalogue.live_faces(library.db, model)
    keep = ~np.isin(faces, list(people.not_faces(decisions)))
    faces, x = faces[keep], x[keep]
    names = {person.id: person.name for person in all_people(library) if person.name}
    given = people.bonds(decisions, faces.tolist(), dates(library, decisions)).together
    rows = np.flatnonzero([given.get(face) in names for face in faces.tolist()])
    persons = [names[given[face]] for face in faces[rows].tolist()]
    if len(set(persons)) < ENOUGH:
        raise LibraryError(
            "Fewer than two people have a name yet; name some, or give --labels CSV or --data."
        )
    if options.method == "kmeans" and options.num_people is None:
        options = replace(options, num_people=len(set(persons)))
    photo = photos_of(library, faces)
    described = described_for(library, options, faces)
    own = own_edges_or_none(library)
    found = group(x, options, space(model), photo, described=described, own=own)
    scored = replace(found, labels=found.labels[rows])
    return report(persons, scored, options.method, 0.0) | {
        "same_photo": _same_photo(library, faces, photo),
        "advice": _advice(normalise(x, space(model).parts), options, rows, persons, scored),
    }


def _same_photo(library: Library, faces: IntArray, photo: IntArray) -> dict[str, Any]:
    person = {face: each.id for each in all_people(library) for face in each.faces}
    owner = np.array([person.get(face, -face) for face in faces.tolist()], np.int64)
    one, two = owner[same_photo(photo)]
    together = int((one == two).sum())
    share = round(together / len(one), 4) if len(one) else 0.0
    return {"pairs": len(one), "one_person": together, "share": share}


def _advice(
    x: FloatArray, options: ClusterOptions, rows: IntArray, persons: list[str], found: Grouping
) -> dict[str, Any] | None:
    """The best of `THRESHOLDS` on the named faces; the strictest of equals."""
    if found.threshold is None or options.method == "aro":
        return None
    truth = np.array(persons)
    near = knn(x, lists_of(options)) if lists_of(options) else None
    f = {}
    for threshold in THRESHOLDS:
        tried = partition(x, replace(options, threshold=threshold), near)
        f[threshold] = bcubed(truth, tried.labels[rows]).f
    best = max(f, key=lambda threshold: (f[threshold], threshold))
    return {"threshold": best, "f": f[best], "used_f": bcubed(truth, found.labels).f}


def report(
    persons: list[str],
    grouping: Grouping,
    method: str,
    embed_seconds: float,
    clicks: dict[str, Any] | None = None,
) -> dict[str, Any]:
    """What `evaluate` tells of one clustering of N faces, given the person of each."""
    _, truth = np.unique(np.array(persons), return_inverse=True)
    result = scores(truth.astype(np.int64), grouping.labels)
    return {
        "faces": len(persons),
        "people": len(set(persons)),
        "clusters": len(np.unique(grouping.labels)),
        "pairwise": asdict(result.pairwise),
        "bcubed": asdict(result.bcubed),
        "method": method,
        "threshold": grouping.threshold,
        "edges": grouping.scorer,
        "seconds": {
            "embed": round(embed_seconds, 3),
            "knn": round(grouping.knn_seconds, 3),
            "cluster": round(grouping.cluster_seconds, 3),
        },
        "peak_rss_mb": peak_rss_mb(),
        "clicks": clicks,
    }

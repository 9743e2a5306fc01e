"""Evaluate: the library, or a labelled folder or tar, against known people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from faceclust import config as settings
from faceclust.cluster.methods import ClusterOptions
from faceclust.errors import LibraryError, OptionError
from faceclust.evaluate import scores
from faceclust.pipeline import library as libraries
from faceclust.pipeline import models
from faceclust.pipeline.cluster import Grouping, group, photos_of
from faceclust.pipeline.labelled import known_people, labelled_data
from faceclust.pipeline.library import Library
from faceclust.pipeline.memory import peak_rss_mb
from faceclust.pipeline.people import all_people
from faceclust.store import catalogue, ledger


def evaluate(
    *,
    labels: Path | None = None,
    data: Path | None = None,
    aligned: bool = False,
    options: Mapping[str, Any],
    profile: str | None = None,
    library: Path | None = None,
    db: Path | None = None,
) -> dict[str, Any]:
    """Score a clustering against known people.

    Args:
        labels: a CSV with columns file (relative to the library) and person. A photo's label is
            that of its most prominent face; all other faces are left out of the score.
        data: a folder or tar with one folder of photos for each person, in place of a library.
        aligned: the files of `data` are aligned 112 x 112 crops, to be embedded as they are.
        options: fields of `ClusterOptions`; None and missing ones are the defaults. With
            `labels`, and none given, the library's people are scored as they stand.
        profile: networks for `data`.
        library, db: which library `labels` speaks of.

    Returns:
        faces, people, clusters, pairwise and bcubed {precision, recall, f}, method, threshold,
        seconds {embed, knn, cluster}, peak_rss_mb.

    Raises:
        OptionError: not exactly one of `labels` and `data`, or options that do not go together.
        InputError: the labels or the data cannot be read, or show no known face.
        LibraryError: the library has not been clustered.
    """
    check_source(labels, data, aligned, profile)
    if labels is not None:
        with libraries.find(library, db) as found:
            return _score_library(found, labels, options)
    assert data is not None
    _cluster_options(options, people=1)  # mistakes are told before the long work begins
    faces = labelled_data(data, aligned, profile)
    wanted = _cluster_options(options, len(set(faces.persons)))
    grouping = group(faces.embeddings, wanted, faces.space)
    return _report(faces.persons, grouping, wanted.method, faces.embed_seconds)


def check_source(
    labels: Path | None, data: Path | None, aligned: bool, profile: str | None
) -> None:
    """Raise OptionError unless there is one source of labels, and the options go with it."""
    if (labels is None) == (data is None):
        raise OptionError(
            "Give --labels CSV to score a library, or --data to score a folder or tar."
        )
    if data is None and (aligned or profile):
        raise OptionError("--aligned and --profile go with --data only.")


def _score_library(library: Library, source: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    truth = known_people(library, source)
    if any(value is not None for value in options.values()):
        wanted = _cluster_options(options, len(set(truth.values())))
        model = library.db.setting("model") or ""
        faces, x = catalogue.live_faces(library.db, model)
        grouping = group(x, wanted, models.space(model), photos_of(library, faces))
        method = str(wanted.method)
        label_of = dict(zip(faces.tolist(), grouping.labels.tolist(), strict=True))
    else:
        grouping, method = _as_it_stands(library)
        label_of = {f: person.id for person in all_people(library) for f in person.faces}
    scored = sorted(face for face in truth if face in label_of)
    if not scored:
        raise LibraryError(f"{library.root} has not been clustered yet; run `faceclust cluster`.")
    labels = np.array([label_of[face] for face in scored], np.int64)
    result = Grouping(labels, grouping.threshold, grouping.knn_seconds, grouping.cluster_seconds)
    return _report([truth[face] for face in scored], result, method, 0.0)


def _as_it_stands(library: Library) -> tuple[Grouping, str]:
    """How the library was last clustered, without labels, and the method."""
    newest = ledger.newest_clustering(library.db)
    threshold = newest.options.get("threshold_used") if newest else None
    threshold = float(threshold) if isinstance(threshold, int | float) else None
    return Grouping(np.zeros(0, np.int64), threshold, 0.0, 0.0), newest.method if newest else "none"


def _cluster_options(options: Mapping[str, Any], people: int) -> ClusterOptions:
    """The options given; kmeans is told the true number of people, as the literature does."""
    if options.get("method") == "kmeans" and options.get("num_people") is None:
        options = {**options, "num_people": people}
    return settings.override(ClusterOptions(), **options)


def _report(
    persons: list[str], grouping: Grouping, method: str, embed_seconds: float
) -> dict[str, Any]:
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
        "seconds": {
            "embed": round(embed_seconds, 3),
            "knn": round(grouping.knn_seconds, 3),
            "cluster": round(grouping.cluster_seconds, 3),
        },
        "peak_rss_mb": peak_rss_mb(),
    }

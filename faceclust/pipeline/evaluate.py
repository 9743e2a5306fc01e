"""Evaluate: the library, or a labelled folder or tar, against known people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from faceclust import config as settings
from faceclust.cluster.methods import ClusterOptions
from faceclust.embed.clip import FACE_CLIP, model_id
from faceclust.errors import LibraryError, OptionError
from faceclust.pipeline import library as libraries
from faceclust.pipeline import models
from faceclust.pipeline.arrive import between
from faceclust.pipeline.clicks import simulate
from faceclust.pipeline.cluster import described_for, own_edges_or_none, photos_of
from faceclust.pipeline.grouping import Grouping, group
from faceclust.pipeline.labelled import known_people, labelled_data
from faceclust.pipeline.library import Library
from faceclust.pipeline.own import report, score_by_names
from faceclust.pipeline.people import all_people
from faceclust.pipeline.scoring import choose, needs_clip
from faceclust.records import Graph, IntArray
from faceclust.store import catalogue, ledger, nearby
from faceclust.weights import Notify


def evaluate(
    *,
    labels: Path | None = None,
    data: Path | None = None,
    aligned: bool = False,
    options: Mapping[str, Any],
    profile: str | None = None,
    library: str | Path | None = None,
    db: Path | None = None,
    notify: Notify | None = None,
) -> dict[str, Any]:
    """Score a clustering against known people: labels, data, or the names given in the library.

    Args:
        labels: a CSV with columns file (relative to the library) and person. A photo's label is
            that of its most prominent face; all other faces are left out of the score.
        data: a folder or tar with one folder of photos for each person, in place of a library.
        aligned: the files of `data` are aligned 112 x 112 crops, to be embedded as they are.
        options: fields of `ClusterOptions`; None and missing ones are the defaults. With
            `labels`, and none given, the library's people are scored as they stand.
        profile: networks for `data`.
        library, db: which library, where no `data` is given.
        notify: told why `data` cannot be embedded on the GPU that the settings ask for.

    Returns:
        faces, people, clusters, pairwise and bcubed {precision, recall, f}, method, threshold,
        seconds {embed, knn, cluster}, peak_rss_mb, clicks {by_size, by_questions} to 80 and 95 %
        (None where the method scores no pairs of faces). Without labels and data also same_photo
        and advice, see `score_by_names`.

    Raises:
        OptionError: both `labels` and `data`, or options that do not go together.
        InputError: the labels or the data cannot be read, or show no known face; or a file of
            weights cannot be used.
        LibraryError: the library has not been clustered, or too few people have a name.
    """
    check_source(labels, data, aligned, profile)
    if data is None:
        with libraries.find_library(library, db) as found:
            if labels is None:
                return score_by_names(found, settings.override(ClusterOptions(), **options))
            return _score_library(found, labels, options)
    wanted = _cluster_options(options, people=1)  # mistakes are told before the long work begins
    clip = needs_clip(wanted)
    if wanted.weights:
        networks = settings.override(settings.load().scan, profile=profile).profile
        within = models.space(models.resolve(networks).model_id)
        choose(wanted, within, model_id(FACE_CLIP) if clip else None)
    faces = labelled_data(data, aligned, profile, clip=clip, notify=notify)
    wanted = _cluster_options(options, len(set(faces.persons)))
    grouping = group(faces.embeddings, wanted, faces.space, described=faces.described)
    doubts = None if grouping.edges is None else between(grouping.edges, grouping.labels)
    clicks = _clicks(faces.persons, grouping, doubts)
    return report(faces.persons, grouping, wanted.method, faces.embed_seconds, clicks)


def check_source(
    labels: Path | None, data: Path | None, aligned: bool, profile: str | None
) -> None:
    """Raise OptionError where there are two sources of labels, or the options do not go with it."""
    if labels is not None and data is not None:
        raise OptionError(
            "Give --labels CSV to score a library, or --data to score a folder or tar, not both."
        )
    if data is None and (aligned or profile):
        raise OptionError("--aligned and --profile go with --data only.")


def _score_library(library: Library, source: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    truth = known_people(library, source)
    pairs = None  # of faces in two clusters, and their log-odds, where the method scores any
    if any(value is not None for value in options.values()):
        wanted = _cluster_options(options, len(set(truth.values())))
        model = library.db.setting("model") or ""
        faces, x = catalogue.live_faces(library.db, model)
        grouping = group(
            x, wanted, models.space(model), photos_of(library, faces), None,
            described_for(library, wanted, faces), own_edges_or_none(library),
        )  # fmt: skip
        method = str(wanted.method)
        label_of = dict(zip(faces.tolist(), grouping.labels.tolist(), strict=True))
        if grouping.edges is not None:
            left = between(grouping.edges, grouping.labels)
            pairs = faces[left.edge_index], left.edge_weight
    else:
        grouping, method = _as_it_stands(library)
        label_of = {f: person.id for person in all_people(library) for f in person.faces}
        if method == "partition" or grouping.scorer is not None:
            pairs = nearby.doubts(library.db)
    scored = sorted(face for face in truth if face in label_of)
    if not scored:
        raise LibraryError(f"{library.place} has not been clustered yet; run `faceclust cluster`.")
    labels = np.array([label_of[face] for face in scored], np.int64)
    result = replace(grouping, labels=labels)
    persons = [truth[face] for face in scored]
    doubts = None
    if pairs is not None:
        ends, log_odds = pairs
        rows = np.array(scored, np.int64)
        keep = np.isin(ends, rows).all(0)
        doubts = Graph(np.searchsorted(rows, ends[:, keep]), log_odds[keep], len(rows))
    photos_ = photos_of(library, np.array(scored, np.int64))
    return report(persons, result, method, 0.0, _clicks(persons, result, doubts, photos_))


def _clicks(
    persons: list[str], grouping: Grouping, doubts: Graph | None, photo: IntArray | None = None
) -> dict[str, Any] | None:
    """Simulated clicks, by share in percent."""
    if doubts is None:
        return None
    truth = np.unique(np.array(persons), return_inverse=True)[1].astype(np.int64)
    where = np.arange(len(persons)) if photo is None else photo
    found = simulate(grouping.labels, truth, doubts, where)
    ways = {"by_size": found.by_size, "by_questions": found.by_questions}
    return {
        way: {f"{share:.0%}": clicks for share, clicks in reached.items()}
        for way, reached in ways.items()
    }


def _as_it_stands(library: Library) -> tuple[Grouping, str]:
    """How the library was last clustered, without labels, and the method."""
    newest = ledger.newest_clustering(library.db)
    threshold = newest.options.get("threshold_used") if newest else None
    threshold = float(threshold) if isinstance(threshold, int | float) else None
    scorer = newest.options.get("scorer") if newest else None
    grouping = Grouping(np.zeros(0, np.int64), threshold, {}, scorer=scorer)
    return grouping, newest.method if newest else "none"


def _cluster_options(options: Mapping[str, Any], people: int) -> ClusterOptions:
    """The options given; kmeans is told the true number of people, as the literature does."""
    if options.get("method") == "kmeans" and options.get("num_people") is None:
        options = {**options, "num_people": people}
    return settings.override(ClusterOptions(), **options)

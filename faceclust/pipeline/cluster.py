"""Cluster: the faces of a library to clusters with stable ids."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np

import faceclust
from faceclust import people
from faceclust.cluster.methods import ClusterOptions, lists_of, walks_components
from faceclust.cluster.stable import stable_ids
from faceclust.embed.arcface import Unit
from faceclust.errors import LibraryError
from faceclust.pipeline import embeddings
from faceclust.pipeline.arrive import (
    Crowd,
    arrive,
    between,
    can_arrive,
    constraints_of,
    unasked,
)
from faceclust.pipeline.grouping import Grouping, group
from faceclust.pipeline.guesses import SETTING as CLIP_SETTING
from faceclust.pipeline.library import Library
from faceclust.pipeline.memory import too_little
from faceclust.pipeline.models import Space, space
from faceclust.pipeline.people import dates
from faceclust.pipeline.scoring import Described, Scorer, choose
from faceclust.pipeline.steps import LOCAL, Steps
from faceclust.pipeline.stopwatch import Stopwatch
from faceclust.records import Decision, IntArray
from faceclust.store import Nearby, StoredClustering, catalogue, ledger
from faceclust.weights import Notify

ONE_NETWORK = 512  # dimensions of the embeddings of InsightFace's packs


@dataclass(frozen=True, slots=True)
class ClusterReport:
    """What a clustering of the library came to.

    Attributes:
        seconds: of wall-clock time.
        edges: which models scored pairs.
        stages: seconds by stage: read, those of `Grouping` or else arrive, keep; none where
            nothing had changed.
    """

    faces: int
    clusters: int
    method: str
    threshold: float | None
    seconds: float
    edges: str | None = None
    stages: Mapping[str, float] = field(default_factory=dict)


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


def description_of(library: Library, embedded: frozenset[int] | None = None) -> str | None:
    """Id of the CLIP model whose embeddings all faces of the library have, or None.

    Args:
        embedded: those faces, where the caller has read them already.
    """
    clip = library.db.setting(CLIP_SETTING)
    if not clip:
        return None
    if embedded is None:
        embedded = catalogue.embedded_faces(library.db, library.db.setting("model") or "")
    return clip if embedded <= catalogue.embedded_faces(library.db, clip) else None


def described_by(
    library: Library, clip: str | None, faces: IntArray, notify: Notify | None = None
) -> Described | None:
    """The CLIP embeddings of (N,) faces; all of them have one, see `description_of`."""
    if clip is None:
        return None
    _, i = embeddings.read(library.db, clip, frozenset(faces.tolist()), notify=notify)
    return Described(clip, i.x)


def described_for(library: Library, options: ClusterOptions, faces: IntArray) -> Described | None:
    """The CLIP embeddings of (N,) faces where a trained model reads them."""
    clip, within = description_of(library), space(library.db.setting("model") or "")
    scorer = choose(options, within, clip, own_edges_or_none(library))
    return described_by(library, clip, faces) if scorer and scorer.trained else None


def photos_of(library: Library, faces: IntArray) -> IntArray:
    """The photos that faces were found in: (N,) photo ids of (N,) face ids."""
    photos = catalogue.photo_of_faces(library.db)
    return np.array([photos[int(face)] for face in faces], np.int64)


def cluster(
    library: Library,
    options: ClusterOptions,
    *,
    anew: bool = True,
    steps: Steps = LOCAL,
    notify: Notify | None = None,
) -> ClusterReport:
    """Cluster the faces of the library and keep the result; ids stay where clusters do.

    What the user decided holds in the result. Nothing is done where nothing has changed since.

    Args:
        anew: group all faces. Else, faces that were grouped stay where they are, and new ones find
            their place (see `arrive`), unless options or networks have changed, the method is not
            "partition", or the library has grown by more than `GROWTH` since it was grouped anew;
            even then nobody whom the user has decided on takes faces from others.
        steps: who does the heavy steps of a grouping anew; the result is the same.
        notify: told, before the faces are read, where there is too little memory to group all, and
            where a disk has no room for their embeddings.

    Raises:
        LibraryError: all are to be grouped, and nothing was scanned yet.
        OptionError: the method cannot take so many faces.
        InputError, OptionError, WeightsError: the file of weights cannot be used, see `choose`.
    """
    started, watch = time.perf_counter(), Stopwatch(time.perf_counter)
    model = library.db.setting("model")
    if model is None:
        if not anew:
            return ClusterReport(0, 0, options.method, None, 0.0)
        raise LibraryError(
            f"{library.place} has not been scanned yet; run `faceclust scan {library.place}`."
        )
    decisions, parts = ledger.decisions(library.db), space(model).parts
    newest = ledger.newest_clustering(library.db)
    embedded = catalogue.embedded_faces(library.db, model)
    clip = description_of(library, embedded)
    scorer = choose(options, space(model), clip, own_edges_or_none(library))
    recipe = _recipe(options, scorer)
    current = embedded - people.not_faces(decisions)
    same = newest is not None and newest.model == model and recipe.items() <= newest.options.items()
    if newest and same and newest.membership.keys() == current:
        known = newest.options.get("anew"), newest.options.get("decisions")
        if not anew or known == (len(current), len(decisions)):
            return _report(newest, started)
    found = None
    if newest and same and not anew and can_arrive(newest, len(current)):
        crowd = _crowd(library, scorer, *embeddings.held(library.db, model, current, parts))
        watch.lap("read")
        found = arrive(library, crowd, newest, decisions)
        watch.lap("arrive")
    if found is None or newest is None:
        _warn(library, len(current), options, space(model), notify)
        read = embeddings.read(library.db, model, current, parts, notify)
        crowd, before = _crowd(library, scorer, *read), None if anew else newest
        trained = clip if scorer and scorer.trained else None
        described = described_by(library, trained, crowd.faces, notify)
        result, facts = _anew(library, crowd, options, decisions, before, described, steps, watch)
        kept, nearby = _numbered(library, crowd.faces, result, newest)
    else:
        kept, nearby = found
        facts = {key: newest.options.get(key) for key in ("threshold_used", "anew")}
    clustering = StoredClustering(model, options.method, recipe | facts, kept)
    ledger.put_clustering(library.db, clustering, nearby)
    watch.lap("keep")
    return _report(clustering, started, watch.seconds)


def _recipe(options: ClusterOptions, scorer: Scorer | None) -> dict[str, object]:
    """What a clustering depends on beside faces and answers: by the same one, faces join it."""
    recipe = {"faceclust": faceclust.__version__, **asdict(options)}
    # The scorer says what the files hold, wherever they lie; "universal" is what None comes to.
    recipe |= {"edges": options.edges or "universal", "scorer": scorer.name if scorer else None}
    recipe["by_component"] = options.method == "infomap" and walks_components(options)
    del recipe["weights"]
    return recipe


def _crowd(library: Library, scorer: Scorer | None, faces: IntArray, unit: Unit) -> Crowd:
    """The faces that are to be grouped, with their embeddings."""
    within = space(library.db.setting("model") or "")
    structural = scorer.structural if scorer else None
    return Crowd(faces, unit, photos_of(library, faces), within, structural)


def _warn(
    library: Library, faces: int, options: ClusterOptions, within: Space, notify: Notify | None
) -> None:
    """Say where grouping all faces may take more memory than there is."""
    dimensions = sum(within.parts) or ONE_NETWORK
    warning = too_little(faces, dimensions, lists_of(options), library.db.path)
    if warning is not None and notify is not None:
        notify(warning)


def _same_partition(labels: IntArray, others: IntArray) -> bool:
    pairs = len(np.unique(np.stack([labels, others]), axis=1).T)
    return pairs == len(np.unique(labels)) == len(np.unique(others))


def _anew(
    library: Library,
    crowd: Crowd,
    options: ClusterOptions,
    decisions: Sequence[Decision],
    newest: StoredClustering | None,
    described: Described | None,
    steps: Steps,
    watch: Stopwatch,
) -> tuple[Grouping, dict[str, object]]:
    """All faces grouped, and what is to be noted of that.

    Args:
        newest: the clustering whose people take no older faces unasked; None where they may.
        described: the faces' CLIP embeddings, where a trained model reads them.
    """
    faces = crowd.faces
    demanded = people.bonds(decisions, faces.tolist(), dates(library, decisions))
    watch.lap("read")
    result = group(
        crowd.unit, options, crowd.space, crowd.photo, constraints_of(demanded, faces),
        described, own_edges_or_none(library), steps,
    )  # fmt: skip
    watch.add(result.seconds)
    heard = True
    if newest:
        labels = unasked(library, crowd, result.labels, newest, decisions)
        heard = _same_partition(labels, result.labels)
        result = replace(result, labels=labels)
    # None: the user may ask for more than this grouping was allowed to do.
    known = len(decisions) if heard else None
    return result, {"threshold_used": result.threshold, "anew": len(faces), "decisions": known}


def _numbered(
    library: Library, faces: IntArray, result: Grouping, newest: StoredClustering | None
) -> tuple[dict[int, int], Nearby | None]:
    """Face id to stable cluster id, and what is to be kept beside."""
    nearby = None
    if result.neighbours is not None and result.edges is not None:
        nearby = Nearby(faces, result.neighbours, between(result.edges, result.labels))
    ids = stable_ids(
        faces,
        result.labels,
        newest.membership if newest else {},
        lambda count: ledger.new_ids(library.db, count),
    )
    return dict(zip(faces.tolist(), ids.tolist(), strict=True)), nearby


def _report(
    clustering: StoredClustering, started: float, stages: Mapping[str, float] | None = None
) -> ClusterReport:
    membership, threshold = clustering.membership, clustering.options.get("threshold_used")
    seconds = time.perf_counter() - started
    clusters = len(set(membership.values()))
    return ClusterReport(
        len(membership), clusters, clustering.method, threshold, seconds,
        clustering.options.get("scorer"), stages or {},
    )  # fmt: skip

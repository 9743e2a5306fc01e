"""What `eval --ablate` compares: a line a variant, in the parts of its table.

A `Variant` is a name and a function from faces and a seed to labels; a `Tuned` one also takes the
threshold, of which the one that is best for the set is reported. A trained model of edges is one
`EdgeScorer`; its rows follow from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias, get_args

import numpy as np

from faceclust import weights
from faceclust.cluster import sweep
from faceclust.cluster.baselines import connected
from faceclust.cluster.by_component import Communities, by_component
from faceclust.cluster.fc_es import LISTS, fc_es
from faceclust.cluster.infomap import communities
from faceclust.cluster.methods import (
    DEFAULT_THRESHOLD,
    EDGE_LISTS,
    ClusterOptions,
    Method,
    cluster,
)
from faceclust.cluster.partition import partition
from faceclust.cluster.prune import probable, walk
from faceclust.cluster.thinning import regroup
from faceclust.errors import OptionError
from faceclust.graph import edges, structure
from faceclust.graph.knn import knn
from faceclust.pipeline.arrive import same_photo
from faceclust.pipeline.models import EDGES
from faceclust.pipeline.scoring import Described
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

DRAWS: tuple[Method, ...] = ("infomap", "fc-es", "chinese-whispers", "kmeans")
PROBABILITIES = tuple(np.arange(0.3, 0.96, 0.05).round(2).tolist())
KMEANS_LIMIT = 20_000_000  # faces x people: about a minute a seed on one core


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """What a variant may look at.

    Attributes:
        x: (N, D) float32 identity embeddings, L2-normalised.
        neighbours: of the N faces, as many each as any variant wants: each takes its own number.
        num_people: the number of known people, which kmeans is told.
        thresholds: defaults of the embedding space, where they are not the methods' own.
        norms: (N, networks) lengths of the embeddings before, from `arcface.lengths`.
        described: their CLIP embeddings, or None where there are none.
        photo: (N,) int64, which photo each face is in, or None where that is not known.
    """

    x: FloatArray
    neighbours: Neighbours
    num_people: int
    norms: FloatArray
    thresholds: Mapping[Method, float] = field(default_factory=dict)
    described: Described | None = None
    photo: IntArray | None = None
    _scored: dict[tuple[str, int], Graph] = field(default_factory=dict)

    @property
    def quality(self) -> FloatArray:
        """(N,), see `structure.quality`."""
        return structure.quality(self.norms)

    def select(self, rows: IntArray) -> Faces:
        """Some of the faces, with neighbours among themselves."""
        return Faces(
            self.x[rows],
            knn(self.x[rows], EDGE_LISTS),
            self.num_people,
            self.norms[rows],
            described=None if self.described is None else self.described.select(rows),
        )

    def nearest(self, k: int) -> Neighbours:
        """The first k of each list."""
        return Neighbours(self.neighbours.index[:, :k], self.neighbours.similarity[:, :k])

    def log_odds(self, scorer: EdgeScorer, seed: int) -> Graph:
        """What the scorer says of the listed pairs, worked out once."""
        seed = seed if scorer.seeds else 0
        key = scorer.name, seed
        if key not in self._scored:
            self._scored[key] = scorer.score(self, seed)
        return self._scored[key]

    def partition(self, scorer: EdgeScorer, seed: int, apart: IntArray | None = None) -> IntArray:
        """As `scan` does: the signed graph, then the clusters that its lists are too short for."""
        seed = seed if scorer.seeds else 0
        graph = self.log_odds(scorer, seed)
        labels = partition(graph, apart=apart)
        again = lambda rows: scorer.score(self.select(rows), seed)  # noqa: E731
        return regroup(labels, graph, again, apart=apart)


Labels: TypeAlias = Callable[[Faces, int], IntArray]


@dataclass(frozen=True, slots=True)
class EdgeScorer:
    """A model of edges.

    Attributes:
        name: as the table shows it.
        score: log-odds of the listed pairs, from the faces and a seed.
        seeds: of its trainings, of which each is a model of its own; none where there is but one.
        walks: whether pruning and Infomap are compared on it, too.
    """

    name: str
    score: Callable[[Faces, int], Graph]
    seeds: tuple[int, ...] = ()
    walks: bool = False


@dataclass(frozen=True, slots=True)
class Variant:
    """One row: labels (N,) from the faces and a seed.

    Attributes:
        draws: whether the seed matters.
        threshold: for the table.
        seeds: those to be run, where there is no choice: of the trainings that it is made from.
    """

    name: str
    labels: Labels
    draws: bool = False
    threshold: float | None = None
    seeds: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Tuned:
    """One row: labels (N,) at each of the given thresholds; the best of `grid` is reported."""

    name: str
    sweep: Callable[[Faces, Iterable[float], int], Iterator[IntArray]]
    grid: tuple[float, ...]
    draws: bool = False


Row: TypeAlias = Variant | Tuned


def universal(faces: Faces, seed: int) -> Graph:
    """The universal edge model: structure of the neighbourhood alone."""
    model = edges.load(weights.own(EDGES))
    return edges.score(model, faces.x, faces.nearest(EDGE_LISTS), faces.quality)


UNIVERSAL = EdgeScorer("universal edges", universal, walks=True)


def table(faces: Faces, trained: Sequence[EdgeScorer] = ()) -> dict[str, list[Row]]:
    """The rows of each part of the table; `trained` models add to the universal edges."""
    scorers = (UNIVERSAL, *trained)
    walks = {f"Infomap on {s.name}, P > 0.5": _walks(s) for s in scorers if s.walks}
    walks[f"Infomap on {UNIVERSAL.name}, P > 0.5"].append(_recalled(UNIVERSAL))
    return {
        "rivals at their defaults": [_rival(method, faces) for method in _rivals()],
        "rivals at their best threshold for this set": [_tuned(m) for m in sweep.GRIDS],
        "edge models, without a threshold": [row for s in scorers for row in _edges(s, faces)],
        **walks,
        "Infomap, connected components apart / whole graph": [
            *_by_cosine(faces),
            *(row for s in scorers if s.walks for row in _by_probability(s)),
        ],
        "universal edges at the best P for this set": _pruned(UNIVERSAL),
    }


def _rivals() -> list[Method]:
    return [method for method in get_args(Method) if method != "partition"]


def _rival(method: Method, faces: Faces) -> Variant:
    threshold = faces.thresholds.get(method, DEFAULT_THRESHOLD[method])

    def labels(faces: Faces, seed: int) -> IntArray:
        people = None
        if method == "kmeans":
            people = faces.num_people
            if len(faces.x) * people > KMEANS_LIMIT:
                raise OptionError(
                    f"not run: {len(faces.x):,} faces of {people:,} people take kmeans minutes a"
                    " seed."
                )
        options = ClusterOptions(method, threshold=threshold or None, seed=seed, num_people=people)
        return cluster(faces.x, options, faces.neighbours).labels

    return Variant(method, labels, method in DRAWS, threshold)


def _tuned(method: Method) -> Tuned:
    def swept(faces: Faces, thresholds: Iterable[float], seed: int) -> Iterator[IntArray]:
        return sweep.sweep(method, faces.x, faces.neighbours, thresholds, seed)

    return Tuned(method, swept, sweep.GRIDS[method], method in DRAWS)


def _edges(scorer: EdgeScorer, faces: Faces) -> list[Row]:
    """Partition of the signed graph; where they are wanted, the paper's and naive pruning, too."""

    def split(faces: Faces, seed: int) -> IntArray:
        return faces.partition(scorer, seed)

    def apart(faces: Faces, seed: int) -> IntArray:
        assert faces.photo is not None
        return faces.partition(scorer, seed, same_photo(faces.photo))

    def infomap(faces: Faces, seed: int) -> IntArray:
        return walk(faces.log_odds(scorer, seed), seed=seed)

    def components(faces: Faces, seed: int) -> IntArray:
        return connected(probable(faces.log_odds(scorer, seed)))

    rows = [_row(scorer, "partition", split)]
    if scorer.walks:
        if faces.photo is not None:
            rows.append(_row(scorer, "partition, photos known", apart))
        rows.append(_row(scorer, "P > 0.5, Infomap", infomap, draws=True))
        rows.append(_row(scorer, "P > 0.5, components", components))
    return [*rows]


def _row(scorer: EdgeScorer, then: str, labels: Labels, draws: bool = False) -> Variant:
    return Variant(f"{scorer.name}, {then}", labels, draws, seeds=scorer.seeds)


def _walks(scorer: EdgeScorer) -> list[Row]:
    """Infomap weighted by probability or cosine, undirected or directed."""

    def walked(directed: bool, cosine: bool) -> Labels:
        def labels(faces: Faces, seed: int) -> IntArray:
            odds, x = faces.log_odds(scorer, seed), faces.x if cosine else None
            return walk(odds, seed=seed, directed=directed, x=x)

        return labels

    return [
        Variant(f"{weight} weights, {way}", walked(directed, cosine), True, seeds=scorer.seeds)
        for weight, cosine in (("probability", False), ("cosine", True))
        for way, directed in (("undirected", False), ("directed", True))
    ]


def _by_cosine(faces: Faces) -> list[Row]:
    """Infomap at its default threshold, of each component by itself and of the whole graph."""
    threshold = faces.thresholds.get("infomap", DEFAULT_THRESHOLD["infomap"])

    def walked(apart: bool) -> Labels:
        def labels(faces: Faces, seed: int) -> IntArray:
            options = ClusterOptions("infomap", threshold=threshold, seed=seed, by_component=apart)
            return cluster(faces.x, options, faces.neighbours).labels

        return labels

    return [
        Variant(f"cosine, Infomap, {name}", walked(apart), True, threshold)
        for name, apart in (("components apart", True), ("whole graph", False))
    ]


def _by_probability(scorer: EdgeScorer) -> list[Row]:
    """The same between a model's pairs of P > 0.5."""

    def walked(how: Communities) -> Labels:
        return lambda faces, seed: walk(faces.log_odds(scorer, seed), seed=seed, communities=how)

    return [
        _row(scorer, f"P > 0.5, Infomap, {name}", walked(how), draws=True)
        for name, how in (("components apart", by_component), ("whole graph", communities))
    ]


def _recalled(scorer: EdgeScorer) -> Variant:
    """FC-ESER's edge recall."""

    def labels(faces: Faces, seed: int) -> IntArray:
        recall = probable(faces.log_odds(scorer, seed))
        return fc_es(faces.nearest(LISTS), seed=seed, recall=recall)

    return Variant("FC-ESER: fc-es and edge recall by these P", labels, True)


def _pruned(scorer: EdgeScorer) -> list[Row]:
    def infomap(faces: Faces, above: Iterable[float], seed: int) -> Iterator[IntArray]:
        odds = faces.log_odds(scorer, seed)
        return (communities(probable(odds, p), seed=seed) for p in above)

    def components(faces: Faces, above: Iterable[float], seed: int) -> Iterator[IntArray]:
        odds = faces.log_odds(scorer, seed)
        return (connected(probable(odds, p)) for p in above)

    return [
        Tuned("Infomap", infomap, PROBABILITIES, True),
        Tuned("components", components, PROBABILITIES),
    ]

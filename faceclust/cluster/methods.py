"""The one door to every clustering method: options in, labels out."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias, get_args

import numpy as np

from faceclust.cluster import baselines, fc_es
from faceclust.cluster.by_component import Communities, by_component
from faceclust.cluster.constraints import Constraints, honour
from faceclust.cluster.infomap import communities as whole_graph
from faceclust.cluster.partition import partition
from faceclust.cluster.prune import walk
from faceclust.errors import OptionError
from faceclust.halves import Rows
from faceclust.records import Graph, IntArray, Neighbours

Method: TypeAlias = Literal[
    "partition",
    "infomap",
    "fc-es",
    "components",
    "chinese-whispers",
    "cdp",
    "aro",
    "hac",
    "dbscan",
    "hdbscan",
    "kmeans",
    "immich",
]

LARGEST_SEED = 2**32 - 1
SHARPNESS = 4
EDGE_LISTS = 50  # neighbours of a face that the edge model was trained with
DEFAULT_THRESHOLD: dict[Method, float | None] = {
    "partition": None,
    "infomap": 0.5,  # one setting for LFW, families and small albums, MobileFaceNet 512-d
    "fc-es": fc_es.THETA,  # as published for MS1M
    "components": 0.58,  # the pruning published with the Infomap baseline on MS1M
    "chinese-whispers": 0.6,  # MS1M benchmark of Yang et al., CVPR 2019
    "cdp": 0.7,  # the same
    "aro": 0.0,  # the same
    "hac": 0.44,  # as for infomap; the figures published belong to other embeddings
    "dbscan": 0.5,  # Immich: within 0.5, 3 faces
    "hdbscan": 0.0,  # LibrePhotos: no threshold
    "kmeans": None,
    "immich": 0.5,  # Immich's maximum distance 0.5
}


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """What to cluster with.

    Attributes:
        method: one of `Method`.
        k: neighbours of a face that are looked at; hac and kmeans need none, partition, and infomap
            with edges, always the `EDGE_LISTS` that their edge model was trained with, fc-es the
            published 79.
        threshold: None for the method's own default (`DEFAULT_THRESHOLD`). A cosine similarity in
            (0, 1], the higher the stricter; for fc-es its edge probability, likewise; for aro a
            rank-order distance from 0 on, the lower the stricter; partition and kmeans have none.
        seed: of infomap, fc-es, chinese-whispers and kmeans.
        num_people: for kmeans, which cannot do without it.
        edges: for partition; "universal", the default, is the edge model that knows no embedding,
            and the best on all sets together; "clip-cluster" adds what CLIP-Cluster says where it
            was trained for the faces' embeddings. With infomap, either makes it walk between the
            pairs that these models find likelier one person than not, as the paper does, in place
            of those whose cosine reaches a threshold.
        weights: path of a file that is used in place of the shipped edge model, or as CLIP-Cluster;
            "" for the shipped ones.
        by_component: of infomap: walk each connected component of the pruned graph by itself, in
            place of the whole graph. None for what `eval --ablate` measured to be the better: yes
            with edges, no by cosine.
        exact_below: from so many faces on neighbours are searched for approximately; None for the
            search's own number.
        search_share: of the library that an approximate search looks at, in (0, 1]; None for a
            share that falls as libraries grow, see `graph.approximate`.

    Raises:
        OptionError: an unknown method, or a value that the method cannot use.
    """

    method: Method = "partition"
    k: int = 50
    threshold: float | None = None
    seed: int = 0
    num_people: int | None = None
    edges: Literal["universal", "clip-cluster"] | None = None
    weights: str | None = None
    by_component: bool | None = None
    exact_below: int | None = None
    search_share: float | None = None

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise OptionError(
                f"--method {self.method} is not known; choose one of {', '.join(get_args(Method))}."
            )
        if self.k < 1:
            raise OptionError(f"--k must be at least 1, not {self.k}.")
        if not 0 <= self.seed < LARGEST_SEED:
            raise OptionError(f"--seed must be from 0 to {LARGEST_SEED - 1}, not {self.seed}.")
        if not isinstance(self.exact_below, int | None) or (self.exact_below or 0) < 0:
            raise OptionError(f"--exact-below must be 0 or more, not {self.exact_below!r}.")
        share = 1 if self.search_share is None else self.search_share
        if not isinstance(share, int | float) or not 0 < share <= 1:
            raise OptionError(
                f"--search-share must be above 0 and at most 1, not {self.search_share!r}."
            )
        if not isinstance(self.num_people, int | None):
            raise OptionError(f"--num-people must be a whole number, not {self.num_people!r}.")
        if self.threshold is not None:
            self._check_threshold(self.threshold)

    def _check_threshold(self, threshold: float) -> None:
        if self.method in ("partition", "kmeans"):
            raise OptionError(
                f"--threshold means nothing to --method {self.method}; leave it out, or choose"
                " another --method, such as infomap."
            )
        if needs_edges(self):
            raise OptionError(
                "--threshold is for infomap by cosine, and --edges make it walk between pairs of"
                " P > 0.5; give --method infomap with one of them, not both,"
                " be it in faceclust.toml."
            )
        number = isinstance(threshold, int | float)  # a faceclust.toml may hold anything
        if self.method == "aro" and not (number and threshold >= 0):
            raise OptionError(
                f"--threshold {threshold!r} is no rank-order distance, which aro takes; give 0 or"
                " more."
            )
        if self.method != "aro" and not (number and 0 < threshold <= 1):
            kind = "edge probability" if self.method == "fc-es" else "cosine similarity"
            raise OptionError(
                f"--threshold {threshold!r} is no {kind} that can be used; give a number above 0"
                " and up to 1."
            )


@dataclass(frozen=True, slots=True, eq=False)
class Clustering:
    """A partition of N faces.

    Attributes:
        labels: (N,) int64, 0..K-1 in order of first appearance.
        threshold: the one that was used; None where the method has none.
        seconds: wall-clock time of the clustering, without the neighbour search.
    """

    labels: IntArray
    threshold: float | None
    seconds: float


class Partition(Protocol):
    """As `partition.partition`, however it comes to the same labels."""

    def __call__(
        self, graph: Graph, *, apart: IntArray | None, constraints: Constraints | None
    ) -> IntArray:
        """(N,) labels."""
        ...


def needs_neighbours(method: Method) -> bool:
    """Whether `cluster` must be given the neighbour lists."""
    return method not in ("hac", "kmeans")


def lists_of(options: ClusterOptions) -> int:
    """How many neighbours of each face the method needs; 0 for none."""
    if needs_edges(options):
        return EDGE_LISTS
    if options.method == "fc-es":
        return fc_es.LISTS
    return options.k if needs_neighbours(options.method) else 0


def needs_edges(options: ClusterOptions) -> bool:
    """Whether `cluster` must be given the log-odds of the edge model.

    Infomap prunes by the cosine of raw embeddings unless edges are named.
    """
    named = options.method == "infomap" and options.edges is not None
    return named or options.method == "partition"


def walks_components(options: ClusterOptions) -> bool:
    """Whether infomap walks each connected component by itself, and not the whole graph."""
    return needs_edges(options) if options.by_component is None else options.by_component


def cluster(
    x: Rows,
    options: ClusterOptions,
    neighbours: Neighbours | None = None,
    edges: Graph | None = None,
    apart: IntArray | None = None,
    constraints: Constraints | None = None,
    partition: Partition = partition,
    communities: Communities = by_component,
) -> Clustering:
    """Cluster N faces.

    Args:
        x: (N, D) float32, L2-normalised; N may be 0. In a file or not: but for hac, kmeans and
            immich, which look at all rows, only those of people whom the user decided on are read.
        options: which method, and its settings.
        neighbours: of the same N faces, at least as many each as `lists_of` says, for the methods
            that `needs_neighbours`.
        edges: log-odds of pairs of the same N faces, for the methods that `needs_edges`.
        apart: (2, M) pairs of faces of one photo, which are hardly ever one person; used by
            the same methods.
        constraints: of the same N faces; whatever the method, they hold.
        partition: what computes the method of that name.
        communities: what walks one component of a graph after the other.

    Raises:
        OptionError: the method cannot take so many faces, or so few.
    """
    threshold = options.threshold
    if threshold is None and not needs_edges(options):
        threshold = DEFAULT_THRESHOLD[options.method]
    near = _lists(len(x), options, neighbours)
    start = time.perf_counter()
    labels = np.zeros(len(x), np.int64)
    if len(x) > 1:
        infomap = communities if walks_components(options) else whole_graph
        labels = _labels(
            x, near, options, threshold or 0.0, edges, apart, constraints, partition, infomap
        )
        if constraints is not None and options.method != "partition":
            labels = honour(labels, x, constraints)
    return Clustering(labels, threshold, time.perf_counter() - start)


def _lists(N: int, options: ClusterOptions, neighbours: Neighbours | None) -> Neighbours:
    """The k nearest of the lists that were given; empty lists where none are needed."""
    if neighbours is None and not needs_neighbours(options.method):
        neighbours = Neighbours(np.empty((N, 0), np.int64), np.empty((N, 0), np.float32))
    if neighbours is None or len(neighbours.index) != N:
        raise ValueError(f"method {options.method} needs the neighbours of all {N} faces")
    k = lists_of(options)
    return Neighbours(neighbours.index[:, :k], neighbours.similarity[:, :k])


def _labels(
    x: Rows,
    near: Neighbours,
    options: ClusterOptions,
    threshold: float,
    edges: Graph | None,
    apart: IntArray | None,
    constraints: Constraints | None,
    partition: Partition,
    communities: Communities,
) -> IntArray:
    if needs_edges(options):
        if edges is None or edges.num_nodes != len(x):
            raise ValueError(f"method {options.method} needs the edges of all {len(x)} faces")
    else:
        edges = None
    match options.method:
        case "partition":
            assert edges is not None
            return partition(edges, apart=apart, constraints=constraints)
        case "infomap" if edges is not None:
            return walk(edges, seed=options.seed, apart=apart, communities=communities)
        case "infomap":
            return communities(sharpened_graph(near, threshold), seed=options.seed)
        case "fc-es":
            return fc_es.fc_es(near, threshold, options.seed)
        case "components":
            return baselines.components(near, threshold)
        case "chinese-whispers":
            return baselines.chinese_whispers(near, threshold, options.seed)
        case "cdp":
            return baselines.cdp(near, threshold)
        case "aro":
            return baselines.aro(near, threshold)
        case "hac":
            return baselines.hac(x[:], threshold)
        case "dbscan":
            return baselines.dbscan(near, threshold)
        case "hdbscan":
            return baselines.hdbscan(near, threshold)
        case "kmeans":
            return baselines.kmeans(x[:], options.num_people, options.seed)
        case "immich":
            return baselines.immich(x[:], near, threshold)


def sharpened_graph(neighbours: Neighbours, threshold: float) -> Graph:
    """The listed pairs at or above a cosine similarity, weighted by its `SHARPNESS`-th power.

    Between 0.5 and 1 a cosine differs by a factor of two only; the power lets a random walk stay
    with sure pairs. Measured on three sets it is worth 0.3 F_B where people are seen often and
    costs nothing where they are not.
    """
    from scipy.sparse import triu

    pairs = triu(baselines.similarity_matrix(neighbours, threshold), k=1, format="csr").tocoo()
    edges = np.stack([pairs.row, pairs.col]).astype(np.int64)
    return Graph(edges, (pairs.data**SHARPNESS).astype(np.float32), len(neighbours.index))

"""Signed partition: clusters that agree with the log-odds of their pairs, without a threshold.

Greedy additive contraction: the two clusters whose pairs speak most strongly for one person are
joined, until no two are left whose pairs do. All pairs of clusters that prefer each other are
joined in one round, so that the work is vectorised.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from faceclust.cluster.infomap import renumber
from faceclust.records import FloatArray, Graph, IntArray

FLOOR = -4.0
REACH = 20


@dataclass(frozen=True, slots=True, eq=False)
class _Links:
    """What lies between two clusters; each pair of clusters once, a < b.

    Attributes:
        a, b: (E,) int64 clusters.
        total: (E,) float64 sum of the log-odds of the listed pairs of faces.
        count: (E,) float64 how many they are.
    """

    a: IntArray
    b: IntArray
    total: FloatArray
    count: FloatArray

    def take(self, rows: IntArray) -> _Links:
        return _Links(self.a[rows], self.b[rows], self.total[rows], self.count[rows])


def partition(graph: Graph, *, floor: float = FLOOR, reach: int = REACH) -> IntArray:
    """Join clusters as long as the mean log-odds of the pairs of faces between two is above 0.

    A pair of faces that is not in the graph counts as `floor`. Of large clusters only so many
    pairs can be in the graph as the neighbour lists have room for: each face of the smaller one
    is expected to know at most `reach` faces of the larger one.

    Args:
        graph: weighted by log-odds.
        floor: log-odds of a pair that is not in the graph, below 0.
        reach: about two fifths of the length of the neighbour lists.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance. Deterministic.
    """
    keep = graph.edge_weight > floor
    a, b = graph.edge_index[:, keep]
    links = _Links(a, b, graph.edge_weight[keep].astype(np.float64), np.ones(len(a)))
    labels, size = np.arange(graph.num_nodes), np.ones(graph.num_nodes)
    while True:
        score = _score(links, size, floor, reach)
        first, second = _mutual_best(links, score, graph.num_nodes)
        if not len(first):
            return renumber(labels)
        into = np.arange(graph.num_nodes)
        into[second] = first
        size[first] += size[second]
        labels = into[labels]
        touched = np.zeros(graph.num_nodes, bool)
        touched[first] = touched[second] = True
        links = _contract(links, into, touched)


def _score(links: _Links, size: FloatArray, floor: float, reach: int) -> FloatArray:
    """Mean log-odds of the pairs of faces that could have been listed."""
    small, large = (
        np.minimum(size[links.a], size[links.b]),
        np.maximum(size[links.a], size[links.b]),
    )
    possible = np.minimum(small * large, np.maximum(links.count, reach * small))
    return (links.total + floor * (possible - links.count)) / possible


def _mutual_best(links: _Links, score: FloatArray, N: int) -> tuple[IntArray, IntArray]:
    """Clusters that are each other's best partner, with a score above 0; each cluster once."""
    rows = np.flatnonzero(score > 0)
    a, b, score = links.a[rows], links.b[rows], score[rows]
    best = np.full(N, -np.inf)
    np.maximum.at(best, a, score)
    np.maximum.at(best, b, score)
    mutual = (score == best[a]) & (score == best[b])
    a, b = a[mutual], b[mutual]
    order = np.lexsort((b, a))
    a, b = a[order], b[order]
    # Equal scores can make a chain of mutual bests: the first of a chain is joined now.
    first = np.full(N, len(a))
    np.minimum.at(first, a, np.arange(len(a)))
    np.minimum.at(first, b, np.arange(len(a)))
    alone = (first[a] == np.arange(len(a))) & (first[b] == np.arange(len(a)))
    return a[alone], b[alone]


def _contract(links: _Links, into: IntArray, touched: FloatArray) -> _Links:
    """Rename joined clusters and add up what has become parallel."""
    moved = touched[links.a] | touched[links.b]
    rest, changed = links.take(np.flatnonzero(~moved)), links.take(np.flatnonzero(moved))
    a, b = into[changed.a], into[changed.b]
    changed = replace(changed, a=np.minimum(a, b), b=np.maximum(a, b))
    changed = changed.take(np.flatnonzero(changed.a < changed.b))
    changed = changed.take(np.lexsort((changed.b, changed.a)))
    new = np.ones(len(changed.a), bool)
    new[1:] = (np.diff(changed.a) != 0) | (np.diff(changed.b) != 0)
    start = np.flatnonzero(new)
    if not len(start):
        return rest
    return _Links(
        np.concatenate([rest.a, changed.a[start]]),
        np.concatenate([rest.b, changed.b[start]]),
        np.concatenate([rest.total, np.add.reduceat(changed.total, start)]),
        np.concatenate([rest.count, np.add.reduceat(changed.count, start)]),
    )

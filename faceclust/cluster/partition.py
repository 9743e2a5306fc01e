"""Signed partition: clusters that agree with the log-odds of their pairs, without a threshold.

Average linkage on a signed graph (GASP; Bailoni et al., 2022): the two clusters whose pairs have
the highest mean log-odds are joined, until no two are left whose mean is above 0. All pairs of
clusters that prefer each other are joined in one round, so that the work is vectorised.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from faceclust.cluster.constraints import Ages, Constraints
from faceclust.cluster.infomap import renumber
from faceclust.records import Graph, IntArray

DoubleArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# Log-odds of a pair that is not in the graph: `graph.edges` leaves out what is less likely still.
FLOOR = -4.0
REACH = 20  # two fifths of the 50 neighbours that the edge model was trained on
PENALTY = 8.0  # more than a small library, in which ranks mean little, gives to look-alikes


@dataclass(frozen=True, slots=True, eq=False)
class _Links:
    """What lies between two clusters; each pair of clusters once, a < b.

    Attributes:
        a, b: (E,) int64 clusters.
        total: (E,) sum of the log-odds of the pairs of faces in the graph.
        count: (E,) how many they are.
        apart: (E,) how many photos show a face of each.
        barred: (E,) how many pairs of faces must never come together.
    """

    a: IntArray
    b: IntArray
    total: DoubleArray
    count: DoubleArray
    apart: DoubleArray
    barred: DoubleArray

    def take(self, rows: IntArray | BoolArray) -> _Links:
        return _Links(*(getattr(self, field.name)[rows] for field in fields(self)))

    def join(self, other: _Links) -> _Links:
        names = [field.name for field in fields(self)]
        return _Links(*(np.concatenate([getattr(self, n), getattr(other, n)]) for n in names))


def partition(
    graph: Graph,
    *,
    apart: IntArray | None = None,
    constraints: Constraints | None = None,
    floor: float = FLOOR,
    reach: int = REACH,
    penalty: float = PENALTY,
) -> IntArray:
    """Join clusters as long as the mean log-odds of the pairs of faces between two is above 0.

    A pair of faces that is not in the graph counts as `floor`. Of large clusters only so many
    pairs can be in the graph as the neighbour lists have room for: each face of the smaller one
    is expected to know at most `reach` faces of the larger one.

    Args:
        graph: weighted by log-odds.
        apart: (2, M) pairs of faces of one photo, each once, in any order: almost always two
            people, but for mirrors, collages and photos of photos.
        constraints: faces that are together are one cluster from the start; two clusters that
            must not come together are never joined, whatever their pairs say.
        floor: log-odds of a pair that is not in the graph, below 0.
        reach: about two fifths of the length of the neighbour lists.
        penalty: taken from the mean log-odds for every pair in `apart`.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance. Deterministic.
    """
    N = graph.num_nodes
    constraints = constraints or Constraints.none(N)
    labels, person = _start(constraints)
    ages = constraints.ages.of_clusters(labels, N)
    size = np.bincount(labels, minlength=N).astype(np.float64)
    links = _contract(_links(graph, apart, constraints.barred, floor), labels)
    while True:
        score = _score(links, size, floor, reach, penalty)
        score[_forbidden(links, person, ages)] = -np.inf
        first, second = _mutual_best(links, score, N)
        if not len(first):
            return renumber(labels)
        into = np.arange(N)
        into[second] = first
        size[first] += size[second]
        person[first] = np.maximum(person[first], person[second])
        ages = ages.joined(first, second)
        labels = into[labels]
        touched = np.zeros(N, np.bool_)
        touched[first] = touched[second] = True
        moved = touched[links.a] | touched[links.b]
        links = links.take(~moved).join(_contract(links.take(moved), into))


def _start(constraints: Constraints) -> tuple[IntArray, IntArray]:
    """Clusters before the first round, each called by its first face, and the person of each."""
    labels, person = np.arange(len(constraints.together)), constraints.person.copy()
    bound = np.flatnonzero(constraints.together >= 0)
    _, first, inverse = np.unique(
        constraints.together[bound], return_index=True, return_inverse=True
    )
    labels[bound] = bound[first][inverse]
    return labels, person


def _forbidden(links: _Links, person: IntArray, ages: Ages) -> BoolArray:
    """Which clusters may not be joined."""
    a, b = person[links.a], person[links.b]
    two = (a >= 0) & (b >= 0) & (a != b)
    return np.asarray((links.barred > 0) | two | ages.clash(links.a, links.b))


def _links(graph: Graph, apart: IntArray | None, barred: IntArray, floor: float) -> _Links:
    """One for every pair of faces of which something is known."""
    keep = graph.edge_weight > floor
    listed, weight = graph.edge_index[:, keep], graph.edge_weight[keep].astype(np.float64)
    photo = np.zeros((2, 0), np.int64) if apart is None else apart
    a, b = np.sort(np.concatenate([listed, photo, barred], axis=1), axis=0)
    E, M, total = listed.shape[1], photo.shape[1], np.zeros(len(a))
    kind = np.repeat(np.arange(3), [E, M, barred.shape[1]])
    total[:E] = weight
    count, together, never = ((kind == k).astype(np.float64) for k in range(3))
    return _Links(a, b, total, count, together, never)


def _score(
    links: _Links, size: DoubleArray, floor: float, reach: int, penalty: float
) -> DoubleArray:
    """Mean log-odds of the pairs of faces that could have been listed, less the penalty."""
    small, large = (
        np.minimum(size[links.a], size[links.b]),
        np.maximum(size[links.a], size[links.b]),
    )
    possible = np.minimum(small * large, np.maximum(links.count, reach * small))
    mean: DoubleArray = (links.total + floor * (possible - links.count)) / possible
    return mean - penalty * links.apart


def _mutual_best(links: _Links, score: DoubleArray, N: int) -> tuple[IntArray, IntArray]:
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
    place = np.arange(len(a))
    first = np.full(N, len(a))
    np.minimum.at(first, a, place)
    np.minimum.at(first, b, place)
    alone = (first[a] == place) & (first[b] == place)
    return a[alone], b[alone]


def _contract(links: _Links, into: IntArray) -> _Links:
    """Rename the clusters, drop what is now inside one, and add up what has become parallel."""
    a, b = np.sort(np.stack([into[links.a], into[links.b]]), axis=0)
    order = np.lexsort((b, a))
    order = order[a[order] < b[order]]
    a, b = a[order], b[order]
    new = np.ones(len(a), np.bool_)
    new[1:] = (np.diff(a) != 0) | (np.diff(b) != 0)
    start = np.flatnonzero(new)
    if not len(start):
        return links.take(start)
    values = (links.total, links.count, links.apart, links.barred)
    return _Links(a[start], b[start], *(np.add.reduceat(v[order], start) for v in values))

"""Crowded clusters, which neighbour lists are too short for: grouped again by a few faces of each.

A person with thousands of photos fills the lists of 50 neighbours many times over: most pairs of
her faces are in no list, and she falls apart into dozens of clusters. Of each of these a few faces
are enough to tell whether two are one person; among those, the lists reach across clusters again.
Other clusters stay as they are: their lists have had room for everybody.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from faceclust.cluster.constraints import Ages, Constraints
from faceclust.cluster.infomap import renumber
from faceclust.cluster.partition import partition
from faceclust.records import BoolArray, Graph, IntArray

KEPT = 30  # faces of a cluster: with its own 29, a list of 50 has room for others
FULL = 25  # pairs of a face that are likelier one person than not: half a list
ROUNDS = 12


def regroup(
    labels: IntArray,
    graph: Graph,
    score: Callable[[IntArray], Graph],
    *,
    apart: IntArray | None = None,
    constraints: Constraints | None = None,
    kept: int = KEPT,
    full: float = FULL,
) -> IntArray:
    """Join crowded clusters until a few faces of each speak for no more.

    No cluster is taken apart, and none that is not crowded is joined. After the first round only
    those are looked at that have grown, and what the pairs link them to.

    Args:
        labels: (N,) of a first partition.
        graph: the log-odds that it was made from.
        score: the log-odds among some faces, (n,) ascending, as a graph over those n.
        apart, constraints: of the N faces, as of `partition`; they hold for whole clusters.
        kept: faces of each cluster that are looked at.
        full: pairs with positive log-odds that its faces have, on average, in a crowded cluster.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance. Deterministic.
    """
    likely = graph.edge_index[:, graph.edge_weight > 0]
    company = np.bincount(likely.ravel(), minlength=len(labels))
    grown = _crowded(labels, company, full)
    for number in range(ROUNDS):
        crowded = _crowded(labels, company, full)
        if crowded.sum() < 2 or not grown.any():
            break
        faces = np.flatnonzero(_linked(labels, likely, grown)[labels])
        rows = faces[thin(labels[faces], kept, number)]
        own = labels[rows]
        place = np.full(len(crowded), -1)  # of a cluster: the first of its rows
        place[own[::-1]] = np.arange(len(rows))[::-1]
        found = partition(
            _among(score(rows), crowded[own]),
            apart=_of_clusters(apart, labels, place),
            constraints=_thinned(constraints, labels, rows, place),
        )
        target = np.arange(len(crowded))
        target[own] = len(crowded) + found
        joined = renumber(target[labels])
        if joined.max() == labels.max():
            break
        whole = np.unique(np.stack([joined, labels]), axis=1)[0]
        grown = np.bincount(whole) > 1
        labels = joined
    return labels


def _crowded(labels: IntArray, company: IntArray, full: float) -> BoolArray:
    """Of each cluster, whether its faces' lists are full of one person."""
    sums = np.bincount(labels, company, minlength=1)
    return np.asarray(sums >= full * np.bincount(labels, minlength=1), np.bool_)


def _linked(labels: IntArray, likely: IntArray, clusters: BoolArray) -> BoolArray:
    """These clusters and those of which a face is likelier than not one person with one of theirs.

    The latter are what the former's faces have for neighbours in the library.
    """
    i, j = labels[likely]
    linked: BoolArray = clusters.copy()
    linked[j[clusters[i]]] = True
    linked[i[clusters[j]]] = True
    return linked


def _among(graph: Graph, nodes: BoolArray) -> Graph:
    """The pairs of which both are among some nodes."""
    keep = nodes[graph.edge_index].all(0)
    return Graph(graph.edge_index[:, keep], graph.edge_weight[keep], graph.num_nodes)


def thin(labels: IntArray, kept: int, seed: int) -> IntArray:
    """At most `kept` random faces of each cluster, (n,) ascending."""
    order = np.random.default_rng((seed, len(labels))).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    _, start, count = np.unique(labels[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(start, count)
    return np.sort(order[place < kept])


def _of_clusters(pairs: IntArray | None, labels: IntArray, place: IntArray) -> IntArray:
    """Pairs of faces as pairs of the rows that stand for their clusters, where both have any."""
    if pairs is None:
        return np.zeros((2, 0), np.int64)
    ends = np.sort(place[labels[pairs]], axis=0)
    return np.unique(ends[:, (ends[0] >= 0) & (ends[0] != ends[1])], axis=1)


def _thinned(
    constraints: Constraints | None, labels: IntArray, rows: IntArray, place: IntArray
) -> Constraints:
    """Clusters as faces that are together; what was decided of a face holds for its cluster."""
    together = labels[rows]
    if constraints is None:
        nothing = np.full(len(rows), -1)
        return Constraints(together, nothing, np.zeros((2, 0), np.int64), Ages.none(len(rows)))
    person = np.full(len(place), -1)
    np.maximum.at(person, labels, constraints.person)
    barred = _of_clusters(constraints.barred, labels, place)
    ages = constraints.ages.of_clusters(labels, len(place)).select(together)
    return Constraints(together, person[together], barred, ages)

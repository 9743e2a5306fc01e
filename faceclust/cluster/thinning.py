"""Clusters that neighbour lists are too short for: grouped again by a few faces of each.

A person with thousands of photos fills the lists of 50 neighbours many times over: most pairs of
her faces are in no list, and she falls apart into dozens of clusters. Of each cluster a few faces
are enough to tell whether two are one person; among those, the lists reach across clusters again.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from faceclust.cluster.constraints import Constraints
from faceclust.cluster.infomap import renumber
from faceclust.cluster.partition import partition
from faceclust.records import Graph, IntArray

KEPT = 30  # faces of a cluster: with its own 29, a list of 50 has room for others
ROUNDS = 12


def regroup(
    labels: IntArray,
    score: Callable[[IntArray], Graph],
    *,
    apart: IntArray | None = None,
    constraints: Constraints | None = None,
    kept: int = KEPT,
) -> IntArray:
    """Join clusters until a few faces of each speak for no more.

    Nothing is done where no cluster has more than `kept` faces. No cluster is taken apart.

    Args:
        labels: (N,) of a first partition.
        score: the log-odds among some faces, (n,) ascending, as a graph over those n.
        apart, constraints: of the N faces, as of `partition`; they hold for whole clusters.
        kept: faces of each cluster that are looked at.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance. Deterministic.
    """
    for number in range(ROUNDS):
        if np.bincount(labels, minlength=1).max(initial=0) <= kept:
            break
        rows = thin(labels, kept, number)
        own = labels[rows]
        place = np.full(int(labels.max()) + 1, -1)  # of a cluster: the first of its rows
        place[own[::-1]] = np.arange(len(rows))[::-1]
        found = partition(
            score(rows),
            apart=_of_clusters(apart, labels, place),
            constraints=_thinned(constraints, labels, rows, place),
        )
        joined = renumber(found[place[labels]])
        if joined.max() == labels.max():
            break
        labels = joined
    return labels


def thin(labels: IntArray, kept: int, seed: int) -> IntArray:
    """At most `kept` random faces of each cluster, (n,) ascending."""
    order = np.random.default_rng((seed, len(labels))).permutation(len(labels))
    order = order[np.argsort(labels[order], kind="stable")]
    _, start, count = np.unique(labels[order], return_index=True, return_counts=True)
    place = np.arange(len(order)) - np.repeat(start, count)
    return np.sort(order[place < kept])


def _of_clusters(pairs: IntArray | None, labels: IntArray, place: IntArray) -> IntArray:
    """Pairs of faces as pairs of the rows that stand for their clusters, each once."""
    if pairs is None:
        return np.zeros((2, 0), np.int64)
    ends = np.sort(place[labels[pairs]], axis=0)
    return np.unique(ends[:, ends[0] != ends[1]], axis=1)


def _thinned(
    constraints: Constraints | None, labels: IntArray, rows: IntArray, place: IntArray
) -> Constraints:
    """Clusters as faces that are together; what was decided of a face holds for its cluster."""
    together = labels[rows]
    if constraints is None:
        nothing = np.full(len(rows), -1)
        return Constraints(together, nothing, np.zeros((2, 0), np.int64))
    person = np.full(len(place), -1)
    np.maximum.at(person, labels, constraints.person)
    barred = _of_clusters(constraints.barred, labels, place)
    return Constraints(together, person[together], barred)

"""What the user decided, as a clusterer takes it: faces that are together, faces that are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceclust.cluster.infomap import renumber
from faceclust.records import FloatArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """Must- and cannot-links of N faces.

    Attributes:
        together: (N,) int64; faces of one number, from 0 on, are one cluster; -1 for the rest.
        person: (N,) int64; faces of two numbers, from 0 on, never share a cluster; -1 for the
            rest. Faces that are together have one number.
        barred: (2, M) int64 pairs that never share a cluster, not even through others.
    """

    together: IntArray
    person: IntArray
    barred: IntArray

    @classmethod
    def none(cls, N: int) -> Constraints:
        """No constraint for N faces."""
        free = np.full(N, -1, np.int64)
        return cls(free, free, np.zeros((2, 0), np.int64))


def honour(labels: IntArray, x: FloatArray, constraints: Constraints) -> IntArray:
    """Mend a clustering that knew nothing of the constraints, as little as is needed.

    Faces that are together follow the largest part of them. A cluster that then holds several
    people is split among them: each other face goes with the nearest. Last, of a barred pair the
    face that nobody placed leaves, for a cluster of its own.

    Args:
        labels: (N,) int64 from 0 on.
        x: (N, D) float32, L2-normalised.

    Returns:
        (N,) int64, 0..K-1 in order of first appearance; the constraints hold.
    """
    labels = labels.copy()
    for number in np.unique(constraints.together[constraints.together >= 0]):
        members = np.flatnonzero(constraints.together == number)
        labels[members] = np.bincount(labels[members]).argmax()
    for cluster in np.unique(labels[constraints.person >= 0]):
        _share_out(labels, np.flatnonzero(labels == cluster), x, constraints.person)
    for one, two in np.sort(constraints.barred, axis=0).T:
        if labels[one] == labels[two]:
            placed = constraints.together[two] >= 0
            labels[one if placed else two] = labels.max() + 1
    return renumber(labels)


def _share_out(labels: IntArray, members: IntArray, x: FloatArray, person: IntArray) -> None:
    """Give each of several people in a cluster a cluster, and the others to the nearest."""
    people = np.unique(person[members][person[members] >= 0])
    if len(people) < 2:
        return
    centres = np.stack([x[members[person[members] == p]].mean(0) for p in people])
    nearest = (x[members] @ centres.T).argmax(1)
    own = person[members] >= 0
    nearest[own] = np.searchsorted(people, person[members][own])
    moves = nearest > 0
    labels[members[moves]] = labels.max() + nearest[moves]

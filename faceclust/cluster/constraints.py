"""What the user decided, as a clusterer takes it: faces that are together, faces that are not."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceclust.cluster.infomap import renumber
from faceclust.halves import Rows
from faceclust.records import BoolArray, IntArray


@dataclass(frozen=True, slots=True, eq=False)
class Ages:
    """When N faces were photographed, and when the people were born who they are put with.

    Time is counted in births: the first was at 1. The same is known of a cluster by its oldest
    photo and the last birth of its people. So two numbers a face stand for all pairs of a face and
    a person who was born later.

    Attributes:
        taken: (N,) int64, how many births had been by then; all of them where nobody knows.
        born: (N,) int64, at which the person was born; 0 where nobody knows, or nobody put it.
    """

    taken: IntArray
    born: IntArray

    @classmethod
    def none(cls, N: int) -> Ages:
        """Nobody's birth is known."""
        never = np.zeros(N, np.int64)
        return cls(never, never)

    def select(self, rows: IntArray) -> Ages:
        """Those of some faces, in any order."""
        return Ages(self.taken[rows], self.born[rows])

    def of_clusters(self, labels: IntArray, K: int) -> Ages:
        """Those of K clusters; `labels` is (N,), each below K."""
        taken, born = np.full(K, np.iinfo(np.int64).max), np.zeros(K, np.int64)
        np.minimum.at(taken, labels, self.taken)
        np.maximum.at(born, labels, self.born)
        return Ages(taken, born)

    def joined(self, first: IntArray, second: IntArray) -> Ages:
        """Those of clusters of which each of `first` takes in one of `second`, pair by pair."""
        taken, born = self.taken.copy(), self.born.copy()
        taken[first] = np.minimum(taken[first], taken[second])
        born[first] = np.maximum(born[first], born[second])
        return Ages(taken, born)

    def clash(self, a: IntArray, b: IntArray) -> BoolArray:
        """Whether, pair by pair, one has a face that is too early for a person of the other."""
        if not self.born.any():
            # Most libraries; the pairs are many.
            return np.zeros(a.shape, np.bool_)
        return (self.taken[a] < self.born[b]) | (self.taken[b] < self.born[a])


@dataclass(frozen=True, slots=True, eq=False)
class Constraints:
    """Must- and cannot-links of N faces.

    Attributes:
        together: (N,) int64; faces of one number, from 0 on, are one cluster; -1 for the rest.
        person: (N,) int64; faces of two numbers, from 0 on, never share a cluster; -1 for the
            rest. Faces that are together have one number.
        barred: (2, M) int64 pairs that never share a cluster, not even through others.
        ages: no face shares a cluster with a person who was born later.
    """

    together: IntArray
    person: IntArray
    barred: IntArray
    ages: Ages

    @classmethod
    def none(cls, N: int) -> Constraints:
        """No constraint for N faces."""
        free = np.full(N, -1, np.int64)
        return cls(free, free, np.zeros((2, 0), np.int64), Ages.none(N))


def honour(labels: IntArray, x: Rows, constraints: Constraints) -> IntArray:
    """Mend a clustering that knew nothing of the constraints, as little as is needed.

    Faces that are together follow the largest part of them. A cluster that then holds several
    people is split among them: each other face goes with the nearest. Last, of a barred pair the
    face that nobody placed leaves, for a cluster of its own; so does one from before its person's
    birth.

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
    barred = np.concatenate([constraints.barred, _too_early(labels, constraints.ages)], axis=1)
    for one, two in np.unique(np.sort(barred, axis=0), axis=1).T:
        if labels[one] == labels[two]:
            placed = constraints.together[two] >= 0
            labels[one if placed else two] = labels.max() + 1
    return renumber(labels)


def _share_out(labels: IntArray, members: IntArray, x: Rows, person: IntArray) -> None:
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


def _too_early(labels: IntArray, ages: Ages) -> IntArray:
    """(2, M) each face that is older than somebody in its cluster, and that person's first face."""
    born = ages.of_clusters(labels, labels.max(initial=-1) + 1).born
    theirs = np.flatnonzero((ages.born > 0) & (ages.born == born[labels]))
    first = np.full(len(born), -1)
    first[labels[theirs[::-1]]] = theirs[::-1]
    early = np.flatnonzero((ages.taken < born[labels]) & (ages.born < born[labels]))
    return np.stack([early, first[labels[early]]])

"""Mend neighbour lists by the neighbours of neighbours (NN-descent; Dong et al., 2011).

A search through part of a library misses some of the nearest. Who is near to one photo of a person
is near to the others, so what one of them missed another has found: faces that list a face, and
those next to its nearest, are compared with it. Only faces nearer than strangers usually come are
followed, which are few: all photos of one person are found, for a tenth of the search's time.
"""

from __future__ import annotations

import numpy as np

from faceclust.graph.approximate import compare
from faceclust.graph.threads import threads
from faceclust.records import FloatArray, IntArray, Neighbours

NEAR = 10  # of a list, and of those that list a face: how many are followed
# The last face of a long list is a stranger, if its place is not taken by the hundredth photo of
# one person. Strangers rarely come nearer than its similarity times this.
RARE, USUAL = 1.1, 0.25
# Of shorter lists the last face is often no stranger, and hardly anybody would be followed: they
# are searched for and mended at this length, and cut to theirs in the end.
SHORTEST = 20
BLOCK = 512


def refined(neighbours: Neighbours, x: FloatArray) -> Neighbours:
    """Put what lists have missed into them, and return them.

    Args:
        neighbours: of N faces, k each, nearest first; padded with -1.
        x: (N, D) float32, contiguous: what similarities are products of.
    """
    index, similarity = neighbours.index, neighbours.similarity
    k = index.shape[1]
    floor = RARE * float(np.quantile(similarity[:, -1], USUAL))
    near = np.where(similarity[:, :NEAR] > floor, index[:, :NEAR], -1)
    around = np.concatenate([near, listing(near)], axis=1)
    friends = np.flatnonzero((around >= 0).any(1))

    def mend(start: int) -> None:
        rows = friends[start : start + BLOCK]
        far = np.where(around[rows, :, None] >= 0, around[around[rows]], -1)
        listers = around[rows, near.shape[1] :]
        candidates = np.concatenate([listers, far.reshape(len(rows), -1)], axis=1)
        candidates = new(candidates, index[rows], rows)
        products = compare(x, x[rows], candidates).clip(-1, 1)
        ids = np.concatenate([index[rows], candidates], axis=1)
        both = np.concatenate([similarity[rows], products], axis=1)
        order = np.lexsort((ids, -both), axis=1)[:, :k]
        index[rows] = np.take_along_axis(ids, order, 1)
        similarity[rows] = np.take_along_axis(both, order, 1)

    with threads() as pool:
        list(pool.map(mend, range(0, len(friends), BLOCK)))
    return neighbours


def listing(near: IntArray) -> IntArray:
    """Those R faces that have each face highest in their lists (N, R): (N, R), -1 for none."""
    row, place = np.nonzero(near >= 0)
    order = np.lexsort((row, place, near[row, place]))
    face, row = near[row, place][order], row[order]
    place = np.arange(len(face)) - np.searchsorted(face, face)
    first = place < near.shape[1]
    found = np.full(near.shape, -1)
    found[face[first], place[first]] = row[first]
    return found


def new(candidates: IntArray, old: IntArray, rows: IntArray) -> IntArray:
    """The candidates in few columns: each once, none that is in `old` (n, k) or the row's own."""
    candidates = np.where(candidates == rows[:, None], -1, candidates)
    both = np.concatenate([old, candidates], axis=1)
    order = np.argsort(both, axis=1, kind="stable")
    ascending = np.take_along_axis(both, order, 1)
    seen = np.zeros_like(both, bool)
    again = np.zeros_like(seen)
    again[:, 1:] = ascending[:, 1:] == ascending[:, :-1]
    np.put_along_axis(seen, order, again, 1)
    fresh = -np.sort(-np.where(seen[:, old.shape[1] :], -1, candidates), axis=1)
    return np.ascontiguousarray(fresh[:, : int((fresh >= 0).sum(1).max(initial=0))])

"""The pairs of faces that neighbour lists name, each once: what is scored."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from faceclust.records import BoolArray, FloatArray, IntArray, Neighbours

ROWS = 8192  # faces at once: what is worked out for them takes little beside the pairs


@dataclass(frozen=True, slots=True, eq=False)
class Pairs:
    """The pairs in which one face lists the other, each once, i < j, ascending.

    Attributes:
        index: (2, E) int64.
        similarity: (E,) float32 cosine similarity.
        rank: (2, E) float32: at which place i lists j, and j lists i; k where it does not.
    """

    index: IntArray
    similarity: FloatArray
    rank: FloatArray


def candidate_pairs(neighbours: Neighbours) -> Pairs:
    """Every pair that the neighbour lists name.

    Each place in a list is written as one number (see `_Listings`). Sorted, the one or two places
    of a pair stand side by side: beside the pairs, no more is held than these numbers.
    """
    k = neighbours.index.shape[1]
    listings = _Listings.of(neighbours.index)
    E = sum(np.count_nonzero(listings.first(part)) for part in listings)
    index, rank = np.empty((2, E), np.int64), np.full((2, E), k, np.float32)
    similarity = np.empty(E, neighbours.similarity.dtype)
    done = 0
    for part in listings:
        first = listings.first(part)
        pairs = slice(done, done + np.count_nonzero(first))
        i, j, back, place = listings.read(part)
        rank[:, pairs][back, np.cumsum(first) - 1] = place
        i, j, back, place = i[first], j[first], back[first], place[first]
        index[0, pairs], index[1, pairs] = i, j
        similarity[pairs] = neighbours.similarity[np.where(back, j, i), place]
        done = pairs.stop
    return Pairs(index, similarity, rank)


def pairs_among(neighbours: Neighbours, faces: IntArray) -> Pairs:
    """The pairs of `candidate_pairs` of which both are among some faces, given in ascending order.

    The work is in proportion to these faces, not to the library.
    """
    place = np.full(len(neighbours.index), -1, np.int64)
    place[faces] = np.arange(len(faces))
    listed = neighbours.index[faces]
    inside = np.where(listed < 0, -1, place[listed])
    found = candidate_pairs(Neighbours(inside, neighbours.similarity[faces]))
    return Pairs(faces[found.index], found.similarity, found.rank)


@dataclass(frozen=True, slots=True, eq=False)
class _Listings:
    """Every place of every list that names another face, ascending, in blocks of whole pairs.

    From its highest bits on, a number holds i and j (i < j), whether it is j that lists i, and at
    which place. 63 bits are enough for 134 million faces with 127 neighbours each.

    Attributes:
        number: (M,) int64.
        ends: (B + 1,) where the blocks of `ROWS` faces i begin and end.
        face, place: bits of a face and of a place.
    """

    number: IntArray
    ends: IntArray
    face: int
    place: int

    @classmethod
    def of(cls, index: IntArray) -> _Listings:
        """Of neighbour lists (N, k)."""
        (N, k), found = index.shape, 0
        face, place = max(N, 1).bit_length(), k.bit_length()
        number = np.empty(N * k, np.int64)
        for start in range(0, N, ROWS):
            col = index[start : start + ROWS]
            row = np.arange(start, start + len(col))[:, None]
            pair = np.minimum(row, col) << face | np.maximum(row, col)
            told = (pair << 1 | (row > col)) << place | np.arange(k)
            told = told[(col >= 0) & (col != row)]
            number[found : found + len(told)] = told
            found += len(told)
        number = number[:found]
        number.sort()
        starts = np.arange(0, N + ROWS, ROWS, dtype=np.int64) << face + 1 + place
        return cls(number, np.searchsorted(number, starts), face, place)

    def __iter__(self) -> Iterator[IntArray]:
        """The blocks, (m,) each."""
        return (self.number[start:end] for start, end in pairwise(self.ends))

    def first(self, part: IntArray) -> BoolArray:
        """Which of a block are the first of their pair, (m,)."""
        pair = part >> self.place + 1
        return np.concatenate([pair[:1] >= 0, pair[1:] != pair[:-1]])

    def read(self, part: IntArray) -> tuple[IntArray, IntArray, IntArray, IntArray]:
        """i, j, whether j lists i, and the place in the list; (m,) each."""
        pair = part >> self.place + 1
        i, j = pair >> self.face, pair & (1 << self.face) - 1
        return i, j, part >> self.place & 1, part & (1 << self.place) - 1

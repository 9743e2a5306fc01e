from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.graph import pairs as listed
from faceclust.graph.pairs import Pairs, candidate_pairs, pairs_among
from faceclust.records import Neighbours


def test_pairs_stand_once_with_the_rank_from_either_side() -> None:
    index = np.array([[1, 2], [2, 0], [1, -1]])
    similarity = np.array([[0.9, 0.2], [0.95, 0.9], [0.95, -1]], np.float32)
    pairs = candidate_pairs(Neighbours(index, similarity))
    assert pairs.index.T.tolist() == [[0, 1], [0, 2], [1, 2]]
    assert pairs.rank.T.tolist() == [[0, 1], [1, 2], [0, 0]]
    assert pairs.similarity == pytest.approx([0.9, 0.2, 0.95])


def by_unique(neighbours: Neighbours) -> Pairs:
    """The plain form: one sort of all places, with the way back from each."""
    N, k = neighbours.index.shape
    row, col = np.repeat(np.arange(N), k), neighbours.index.ravel()
    place = np.tile(np.arange(k, dtype=np.float32), N)
    keep = (col >= 0) & (col != row)
    row, col, place = row[keep], col[keep], place[keep]
    key, first, back = np.unique(
        np.minimum(row, col) * N + np.maximum(row, col), return_index=True, return_inverse=True
    )
    rank = np.full((2, len(key)), k, np.float32)
    rank[(row > col).astype(np.int64), back] = place
    similarity = neighbours.similarity.ravel()[keep][first]
    return Pairs(np.stack(np.divmod(key, max(N, 1))), similarity, rank)


def lists(N: int, k: int, seed: int) -> Neighbours:
    """Lists that end early, that name their own face, and whose similarities are not symmetric."""
    rng = np.random.default_rng(seed)
    index = np.argsort(rng.random((N, max(N, k))), axis=1)[:, :k].astype(np.int64)
    index[(index >= N) | (rng.random((N, k)) < rng.random())] = -1
    return Neighbours(index, rng.random((N, k), np.float32))


def same(found: Pairs, expected: Pairs) -> None:
    for name in ("index", "similarity", "rank"):
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), strict=True)


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 33), st.integers(0, 9), st.integers(1, 40), st.integers(0, 9999))
def test_the_pairs_are_those_of_the_plain_form(N: int, k: int, rows: int, seed: int) -> None:
    """In whatever blocks."""
    neighbours = lists(N, k, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(listed, "ROWS", rows)
        same(candidate_pairs(neighbours), by_unique(neighbours))


def test_a_face_that_is_listed_twice_counts_as_before() -> None:
    index = np.array([[1, 1, 2], [2, 2, 2], [0, 1, 0]])
    neighbours = Neighbours(index, np.arange(9, dtype=np.float32).reshape(3, 3) / 9)
    same(candidate_pairs(neighbours), by_unique(neighbours))


def test_many_faces_with_long_lists() -> None:
    """The highest numbers there are of the last of many faces stay within their bits."""
    N = 1 << 17
    index = np.full((N, 64), -1)
    index[N - 1, 63], index[N - 2, 63], index[0, 0] = N - 2, N - 1, N - 1
    neighbours = Neighbours(index, np.random.default_rng(0).random((N, 64), np.float32))
    same(candidate_pairs(neighbours), by_unique(neighbours))


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 33), st.integers(1, 9), st.integers(0, 9999), st.data())
def test_pairs_among_some(N: int, k: int, seed: int, data: st.DataObject) -> None:
    neighbours = lists(N, k, seed)
    chosen = data.draw(st.sets(st.integers(0, N - 1)))
    faces = np.array(sorted(chosen), np.int64)
    found, everything = pairs_among(neighbours, faces), by_unique(neighbours)
    among = np.isin(everything.index, faces).all(0)
    same(
        found,
        Pairs(everything.index[:, among], everything.similarity[among], everything.rank[:, among]),
    )

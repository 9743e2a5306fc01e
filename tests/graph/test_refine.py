from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceclust.graph.knn import knn
from faceclust.graph.refine import listing, refined
from faceclust.records import FloatArray, Neighbours
from tests.engine.crowd import faces


def unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def without(neighbours: Neighbours, lost: np.ndarray) -> Neighbours:
    """The lists without some of their entries, the rest moved up."""
    similarity = np.where(lost, np.float32(-1), neighbours.similarity)
    order = np.argsort(-similarity, axis=1, kind="stable")
    index = np.where(lost, -1, neighbours.index)
    return Neighbours(np.take_along_axis(index, order, 1), np.take_along_axis(similarity, order, 1))


@given(st.integers(0, 2**32 - 1), st.floats(0, 0.9), st.sampled_from([1, 3, 8, 12]))
def test_lists_only_gain(seed: int, share: float, k: int) -> None:
    rng = np.random.default_rng(seed)
    x = unit(rng.normal(size=(90, 8)).astype(np.float32))
    whole = knn(x, k)
    given_ = without(whole, rng.random(whole.index.shape) < share)
    before = given_.similarity.copy()
    found = refined(given_, x)
    assert (found.similarity >= before).all()
    assert (found.similarity <= whole.similarity + 1e-6).all()
    assert (np.diff(found.similarity, axis=1) <= 0).all()
    for face, (row, near) in enumerate(zip(found.index, found.similarity, strict=True)):
        there = row >= 0
        assert len(set(row[there])) == there.sum()
        assert face not in row
        assert np.allclose(near[there], (x[row[there]] @ x[face]).clip(-1, 1), atol=1e-5)


def test_what_one_photo_missed_another_has_found() -> None:
    x, person = faces(3000)
    x = unit(x)
    whole = knn(x, 40)
    rng = np.random.default_rng(0)
    same = (person[whole.index] == person[:, None]) & (whole.index >= 0)
    lost = rng.random(same.shape) < 0.3
    found = refined(without(whole, lost), x)
    kept = np.array([np.isin(a, b) for a, b in zip(whole.index, found.index, strict=True)])
    assert kept[same].mean() > 0.97 > 0.75 > (~lost)[same].mean()


def test_complete_lists_stay_as_they_are() -> None:
    x = unit(faces(2000)[0])
    whole = knn(x, 30)
    found = refined(Neighbours(whole.index.copy(), whole.similarity.copy()), x)
    np.testing.assert_array_equal(found.index, whole.index)


def test_the_nearest_of_those_that_list_a_face() -> None:
    near = np.array([[3, 1], [3, -1], [3, -1], [0, -1]])
    assert listing(near).tolist() == [[3, -1], [0, -1], [-1, -1], [0, 1]]

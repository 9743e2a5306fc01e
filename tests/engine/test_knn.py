from __future__ import annotations

import numpy as np
import pytest

from faceclust.engine import knn as sharded
from faceclust.engine.tasks import Loop
from faceclust.errors import OptionError
from faceclust.graph import approximate
from faceclust.graph import knn as whole
from faceclust.records import FloatArray
from tests.engine.crowd import faces


def unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several shards of either kind of a library that a test can afford."""
    monkeypatch.setattr(whole, "BLOCK", 1024)
    monkeypatch.setattr(sharded, "BLOCK", 1024)
    monkeypatch.setattr(sharded, "BASE", 2048)


@pytest.mark.parametrize("N", [0, 1, 2, 30, 5000])
@pytest.mark.usefixtures("small_shards")
def test_the_lists_are_those_of_a_single_machine_bit_for_bit(N: int) -> None:
    x = unit(faces(N)[0])
    one, many = whole.knn(x, 50), sharded.knn(x, 50, Loop())
    assert np.array_equal(one.index, many.index)
    assert np.array_equal(one.similarity, many.similarity)


@pytest.mark.usefixtures("small_shards")
def test_photos_that_are_there_twice_are_listed_in_the_same_order() -> None:
    x = unit(faces(2500)[0])
    x = np.concatenate([x, x])[np.random.default_rng(0).permutation(5000)]
    one, many = whole.knn(x, 10), sharded.knn(x, 10, Loop())
    assert np.array_equal(one.index, many.index)


@pytest.mark.usefixtures("small_shards")
def test_many_faces_are_searched_in_the_same_few_dimensions(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("faceclust.graph.principal.COMPACT_FROM", 3000)
    monkeypatch.setattr(whole, "LOST", 0.01)
    x = unit(faces(3000)[0])
    one, many = whole.knn(x, 20), sharded.knn(x, 20, Loop())
    assert np.array_equal(one.similarity, many.similarity)
    assert not np.array_equal(one.similarity[:, 0], whole.knn(x[:2999], 20).similarity[:, 0])


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("indexed", [100_000, 3000])
def test_the_approximate_search_is_that_of_a_single_machine(
    monkeypatch: pytest.MonkeyPatch, indexed: int
) -> None:
    """Where one shard holds all, the lists are the same; of several, no fewer are found."""
    monkeypatch.setattr(sharded, "INDEXED", indexed)
    monkeypatch.setattr(sharded, "BLOCKS", 2)
    monkeypatch.setattr(approximate, "THOROUGH", 2)
    x = unit(faces(8000)[0])
    x = np.concatenate([x, x[:500]])
    one = whole.knn(x, 20, exact_below=0)
    many = sharded.knn(x, 20, Loop(), exact_below=0)
    if indexed > len(x):
        assert np.array_equal(one.index, many.index)
        assert np.array_equal(one.similarity, many.similarity)
    right = whole.knn(x, 20).index
    found = [
        np.mean([len(np.intersect1d(*rows)) for rows in zip(right, lists.index, strict=True)])
        for lists in (one, many)
    ]
    assert found[1] >= found[0] > 0.8 * 20
    assert found[0] < 20  # so it is approximate


def test_the_number_of_threads_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    import faiss

    x = unit(faces(9000, D=256)[0])
    found = []
    for threads in (1, 3):
        monkeypatch.setattr(faiss, "omp_get_max_threads", lambda threads=threads: threads)
        found.append(whole.knn(x, 50))
    assert np.array_equal(found[0].similarity, found[1].similarity)
    assert np.array_equal(found[0].index, found[1].index)


def test_no_neighbours_cannot_be_asked_for() -> None:
    with pytest.raises(OptionError, match="at least 1"):
        sharded.knn(np.ones((3, 2), np.float32), 0, Loop())

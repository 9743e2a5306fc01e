import tracemalloc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.errors import OptionError
from faceclust.graph import approximate
from faceclust.graph import knn as module
from faceclust.graph.approximate import share_of
from faceclust.graph.knn import extend, knn, knn_graph
from faceclust.records import FloatArray, Neighbours
from tests.engine import crowd


def unit(N: int, D: int = 16, seed: int = 0) -> FloatArray:
    x = np.random.default_rng(seed).standard_normal((N, D)).astype(np.float32)
    return x / np.linalg.norm(x, axis=1, keepdims=True)


def people(count: int, faces: int, D: int = 64) -> FloatArray:
    """Unit vectors in tight groups, as embeddings of faces are."""
    x = np.repeat(unit(count, D), faces, axis=0) + 0.6 * unit(count * faces, D, seed=1)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def test_lists_of_nobody_are_extended_by_nobody() -> None:
    nobody = np.zeros((0, 0), np.float32)
    lists, changed = extend(nobody, knn(nobody, 3), np.zeros(0, np.int64))
    assert (lists.index.shape, changed.shape) == ((0, 3), (0,))


def test_finds_what_a_full_sort_finds() -> None:
    x = unit(300)
    similarity = x @ x.T
    np.fill_diagonal(similarity, -2)
    expected = np.argsort(-similarity, axis=1, kind="stable")[:, :10]
    found = knn(x, 10)
    np.testing.assert_array_equal(found.index, expected)
    np.testing.assert_allclose(
        found.similarity, np.take_along_axis(similarity, expected, 1), atol=1e-6
    )
    assert found.index.dtype == np.int64
    assert found.similarity.dtype == np.float32


@pytest.mark.parametrize("N", [0, 1])
def test_too_few_faces_have_no_neighbours(N: int) -> None:
    found = knn(unit(N), 3)
    assert found.index.shape == (N, 3)
    assert (found.index == -1).all()
    assert (found.similarity == -1).all()


def test_fewer_faces_than_k_are_padded() -> None:
    found = knn(unit(4), 6)
    assert [set(row) for row in found.index[:, :3].tolist()] == [
        {0, 1, 2, 3} - {face} for face in range(4)
    ]
    assert (found.index[:, 3:] == -1).all()
    assert (found.similarity[:, 3:] == -1).all()


def test_duplicates_list_each_other_and_never_themselves() -> None:
    x = np.repeat(unit(30), 8, axis=0)
    assert np.einsum("nd,nd->n", x, x).max() > 1  # by rounding
    found = knn(x, 5)
    assert (found.index != np.arange(240)[:, None]).all()
    assert (found.index // 8 == (np.arange(240) // 8)[:, None]).all()
    assert all(len(set(row)) == 5 for row in found.index.tolist())
    assert (found.similarity <= 1).all()


def test_blocks_make_no_difference(monkeypatch: pytest.MonkeyPatch) -> None:
    x = unit(200)
    whole = knn(x, 7)
    monkeypatch.setattr(module, "BLOCK", 64)
    np.testing.assert_array_equal(knn(x, 7).index, whole.index)


def test_the_approximate_search_finds_nearly_all_and_repeats_itself() -> None:
    x = people(400, 12)
    exact, found = knn(x, 10), knn(x, 10, exact_below=0)
    shared = [
        len(set(a) & set(b))
        for a, b in zip(exact.index.tolist(), found.index.tolist(), strict=True)
    ]
    assert np.mean(shared) / 10 > 0.99
    assert (found.index != np.arange(len(x))[:, None]).all()
    np.testing.assert_array_equal(found.index, knn(x, 10, exact_below=0).index)


def test_the_approximate_search_of_a_handful_of_faces() -> None:
    assert set(knn(unit(3), 2, exact_below=0).index[0].tolist()) == {1, 2}


@pytest.mark.parametrize("k", [0, -1])
def test_k_below_one_is_refused(k: int) -> None:
    with pytest.raises(OptionError, match="at least 1"):
        knn(unit(3), k)


def test_x_must_be_a_matrix() -> None:
    with pytest.raises(ValueError, match=r"\(N, D\)"):
        knn(np.zeros(3, np.float32), 1)


def test_graph_keeps_each_pair_once_with_the_larger_similarity() -> None:
    neighbours = Neighbours(
        np.array([[1, 2], [0, -1], [0, 3], [2, -1]]),
        np.array([[0.8, 0.3], [0.9, -1], [0.3, 0.1], [0.1, -1]], np.float32),
    )
    graph = knn_graph(neighbours, 0.3)
    assert graph.edge_index.tolist() == [[0, 0], [1, 2]]
    np.testing.assert_allclose(graph.edge_weight, [0.9, 0.3])
    assert graph.num_nodes == 4


def test_graph_drops_self_loops_and_padding() -> None:
    neighbours = Neighbours(np.array([[0, -1]]), np.array([[1.0, -1.0]], np.float32))
    assert knn_graph(neighbours, -1.0).edge_index.shape == (2, 0)


@pytest.mark.parametrize("N", [0, 1])
def test_graph_without_edges(N: int) -> None:
    graph = knn_graph(knn(unit(N), 3))
    assert graph.edge_index.shape == (2, 0)
    assert graph.num_nodes == N


@given(N=st.integers(2, 40), k=st.integers(1, 12), floor=st.floats(-1, 1), seed=st.integers(0, 99))
def test_graph_equals_the_plain_definition(N: int, k: int, floor: float, seed: int) -> None:
    neighbours = knn(unit(N, 4, seed), k)
    expected: dict[tuple[int, int], float] = {}
    for face, (ids, near) in enumerate(
        zip(neighbours.index.tolist(), neighbours.similarity, strict=True)
    ):
        for other, similarity in zip(ids, near, strict=True):
            if other >= 0 and similarity >= floor:
                pair = min(face, other), max(face, other)
                expected[pair] = max(similarity, expected.get(pair, -1))
    graph = knn_graph(neighbours, floor)
    pairs = list(zip(*graph.edge_index.tolist(), strict=True))
    assert dict(zip(pairs, graph.edge_weight, strict=True)) == expected
    assert pairs == sorted(expected)


def test_a_larger_share_finds_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(approximate, "LEAST", 1)
    x = unit(20_000, 48)
    exact, rows = knn(x, 10), 20_000 * np.arange(20_000)[:, None]
    found = [
        np.isin(exact.index + rows, near.index + rows).mean()
        for near in (knn(x, 10, exact_below=0, share=share) for share in (0.1, 0.9))
    ]
    assert found[0] < found[1] - 0.05


@pytest.mark.parametrize(("k", "least"), [(1, 0.95), (5, 0.97)])
def test_short_lists_are_mended_as_long_ones_are(
    monkeypatch: pytest.MonkeyPatch, k: int, least: float
) -> None:
    monkeypatch.setattr(approximate, "LEAST", 1)
    monkeypatch.setattr(approximate, "LISTED", 50)
    x, person = crowd.faces(3000)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    right = knn(x, k).index
    same = person[right] == person[:, None]

    def recall() -> float:
        found = knn(x, k, exact_below=0, share=0.05).index
        assert found.shape == right.shape
        kept = np.array([np.isin(a, b) for a, b in zip(right, found, strict=True)])
        return float(kept[same].mean())

    mended = recall()
    monkeypatch.setattr(module, "SHORTEST", k)
    assert mended > least > recall()


def test_the_share_falls_as_libraries_grow() -> None:
    shares = [share_of(N) for N in (10, 100_000, 200_000, 1_000_000, 10_000_000)]
    assert shares[0] == shares[1]
    assert shares[1:] == sorted(shares[1:], reverse=True)
    assert 0.01 < shares[-1] < 0.1 < shares[0]


def test_lists_are_extended_the_same_whatever_is_compared_at_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = people(30, 12)
    new = np.random.default_rng(3).permutation(len(x))[:150]
    old = np.setdiff1d(np.arange(len(x)), new)
    lists = Neighbours(np.full((len(x), 8), -1), np.full((len(x), 8), -1, np.float32))
    known = knn(x[old], 8)
    lists.index[old], lists.similarity[old] = old[known.index], known.similarity
    whole, changed = extend(x, lists, new)
    for columns in (1, 7, 100):
        monkeypatch.setattr(module, "COLUMNS", columns)
        parts, rows = extend(x, lists, new)
        np.testing.assert_array_equal(parts.index, whole.index)
        np.testing.assert_allclose(parts.similarity, whole.similarity, atol=1e-6)
        np.testing.assert_array_equal(rows, changed)


def test_a_new_face_takes_no_more_memory_in_a_large_library() -> None:
    x = np.tile(unit(2000, 8), (100, 1))
    lists = Neighbours(np.full((len(x), 4), 0), np.ones((len(x), 4), np.float32))
    tracemalloc.start()
    try:
        extend(x, lists, np.arange(128))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 200e6

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.cluster.infomap import communities
from faceclust.cluster.prune import probable, walk, weighted_by_cosine, without
from faceclust.records import Graph


def chain(*log_odds: float) -> Graph:
    index = np.arange(len(log_odds))
    return Graph(np.stack([index, index + 1]), np.array(log_odds, np.float32), len(log_odds) + 1)


def test_pairs_above_the_probability_are_kept_and_weighted_by_it() -> None:
    graph = probable(chain(-1, 0, 0.1, 12, -12))
    assert graph.edge_index.tolist() == [[2, 3], [3, 4]]
    np.testing.assert_allclose(graph.edge_weight, 1 / (1 + np.exp([-0.1, -12])), rtol=1e-5)
    assert graph.num_nodes == 6
    assert probable(chain(1, 3), 0.9).edge_index.tolist() == [[1], [2]]


@given(st.lists(st.floats(-12, 12, width=32)), st.floats(0, 0.99))
def test_more_is_pruned_at_a_higher_probability(odds: list[float], above: float) -> None:
    graph = probable(chain(*odds), above)
    assert graph.edge_weight.dtype == np.float32
    kept = set(graph.edge_index[0].tolist())
    assert kept >= set(probable(chain(*odds), min(above + 0.1, 0.999)).edge_index[0].tolist())


def test_the_cosine_can_be_the_weight(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceclust.cluster.prune.CHUNK", 2)
    x = np.array([[1, 0], [0.6, 0.8], [0, 1], [0, -1]], np.float32)
    graph = weighted_by_cosine(probable(chain(1, 2, 3)), x)
    assert graph.edge_index.tolist() == [[0, 1], [1, 2]]  # the third pair's cosine is -1
    np.testing.assert_allclose(graph.edge_weight, [0.6, 0.8], rtol=1e-6)


def test_no_pair_is_no_pair() -> None:
    nothing = probable(chain(-1))
    assert weighted_by_cosine(nothing, np.eye(2, dtype=np.float32)).edge_index.shape == (2, 0)


def test_pairs_are_left_out_whichever_way_they_are_named() -> None:
    graph = without(chain(1, 2, 3), np.array([[1, 3, 0], [0, 2, 3]]))
    assert graph.edge_index.tolist() == [[1], [2]]
    assert graph.edge_weight.tolist() == [2]
    assert graph.num_nodes == 4
    nobody = np.zeros((2, 0), np.int64)
    assert without(chain(1, 2), nobody).edge_index.tolist() == [[0, 1], [1, 2]]


def test_a_walk_stays_with_probable_pairs_and_out_of_common_photos() -> None:
    graph = chain(5, 5, -1, 5)
    assert walk(graph).tolist() == [0, 0, 0, 1, 1]
    assert walk(graph, apart=np.array([[4], [3]])).tolist() == [0, 0, 0, 1, 2]
    assert walk(chain(-1, -2)).tolist() == [0, 1, 2]


def test_walks_differ_in_weights_and_direction_only() -> None:
    rng = np.random.default_rng(0)
    x = rng.standard_normal((200, 8)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    index = np.stack(np.triu_indices(200, 1))
    index = index[:, rng.random(index.shape[1]) < 0.05]
    odds = Graph(index, rng.normal(0, 3, index.shape[1]).astype(np.float32), 200)
    for directed in (False, True):
        by_hand = communities(probable(odds), seed=3, directed=directed)
        assert np.array_equal(walk(odds, seed=3, directed=directed), by_hand)
        cosine = weighted_by_cosine(probable(odds), x)
        by_hand = communities(cosine, seed=3, directed=directed)
        assert np.array_equal(walk(odds, seed=3, directed=directed, x=x), by_hand)

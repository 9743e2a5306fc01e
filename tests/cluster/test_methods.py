from typing import Any, get_args

import numpy as np
import pytest

from faceclust.cluster.by_component import by_component
from faceclust.cluster.constraints import Ages, Constraints
from faceclust.cluster.methods import (
    DEFAULT_THRESHOLD,
    Clustering,
    ClusterOptions,
    Method,
    cluster,
    lists_of,
    needs_edges,
    needs_neighbours,
    sharpened_graph,
)
from faceclust.errors import OptionError
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

METHODS = get_args(Method)


def people(count: int = 20, faces: int = 5) -> FloatArray:
    rng = np.random.default_rng(0)
    x = np.repeat(rng.standard_normal((count, 32)), faces, axis=0)
    x += 0.2 * rng.standard_normal(x.shape)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def lists(x: FloatArray, k: int = 8) -> Neighbours:
    similarity = x @ x.T
    np.fill_diagonal(similarity, -2)
    index = np.argsort(-similarity, axis=1)[:, :k]
    return Neighbours(index, np.take_along_axis(similarity, index, 1))


def clustered(x: FloatArray, wanted: ClusterOptions, near: Neighbours) -> Clustering:
    """With log-odds that say what the cosine does, in place of the edge model's."""
    graph = sharpened_graph(near, 0.01)
    odds = ((graph.edge_weight**0.25 - 0.5) * 10).astype(np.float32)
    return cluster(x, wanted, near, Graph(graph.edge_index, odds, len(x)))


def from_odds(x: FloatArray, odds: Graph, apart: IntArray | None = None, **values: Any) -> Any:
    """Infomap on the models' probabilities."""
    wanted = ClusterOptions("infomap", edges="universal", **values)
    return cluster(x, wanted, lists(x, 50), odds, apart)


def certain(people: int, faces: int) -> Graph:
    """Everybody's faces are surely his own, and nobody else's; the last face is nobody's."""
    N = people * faces
    index = np.stack(np.triu_indices(N, 1))
    odds = np.where(index[0] // faces == index[1] // faces, 4, -3)
    keep = index[1] < N - 1
    return Graph(index[:, keep], odds[keep].astype(np.float32), N)


def test_infomap_walks_on_probabilities_where_edges_are_named() -> None:
    x = people()
    found = from_odds(x, certain(10, 10))  # other people than those whom the cosine knows
    assert found.labels.tolist() == [*np.repeat(np.arange(10), 10)[:-1], 10]
    assert found.threshold is None
    by_cosine = cluster(x, ClusterOptions("infomap"), lists(x), certain(10, 10))
    assert by_cosine.labels.tolist() == np.repeat(np.arange(20), 5).tolist()
    assert by_cosine.threshold == DEFAULT_THRESHOLD["infomap"]
    again = [from_odds(x, certain(10, 10), seed=9).labels.tolist() for _ in range(2)]
    assert again[0] == again[1]


def test_infomap_on_probabilities_keeps_what_was_decided_and_common_photos() -> None:
    x, pair = people(2, 2), Graph(np.array([[0, 2], [1, 3]]), np.full(2, 4, np.float32), 4)
    assert from_odds(x, pair).labels.tolist() == [0, 0, 1, 1]
    assert from_odds(x, pair, np.array([[2], [3]])).labels.tolist() == [0, 0, 1, 2]
    person = np.array([7, -1, 7, -1])
    bound = Constraints(person, person, np.array([[0], [1]]), Ages.none(4))
    wanted = ClusterOptions("infomap", edges="clip-cluster")
    labels = cluster(x, wanted, lists(x, 3), pair, constraints=bound).labels
    assert labels[0] == labels[2] != labels[1]


@pytest.mark.parametrize("edges", [None, "universal"])
@pytest.mark.parametrize("asked", [None, True, False])
def test_components_are_walked_one_by_one_where_that_is_asked_for_or_better(
    edges: Any, asked: bool | None
) -> None:
    walked: list[int] = []

    def components(graph: Graph, *, seed: int = 0, directed: bool = False) -> IntArray:
        walked.append(seed)
        return by_component(graph, seed=seed, directed=directed)

    x = people()
    wanted = ClusterOptions("infomap", edges=edges, by_component=asked, seed=3)
    found = cluster(x, wanted, lists(x, 50), certain(20, 5), communities=components)
    assert walked == ([3] if asked or (asked is None and edges) else [])
    assert found.labels[:90].tolist() == np.repeat(np.arange(18), 5).tolist()


@pytest.mark.parametrize("asked", [True, False])
def test_what_was_decided_holds_however_the_graph_is_walked(asked: bool) -> None:
    """Faces of two components put together, one component shared out, a barred pair."""
    x = people(3, 4)
    together = np.array([0, -1, -1, -1, 0, -1, -1, -1, 1, 2, -1, -1])
    person = np.where(together >= 0, together, -1)
    bound = Constraints(together, person, np.array([[1], [2]]), Ages.none(12))
    wanted = ClusterOptions("infomap", edges="universal", by_component=asked)
    labels = cluster(x, wanted, lists(x, 50), certain(3, 4), constraints=bound).labels
    assert labels[0] == labels[4]
    assert labels[8] != labels[9]
    assert labels[1] != labels[2]


def test_who_needs_edges() -> None:
    assert needs_edges(ClusterOptions())
    assert needs_edges(ClusterOptions("infomap", edges="universal"))
    assert not needs_edges(ClusterOptions("infomap"))
    assert not needs_edges(ClusterOptions("components", edges="universal"))
    assert lists_of(ClusterOptions("infomap", k=5, edges="clip-cluster")) == 50
    with pytest.raises(ValueError, match="needs the edges of all 4 faces"):
        cluster(people(2, 2), ClusterOptions("infomap", edges="universal"), lists(people(2, 2), 3))


def options(method: Method, **values: Any) -> ClusterOptions:
    if method == "kmeans":
        values.setdefault("num_people", 20)
    return ClusterOptions(method, **values)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_groups_by_its_default(method: Method) -> None:
    x = people()
    # fc-es counts shared neighbours: strangers at the end of lists that are too long are shared.
    result = clustered(x, options(method), lists(x, 4 if method == "fc-es" else 8))
    truth = np.repeat(np.arange(20), 5)
    agree = (result.labels[:, None] == result.labels) == (truth[:, None] == truth)
    assert agree.mean() > 0.98
    assert result.labels.dtype == np.int64
    assert list(dict.fromkeys(result.labels.tolist())) == list(range(result.labels.max() + 1))
    assert result.threshold == DEFAULT_THRESHOLD[method]
    assert result.seconds > 0


@pytest.mark.parametrize("N", [0, 1])
@pytest.mark.parametrize("method", METHODS)
def test_no_face_or_one(method: Method, N: int) -> None:
    x = people()[:N]
    near = Neighbours(np.full((N, 8), -1), np.full((N, 8), -1, np.float32))
    assert cluster(x, options(method), near).labels.tolist() == [0] * N


@pytest.mark.parametrize("method", METHODS)
def test_the_same_options_repeat_themselves(method: Method) -> None:
    x = people()
    first, second = (clustered(x, options(method, seed=3), lists(x)).labels for _ in range(2))
    assert (first == second).all()


@pytest.mark.parametrize("method", METHODS)
def test_neighbours_are_asked_for_where_they_are_needed(method: Method) -> None:
    x = people()
    if needs_neighbours(method):
        with pytest.raises(ValueError, match="needs the neighbours of all 100 faces"):
            cluster(x, options(method))
        with pytest.raises(ValueError, match="100 faces"):
            cluster(x, options(method), lists(x[:50]))
    else:
        assert len(cluster(x, options(method)).labels) == 100


def test_the_given_threshold_is_used_and_told() -> None:
    x = people()
    result = cluster(x, ClusterOptions("components", threshold=0.9999), lists(x))
    assert result.threshold == 0.9999
    assert result.labels.tolist() == list(range(100))


def test_k_limits_the_lists() -> None:
    x = people(1, 40)
    few = cluster(x, ClusterOptions("components", k=1, threshold=0.1), lists(x)).labels
    many = cluster(x, ClusterOptions("components", k=8, threshold=0.1), lists(x)).labels
    assert few.max() > many.max()


def test_fc_es_takes_its_own_number_of_lists() -> None:
    assert lists_of(ClusterOptions("fc-es", k=5)) == 79
    assert lists_of(ClusterOptions("infomap", k=5)) == 5


def test_an_unknown_method_lists_the_valid_ones() -> None:
    with pytest.raises(OptionError) as error:
        ClusterOptions("louvain")  # type: ignore[arg-type]
    assert all(method in str(error.value) for method in ("louvain", *METHODS))


@pytest.mark.parametrize(
    ("values", "named"),
    [
        ({"k": 0}, "--k"),
        ({"seed": -1}, "--seed"),
        ({"search_share": 0}, "--search-share"),
        ({"search_share": 1.5}, "--search-share"),
        ({"search_share": "half"}, "--search-share"),
        ({"seed": 2**32}, "--seed"),
        ({"threshold": 0}, "--threshold"),
        ({"threshold": 1.01}, "--threshold"),
        ({"threshold": float("nan")}, "--threshold"),
        ({"threshold": "0.5"}, "--threshold"),
        ({"method": "aro", "threshold": -0.1}, "--threshold"),
        ({"method": "fc-es", "threshold": 1.5}, "edge probability"),
        ({"method": "kmeans", "threshold": 0.5}, "--threshold"),
        ({"method": "infomap", "edges": "universal", "threshold": 0.5}, "not both"),
        ({"method": "kmeans", "num_people": "5"}, "--num-people"),
    ],
)
def test_impossible_values_name_their_option(values: dict[str, Any], named: str) -> None:
    with pytest.raises(OptionError, match=named):
        ClusterOptions(**values)


def test_kmeans_without_a_number_of_people_says_so() -> None:
    with pytest.raises(OptionError, match="--num-people"):
        cluster(people(), ClusterOptions("kmeans"))


def test_the_largest_seed_suits_every_method() -> None:
    x = people()
    for method in ("infomap", "fc-es", "chinese-whispers", "kmeans"):
        assert len(cluster(x, options(method, seed=2**32 - 2), lists(x)).labels) == 100


def test_infomap_weighs_sure_pairs_more_than_their_cosine() -> None:
    near = Neighbours(
        np.array([[1, 2], [0, -1], [0, -1]]),
        np.array([[0.9, 0.5], [0.9, -1], [0.4, -1]], np.float32),
    )
    graph = sharpened_graph(near, 0.5)
    assert graph.edge_index.tolist() == [[0, 0], [1, 2]]
    np.testing.assert_allclose(graph.edge_weight, [0.9**4, 0.5**4], rtol=1e-5)
    assert cluster(
        people(1, 3), ClusterOptions("infomap", threshold=0.5), near
    ).labels.tolist() == [0, 0, 0]

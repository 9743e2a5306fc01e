import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.cluster.infomap import communities, directed_communities, renumber
from faceclust.records import Graph, IntArray


def graph(num_nodes: int, *edges: tuple[int, int, float]) -> Graph:
    pairs = np.array([edge[:2] for edge in edges], np.int64).reshape(-1, 2)
    return Graph(pairs.T, np.array([edge[2] for edge in edges], np.float32), num_nodes)


def ring_of_cliques(cliques: int, size: int) -> Graph:
    inside = [
        (size * c + i, size * c + j, 1.0)
        for c in range(cliques)
        for i in range(size)
        for j in range(i + 1, size)
    ]
    between = [(*sorted((size * c, size * ((c + 1) % cliques) + 1)), 0.05) for c in range(cliques)]
    return graph(cliques * size, *inside, *between)


TWO_TRIANGLES = (
    (1, 2, 1.0),
    (1, 4, 1.0),
    (2, 4, 1.0),
    (3, 5, 1.0),
    (3, 6, 1.0),
    (5, 6, 1.0),
    (4, 5, 0.01),
)


@pytest.mark.parametrize("directed", [False, True])
@pytest.mark.parametrize("two_level", [False, True])
def test_triangles_on_a_thread_and_a_face_alone(two_level: bool, directed: bool) -> None:
    labels = communities(graph(8, *TWO_TRIANGLES), two_level=two_level, directed=directed)
    assert labels.tolist() == [0, 1, 1, 2, 1, 2, 2, 3]
    assert labels.dtype == np.int64


@pytest.mark.parametrize("two_level", [False, True])
def test_leaf_modules_are_the_cliques(two_level: bool) -> None:
    labels = communities(ring_of_cliques(30, 5), two_level=two_level)
    assert labels.tolist() == np.repeat(np.arange(30), 5).tolist()


@pytest.mark.parametrize("N", [0, 1, 3])
def test_no_edges_make_singletons(N: int) -> None:
    assert communities(graph(N)).tolist() == list(range(N))


def test_weights_decide_where_a_face_in_the_middle_belongs() -> None:
    left, right = ((0, 2, 0.9), (1, 2, 0.9)), ((2, 3, 0.1), (2, 4, 0.1))
    pairs = ((0, 1, 1.0), (3, 4, 1.0))
    assert communities(graph(5, *pairs, *left, *right)).tolist() == [0, 0, 0, 1, 1]
    swapped = [(i, j, 1 - w) for i, j, w in (*left, *right)]
    assert communities(graph(5, *pairs, *swapped)).tolist() == [0, 0, 1, 1, 1]


def test_the_same_seed_repeats_itself() -> None:
    rng = np.random.default_rng(0)
    pairs = np.unique(np.sort(rng.integers(0, 300, (1500, 2)), axis=1), axis=0)
    pairs = pairs[pairs[:, 0] != pairs[:, 1]]
    noise = Graph(pairs.T, rng.random(len(pairs)).astype(np.float32), 300)
    for seed in (0, 7):
        assert (communities(noise, seed=seed) == communities(noise, seed=seed)).all()


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(0, 12))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    kept = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    return graph(n, *((i, j, draw(st.floats(0.5, 1, width=32))) for i, j in sorted(kept)))


@settings(max_examples=50)
@given(graphs(), st.integers(0, 2**32 - 2), st.booleans())
def test_a_seed_repeats_itself_and_nobody_is_lost(g: Graph, seed: int, directed: bool) -> None:
    labels = communities(g, seed=seed, directed=directed)
    assert np.array_equal(labels, communities(g, seed=seed, directed=directed))
    assert labels.shape == (g.num_nodes,)
    assert set(labels.tolist()) == set(range(labels.max(initial=-1) + 1))
    alone = np.setdiff1d(np.arange(g.num_nodes), g.edge_index)
    assert np.all(np.bincount(labels)[labels[alone]] == 1)


def test_arcs_both_ways_are_the_undirected_graph_walked_directed() -> None:
    g = graph(8, *TWO_TRIANGLES)
    both = np.concatenate([g.edge_index, g.edge_index[::-1]], axis=1)
    labels = directed_communities(both, np.tile(g.edge_weight, 2), 8, seed=3)
    assert labels.tolist() == communities(g, directed=True, seed=3).tolist()


def test_the_direction_of_an_arc_counts() -> None:
    # Whoever walks to 6 comes from the left triangle; in the second graph nobody walks to it.
    left = [(a, b) for a in (0, 1, 2) for b in (0, 1, 2) if a != b]
    right = [(a + 3, b + 3) for a, b in left]

    def labels(*more: tuple[int, int]) -> list[int]:
        arcs = np.array([*left, *right, *more]).T
        return directed_communities(arcs, np.ones(arcs.shape[1], np.float32), 7).tolist()

    assert labels((0, 6), (1, 6), (6, 3)) == [0, 0, 0, 1, 1, 1, 0]
    assert labels((6, 0), (6, 1), (6, 2), (6, 3)) == [0, 0, 0, 1, 1, 1, 2]


def test_no_arcs_make_singletons() -> None:
    none = np.zeros((2, 0), np.int64)
    assert directed_communities(none, np.zeros(0, np.float32), 3).tolist() == [0, 1, 2]


def test_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    communities(graph(8, *TWO_TRIANGLES))
    assert capfd.readouterr() == ("", "")


def test_renumber_by_first_appearance_and_lone_faces() -> None:
    assert renumber(np.array([7, -1, 3, 7, -1, 3])).tolist() == [0, 1, 2, 0, 3, 2]
    assert renumber(np.array([-1, -1])).tolist() == [0, 1]
    assert renumber(np.empty(0, np.int64)).tolist() == []


@given(st.lists(st.integers(0, 5)).map(lambda labels: np.array(labels, np.int64)))
def test_renumber_keeps_the_partition(labels: IntArray) -> None:
    dense = renumber(labels)
    assert ((dense[:, None] == dense) == (labels[:, None] == labels)).all()
    assert list(dict.fromkeys(dense.tolist())) == list(range(len(set(labels.tolist()))))
    assert (renumber(dense) == dense).all()

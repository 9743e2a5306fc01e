import random
from collections import defaultdict

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.cluster.partition import partition
from faceclust.records import Graph, IntArray


def graph(num_nodes: int, *edges: tuple[int, int, float]) -> Graph:
    pairs = np.array([edge[:2] for edge in edges], np.int64).reshape(-1, 2)
    return Graph(pairs.T, np.array([edge[2] for edge in edges], np.float32), num_nodes)


@st.composite
def signed_graphs(draw: st.DrawFn) -> Graph:
    n = draw(st.integers(0, 12))
    pairs = [(i, j) for i in range(n) for j in range(i + 1, n)]
    kept = draw(st.lists(st.sampled_from(pairs), unique=True)) if pairs else []
    weights = st.floats(-6, 6, width=32)
    return graph(n, *((i, j, draw(weights)) for i, j in sorted(kept)))


def naive(g: Graph, floor: float) -> IntArray:
    """One join at a time, on the full matrix: average linkage on log-odds."""
    weight: dict[tuple[int, int], float] = defaultdict(lambda: floor)
    for (i, j), w in zip(g.edge_index.T.tolist(), g.edge_weight.tolist(), strict=True):
        weight[i, j] = max(w, floor)
    clusters = [[i] for i in range(g.num_nodes)]
    while True:
        best, which = 0.0, None
        for p, one in enumerate(clusters):
            for q in range(p + 1, len(clusters)):
                mean = np.mean([weight[min(i, j), max(i, j)] for i in one for j in clusters[q]])
                if mean > best:
                    best, which = float(mean), (p, q)
        if which is None:
            break
        clusters[which[0]] += clusters.pop(which[1])
    labels = np.zeros(g.num_nodes, np.int64)
    for number, members in enumerate(clusters):
        labels[members] = number
    return labels


def same_partition(a: IntArray, b: IntArray) -> bool:
    return bool(np.array_equal(a[:, None] == a, b[:, None] == b))


@given(signed_graphs())
def test_rounds_give_what_one_join_at_a_time_gives(g: Graph) -> None:
    distinct = np.random.default_rng(0).uniform(0, 1e-3, g.edge_weight.shape)
    g = Graph(g.edge_index, g.edge_weight + distinct.astype(np.float32), g.num_nodes)
    assert same_partition(partition(g, floor=-4, reach=10**9), naive(g, -4))


@given(signed_graphs())
def test_labels_are_numbered_by_first_appearance_and_nobody_is_lost(g: Graph) -> None:
    labels = partition(g)
    assert labels.shape == (g.num_nodes,)
    _, first = np.unique(labels, return_index=True)
    assert np.array_equal(first, np.sort(first))
    assert set(labels.tolist()) == set(range(len(first)))


@given(signed_graphs(), st.randoms(use_true_random=False))
def test_partition_does_not_depend_on_the_order_of_faces(g: Graph, lots: random.Random) -> None:
    distinct = np.random.default_rng(0).uniform(0, 1e-2, g.edge_weight.shape)
    g = Graph(g.edge_index, g.edge_weight + distinct.astype(np.float32), g.num_nodes)
    place = np.array(lots.sample(range(g.num_nodes), g.num_nodes), np.int64)
    moved = np.sort(place[g.edge_index], axis=0)
    order = np.array(lots.sample(range(moved.shape[1]), moved.shape[1]), np.int64)
    shuffled = Graph(moved[:, order], g.edge_weight[order], g.num_nodes)
    assert same_partition(partition(shuffled)[place], partition(g))


def test_equal_scores_end_and_are_deterministic() -> None:
    chain = graph(40, *((i, i + 1, 1.0) for i in range(39)))
    labels = partition(chain, floor=-4)
    assert np.array_equal(labels, partition(chain, floor=-4))
    assert np.bincount(labels).max() == 2


@pytest.mark.parametrize(("against", "clusters"), [(-1.0, 1), (-8.0, 2)])
def test_a_sure_non_edge_outweighs_a_weak_edge(against: float, clusters: int) -> None:
    triangle = graph(3, (0, 1, 5.0), (1, 2, 2.0), (0, 2, against))
    assert partition(triangle, floor=-10).max() + 1 == clusters


def test_a_pair_outside_the_lists_counts_as_the_floor() -> None:
    path = graph(3, (0, 1, 5.0), (1, 2, 2.0))
    assert partition(path, floor=-1).max() == 0
    assert partition(path, floor=-4).tolist() == [0, 0, 1]


def test_large_clusters_are_joined_though_most_of_their_pairs_cannot_be_listed() -> None:
    rng, half = np.random.default_rng(0), 150
    inside = {
        (min(i, j), max(i, j)): 6.0
        for i in range(2 * half)
        for j in (rng.integers(0, half, 40) + (i // half) * half).tolist()
        if i != j
    }
    between = {(i, half + j): 4.0 for i in range(half) for j in rng.integers(0, half, 25).tolist()}
    both = [(*pair, w) for pair, w in sorted((inside | between).items())]
    assert partition(graph(2 * half, *both), reach=20).max() == 0
    assert partition(graph(2 * half, *both), reach=10**9).max() > 0


def test_two_faces_of_one_photo_are_kept_apart_softly() -> None:
    apart = np.array([[1], [0]])
    assert partition(graph(2, (0, 1, 3.0)), apart=apart).tolist() == [0, 1]
    assert partition(graph(2, (0, 1, 9.0)), apart=apart).tolist() == [0, 0]


def test_a_conflict_of_members_is_a_conflict_of_clusters() -> None:
    square = graph(4, (0, 1, 9.0), (2, 3, 9.0), (0, 2, 3.0), (0, 3, 3.0), (1, 2, 3.0), (1, 3, 3.0))
    assert partition(square).max() == 0
    assert partition(square, apart=np.array([[1], [2]])).tolist() == [0, 0, 1, 1]

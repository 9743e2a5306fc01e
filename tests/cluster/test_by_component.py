from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.cluster import by_component as cut
from faceclust.cluster.baselines import connected
from faceclust.cluster.by_component import Components, Found, by_component
from faceclust.cluster.infomap import communities
from faceclust.records import Graph, IntArray

SEEDS = st.integers(0, 2**32 - 2)


def weighted(index: IntArray, num_nodes: int, rng: np.random.Generator) -> Graph:
    return Graph(index, rng.uniform(0.1, 1, index.shape[1]).astype(np.float32), num_nodes)


def noise(seed: int, N: int, E: int) -> Graph:
    """At most so many pairs of N faces."""
    rng = np.random.default_rng(seed)
    i, j = np.sort(rng.integers(0, N, (2, E)), axis=0)
    return weighted(np.unique(np.stack([i, j])[:, i < j], axis=1), N, rng)


def one_component(seed: int, N: int, E: int) -> Graph:
    """A random tree of N faces, numbered at random, and at most so many more pairs."""
    rng = np.random.default_rng(seed)
    name = rng.permutation(N)
    tree = [(name[n], name[rng.integers(n)]) for n in range(1, N)]
    pairs = np.concatenate(
        [np.array(tree, np.int64).reshape(-1, 2).T, noise(seed, N, E).edge_index], 1
    )
    return weighted(np.unique(np.sort(pairs, axis=0), axis=1), N, rng)


def side_by_side(*graphs: Graph) -> Graph:
    starts = np.cumsum([0, *(g.num_nodes for g in graphs)])
    return Graph(
        np.concatenate([g.edge_index + s for g, s in zip(graphs, starts[:-1], strict=True)], 1),
        np.concatenate([g.edge_weight for g in graphs]),
        int(starts[-1]),
    )


class Counting:
    """Counts the pieces and the components in them."""

    def __init__(self) -> None:
        self.pieces: list[Components] = []

    def __call__(
        self, work: Callable[[Components], Found], pieces: Iterable[Components]
    ) -> Iterator[Found]:
        self.pieces = list(pieces)
        return map(work, self.pieces)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 70), SEEDS, st.booleans())
def test_labels_never_join_two_components(
    seed: int, N: int, E: int, lots: int, directed: bool
) -> None:
    graph = noise(seed, N, E)
    labels = by_component(graph, seed=lots, directed=directed)
    component = connected(graph)
    assert labels.shape == (N,)
    assert labels.dtype == np.int64
    assert list(dict.fromkeys(labels.tolist())) == list(range(labels.max() + 1))
    for label in range(labels.max() + 1):
        assert len(np.unique(component[labels == label])) == 1
    assert np.array_equal(labels, by_component(graph, seed=lots, directed=directed))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(0, 70), SEEDS, st.booleans())
def test_of_one_component_the_labels_are_those_of_the_whole_graph(
    seed: int, N: int, E: int, lots: int, directed: bool
) -> None:
    graph = one_component(seed, N, E)
    whole = communities(graph, seed=lots, directed=directed)
    assert np.array_equal(by_component(graph, seed=lots, directed=directed), whole)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 10**6), st.integers(1, 15), st.integers(0, 25)), min_size=1),
    SEEDS,
    st.sampled_from([1, 2000, 200_000]),
    st.data(),
)
def test_a_component_depends_neither_on_the_others_nor_on_their_order_nor_on_pieces(
    some: list[tuple[int, int, int]], lots: int, piece: int, data: st.DataObject
) -> None:
    graphs = [one_component(*given) for given in some[:12]]
    alone = [communities(graph, seed=lots) for graph in graphs]
    order = data.draw(st.permutations(range(len(graphs))))
    counting = Counting()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cut, "PIECE", piece)
        found = by_component(side_by_side(*(graphs[n] for n in order)), seed=lots, each=counting)
    start = 0
    for n in order:
        part = found[start : start + graphs[n].num_nodes]
        assert np.array_equal(part - part[0], alone[n])
        start += graphs[n].num_nodes
    large = sum(graph.num_nodes > 2 for graph in graphs)
    assert sum(len(piece.graphs) for piece in counting.pieces) == large
    if piece == 1:
        assert len(counting.pieces) == large


def test_the_pairs_of_a_component_keep_their_order_among_those_of_others() -> None:
    index = np.array([[0, 1, 0, 3, 2, 1], [2, 3, 4, 5, 4, 5]])  # two triangles, interleaved
    graph = Graph(index, np.arange(1, 7, dtype=np.float32), 8)
    counting = Counting()
    assert by_component(graph, each=counting).tolist() == [0, 1, 0, 1, 0, 1, 2, 3]
    (piece,) = counting.pieces
    assert piece.faces.tolist() == [0, 2, 4, 1, 3, 5]
    assert [g.edge_index.tolist() for g in piece.graphs] == [
        [[0, 0, 1], [1, 2, 2]],
        [[0, 1, 0], [1, 2, 2]],
    ]
    assert [g.edge_weight.tolist() for g in piece.graphs] == [[1, 3, 5], [2, 4, 6]]


def test_one_or_two_faces_are_not_walked() -> None:
    counting = Counting()
    pairs = Graph(np.array([[0, 2], [3, 4]]), np.ones(2, np.float32), 6)
    assert by_component(pairs, each=counting).tolist() == [0, 1, 2, 0, 2, 3]
    assert counting.pieces == []


@pytest.mark.parametrize("N", [0, 1, 3])
def test_no_pair_is_no_walk(N: int) -> None:
    nothing = Graph(np.zeros((2, 0), np.int64), np.zeros(0, np.float32), N)
    assert by_component(nothing).tolist() == list(range(N))

"""Infomap on each connected component of a pruned graph by itself.

No walk leaves its component, so no module spans two. But the two-level map equation names the
modules of all components from one index codebook: the more there are that can be left, the dearer
it is to go from one to another, and the fewer are cut out of a component. By itself, a component is
cut as if it were the whole world: finer, and whatever else the library holds. What that does to
accuracy is measured by `faceclust eval --ablate`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Protocol, TypeAlias

import numpy as np

from faceclust.cluster.baselines import connected
from faceclust.cluster.infomap import communities, renumber
from faceclust.records import Graph, IntArray

PIECE = 200_000  # pairs of a task, unless a single component has more
START = 500  # pairs that are walked in the time that one run of Infomap takes to begin and end


@dataclass(frozen=True, slots=True, eq=False)
class Components:
    """Some components, which are walked one after the other.

    Attributes:
        faces: (F,) rows of the library, component by component, ascending in each.
        graphs: the components; their nodes are numbered from 0 in the order of `faces`.
    """

    faces: IntArray
    graphs: list[Graph]


Found: TypeAlias = tuple[IntArray, IntArray]
Each: TypeAlias = Callable[[Callable[[Components], Found], Iterable[Components]], Iterator[Found]]


class Communities(Protocol):
    """As `infomap.communities`, of two levels: of the whole graph or of each component."""

    def __call__(self, graph: Graph, *, seed: int = 0, directed: bool = False) -> IntArray:
        """(N,) labels."""
        ...


def by_component(
    graph: Graph, *, seed: int = 0, directed: bool = False, each: Each = map
) -> IntArray:
    """The modules of each connected component, as if there were no other.

    Every component is walked with the same seed, so what becomes of it depends on nothing outside.
    One or two faces are one module without a walk.

    Args:
        graph: pruned; as of `infomap.communities`.
        seed, directed: likewise.
        each: applies a function to pieces of about `PIECE` pairs, in their order, wherever; as
            `engine.tasks.Runner.each`.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance.
    """
    component = connected(graph)
    order = np.argsort(component, kind="stable")
    labels = np.searchsorted(component[order], component)  # where its component begins in `order`
    place = np.empty(graph.num_nodes, np.int64)
    place[order] = np.arange(graph.num_nodes) - labels[order]
    pieces = _pieces(graph, component, order, place)
    for faces, modules in each(partial(_modules, seed=seed, directed=directed), pieces):
        labels[faces] += modules
    return renumber(labels)


def _pieces(
    graph: Graph, component: IntArray, order: IntArray, place: IntArray
) -> Iterator[Components]:
    """Components of more than two faces; (N,) `place` is that of a face in its component."""
    of_pair = component[graph.edge_index[0]]
    by_pair = np.argsort(of_pair, kind="stable")
    ends, weight = place[graph.edge_index[:, by_pair]], graph.edge_weight[by_pair]
    nodes = np.bincount(component)
    pairs = np.bincount(of_pair, minlength=len(nodes))
    first_node, first_pair = np.cumsum(nodes) - nodes, np.cumsum(pairs) - pairs
    large = np.flatnonzero(nodes > 2)
    group = np.cumsum(pairs[large] + START) // PIECE
    for piece in np.split(large, np.flatnonzero(np.diff(group)) + 1) if len(large) else ():
        members = piece.tolist()
        yield Components(
            np.concatenate([order[first_node[c] :][: nodes[c]] for c in members]),
            [
                Graph(
                    ends[:, first_pair[c] :][:, : pairs[c]],
                    weight[first_pair[c] :][: pairs[c]],
                    int(nodes[c]),
                )
                for c in members
            ],
        )


def _modules(piece: Components, *, seed: int, directed: bool) -> Found:
    """The faces of a piece, and the module of each, counted from 0 in its component."""
    found = [communities(graph, seed=seed, directed=directed) for graph in piece.graphs]
    return piece.faces, np.concatenate(found)

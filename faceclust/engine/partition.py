"""The signed partition, component by component.

Two clusters are joined only if the mean log-odds between them is above 0, for which at least one
pair of their faces must be. So no cluster ever leaves its connected component in the graph of such
pairs, with the faces that the user put together; what lies between two components never matters,
and what happens inside one depends on nothing outside. The pieces keep the order of faces and of
pairs, so that even the sums are rounded the same way: the labels are those of `cluster.partition`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faceclust.cluster.constraints import Constraints
from faceclust.cluster.infomap import renumber
from faceclust.cluster.partition import partition as partition_whole
from faceclust.engine.tasks import Runner
from faceclust.records import Graph, IntArray

PIECE = 200_000  # pairs of a task, unless a single component has more


@dataclass(frozen=True, slots=True, eq=False)
class Component:
    """Some components together: `faces` are rows of the library, all else counts from 0.

    Attributes:
        faces: (F,) ascending.
        graph: the pairs among them.
        apart: (2, M) pairs of one photo.
        constraints: of the F faces.
    """

    faces: IntArray
    graph: Graph
    apart: IntArray
    constraints: Constraints


def partition(
    graph: Graph,
    *,
    apart: IntArray | None = None,
    constraints: Constraints | None = None,
    runner: Runner,
) -> IntArray:
    """As `cluster.partition.partition`, which see, in tasks of about `PIECE` pairs.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance.
    """
    constraints = constraints or Constraints.none(graph.num_nodes)
    apart = np.zeros((2, 0), np.int64) if apart is None else apart
    labels = np.arange(graph.num_nodes)
    for faces, found in runner.each(_labels, _pieces(graph, apart, constraints)):
        first = np.empty(len(faces), np.int64)  # of a cluster: its first face, which names it
        first[found[::-1]] = faces[::-1]
        labels[faces] = first[found]
    return renumber(labels)


def components(graph: Graph, constraints: Constraints) -> IntArray:
    """(N,) int64 from 0 on: which faces can ever come into one cluster with which."""
    from scipy.sparse import csr_matrix
    from scipy.sparse.csgraph import connected_components

    bound = np.flatnonzero(constraints.together >= 0)
    _, first, inverse = np.unique(
        constraints.together[bound], return_index=True, return_inverse=True
    )
    positive = graph.edge_index[:, graph.edge_weight > 0]
    i, j = np.hstack([positive, np.stack([bound, bound[first][inverse]])])
    N = graph.num_nodes
    links = csr_matrix((np.ones(len(i), np.bool_), (i, j)), (N, N))
    return np.asarray(connected_components(links, directed=False)[1], np.int64)


def _pieces(graph: Graph, apart: IntArray, constraints: Constraints) -> Iterator[Component]:
    """Components that have more than one face, in groups of about `PIECE` pairs."""
    component = components(graph, constraints)
    size = np.bincount(component, minlength=1)
    i, j = graph.edge_index
    inside = np.flatnonzero((component[i] == component[j]) & (size[component[i]] > 1))
    pairs = np.bincount(component[i[inside]], minlength=len(size))
    group = np.cumsum(pairs + size) // PIECE
    group[size < 2] = -1
    of_face = group[component]
    of_edge, of_apart, of_barred = (
        np.where(component[a] == component[b], of_face[a], -1)
        for a, b in (graph.edge_index, apart, constraints.barred)
    )
    places = _Places.of(of_face)
    edges, together, barred = map(_Places.of, (of_edge, of_apart, of_barred))
    for number in np.unique(of_face[of_face >= 0]).tolist():
        faces, rows = places.rows(number), edges.rows(number)
        yield Component(
            faces,
            Graph(
                np.searchsorted(faces, graph.edge_index[:, rows]),
                graph.edge_weight[rows],
                len(faces),
            ),
            np.searchsorted(faces, apart[:, together.rows(number)]),
            Constraints(
                constraints.together[faces],
                constraints.person[faces],
                np.searchsorted(faces, constraints.barred[:, barred.rows(number)]),
                constraints.ages.select(faces),
            ),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Places:
    """Where each number stands in an array of numbers."""

    order: IntArray
    numbers: IntArray

    @classmethod
    def of(cls, numbers: IntArray) -> _Places:
        order = np.argsort(numbers, kind="stable")
        return cls(order, numbers[order])

    def rows(self, number: int) -> IntArray:
        """Ascending."""
        start, end = np.searchsorted(self.numbers, [number, number + 1])
        return self.order[start:end]


def _labels(piece: Component) -> tuple[IntArray, IntArray]:
    found = partition_whole(piece.graph, apart=piece.apart, constraints=piece.constraints)
    return piece.faces, found

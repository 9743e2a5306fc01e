from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceclust.cluster.constraints import Constraints, honour
from faceclust.cluster.partition import partition
from faceclust.records import Graph, IntArray

N = 10


@st.composite
def constraints(draw: st.DrawFn) -> Constraints:
    """Some faces belong to people; pairs that can be kept apart are barred."""
    person = np.array(draw(st.lists(st.integers(-1, 2), min_size=N, max_size=N)), np.int64)
    pairs = st.tuples(st.integers(0, N - 1), st.integers(0, N - 1))
    barred = [
        pair
        for pair in draw(st.lists(pairs, max_size=8))
        if pair[0] != pair[1] and (person[pair[0]] != person[pair[1]] or person[pair[0]] < 0)
    ]
    return Constraints(person, person, np.array(barred, np.int64).reshape(-1, 2).T)


def holds(labels: IntArray, wanted: Constraints) -> bool:
    same, bound = labels[:, None] == labels, wanted.person >= 0
    both = bound[:, None] & bound
    i, j = wanted.barred
    return bool(
        (same == (wanted.person[:, None] == wanted.person))[both].all()
        and not (labels[i] == labels[j]).any()
    )


@given(constraints(), st.integers(0, 99))
def test_the_partition_honours_constraints_against_all_evidence(
    wanted: Constraints, seed: int
) -> None:
    i, j = np.triu_indices(N, 1)
    weight = np.random.default_rng(seed).uniform(-3, 9, len(i)).astype(np.float32)
    graph = Graph(np.stack([i, j]), weight, N)
    assert holds(partition(graph, constraints=wanted), wanted)


@given(constraints(), st.lists(st.integers(0, 3), min_size=N, max_size=N), st.integers(0, 99))
def test_any_clustering_can_be_mended(wanted: Constraints, labels: list[int], seed: int) -> None:
    x = np.random.default_rng(seed).normal(size=(N, 4)).astype(np.float32)
    assert holds(honour(np.array(labels), x, wanted), wanted)


def test_what_breaks_no_constraint_stays() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    x = np.eye(N, dtype=np.float32)
    assert honour(labels, x, Constraints.none(N)).tolist() == labels.tolist()


def test_a_barred_pair_keeps_clusters_apart_through_others() -> None:
    square = Graph(np.array([[0, 1, 0], [1, 2, 2]]), np.array([9, 8, 9], np.float32), 3)
    free = np.full(3, -1, np.int64)
    wanted = Constraints(free, free, np.array([[2], [0]]))
    labels = partition(square, constraints=wanted)
    assert labels[0] != labels[2]
    assert labels[1] in (labels[0], labels[2])

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceclust.cluster.constraints import Ages, Constraints, honour
from faceclust.cluster.infomap import renumber
from faceclust.cluster.partition import partition
from faceclust.cluster.thinning import regroup
from faceclust.records import Graph, IntArray

N = 10


@st.composite
def constraints(draw: st.DrawFn) -> Constraints:
    """Some faces belong to people; pairs that can be kept apart are barred, births may be known."""
    person = np.array(draw(st.lists(st.integers(-1, 2), min_size=N, max_size=N)), np.int64)
    pairs = st.tuples(st.integers(0, N - 1), st.integers(0, N - 1))
    barred = [
        pair
        for pair in draw(st.lists(pairs, max_size=8))
        if pair[0] != pair[1] and (person[pair[0]] != person[pair[1]] or person[pair[0]] < 0)
    ]
    # At 0, nobody's birth is known; nobody is older than himself.
    at = np.array([*draw(st.lists(st.integers(0, 3), min_size=3, max_size=3)), 0], np.int64)
    taken = np.array(draw(st.lists(st.integers(0, 3), min_size=N, max_size=N)), np.int64)
    ages = Ages(np.maximum(taken, at[person]), at[person])
    return Constraints(person, person, np.array(barred, np.int64).reshape(-1, 2).T, ages)


def as_pairs(wanted: Constraints) -> Constraints:
    """The same without ages: each birth as a pair of every older face with one of the person's."""
    taken, born = wanted.ages.taken, wanted.ages.born
    firsts = {int(p): int(np.argmax(wanted.person == p)) for p in set(wanted.person) - {-1}}
    older = [(f, first) for first in firsts.values() for f in range(N) if taken[f] < born[first]]
    pairs = sorted({*map(tuple, np.sort(wanted.barred, axis=0).T.tolist()), *map(_sorted, older)})
    barred = np.array(pairs, np.int64).reshape(-1, 2).T
    return replace(wanted, barred=barred, ages=Ages.none(N))


def _sorted(pair: tuple[int, int]) -> tuple[int, int]:
    return min(pair), max(pair)


def holds(labels: IntArray, wanted: Constraints) -> bool:
    same, bound = labels[:, None] == labels, wanted.person >= 0
    both = bound[:, None] & bound
    i, j = as_pairs(wanted).barred
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


@given(constraints(), st.integers(0, 99))
def test_a_birth_is_as_good_as_a_pair_of_every_older_face(wanted: Constraints, seed: int) -> None:
    rng, pairs = np.random.default_rng(seed), as_pairs(wanted)
    i, j = np.triu_indices(N, 1)
    graph = Graph(np.stack([i, j]), rng.integers(-3, 9, len(i)).astype(np.float32), N)
    labels = partition(graph, constraints=wanted)
    assert labels.tolist() == partition(graph, constraints=pairs).tolist()
    x, any_labels = rng.normal(size=(N, 4)).astype(np.float32), rng.integers(0, 4, N)
    mended = honour(any_labels, x, wanted)
    assert mended.tolist() == honour(any_labels, x, pairs).tolist()

    def among(rows: IntArray) -> Graph:
        place = np.full(N, -1)
        place[rows] = np.arange(len(rows))
        keep = (place[graph.edge_index] >= 0).all(0)
        return Graph(place[graph.edge_index[:, keep]], graph.edge_weight[keep], len(rows))

    parts = renumber(2 * mended + np.where(wanted.person < 0, rng.integers(0, 2, N), 0))
    for options in ({"kept": 1, "full": 0.0}, {"kept": N, "full": 1.0}):
        one, other = (
            regroup(parts, graph, among, constraints=each, **options) for each in (wanted, pairs)
        )
        assert one.tolist() == other.tolist()


def test_what_breaks_no_constraint_stays() -> None:
    labels = np.array([0, 0, 1, 1, 2, 2, 3, 3, 4, 4])
    x = np.eye(N, dtype=np.float32)
    assert honour(labels, x, Constraints.none(N)).tolist() == labels.tolist()


def test_a_barred_pair_keeps_clusters_apart_through_others() -> None:
    square = Graph(np.array([[0, 1, 0], [1, 2, 2]]), np.array([9, 8, 9], np.float32), 3)
    wanted = replace(Constraints.none(3), barred=np.array([[2], [0]]))
    labels = partition(square, constraints=wanted)
    assert labels[0] != labels[2]
    assert labels[1] in (labels[0], labels[2])

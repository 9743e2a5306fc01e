from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.cluster.constraints import Ages, Constraints
from faceclust.cluster.thinning import regroup, thin
from faceclust.records import Graph, IntArray


def judge(person: IntArray, strength: float = 5.0):
    """Scores every pair among the rows by the truth."""

    def score(rows: IntArray) -> Graph:
        i, j = np.triu_indices(len(rows), 1)
        same = person[rows[i]] == person[rows[j]]
        weight = np.where(same, strength, -3.5).astype(np.float32)
        return Graph(np.stack([i, j]), weight, len(rows))

    return score


PERSON = np.repeat(np.arange(3), [100, 60, 5])
SHATTERED = np.repeat(np.arange(9), [40, 40, 20, 30, 30, 2, 1, 1, 1])
GRAPH = judge(PERSON)(np.arange(165))


def test_a_person_in_several_crowded_clusters_becomes_one_and_others_stay() -> None:
    labels = regroup(SHATTERED, GRAPH, judge(PERSON), kept=10)
    assert labels.tolist() == np.repeat(np.arange(6), [100, 60, 2, 1, 1, 1]).tolist()


def test_only_crowded_clusters_and_what_is_linked_to_them_are_looked_at_again() -> None:
    seen: list[IntArray] = []

    def note(rows: IntArray) -> Graph:
        seen.append(rows)
        return judge(np.arange(len(PERSON)))(rows)

    regroup(SHATTERED, GRAPH, note, kept=10)
    assert [len(rows) for rows in seen] == [50]  # of five crowded clusters 10 each
    strays = np.minimum(SHATTERED, 5)  # person 2 in one small cluster
    linked = np.hstack([GRAPH.edge_index, [[0], [161]]])
    graph = Graph(linked, np.append(GRAPH.edge_weight, np.float32(1)), len(PERSON))
    regroup(strays, graph, note, kept=10)
    assert len(seen[1]) == 55


def test_a_pair_is_looked_at_again_only_where_one_has_grown() -> None:
    sizes = []

    def first_two(rows: IntArray) -> Graph:
        """One join a round: clusters 0 and 1, then with 2; never 3 and 4."""
        sizes.append(len(rows))
        joined = np.where(len(sizes) >= SHATTERED, 0, SHATTERED)
        return judge(np.minimum(joined, 20))(rows)

    labels = regroup(SHATTERED, GRAPH, first_two, kept=10)
    assert labels[0] == labels[45] == labels[95]
    assert labels[100] != labels[159]
    assert sizes == [50, 20, 10]


def test_nothing_happens_where_lists_had_room_for_everybody() -> None:
    def never(rows: IntArray) -> Graph:
        raise AssertionError

    assert regroup(SHATTERED, GRAPH, never, full=100).tolist() == SHATTERED.tolist()


def test_no_cluster_is_taken_apart_though_the_pairs_say_so() -> None:
    labels = regroup(SHATTERED, GRAPH, judge(np.arange(len(PERSON))), kept=10)
    assert labels.tolist() == SHATTERED.tolist()


def test_faces_of_one_photo_keep_their_clusters_apart() -> None:
    apart = np.array([[0], [45]])  # of clusters 0 and 1
    labels = regroup(SHATTERED, GRAPH, judge(PERSON), apart=apart, kept=10)
    assert labels[0] != labels[45]
    assert labels[100] == labels[159]


@pytest.mark.parametrize("kind", ["barred", "person", "birth"])
def test_what_was_decided_holds(kind: str) -> None:
    free = np.full(len(PERSON), -1)
    constraints = Constraints.none(len(PERSON))
    if kind == "barred":
        constraints = replace(constraints, barred=np.array([[45], [3]]))
    elif kind == "birth":
        born, taken = np.zeros_like(free), np.full_like(free, 9)
        born[45], taken[3] = 5, 4
        constraints = replace(constraints, ages=Ages(taken, born))
    else:
        person = free.copy()
        person[[3, 45]] = 7, 8
        constraints = replace(constraints, together=person, person=person)
    labels = regroup(SHATTERED, GRAPH, judge(PERSON), constraints=constraints, kept=10)
    assert labels[3] != labels[45]


@settings(max_examples=50)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 8), st.integers(0, 9))
def test_thinning_keeps_a_few_of_every_cluster(drawn: list[int], kept: int, seed: int) -> None:
    labels = np.array(drawn)
    rows = thin(labels, kept, seed)
    assert (np.diff(rows) > 0).all()
    for label in np.unique(labels):
        assert (labels[rows] == label).sum() == min(kept, (labels == label).sum())
    assert thin(labels, kept, seed).tolist() == rows.tolist()

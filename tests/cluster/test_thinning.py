from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.cluster.constraints import Constraints
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


def test_a_person_in_several_large_clusters_becomes_one() -> None:
    labels = regroup(SHATTERED, judge(PERSON), kept=10)
    assert labels.tolist() == PERSON.tolist()


def test_nothing_happens_where_no_cluster_is_large() -> None:
    def never(rows: IntArray) -> Graph:
        raise AssertionError

    assert regroup(SHATTERED, never, kept=40).tolist() == SHATTERED.tolist()


def test_no_cluster_is_taken_apart_though_the_pairs_say_so() -> None:
    labels = regroup(SHATTERED, judge(np.arange(len(PERSON))), kept=10)
    assert labels.tolist() == SHATTERED.tolist()


def test_faces_of_one_photo_keep_their_clusters_apart() -> None:
    apart = np.array([[0], [45]])  # of clusters 0 and 1
    labels = regroup(SHATTERED, judge(PERSON), apart=apart, kept=10)
    assert labels[0] != labels[45]
    assert labels[100] == labels[159]


@pytest.mark.parametrize("kind", ["barred", "person"])
def test_what_was_decided_holds(kind: str) -> None:
    free = np.full(len(PERSON), -1)
    constraints = Constraints.none(len(PERSON))
    if kind == "barred":
        constraints = Constraints(free, free, np.array([[45], [3]]))
    else:
        person = free.copy()
        person[[3, 45]] = 7, 8
        constraints = Constraints(person, person, np.zeros((2, 0), np.int64))
    labels = regroup(SHATTERED, judge(PERSON), constraints=constraints, kept=10)
    assert labels[3] != labels[45]


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, 6), min_size=1, max_size=60), st.integers(1, 8), st.integers(0, 9))
def test_thinning_keeps_a_few_of_every_cluster(drawn: list[int], kept: int, seed: int) -> None:
    labels = np.array(drawn)
    rows = thin(labels, kept, seed)
    assert (np.diff(rows) > 0).all()
    for label in np.unique(labels):
        assert (labels[rows] == label).sum() == min(kept, (labels == label).sum())
    assert thin(labels, kept, seed).tolist() == rows.tolist()

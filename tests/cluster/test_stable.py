from __future__ import annotations

from collections.abc import Callable
from itertools import count

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceclust.cluster.stable import stable_ids


def fresh(start: int = 1000) -> Callable[[int], list[int]]:
    numbers = count(start)
    return lambda n: [next(numbers) for _ in range(n)]


def ids(faces: list[int], labels: list[int], previous: dict[int, int]) -> list[int]:
    return stable_ids(np.array(faces), np.array(labels), previous, fresh()).tolist()


def test_the_first_clustering_gets_new_ids() -> None:
    assert ids([5, 6, 7], [0, 0, 1], {}) == [1000, 1000, 1001]


def test_a_cluster_keeps_its_id_while_most_of_it_is_there() -> None:
    previous = {1: 10, 2: 10, 3: 10, 4: 11}
    assert ids([1, 2, 3, 4, 5], [1, 1, 0, 0, 1], previous) == [10, 10, 11, 11, 10]


def test_of_two_halves_only_the_larger_keeps_the_id() -> None:
    previous = dict.fromkeys(range(5), 10)
    assert ids([0, 1, 2, 3, 4], [0, 0, 1, 1, 1], previous) == [1000, 1000, 10, 10, 10]


def test_no_faces() -> None:
    assert ids([], [], {1: 2}) == []


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.randoms())
def test_the_same_partition_keeps_all_ids(labels: list[int], random: object) -> None:
    _, dense = np.unique(labels, return_inverse=True)
    faces = np.arange(len(labels)) + 1
    first = stable_ids(faces, dense, {}, fresh())
    again = stable_ids(
        faces, dense, dict(zip(faces.tolist(), first.tolist(), strict=True)), fresh(5000)
    )
    assert (first == again).all()


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=1, max_size=30))
def test_ids_tell_clusters_apart_and_are_never_shared(pairs: list[tuple[int, int]]) -> None:
    old, new = zip(*pairs, strict=True)
    _, labels = np.unique(new, return_inverse=True)
    faces = np.arange(len(labels))
    result = stable_ids(faces, labels, dict(enumerate(old)), fresh())
    by_label = {(int(label), int(number)) for label, number in zip(labels, result, strict=True)}
    assert len(by_label) == len({label for label, _ in by_label}) == len({n for _, n in by_label})

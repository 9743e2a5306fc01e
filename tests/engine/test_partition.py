from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.cluster.constraints import Ages, Constraints
from faceclust.cluster.partition import partition as whole
from faceclust.engine import partition as pieces
from faceclust.engine.tasks import Loop
from faceclust.records import Graph, IntArray


def pairs(rng: np.random.Generator, N: int, count: int) -> IntArray:
    """At most so many different pairs, i < j, ascending."""
    i, j = np.sort(rng.integers(0, N, (2, count)), axis=0)
    return np.unique(np.stack([i, j])[:, i < j], axis=1)


def ages(rng: np.random.Generator, person: IntArray) -> Ages:
    """Some people were born at a time that is known; nobody is older."""
    at = rng.integers(0, 4, person.max(initial=-1) + 2)
    born = np.where(person >= 0, at[person], 0)
    return Ages(np.maximum(rng.integers(0, 4, len(person)), born), born)


def case(seed: int, N: int, E: int, *, decided: bool = True) -> tuple[Graph, IntArray, Constraints]:
    rng = np.random.default_rng(seed)
    index = pairs(rng, N, E)
    weight = rng.normal(-1, 3, index.shape[1]).clip(-6, 6).astype(np.float32)
    if rng.random() < 0.3:
        weight = np.round(weight)  # equals, which must be joined in the same order
    apart = pairs(rng, N, N // 4)[::-1]
    constraints = Constraints.none(N)
    if decided:
        together = np.where(rng.random(N) < 0.2, rng.integers(0, 1 + N // 8, N), -1)
        person = np.where(together >= 0, together // 2, -1)
        constraints = Constraints(together, person, pairs(rng, N, N // 8), ages(rng, person))
    return Graph(index, weight, N), apart, constraints


@settings(max_examples=150)
@given(
    st.integers(0, 10**6), st.integers(1, 60), st.integers(0, 150), st.sampled_from([1, 20, 999])
)
def test_components_apart_are_the_partition_of_the_whole(
    seed: int, N: int, E: int, piece: int
) -> None:
    graph, apart, constraints = case(seed, N, E)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pieces, "PIECE", piece)
        found = pieces.partition(graph, apart=apart, constraints=constraints, runner=Loop())
    assert np.array_equal(found, whole(graph, apart=apart, constraints=constraints))


def test_a_large_sparse_graph_falls_into_many_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pieces, "PIECE", 500)
    graph, apart, constraints = case(1, 3000, 4000, decided=False)
    sizes: list[int] = []

    class Counting(Loop):
        def each(self, work, given):  # type: ignore[no-untyped-def]
            given = list(given)
            sizes.extend(len(piece.faces) for piece in given)
            return super().each(work, given)

    found = pieces.partition(graph, apart=apart, constraints=constraints, runner=Counting())
    assert np.array_equal(found, whole(graph, apart=apart, constraints=constraints))
    assert len(sizes) > 4
    assert sum(sizes) < 3000


def test_what_the_user_put_together_is_one_component() -> None:
    graph = Graph(np.array([[0, 2], [1, 3]]), np.array([2, 2], np.float32), 5)
    free = Constraints.none(5)
    assert pieces.components(graph, free).tolist() == [0, 0, 1, 1, 2]
    together = Constraints(np.array([-1, 7, -1, 7, -1]), np.full(5, -1), free.barred, free.ages)
    assert pieces.components(graph, together).tolist() == [0, 0, 0, 0, 1]

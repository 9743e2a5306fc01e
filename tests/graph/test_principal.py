from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.graph import knn as search
from faceclust.graph import principal as principals
from faceclust.graph.principal import compressed, principal, project
from faceclust.records import FloatArray


def flat(N: int, D: int, rank: int, seed: int = 0) -> FloatArray:
    """Unit vectors in a random subspace."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(N, rank)) @ rng.normal(size=(rank, D))
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


@settings(max_examples=20)
@given(st.integers(2, 60), st.integers(1, 12), st.integers(0, 99))
def test_cosines_stay_where_the_energy_is_kept(N: int, rank: int, seed: int) -> None:
    x = flat(N, 32, rank, seed)
    small = compressed(x, 1e-5)
    assert small.shape[1] <= rank
    np.testing.assert_allclose(small @ small.T, x @ x.T, atol=1e-4)


def test_directions_are_orthonormal_and_the_leading_ones() -> None:
    x = flat(200, 32, 5)
    basis = principal(x, 5)
    np.testing.assert_allclose(basis.T @ basis, np.eye(5), atol=1e-5)
    assert np.square(x @ basis).sum() == pytest.approx(len(x), rel=1e-4)


def test_large_libraries_have_the_neighbours_of_small_ones(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    x = flat(500, 64, 20)
    exact = search.knn(x, 10)
    monkeypatch.setattr(principals, "COMPACT_FROM", 100)
    found = search.knn(x, 10)
    np.testing.assert_allclose(found.similarity, exact.similarity, atol=1e-4)
    assert (found.index == exact.index).mean() > 0.99


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 40), st.integers(1, 9), st.integers(0, 99))
def test_a_product_by_blocks_is_the_product(N: int, block: int, seed: int) -> None:
    x, basis = flat(N, 12, 5, seed), flat(12, 4, 4, seed)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(principals, "BLOCK", block)
        np.testing.assert_allclose(project(x, basis), x @ basis, atol=1e-6)


def test_the_product_of_many_faces_has_the_bits_of_one_product() -> None:
    for N in (8191, 16_385, 24_577):
        x, basis = flat(N, 64, 20), flat(64, 17, 17)
        np.testing.assert_array_equal(project(x, basis), x @ basis)

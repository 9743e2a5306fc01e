"""CLIP-Cluster of a GPU, on the CPU: the same code."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from faceclust import weights
from faceclust.errors import WeightsError
from faceclust.graph import correction, edges, structure
from faceclust.graph.architecture import Architecture
from faceclust.graph.correction import Correction, Model
from faceclust.graph.knn import knn
from faceclust.records import FloatArray
from tests.engine.crowd import faces as crowd
from tests.graph.test_correction import SMALL, VARIANTS, D, faces, module
from tests.graph.test_streamed import unit

pytest.importorskip("torch")
gpu = importlib.import_module("faceclust.graph.gpu_correction")
SHIPPED = "clip-cluster-mobile.safetensors"
HALF = 0.05  # log-odds within which bfloat16 is right; they run to 12


def both(
    model: Model, x: FloatArray, i: FloatArray, device: str = "cpu", **given: Any
) -> tuple[FloatArray, FloatArray]:
    """What `graph.correction` adds to the candidates of a library, and what the modules do."""
    near = knn(x, 30)
    pairs, scale = edges.candidates(x, near)
    s = np.concatenate(list(structure.features(x, near, pairs, scale)))
    assert len(s) > 100
    of = (model, x, i, near, pairs, scale)
    by_torch = gpu.GpuCorrection.of(*of, device=device, **given)
    parts = [
        by_torch(pairs.index[:, start : start + 1000], s[start : start + 1000])
        for start in range(0, len(s), 1000)
    ]
    return Correction.of(*of)(pairs.index, s), np.concatenate(parts)


@pytest.mark.parametrize("architecture", VARIANTS, ids=str)
def test_the_same_numbers_as_without_torch(
    architecture: Architecture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "FACES", 7)  # chunks must not matter
    tensors = {k: v.detach().numpy() for k, v in module(architecture).state_dict().items()}
    basis = np.linalg.qr(np.random.default_rng(5).normal(size=(D, 16)))[0].astype(np.float32)
    model = Model(tensors, architecture, basis, 0.5, "made-up", "face-clip")
    expected, found = both(model, *faces(), precision="float32")
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected, atol=1e-4)


def shipped(**given: Any) -> tuple[FloatArray, FloatArray]:
    """Both of the shipped model, for a crowd of 400."""
    model = correction.load(weights.own(SHIPPED))
    x = crowd(400)[0]
    wide = np.zeros((len(x), len(model.basis)), np.float32)
    wide[:, : x.shape[1]] = x / np.linalg.norm(x, axis=1, keepdims=True)
    return both(model, wide, unit(len(x), 256), **given)


@pytest.mark.parametrize(("precision", "within"), [("float32", 1e-4), ("bf16", HALF)])
def test_the_shipped_model_adds_the_same(precision: str, within: float) -> None:
    expected, found = shipped(precision=precision)
    assert np.abs(expected).mean() > 0.2
    assert np.abs(found - expected).max() < within


def test_it_is_computed_in_bfloat16_where_nothing_else_is_asked_for() -> None:
    expected, found = shipped()
    assert 1e-4 < np.abs(found - expected).max() < HALF


def test_who_is_listed_with_nobody_has_no_neighbourhood() -> None:
    torch = pytest.importorskip("torch")
    f, near = torch.eye(3), torch.tensor([[1, 2], [0, -1], [-1, -1]])
    expected = [[0, 0.5, 0.5], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(gpu.mean_of(f, near).numpy(), expected)


def test_weights_of_another_architecture_fail() -> None:
    tensors = {k: v.detach().numpy() for k, v in module(VARIANTS[0]).state_dict().items()}
    other = Architecture(**(SMALL | {"graph": 9}))
    with pytest.raises(WeightsError, match="size mismatch"):
        gpu.module_of(Model(tensors, other, unit(D, 16), 1.0, "a", "b"))

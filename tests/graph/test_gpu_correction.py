"""CLIP-Cluster of a GPU, on the CPU: the same code."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import pytest

from faceclust import weights
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


def both(model: Model, x: FloatArray, i: FloatArray, **given: Any) -> tuple[FloatArray, FloatArray]:
    """What `graph.correction` adds to the candidates of a library, and what the modules do."""
    near = knn(x, 30)
    pairs, scale = edges.candidates(x, near)
    s = np.concatenate(list(structure.features(x, near, pairs, scale)))
    assert len(s) > 100
    of = (model, x, i, near, pairs, scale)
    by_torch = gpu.GpuCorrection.of(*of, device="cpu", **given)
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


def test_the_shipped_model_in_bfloat16_is_within_a_twentieth_of_a_log_odds() -> None:
    model = correction.load(weights.own(SHIPPED))
    x = crowd(400)[0]
    wide = np.zeros((len(x), len(model.basis)), np.float32)
    wide[:, : x.shape[1]] = x / np.linalg.norm(x, axis=1, keepdims=True)
    expected, found = both(model, wide, unit(len(x), 256))
    assert np.abs(expected).mean() > 0.2
    np.testing.assert_allclose(found, expected, atol=0.05)
    assert not np.array_equal(found, both(model, wide, unit(len(x), 256), precision="float32")[1])


def test_who_is_listed_with_nobody_has_no_neighbourhood() -> None:
    torch = pytest.importorskip("torch")
    f, near = torch.eye(3), torch.tensor([[1, 2], [0, -1], [-1, -1]])
    expected = [[0, 0.5, 0.5], [1, 0, 0], [0, 0, 0]]
    np.testing.assert_array_equal(gpu.mean_of(f, near).numpy(), expected)


def test_weights_of_another_architecture_fail() -> None:
    tensors = {k: v.detach().numpy() for k, v in module(VARIANTS[0]).state_dict().items()}
    other = Architecture(**(SMALL | {"graph": 9}))
    with pytest.raises(RuntimeError, match="size mismatch"):
        gpu.module_of(Model(tensors, other, unit(D, 16), 1.0, "a", "b"))

"""The search of a GPU, on the CPU: the same code."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from faceclust.graph.knn import knn
from tests.engine.crowd import faces

pytest.importorskip("torch")
gpu = importlib.import_module("faceclust.graph.gpu")


@pytest.mark.parametrize("N", [0, 1, 2, 30, 3000])
def test_the_lists_are_those_of_the_exhaustive_search(
    N: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "QUERIES", 500)
    monkeypatch.setattr(gpu, "BASE", 700)
    x = faces(N)[0]
    x = np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)
    one, other = knn(x, 20), gpu.knn(x, 20, device="cpu")
    assert other.index.shape == (N, 20)
    assert np.allclose(one.similarity, other.similarity, atol=1e-5)
    assert (one.index == other.index).mean() > 0.999 if N else True


def test_without_a_gpu_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpu.unusable() == "torch finds no GPU; run `faceclust doctor`."
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    if not torch.cuda.device_count():
        assert "torch cannot compute on the GPU (" in gpu.unusable()
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    assert "pip install 'faceclust[clip]'" in gpu.unusable()

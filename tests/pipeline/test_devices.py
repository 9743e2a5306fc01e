"""Where the work of a command runs, and what is said of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from faceclust import weights
from faceclust.errors import WeightsError
from faceclust.graph import gpu
from faceclust.pipeline import devices
from faceclust.pipeline.devices import Devices
from faceclust.pipeline.steps import steps

NO_CARD = "torch finds no GPU; run `faceclust doctor`."
X = np.eye(6, dtype=np.float32)


@pytest.fixture
def said() -> list[str]:
    return []


def no_cuda(*_: object, **__: object) -> None:
    raise WeightsError("this onnxruntime has no CUDA support.")


def test_a_machine_without_a_gpu_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    monkeypatch.setattr(weights.devices, "open_session", no_cuda)
    monkeypatch.setattr(gpu, "unusable", lambda: NO_CARD)
    with steps(device="cuda", notify=said.append) as local:
        assert said == []
        assert local.devices is not None
        assert local.devices.networks("cuda", said.append) == "cpu"
        assert local.devices.describing("cuda", said.append) == "cpu"
        for _ in range(2):
            assert local.knn(X, 2, exact_below=9).index.shape == (6, 2)
    assert said == ["Running on the CPU: this onnxruntime has no CUDA support."]


def test_a_torch_without_a_gpu_is_told_of_once(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    card = SimpleNamespace(run=lambda *_: [])
    monkeypatch.setattr(weights.devices, "open_session", lambda *_, **__: card)
    monkeypatch.setattr(gpu, "unusable", lambda: NO_CARD)
    with steps(device="cuda", notify=said.append) as local:
        assert local.devices is not None
        assert local.devices.networks("cuda", said.append) == "cuda"
        for _ in range(2):
            assert local.devices.describing("cuda", said.append) == "cpu"
            local.knn(X, 2, exact_below=9)
    assert said == [f"Faces are described and neighbours are searched on the CPU: {NO_CARD}"]


def test_a_card_that_fails_is_told_of_once_and_left_alone(
    monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    tried: list[Any] = []

    def fail(*given: object) -> None:
        tried.append(given)
        raise RuntimeError("CUDA out of memory\nand much more")

    monkeypatch.setattr(gpu, "unusable", lambda: None)
    monkeypatch.setattr(gpu, "knn", fail)
    with steps(device="cuda", notify=said.append) as local:
        for _ in range(3):
            assert local.knn(X, 2, exact_below=9).index.shape == (6, 2)
    assert said == [
        "Neighbours are searched on the CPU: "
        "the GPU failed (CUDA out of memory) and is not used again."
    ]
    assert len(tried) == 1


def test_where_there_is_nobody_to_tell_it_is_a_warning(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gpu, "unusable", lambda: None)
    monkeypatch.setattr(devices, "find_spec", lambda _: None)
    with pytest.warns(UserWarning, match="Faces are described on the CPU: open_clip is not"):
        assert Devices().describing("cuda", None) == "cpu"

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceclust import weights
from faceclust.embed.arcface import Embedder
from faceclust.faces.align import CROP
from faceclust.pipeline import models


def test_the_space_of_the_mobile_profile_is_that_of_its_networks() -> None:
    resolved = models.resolve("mobile")
    embedder = Embedder(resolved.embedders)
    space = models.space(resolved.model_id)
    assert embedder.parts == space.parts
    assert embedder(np.zeros((1, CROP, CROP, 3), np.uint8)).shape == (1, sum(space.parts))
    assert space.thresholds


def test_a_pack_embeds_with_one_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "pack", lambda name, notify: tmp_path / name)
    files = (tmp_path / "det_10g.onnx", tmp_path / "w600k_r50.onnx")
    monkeypatch.setattr(weights, "pack_files", lambda folder: files)
    resolved = models.resolve("buffalo_l")
    assert resolved.model_id == "buffalo_l/w600k_r50"
    assert [(n.path, n.scale) for n in resolved.embedders] == [(files[1], 127.5)]
    assert models.space(resolved.model_id) == models.Space(model="buffalo_l/w600k_r50")

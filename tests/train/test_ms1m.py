"""`faceclust train --data ms1m`, every stage that the data can feed, in both layouts."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceclust.graph import correction, edges
from faceclust.pipeline import models
from faceclust.train import run
from faceclust.train.data import cache
from faceclust.train.edges import EdgeTraining
from faceclust.train.options import TrainOptions
from tests.train.data.records import faces_emore
from tests.train.data.test_ms1m import write as write_features

PEOPLE, PHOTOS = 8, 6
N = PEOPLE * PHOTOS


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> TrainOptions:
    """A few steps of each stage, on a few libraries."""
    clip_cluster = pytest.importorskip("faceclust.train.clip_cluster", exc_type=ImportError)
    few = partial(
        clip_cluster.ProxyTraining, libraries=2, trials=1, neighbours=20, transfer=3, pairs=16,
        judge_every=2, save_every=2, threads=1,
    )  # fmt: skip
    monkeypatch.setattr(clip_cluster, "ProxyTraining", few)
    monkeypatch.setattr(run, "EdgeTraining", partial(EdgeTraining, 2, 1, 1))
    return TrainOptions(steps=4)


@pytest.mark.slow
@pytest.mark.parametrize("layout", ["learn-to-cluster", "faces_emore"])
def test_both_layouts_are_trained_on_from_end_to_end(
    tmp_path: Path, quick: TrainOptions, layout: str
) -> None:
    root, out = tmp_path / "ms1m", tmp_path / "run"
    faces_emore(root, [PHOTOS] * PEOPLE)
    if layout == "learn-to-cluster":
        write_features(root, labels=np.repeat(np.arange(PEOPLE), PHOTOS).tolist())
        (root / "lists").mkdir()
        keys = "".join(f"{key}\n" for key in range(1, 1 + N))
        (root / "lists" / "part0_train.list").write_text(keys)
    rows: list[dict[str, Any]] = []
    report = run.train(["ms1m"], out, quick, root=root, tell=rows.append)
    assert list(report["files"]) == ["edges", "clip-cluster"]
    assert list(report["skipped"]) == ["face-clip"]
    base = edges.load(Path(report["files"]["edges"]))
    model = correction.load(Path(report["files"]["clip-cluster"]))
    assert model.base is not None
    for name, array in base.arrays().items():
        np.testing.assert_array_equal(model.base.arrays()[name], array)
    space = "ms1m-256" if layout == "learn-to-cluster" else models.resolve("mobile").model_id
    assert model.space == space
    assert all(np.isfinite(value).all() for value in model.tensors.values())
    assert {row["faces"] for row in rows if row["stage"] == "embedding"} >= {N}
    kept = cache.mapped(out / "embeddings" / "recordio-ms1m.npz")
    assert sorted(map(int, kept["names"])) == list(range(1, 1 + N))
    again = run.train(["ms1m"], out, replace(quick, resume=True), root=root, tell=rows.append)
    assert again["files"] == report["files"]

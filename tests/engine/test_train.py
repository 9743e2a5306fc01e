from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceclust.graph import edges
from faceclust.train.options import TrainOptions
from faceclust.train.run import train
from tests.conftest import Run
from tests.train.embedded import people, write_set


@pytest.mark.slow
@pytest.mark.usefixtures("needs_ray")
def test_a_training_ends_with_the_weights_of_a_single_machine(
    faceclust: Run, tmp_path: Path
) -> None:
    (tmp_path / "sets").mkdir()
    write_set(tmp_path / "sets", "train-pins", people(14, 12, 0.6))
    train([str(tmp_path / "sets")], tmp_path / "one", TrainOptions("edges", epochs=1))
    faceclust(
        "train", "--data", tmp_path / "sets", "--out", tmp_path / "many", "--stage", "edges",
        "--epochs", 1, "--engine", "ray", "--json",
    )  # fmt: skip
    a, b = (edges.load(tmp_path / run / "edges" / "edges.npz") for run in ("one", "many"))
    assert all(np.array_equal(p, q) for p, q in zip(a.weights, b.weights, strict=True))
    assert all(np.array_equal(p, q) for p, q in zip(a.biases, b.biases, strict=True))

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from faceclust.train import labelled
from faceclust.train.captions import NAMES, OFFSETS, VALUES
from faceclust.train.labelled import TRAIN
from faceclust.train.pools import SETS, Pool, batch_at, log_priors, pools_of
from tests.train.faces import write_data, write_yaws

SHARES = (3, 2, 4, 1, 2, 1, 1)


@pytest.fixture
def pools(tmp_path: Path) -> list[Pool]:
    write_data(tmp_path)
    write_yaws(tmp_path, tmp_path)

    def nobody() -> labelled.Detector:
        raise AssertionError("the poses are known already")

    return pools_of(labelled.load(tmp_path, tmp_path, nobody))


def test_a_batch_is_a_function_of_seed_and_step(pools: list[Pool]) -> None:
    images, labels = batch_at(pools, SHARES, 0, 5, 48)
    assert images.shape == (14, 48, 48, 3)
    assert labels.shape == (14, len(NAMES))
    assert np.array_equal(batch_at(pools, SHARES, 0, 5, 48)[0], images)
    assert not np.array_equal(batch_at(pools, SHARES, 0, 6, 48)[0], images)
    assert not np.array_equal(batch_at(pools, SHARES, 1, 5, 48)[0], images)


def test_a_pass_sees_every_training_face_once_and_no_other(pools: list[Pool]) -> None:
    for pool in pools:
        drawn = [pool.draw(1, step, seed=3)[0] for step in range(len(pool.row))]
        assert all(faces.split[row] == TRAIN for faces, row in drawn)
        assert len({(id(faces), row) for faces, row in drawn}) == len(pool.row)


def test_priors_are_frequencies(pools: list[Pool]) -> None:
    prior = np.exp(log_priors(pools, SHARES))
    assert len(prior) == sum(map(len, VALUES))
    for g in range(len(NAMES)):
        assert prior[OFFSETS[g] : OFFSETS[g + 1]].sum() == pytest.approx(1, abs=0.01)


def test_half_of_the_turned_faces_are_in_profile(pools: list[Pool]) -> None:
    pose = pools[-1].labels()[:, NAMES.index("pose")]
    assert 0.4 < pose.mean() < 0.6


def test_a_set_about_which_nothing_is_known_is_passed_over(tmp_path: Path) -> None:
    write_data(tmp_path)
    for name in ("attr-age", "train-celeb", "train-pins", "train-pubfig", "train-family"):
        count = len(labelled.read_crops(tmp_path / f"{name}.tar", tmp_path)[1])
        np.save(tmp_path / f"{name}.yaw.npy", np.full(count, np.nan, np.float32))

    def nobody() -> labelled.Detector:
        raise AssertionError("the poses are known already")

    pools = pools_of(labelled.load(tmp_path, tmp_path, nobody))
    images, labels = batch_at(pools, SHARES, 0, 5, 48)
    without = sum(SHARES) - SHARES[SETS.index("turned")] - SHARES[SETS.index("train-family")]
    assert len(images) == len(labels) == without
    assert np.isfinite(log_priors(pools, SHARES)).all()

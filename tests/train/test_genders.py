from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs faceclust[clip]")

from faceclust.embed.arcface import Embedder
from faceclust.train.captions import NAMES, UNKNOWN, VALUES, Labels
from faceclust.train.genders import (
    Teacher,
    Teaching,
    doubted,
    improve,
    of_people,
)
from faceclust.train.labelled import TEST, TRAIN, Faces, blank, put

GENDER, LIFE = NAMES.index("gender"), NAMES.index("life")
OPTIONS = Teaching(steps=150, hidden=16, batch=64, rate=1e-2)


def faces(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Embeddings (2, N, 32) whose first direction is the gender, and that gender."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(2, count, 32)).astype(np.float32)
    female = rng.random(count) < 0.5
    x[:, :, 0] += np.where(female, 3, -3)
    return x, female


def test_the_teacher_judges_faces_that_it_did_not_see() -> None:
    x, female = faces(400, 0)
    wrong = np.arange(400) % 10 == 0
    teacher = Teacher(x, female ^ wrong, OPTIONS)
    assert ((teacher.unseen > 0) == female).mean() > 0.95
    others, truth = faces(200, 1)
    assert ((teacher(others) > 0) == truth).mean() > 0.95
    assert np.array_equal(Teacher(x, female ^ wrong, OPTIONS).unseen, teacher.unseen)


def test_all_photos_of_a_person_have_the_gender_of_the_clear_ones() -> None:
    people = ["Ann"] * 3 + ["Bob"] * 2 + ["Kim"] * 2 + ["Max"] * 5
    log_odds = np.array([6, 5, -0.3, -4, -0.5, 0.5, -0.5, 9, 9, 9, -2, -2], np.float32)
    found = of_people(log_odds, people, OPTIONS)
    assert found.tolist() == [1, 1, 1, 0, 0, UNKNOWN, UNKNOWN] + [UNKNOWN] * 5


def ages(count: int, female: np.ndarray) -> Labels:
    labels = blank(count)
    labels[:, GENDER] = female
    put(labels, np.arange(count) % 2 == 0, "life", "baby")
    put(labels, np.arange(count) % 2 == 1, "life", "adult")
    return labels


def test_only_a_clearly_contradicted_baby_is_doubted() -> None:
    labels = ages(6, np.array([1, 1, 1, 0, 0, 0]))
    unseen = np.array([-5, -5, -0.5, 5, 5, 5], np.float32)
    assert doubted(labels, unseen, OPTIONS).tolist() == [True, False, False, False, True, False]


def test_held_out_faces_are_neither_read_nor_changed(tmp_path: Path) -> None:
    def nobody() -> Embedder:
        raise AssertionError("the embeddings are known already")

    def run(flip: bool) -> dict[str, Faces]:
        x, female = faces(300, 0)
        split = np.where(np.arange(300) % 10 < 2, TEST, TRAIN).astype(np.int8)
        wrong = np.arange(300) % 20 == 4
        labels = ages(300, female ^ wrong ^ (flip & (split == TEST)))
        relatives, known = faces(40, 1)
        for name, embeddings in (("attr-age", x), ("train-family", relatives)):
            np.save(tmp_path / f"{name}.identity.npy", embeddings / np.sqrt(32))
        crops = np.zeros((300, 112, 112, 3), np.uint8)
        sets = {
            "attr-age": Faces(crops, labels.copy(), split),
            "train-family": Faces(
                crops[:40], blank(40), np.repeat([TRAIN, TEST], 20).astype(np.int8)
            ),
        }
        improve(sets, [str(k) for k in range(40)], tmp_path, nobody, OPTIONS)
        held = split == TEST
        assert np.array_equal(sets["attr-age"].labels[held], labels[held])
        assert (
            sets["attr-age"].labels[
                wrong & ~held & (labels[:, LIFE] == VALUES[LIFE].index("baby")), GENDER
            ]
            == UNKNOWN
        ).mean() > 0.9
        found = sets["train-family"].labels[:, GENDER]
        assert (found[:20] == known[:20])[found[:20] != UNKNOWN].mean() > 0.9
        assert (found[:20] != UNKNOWN).mean() > 0.8
        assert (found[20:] == UNKNOWN).all()
        return sets

    one, other = run(flip=False), run(flip=True)
    training = one["attr-age"].split == TRAIN
    assert np.array_equal(one["attr-age"].labels[training], other["attr-age"].labels[training])
    assert np.array_equal(one["train-family"].labels, other["train-family"].labels)

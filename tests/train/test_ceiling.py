from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs faceclust[clip]")

from faceclust.train.captions import NAMES
from faceclust.train.ceiling import by_value, copies
from faceclust.train.labelled import blank, put

GENDER, AGE = NAMES.index("gender"), NAMES.index("age")


def test_accuracy_is_told_apart_by_age() -> None:
    labels = blank(4)
    labels[:, AGE] = [0, 0, 3, 3]
    found = by_value(np.array([True, False, True, True]), labels, AGE)
    assert found == {"all": 0.75, "0-10": 0.5, "50-100": 1.0}


def test_copies_that_contradict_each_other_are_counted_once() -> None:
    x = np.random.default_rng(0).normal(size=(6, 32)).astype(np.float32)
    x[1], x[3] = 2 * x[0], x[2] + 0.01
    labels = blank(6)
    put(labels, np.arange(6) < 4, "life", "baby")
    put(labels, np.arange(6) >= 4, "life", "adult")
    labels[:, GENDER] = [0, 1, 1, 1, 0, 1]
    assert copies(labels, x)["baby"] == (2, 1)
    assert copies(labels, x)["adult"] == (0, 0)

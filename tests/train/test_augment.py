from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from faceclust.train.augment import augment

CROP = np.random.default_rng(0).integers(0, 256, (112, 112, 3)).astype(np.uint8)


@given(st.integers(0, 2**32 - 1), st.booleans(), st.sampled_from([48, 64, 80]))
def test_a_view_is_an_image_of_the_size_asked_for(seed: int, loose: bool, size: int) -> None:
    before = CROP.copy()
    view = augment(CROP, size, np.random.default_rng(seed), loose=loose)
    assert view.shape == (size, size, 3)
    assert view.dtype == np.uint8
    assert np.array_equal(CROP, before)


def test_views_differ_and_repeat_with_their_seed() -> None:
    first, again, other = (augment(CROP, 64, np.random.default_rng(s)) for s in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_the_face_stays_in_the_middle() -> None:
    crop = np.zeros((112, 112, 3), np.uint8)
    crop[46:66, 46:66] = 255
    views = [augment(crop, 80, np.random.default_rng(s)).astype(float) for s in range(200)]
    y, x = np.unravel_index(np.mean(views, axis=0).mean(2).argmax(), (80, 80))
    assert abs(y - 39.5) < 6
    assert abs(x - 39.5) < 6

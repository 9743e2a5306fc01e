from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.faces.align import CROP, TEMPLATE, align, sharpness, similarity, yaw


def moved(points: np.ndarray, angle: float, scale: float, shift: tuple[float, float]) -> np.ndarray:
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    return (points @ turn.T * scale + np.array(shift)).astype(np.float32)


@given(st.floats(-3, 3), st.floats(0.3, 20), st.tuples(st.floats(-500, 500), st.floats(-500, 500)))
def test_the_fit_undoes_any_turn_zoom_and_shift(
    angle: float, scale: float, shift: tuple[float, float]
) -> None:
    landmarks = moved(TEMPLATE, angle, scale, shift)
    matrix = similarity(landmarks)
    back = landmarks @ matrix[:, :2].T + matrix[:, 2]
    assert np.allclose(back, TEMPLATE, atol=0.05)


def picture(size: int) -> np.ndarray:
    """A smooth picture, so that sampling it at another scale changes little."""
    y, x = np.mgrid[:size, :size] / size
    return np.stack([255 * x, 255 * y, 127 + 120 * np.sin(6 * x)], -1).astype(np.uint8)


@pytest.mark.parametrize("zoom", [1, 2, 3, 5])
def test_large_faces_are_cut_where_small_ones_are(zoom: int) -> None:
    small, large = picture(200), picture(200 * zoom)
    landmarks = TEMPLATE + np.float32(40)
    a = align(small, landmarks)
    b = align(large, (landmarks + 0.5) * zoom - 0.5)
    assert a.shape == b.shape == (CROP, CROP, 3)
    assert np.abs(a.astype(int) - b).mean() < 2


def test_what_lies_outside_the_image_is_black() -> None:
    white = np.full((100, 100, 3), 255, np.uint8)
    crop = align(white, TEMPLATE - np.float32(60))
    assert (crop[:40] == 0).all()
    assert (crop[-30:, -30:] == 0).sum() < crop[-30:, -30:].size


@pytest.mark.parametrize("degrees", [-60.0, -20.0, 0.0, 20.0, 60.0])
def test_yaw_follows_the_nose_and_not_the_roll(degrees: float) -> None:
    frontal = np.array([[30, 40], [80, 40], [55, 60], [35, 80], [75, 80]], np.float32)
    distance = 50.0
    turned = frontal.copy()
    turned[2, 0] += degrees / -87.0 * distance
    assert yaw(turned) == pytest.approx(degrees, abs=1)
    assert yaw(moved(turned, 0.7, 3, (9, 9))) == pytest.approx(degrees, abs=1)


def test_degenerate_landmarks_do_not_divide_by_zero() -> None:
    same = np.full((5, 2), 7, np.float32)
    assert yaw(same) == 90
    assert align(picture(50), same).shape == (CROP, CROP, 3)


def test_sharpness_falls_with_blur() -> None:
    import cv2

    noise = np.random.default_rng(0).integers(0, 255, (CROP, CROP, 3), np.uint8)
    assert sharpness(noise) > 2 * sharpness(np.asarray(cv2.GaussianBlur(noise, (5, 5), 2)))

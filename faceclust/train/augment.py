"""Augmentation of aligned crops: other framings, lights, colours and cameras of the same face."""

from __future__ import annotations

import numpy as np
from numpy.random import Generator

from faceclust.faces.align import CROP
from faceclust.records import FloatArray, ImageArray

# Scale of the face against the aligned crop. Loose crops hold a larger face, so they shrink.
TIGHT, LOOSE = (0.88, 1.22), (0.74, 1.1)


def augment(crop: ImageArray, size: int, rng: Generator, *, loose: bool = False) -> ImageArray:
    """One random view of a face.

    Args:
        crop: (112, 112, 3) uint8 RGB.
        size: side of the view in pixels.
        rng: where all chance comes from.
        loose: the crop was cut around the face without alignment.

    Returns:
        (size, size, 3) uint8.
    """
    import cv2

    edge = cv2.BORDER_REPLICATE if rng.random() < 0.5 else cv2.BORDER_CONSTANT
    view = np.asarray(
        cv2.warpAffine(crop, _placement(size, rng, loose), (size, size), borderMode=edge),
        np.float32,
    )
    if rng.random() < 0.15:
        small = int(rng.integers(size // 3, size * 2 // 3))
        view = cv2.resize(cv2.resize(view, (small, small)), (size, size))
    view = _light(view, rng)
    _hide(view, rng)
    return np.clip(view, 0, 255).astype(np.uint8)


def _placement(size: int, rng: Generator, loose: bool) -> FloatArray:
    """(2, 3) map from the crop to the view: turn, scale, shift, mirror."""
    low, high = LOOSE if loose else TIGHT
    scale = float(np.exp(rng.uniform(np.log(low), np.log(high)))) * size / CROP
    angle = float(np.clip(rng.normal(0, 6), -15, 15)) * np.pi / 180
    turn = scale * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    if rng.random() < 0.5:
        turn[:, 0] *= -1
    # Pixel centres lie at whole numbers, so the middle of n pixels is (n - 1) / 2.
    middle = np.full(2, (CROP - 1) / 2)
    shift = (size - 1) / 2 + rng.normal(0, 0.03, 2) * size - turn @ middle
    return np.column_stack([turn, shift]).astype(np.float32)


def _light(view: FloatArray, rng: Generator) -> FloatArray:
    """Brightness, contrast, tint; now and then grey."""
    if rng.random() < 0.2:
        view = np.repeat(view.mean(2, keepdims=True), 3, axis=2)
    tint = rng.normal(1, 0.05, 3)
    return np.asarray((view - 128) * rng.uniform(0.7, 1.3) * tint + 128 + rng.normal(0, 18),
                      np.float32)  # fmt: skip


def _hide(view: FloatArray, rng: Generator) -> None:
    """Black borders, as crops at the edge of a photo have them, or a patch, in place."""
    size = len(view)
    if rng.random() < 0.25:
        view[: int(rng.integers(0, size // 3))] = 0
        side = int(rng.integers(0, size // 5))
        view[:, :side] = 0
        view[:, size - side :] = 0
    if rng.random() < 0.25:
        y, x = rng.integers(0, size - size // 4, 2)
        height, width = rng.integers(size // 8, size // 3, 2)
        view[y : y + height, x : x + width] = rng.uniform(0, 255)

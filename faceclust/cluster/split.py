"""Splitting one cluster in two by an example of each."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from faceclust.records import FloatArray, IntArray

SAME_PHOTO = 0.2  # cosine that a second face of a photo has to be nearer its side to stay there


def nearer(
    x: FloatArray, first: int, second: int, together: IntArray, photo: IntArray
) -> NDArray[np.bool_]:
    """Which faces are nearer to the second of two examples than to the first.

    Args:
        x: (N, D) float32, L2-normalised.
        first, second: rows of the examples, two different ones.
        together: (N,) int64; faces of one number, from 0 on, go to one side, unless both examples
            are among them; -1 for those that go on their own.
        photo: (N,) int64; two faces of one photo go to two sides where they do not clearly belong
            to the same.

    Returns:
        (N,) bool; False for `first`, True for `second`.
    """
    margin = x @ x[second] - x @ x[first]
    margin[first], margin[second] = -np.inf, np.inf
    unit = _units(together)
    if unit[first] == unit[second]:
        unit = _units(np.where(together == together[first], -1, together))
    size = np.bincount(unit)
    margin = (np.bincount(unit, margin) / size)[unit]
    for face, other in _pairs(photo):
        if (margin[face] > 0) == (margin[other] > 0):
            doubtful = min(face, other, key=lambda f: (size[unit[f]], abs(margin[f])))
            if abs(margin[doubtful]) < SAME_PHOTO and size[unit[doubtful]] == 1:
                margin[doubtful] = 1 if margin[doubtful] <= 0 else -1
    return np.asarray(margin > 0)


def _units(together: IntArray) -> IntArray:
    """(N,) 0.. for what goes to one side."""
    own = together.max(initial=-1) + 1 + np.arange(len(together))
    return np.unique(np.where(together < 0, own, together), return_inverse=True)[1]


def _pairs(photo: IntArray) -> list[tuple[int, int]]:
    """The two faces of each photo that shows exactly two."""
    shown, count = np.unique(photo, return_counts=True)
    pairs = [np.flatnonzero(photo == p).tolist() for p in shown[count == 2]]
    return [(face, other) for face, other in pairs]

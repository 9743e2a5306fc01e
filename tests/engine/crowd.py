"""Faces that nobody has: people as directions, seen from about there; a long tail of them."""

from __future__ import annotations

import numpy as np

from faceclust.records import FloatArray, IntArray


def faces(N: int, *, D: int = 96, seed: int = 0, noise: float = 0.9) -> tuple[FloatArray, IntArray]:
    """(N, D) float32 embeddings as a library stores them, of any length, and who is who (N,).

    Cosines of one person's faces lie around 1 / (1 + noise^2), as in ArcFace-like spaces.
    """
    rng = np.random.default_rng(seed)
    share = 1 / np.arange(3, max(4, N // 6) + 3)
    person = rng.choice(len(share), N, p=share / share.sum())
    centre = rng.normal(size=(len(share), D)) / np.sqrt(D)
    # Families look alike, and some photos show little of a face.
    centre[1::3] = 0.75 * centre[::3][: len(centre[1::3])] + 0.66 * centre[1::3]
    blur = noise * rng.uniform(0.6, 1.5, (N, 1))
    x = centre[person] + blur * rng.normal(size=(N, D)) / np.sqrt(D)
    x *= rng.uniform(8, 25, (N, 1)) / np.linalg.norm(x, axis=1, keepdims=True)
    return x.astype(np.float16).astype(np.float32), person.astype(np.int64)

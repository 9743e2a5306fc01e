"""Embedded sets of made-up people, in the form that `faceclust train` keeps them in."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from faceclust.train.data.identities import Identities

D = (24, 16)


def people(count: int, photos: int, noise: float = 0.5, seed: int = 0) -> Identities:
    """`count` people with `photos` faces each; the more noise the more alike."""
    rng = np.random.default_rng(seed)
    label = np.repeat(np.arange(count), photos)
    centres = rng.normal(size=(count, sum(D)))
    x, mirrored = (
        (4 * (centres[label] + noise * rng.normal(size=(len(label), sum(D))))).astype(np.float32)
        for _ in range(2)
    )
    nowhere = np.full(len(label), -1)
    return Identities(x, label, label.copy(), nowhere, "made-up", D, mirrored)


def write_set(folder: Path, name: str, faces: Identities) -> None:
    """`<name>.npz` with the people's numbers as names, and CLIP embeddings where they have some."""
    assert faces.mirrored is not None
    x, y = np.split(faces.x, [D[0]], axis=1)
    xm, ym = np.split(faces.mirrored, [D[0]], axis=1)
    names = np.array([f"P{label}/{i}.webp" for i, label in enumerate(faces.label)])
    clip = {} if faces.clip is None else {"i": faces.clip}
    np.savez(folder / f"{name}.npz", x=x, y=y, xm=xm, ym=ym, names=names, **clip)

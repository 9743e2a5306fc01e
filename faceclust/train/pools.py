"""Batches of labelled faces: which faces a step sees, and how often each value occurs in them.

Which faces these are is a function of the seed and the step alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from faceclust.records import FloatArray, ImageArray
from faceclust.train.augment import augment
from faceclust.train.captions import NAMES, OFFSETS, UNKNOWN, VALUES, Labels
from faceclust.train.labelled import TRAIN, Faces, blank
from faceclust.train.wordings import CELEBA

# Sets that a batch draws from; "turned" is a pool of faces with a known pose, half in profile,
# "children" one of children whose gender is known. The last two are for a second run, see
# `genders`.
SETS = ("attr-expression", "attr-age", "train-celeb", "attr-ckplus", "turned", "children",
        "train-family")  # fmt: skip

# The stages of life that children are in.
_CHILD = [VALUES[NAMES.index("life")].index(value) for value in ("baby", "child")]


@dataclass(frozen=True, slots=True, eq=False)
class Pool:
    """Faces that one share of the batch is drawn from: the set and its row, each (N,)."""

    faces: tuple[Faces, ...]
    source: NDArray[np.intp]
    row: NDArray[np.intp]
    loose: bool

    def draw(self, count: int, step: int, seed: int) -> list[tuple[Faces, int]]:
        """The faces of one step: each pass through the pool is a new permutation of it."""
        drawn: list[tuple[Faces, int]] = []
        if not len(self.row):
            return drawn
        for position in range(step * count, (step + 1) * count):
            epoch, place = divmod(position, len(self.row))
            order = permutation(seed, epoch, len(self.row))
            drawn.append((self.faces[self.source[order[place]]], int(self.row[order[place]])))
        return drawn

    def labels(self) -> Labels:
        """(N, G) labels of the whole pool."""
        labels = blank(len(self.row))
        for place, (s, r) in enumerate(zip(self.source, self.row, strict=True)):
            labels[place] = self.faces[s].labels[r]
        return labels


@lru_cache(maxsize=16)
def permutation(seed: int, epoch: int, count: int) -> NDArray[np.intp]:
    """The order of one pass through `count` faces."""
    return np.random.default_rng((seed, 1, epoch)).permutation(count)


def pool_of(faces: Faces, loose: bool) -> Pool:
    """The training faces of one set about which anything is known."""
    rows = faces.rows(TRAIN)
    rows = rows[(faces.labels[rows] != UNKNOWN).any(axis=1)]
    return Pool((faces,), np.zeros(len(rows), np.intp), rows, loose)


def turned(sets: Mapping[str, Faces]) -> Pool:
    """Training faces in profile, and as many frontal ones, of every set that knows the pose."""
    pose = NAMES.index("pose")
    members = tuple(sets.values())
    source: list[int] = []
    row: list[int] = []
    for value in (1, 0):
        found = [
            (s, r)
            for s, faces in enumerate(members)
            for r in faces.rows(TRAIN)
            if faces.labels[r, pose] == value
        ]
        keep = found if value else found[:: max(1, len(found) // max(1, len(row)))]
        source += [s for s, _ in keep]
        row += [int(r) for _, r in keep]
    return Pool(members, np.array(source, np.intp), np.array(row, np.intp), False)


def children(sets: Mapping[str, Faces]) -> Pool:
    """Training faces of babies and children of known gender."""
    life, gender = NAMES.index("life"), NAMES.index("gender")
    members = tuple(sets.values())
    found = [
        (s, int(r))
        for s, faces in enumerate(members)
        for r in faces.rows(TRAIN)
        if faces.labels[r, life] in _CHILD and faces.labels[r, gender] != UNKNOWN
    ]
    source, row = np.array(found, np.intp).reshape(-1, 2).T
    return Pool(members, source, row, False)


def pools_of(sets: Mapping[str, Faces]) -> list[Pool]:
    """The pools of a batch in the order of `SETS`."""
    loose = ("attr-expression", "attr-ckplus")
    special = {"turned": turned, "children": children}
    return [
        special[name](sets) if name in special else pool_of(sets[name], name in loose)
        for name in SETS
    ]


def batch_at(
    pools: list[Pool], shares: tuple[int, ...], seed: int, step: int, size: int
) -> tuple[ImageArray, Labels]:
    """Augmented faces (B, S, S, 3) uint8 and labels (B, G) of one step.

    Pools without a face are left out.
    """
    images, labels = [], []
    for p, (pool, count) in enumerate(zip(pools, shares, strict=True)):
        rng = np.random.default_rng((seed, 2, step, p))
        for faces, row in pool.draw(count, step, seed):
            images.append(augment(faces.crops[row], size, rng, loose=pool.loose))
            labels.append(faces.labels[row])
    return np.stack(images), np.stack(labels)


def log_priors(pools: list[Pool], shares: tuple[int, ...]) -> FloatArray:
    """(V,) log frequency of each value among the faces that a batch draws and knows it of.

    Of CelebA's attributes CelebA's own frequencies are taken, though more faces say something
    about some of them: balance is wanted among faces that show either value.
    """
    prior = np.zeros(OFFSETS[-1], np.float32)
    for g, values in enumerate(VALUES):
        count = np.zeros(len(values))
        for name, pool, share in zip(SETS, pools, shares, strict=True):
            if share and len(pool.row) and (NAMES[g] not in CELEBA or name == "train-celeb"):
                known = pool.labels()[:, g]
                found = np.bincount(known[known != UNKNOWN], minlength=len(values))
                count += share * found / len(known)
        prior[OFFSETS[g] : OFFSETS[g + 1]] = np.log(count + 1e-3) - np.log(count.sum() + 1e-3)
    return prior

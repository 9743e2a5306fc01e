"""Labelled faces, wherever they come from: what every reader gives and every stage takes."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceclust.embed.arcface import lengths, normalise
from faceclust.records import FloatArray, IntArray

UNLABELLED = -1
BoolArray = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Identities:
    """N faces and who they are. Large arrays may be mapped from disk.

    Attributes:
        x: (N, D) float32 raw identity embeddings, of any length.
        label: (N,) int64 who it is, `UNLABELLED` where nobody knows.
        group: (N,) int64 what must not be torn apart by a split: the family, or the person.
        photo: (N,) int64 which photo shows it, -1 unknown.
        space: model id of the network; "" where it is not known.
        parts: sizes of the networks' embeddings that a row of x is made of; see `normalise`.
        mirrored: (N, D) raw embeddings of the mirror images, or (N, 0).
        clip: (N, E) CLIP image embeddings of the aligned faces, L2-normalised, or (N, 0).
        names: of the people, by label; empty where they have none.
    """

    x: FloatArray
    label: IntArray
    group: IntArray
    photo: IntArray
    space: str = ""
    parts: tuple[int, ...] = ()
    mirrored: FloatArray | None = None
    clip: FloatArray | None = None
    names: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        N = len(self.x)
        if self.x.ndim != 2 or self.x.dtype != np.float32:
            raise ValueError(f"x must be (N, D) float32, got {self.x.shape} {self.x.dtype}")
        for name in ("label", "group", "photo"):
            array = getattr(self, name)
            if array.shape != (N,) or array.dtype != np.int64:
                raise ValueError(f"{name} must be ({N},) int64, got {array.shape} {array.dtype}")
        for name in ("mirrored", "clip"):
            array = getattr(self, name)
            if array is not None and (array.ndim != 2 or len(array) != N):
                raise ValueError(f"{name} must be ({N}, ...), got {array.shape}")
        if self.parts and sum(self.parts) != self.x.shape[1]:
            raise ValueError(f"parts {self.parts} must add up to D = {self.x.shape[1]}")
        if self.names and self.people > len(self.names):
            raise ValueError(f"{self.people} people have only {len(self.names)} names")

    def __len__(self) -> int:
        return len(self.x)

    @property
    def people(self) -> int:
        """How many people there are; labels run from 0 to one less."""
        return int(self.label.max(initial=UNLABELLED)) + 1

    @property
    def labelled(self) -> BoolArray:
        """(N,) whether anybody knows who it is."""
        return np.asarray(self.label != UNLABELLED)

    def normalised(self) -> FloatArray:
        """(N, D) each network's embedding, and then the whole, scaled to length 1."""
        return normalise(self.x, self.parts)

    def norms(self) -> FloatArray:
        """(N, networks) lengths of the raw embeddings."""
        return lengths(self.x, self.parts)

    def select(self, rows: IntArray | BoolArray) -> Identities:
        """Some of the faces; labels stay as they are."""
        arrays: dict[str, Any] = {
            f.name: value[rows]
            for f in fields(self)
            if isinstance(value := getattr(self, f.name), np.ndarray)
        }
        return replace(self, **arrays)

    def split(self, share: float, seed: int) -> tuple[IntArray, IntArray]:
        """Hold out a share of the people, whole families and whole photos at a time.

        A face that shares a photo with somebody held out trains nobody, so that nothing of what
        is measured was ever seen. Unlabelled faces are on both sides, as strangers.

        Returns:
            Rows to train on, and rows to measure on, ascending.
        """
        known = self.labelled
        groups = np.unique(self.group[known])
        count = int(np.clip(round(share * len(groups)), 1, max(len(groups) - 1, 1)))
        chosen = np.random.default_rng((seed, 0)).choice(groups, count, replace=False)
        apart = known & np.isin(self.group, chosen)
        seen = np.isin(self.photo, self.photo[apart & (self.photo >= 0)])
        return np.flatnonzero(~apart & ~(seen & known)), np.flatnonzero(apart | ~known)

"""Real pairs: two photos of one person, of which CLIP-Cluster learns what changes a face."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from faceclust.errors import InputError
from faceclust.train.graphs import FaceGraph


class RealPairs:
    """Draws two photos of one person, people with many photos a little more often.

    Args:
        seen: the libraries that are trained on.

    Raises:
        InputError: no two faces in them are one person, or no two are not.
    """

    def __init__(self, seen: list[FaceGraph]) -> None:
        known = np.concatenate([graph.same[graph.sure] for graph in seen])
        if not known.any() or known.all():
            raise InputError(
                "The data hold no two faces of one person, or no two people; give others."
            )
        self._f = np.concatenate([graph.f for graph in seen])
        self._i = np.concatenate([graph.i for graph in seen])
        person = np.concatenate([np.where(g.counts, g.person, -1) for g in seen])
        labelled = np.flatnonzero(person >= 0)
        self._order = labelled[np.argsort(person[labelled], kind="stable")]
        _, start, count = np.unique(person[self._order], return_index=True, return_counts=True)
        several = count >= 2
        self._start, self._count = start[several], count[several]

    def __call__(self, count: int, rng: np.random.Generator) -> tuple[Tensor, ...]:
        """f, i of one photo and f, i of another, `count` rows each."""
        odds = np.sqrt(self._count)
        who = rng.choice(len(self._start), count, p=odds / odds.sum())
        rows = [self._order[self._start[who] + rng.integers(0, self._count[who])] for _ in "12"]
        return tuple(torch.from_numpy(a[r]) for r in rows for a in (self._f, self._i))

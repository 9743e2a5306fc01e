"""Structure-preserving sub-graphs (Shen et al., 2021, STAR-FC): training sees hard neighbours.

A random class, the classes whose centres are nearest to its own, most of those, and most of the
faces of each. The neighbour lists are built anew inside a sub-graph, by whoever asked for it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceclust.embed.arcface import normalise
from faceclust.records import FloatArray, IntArray

BLOCK = 8192  # faces normalised at a time


@dataclass(frozen=True, slots=True)
class SubgraphOptions:
    """How much of the neighbourhood of a class is kept.

    Attributes:
        nearest: classes around the seed, itself among them.
        kept: how many of them stay; of fewer classes the same share.
        nodes: share of the faces of each class that stay; at least one does.
    """

    nearest: int = 1500
    kept: int = 1300
    nodes: float = 0.9


class Subgraphs:
    """Draws sub-graphs of N faces of P classes; memory is O(N + P D) whatever holds x.

    Args:
        x: (N, D) float32 embeddings, of any length; may be mapped from disk.
        label: (N,) class of each face; negative ones belong to none and are never drawn.
        options: sizes.
        seed: with the step it decides everything.
        parts: as of `normalise`.
    """

    def __init__(
        self,
        x: FloatArray,
        label: IntArray,
        options: SubgraphOptions | None = None,
        seed: int = 0,
        parts: tuple[int, ...] = (),
    ) -> None:
        self.options, self._seed = options or SubgraphOptions(), seed
        known = np.flatnonzero(label >= 0)
        self._nodes = known[np.argsort(label[known], kind="stable")]
        _, self._start, self._count = np.unique(
            label[self._nodes], return_index=True, return_counts=True
        )
        self.centres = class_centres(x, label, parts)

    def __call__(self, step: int) -> IntArray:
        """The faces of one sub-graph, (n,) ascending; a function of the seed and the step."""
        P = len(self.centres)
        if not P:
            return np.zeros(0, np.int64)
        rng = np.random.default_rng((self._seed, 5, step))
        seed = int(rng.integers(P))
        cosine = self.centres @ self.centres[seed]
        cosine[seed] = np.inf
        near = np.argsort(-cosine, kind="stable")[: self.options.nearest]
        share = min(1.0, self.options.kept / self.options.nearest)
        chosen = rng.choice(near, max(1, round(share * len(near))), replace=False)
        return np.sort(np.concatenate([self._some(c, rng) for c in chosen]))

    def _some(self, c: int, rng: np.random.Generator) -> IntArray:
        own = self._nodes[self._start[c] : self._start[c] + self._count[c]]
        return rng.choice(own, max(1, round(self.options.nodes * len(own))), replace=False)


def class_centres(x: FloatArray, label: IntArray, parts: tuple[int, ...] = ()) -> FloatArray:
    """(P, D) L2-normalised means of the normalised embeddings of each class, in label order.

    Args:
        x: (N, D); read a block at a time.
        label: (N,); negative ones are left out.
        parts: as of `normalise`.
    """
    classes, index = np.unique(label[label >= 0], return_inverse=True)
    where = np.full(len(label), -1)
    where[label >= 0] = index
    total = np.zeros((len(classes), x.shape[1]), np.float32)
    for start in range(0, len(x), BLOCK):
        own = where[start : start + BLOCK]
        keep = own >= 0
        block = normalise(np.asarray(x[start : start + BLOCK][keep]), parts)
        np.add.at(total, own[keep], block)
    return normalise(total)

"""The log-odds of pairs, some pairs a task.

A feature of a pair looks at the neighbourhoods of two faces and at nothing else, so the tasks find
the very numbers of `graph.edges.score`, in the same chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from faceclust.engine.tasks import Runner, Shared
from faceclust.graph import edges, structure
from faceclust.graph.edges import EdgeModel
from faceclust.graph.pairs import Pairs
from faceclust.graph.structure import CHUNK, Scale
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

CHUNKS = 20  # of `structure.features`, whole ones: so many that what is known of faces pays off


@dataclass(frozen=True, slots=True, eq=False)
class _Library:
    """What every task reads: see `structure.features`."""

    x: FloatArray
    index: IntArray
    similarity: FloatArray
    quality: FloatArray | None


@dataclass(frozen=True, slots=True, eq=False)
class _Score:
    library: Shared[_Library]
    model: EdgeModel
    scale: Scale

    def __call__(self, pairs: Pairs) -> FloatArray:
        """The log-odds of some pairs."""
        whole = self.library.get()
        near = Neighbours(whole.index, whole.similarity)
        faces = np.unique(pairs.index)
        chunks = structure.features(whole.x, near, pairs, self.scale, whole.quality, faces)
        weights = [edges.trusted(self.model, features, len(whole.x)) for features in chunks]
        return np.concatenate(weights)


def score(
    model: EdgeModel,
    x: FloatArray,
    neighbours: Neighbours,
    quality: FloatArray | None,
    runner: Runner,
) -> Graph:
    """The log-odds of every listed pair that is not hopeless; as `graph.edges.score`.

    Args:
        model: of the edges.
        x: (N, D) float32, L2-normalised.
        neighbours: of the same N faces.
        quality: (N,) from `structure.quality`, or None.
        runner: runs a task for every `CHUNKS` chunks of pairs.
    """
    pairs, scale = edges.candidates(x, neighbours)
    library = runner.share(_Library(x, neighbours.index, neighbours.similarity, quality))
    weights = runner.each(_Score(library, model, scale), _pieces(pairs))
    return edges.likely(pairs, np.concatenate([np.zeros(0, np.float32), *weights]), len(x))


def _pieces(pairs: Pairs) -> Iterator[Pairs]:
    size = CHUNKS * CHUNK
    for start in range(0, len(pairs.similarity), size):
        rows = slice(start, start + size)
        yield replace(
            pairs,
            index=pairs.index[:, rows], similarity=pairs.similarity[rows], rank=pairs.rank[:, rows],
        )  # fmt: skip

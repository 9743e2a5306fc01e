"""Exhaustive nearest neighbours, shard against shard.

Queries and base are cut where faiss itself cuts them, so that the same products are computed by the
same calls: the lists are those of `graph.knn`, bit for bit, as long as that searches exhaustively.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from faceclust.engine.tasks import Runner, Shared
from faceclust.errors import OptionError
from faceclust.graph.knn import BLOCK, SPARE, lists, searchable
from faceclust.records import FloatArray, IntArray, Neighbours

BASE = 16 * 1024  # faces of a shard of the base; faiss multiplies 1024 at a time


@dataclass(frozen=True, slots=True, eq=False)
class _Search:
    """One shard of queries, searched in each shard of the base in turn.

    Attributes:
        shards: of the base, each with its first row.
        k: neighbours of each query.
    """

    shards: tuple[tuple[int, Shared[FloatArray]], ...]
    k: int

    def __call__(self, piece: tuple[int, FloatArray]) -> Neighbours:
        """The neighbours of the faces from a row on."""
        start, queries = piece
        many = self.k + 1 + SPARE
        ids = np.zeros((len(queries), 0), np.int64)
        near = np.zeros((len(queries), 0), np.float32)
        for first, shard in self.shards:
            found, similar = _nearest(queries, shard.get(), many)
            ids = np.hstack([ids, np.where(found < 0, -1, found + first)])
            ids, near = _best(ids, np.hstack([near, similar]), many)
        return lists(ids, near, start, self.k)


def knn(x: FloatArray, k: int, runner: Runner) -> Neighbours:
    """The k nearest neighbours of every face, the face itself left out; as `graph.knn.knn`.

    It is exhaustive at every size: where `graph.knn` searches approximately, it finds more.

    Args:
        x: (N, D) float32, L2-normalised; N may be 0.
        k: neighbours a face; where there are fewer, the rest is padded with -1.
        runner: runs a task for every `graph.knn.BLOCK` queries.

    Raises:
        OptionError: k is below 1.
    """
    if k < 1:
        raise OptionError(f"The number of neighbours k must be at least 1, not {k}.")
    N = len(x)
    index = np.full((N, k), -1, np.int64)
    similarity = np.full((N, k), -1, np.float32)
    found = min(k, N - 1)
    if found < 1:
        return Neighbours(index, similarity)
    x = searchable(x)
    shards = tuple((row, runner.share(x[row : row + BASE])) for row in range(0, N, BASE))
    start = 0
    for near in runner.each(_Search(shards, found), _queries(x)):
        block = slice(start, start + len(near.index))
        index[block, :found], similarity[block, :found] = near.index, near.similarity
        start = block.stop
    return Neighbours(index, similarity)


def _best(ids: IntArray, near: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k nearest of each row's candidates, (n, C) each, of equals the first faces."""
    order = np.lexsort((ids, -near), axis=1)[:, :k]
    return np.take_along_axis(ids, order, 1), np.take_along_axis(near, order, 1)


def _queries(x: FloatArray) -> Iterator[tuple[int, FloatArray]]:
    return ((start, x[start : start + BLOCK]) for start in range(0, len(x), BLOCK))


def _nearest(queries: FloatArray, base: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    import faiss

    faiss.omp_set_num_threads(1)
    near, ids = faiss.knn(queries, base, k, metric=faiss.METRIC_INNER_PRODUCT)
    return ids, near

"""Nearest neighbours, shard against shard: a task looks for some faces in all shards of the base.

Queries are searched in the very blocks of `graph.knn`, and the base is cut where faiss itself cuts
it, so that the same products are computed by the same calls: exhaustive lists are those of
`graph.knn`, bit for bit. Each shard has an index of its own, so approximate ones are the same only
where one shard holds all; of several they miss a little less. The driver mends them (`refine`).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from faceclust.engine.tasks import Runner, Shared
from faceclust.graph.approximate import index_of, through
from faceclust.graph.knn import (
    BLOCK,
    BY_CODES,
    EXACT_BELOW,
    SPARE,
    blank,
    lists,
    nearest,
    searchable,
)
from faceclust.graph.refine import refined
from faceclust.records import FloatArray, ImageArray, IntArray, Neighbours

BASE = 16 * 1024  # faces of a shard that is searched exhaustively; faiss multiplies 1024 at a time
# Faces of a shard with its own index, and blocks of queries of a task: an index is copied for each.
INDEXED, BLOCKS = 1024 * 1024, 16


def knn(
    x: FloatArray,
    k: int,
    runner: Runner,
    *,
    exact_below: int = EXACT_BELOW,
    share: float | None = None,
) -> Neighbours:
    """The k nearest neighbours of every face, the face itself left out; as `graph.knn.knn`.

    Args:
        x: (N, D) float32, L2-normalised; N may be 0.
        k: neighbours a face; where there are fewer, the rest is padded with -1.
        runner: runs the tasks.
        exact_below, share: of the approximate search, as there; the share is that of each shard.

    Raises:
        OptionError: k is below 1.
    """
    N = len(x)
    exact = exact_below > N
    listed = blank(N, k, exact=exact)
    found = min(listed.index.shape[1], N - 1)
    if found < 1:
        return nearest(listed, k)
    x = searchable(x, exact=exact)
    search = _exhaustive(x, found, runner) if exact else _by_codes(x, found, runner, share)
    start = 0
    for near in runner.each(search, _slices(x, BLOCK if exact else BLOCKS * BLOCK)):
        rows = slice(start, start + len(near.index))
        listed.index[rows, :found] = near.index
        listed.similarity[rows, :found] = near.similarity
        start = rows.stop
    return listed if exact else nearest(refined(listed, x), k)


@dataclass(slots=True, eq=False)
class _Best:
    """The nearest of the faces that some queries were compared with so far.

    Attributes:
        ids, near: (n, C) faces and their similarity, best first, of equals the first faces.
    """

    ids: IntArray
    near: FloatArray

    @classmethod
    def nobody(cls, n: int) -> _Best:
        return cls(np.zeros((n, 0), np.int64), np.zeros((n, 0), np.float32))

    def meet(self, ids: IntArray, near: FloatArray, k: int) -> None:
        """Keep the k nearest of these and those of before; -1 is nobody."""
        ids, near = np.hstack([self.ids, ids]), np.hstack([self.near, near])
        order = np.lexsort((ids, -near), axis=1)[:, :k]
        self.ids = np.take_along_axis(ids, order, 1)
        self.near = np.take_along_axis(near, order, 1)


@dataclass(frozen=True, slots=True, eq=False)
class _Exhaustive:
    """One block of queries, compared with every face.

    Attributes:
        shards: of the base, each with its first row.
        k: neighbours of each query.
    """

    shards: tuple[tuple[int, Shared[FloatArray]], ...]
    k: int

    def __call__(self, piece: tuple[int, FloatArray]) -> Neighbours:
        """The neighbours of the faces from a row on."""
        import faiss

        faiss.omp_set_num_threads(1)
        start, queries = piece
        many, best = self.k + 1 + SPARE, _Best.nobody(len(queries))
        for first, shard in self.shards:
            near, ids = faiss.knn(queries, shard.get(), many, metric=faiss.METRIC_INNER_PRODUCT)
            best.meet(np.where(ids < 0, -1, ids + first), near, many)
        return lists(best.ids, best.near, start, self.k)


def _exhaustive(x: FloatArray, k: int, runner: Runner) -> _Exhaustive:
    shards = tuple((first, runner.share(rows)) for first, rows in _slices(x, BASE))
    return _Exhaustive(shards, k)


@dataclass(frozen=True, slots=True, eq=False)
class _ByCodes:
    """Some queries, searched for in the index of each shard.

    Attributes:
        shards: of the base, each with its first row, its faces and its index as faiss writes it.
        k: neighbours of each query.
    """

    shards: tuple[tuple[int, Shared[FloatArray], Shared[ImageArray]], ...]
    k: int

    def __call__(self, piece: tuple[int, FloatArray]) -> Neighbours:
        """The neighbours of the faces from a row on."""
        import faiss

        faiss.omp_set_num_threads(1)
        start, queries = piece
        many, best = self.k + 1 + SPARE, _Best.nobody(len(queries))
        for first, faces, written in self.shards:
            index, x = faiss.deserialize_index(written.get()), faces.get()
            found = [through(index, x, part, many) for _, part in _slices(queries, BY_CODES)]
            near, ids = (np.concatenate(parts) for parts in zip(*found, strict=True))
            best.meet(np.where(ids < 0, -1, ids + first), near, many)
        return lists(best.ids, best.near, start, self.k)


def _indexed(piece: tuple[int, FloatArray], share: float | None) -> ImageArray:
    """The index of some faces, as faiss writes it."""
    import faiss

    written: ImageArray = faiss.serialize_index(index_of(piece[1], share))
    return written


def _by_codes(x: FloatArray, k: int, runner: Runner, share: float | None) -> _ByCodes:
    indexes = runner.each(partial(_indexed, share=share), _slices(x, INDEXED))
    shards = tuple(
        (first, runner.share(rows), runner.share(index))
        for (first, rows), index in zip(_slices(x, INDEXED), indexes, strict=True)
    )
    return _ByCodes(shards, k)


def _slices(x: FloatArray, size: int) -> Iterator[tuple[int, FloatArray]]:
    return ((start, x[start : start + size]) for start in range(0, len(x), size))

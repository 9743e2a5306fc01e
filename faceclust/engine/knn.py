"""Nearest neighbours, shard against shard: a task looks for some faces in all shards of the base.

Queries are searched in the very blocks of `graph.knn`, and the base is cut where faiss itself cuts
it, so that the same products are computed by the same calls: the lists are those of `graph.knn`,
bit for bit, whether it searches exhaustively or through an inverted file.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceclust.engine.tasks import Runner, Shared
from faceclust.errors import OptionError
from faceclust.graph.knn import BLOCK, EXACT_BELOW, SPARE, inverted, lists, searchable
from faceclust.records import FloatArray, ImageArray, IntArray, Neighbours

BASE = 16 * 1024  # faces of a shard that is searched exhaustively; faiss multiplies 1024 at a time
# Faces of a shard of inverted lists, and blocks of queries of a task: a shard is copied for each.
LISTED, BLOCKS = 256 * 1024, 16


def knn(x: FloatArray, k: int, runner: Runner, *, exact_below: int = EXACT_BELOW) -> Neighbours:
    """The k nearest neighbours of every face, the face itself left out; as `graph.knn.knn`.

    Args:
        x: (N, D) float32, L2-normalised; N may be 0.
        k: neighbours a face; where there are fewer, the rest is padded with -1.
        runner: runs the tasks.
        exact_below: the number of faces from which the search is approximate.

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
    exact = exact_below > N
    search = _exhaustive(x, found, runner) if exact else _through_lists(x, found, runner)
    start = 0
    for near in runner.each(search, _slices(x, BLOCK if exact else BLOCKS * BLOCK)):
        rows = slice(start, start + len(near.index))
        index[rows, :found], similarity[rows, :found] = near.index, near.similarity
        start = rows.stop
    return Neighbours(index, similarity)


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
class _ThroughLists:
    """Some blocks of queries, compared with the faces of the lists nearest to each.

    Attributes:
        empty: the inverted file without faces, as faiss writes it.
        shards: the same file, each with other faces.
        k: neighbours of each query.
    """

    empty: Shared[ImageArray]
    shards: tuple[Shared[ImageArray], ...]
    k: int

    def __call__(self, piece: tuple[int, FloatArray]) -> Neighbours:
        """The neighbours of the faces from a row on."""
        start, queries = piece
        blocks = [block for _, block in _slices(queries, BLOCK)]
        many = self.k + 1 + SPARE
        best = [_Best.nobody(len(block)) for block in blocks]
        empty = _opened(self.empty)
        visits = [empty.quantizer.search(block, empty.nprobe) for block in blocks]
        for shard in self.shards:
            index = _opened(shard)
            for so_far, block, (distance, visited) in zip(best, blocks, visits, strict=True):
                near, ids = _search_lists(index, block, many, visited, distance)
                so_far.meet(ids, near, many)
        found = [
            lists(so_far.ids, so_far.near, start + n * BLOCK, self.k)
            for n, so_far in enumerate(best)
        ]
        return Neighbours(
            np.concatenate([near.index for near in found]),
            np.concatenate([near.similarity for near in found]),
        )


@dataclass(frozen=True, slots=True, eq=False)
class _Fill:
    """Puts faces into an inverted file without any."""

    empty: Shared[ImageArray]

    def __call__(self, piece: tuple[int, FloatArray]) -> ImageArray:
        """The file with the faces from a row on, as faiss writes it."""
        import faiss

        first, x = piece
        index = _opened(self.empty)
        index.add_with_ids(x, np.arange(first, first + len(x)))
        written: ImageArray = faiss.serialize_index(index)
        return written


def _through_lists(x: FloatArray, k: int, runner: Runner) -> _ThroughLists:
    import faiss

    empty = runner.share(faiss.serialize_index(inverted(x)))
    filled = runner.each(_Fill(empty), _slices(x, LISTED))
    return _ThroughLists(empty, tuple(map(runner.share, filled)), k)


def _opened(shard: Shared[ImageArray]) -> Any:
    import faiss

    faiss.omp_set_num_threads(1)
    return faiss.deserialize_index(shard.get())


def _search_lists(
    index: Any, queries: FloatArray, k: int, visited: IntArray, distance: FloatArray
) -> tuple[FloatArray, IntArray]:
    from faiss.contrib.ivf_tools import search_preassigned

    near, ids = search_preassigned(index, queries, k, visited, distance)
    return near, ids


def _slices(x: FloatArray, size: int) -> Iterator[tuple[int, FloatArray]]:
    return ((start, x[start : start + size]) for start in range(0, len(x), size))

"""Nearest neighbours by cosine similarity, and the graph that they make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np

from faceclust.errors import OptionError
from faceclust.graph.approximate import index_of, through
from faceclust.graph.principal import LOST, compact, compressed
from faceclust.graph.refine import refined
from faceclust.graph.threads import threads
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

EXACT_BELOW = 100_000
BLOCK, FEW = 4096, 512  # faces at once in the exhaustive and in the approximate search
# Candidates beyond the end of a list: of a photo's copies, equally near, the first are taken.
SPARE = 8
_Search: TypeAlias = Callable[[FloatArray, int], tuple[FloatArray, IntArray]]
NEW_BLOCK = 128  # rows of similarities to all faces that are held at once


def knn(
    x: FloatArray, k: int, *, exact_below: int = EXACT_BELOW, share: float | None = None
) -> Neighbours:
    """The k nearest neighbours of every face, the face itself left out.

    Fewer than `exact_below` faces are searched exhaustively, more by short codes first (see
    `approximate`) and then among the neighbours of neighbours (see `refine`), all in as few
    dimensions as will do (see `principal.compact`). The same input gives the same answer, the
    search itself on any number of threads.

    Args:
        x: (N, D) float32, L2-normalised; N may be 0.
        k: neighbours a face; where there are fewer, the rest is padded with -1.
        exact_below: the number of faces from which the search is approximate.
        share: of the faces that an approximate search looks at; None for `approximate.share_of`.

    Raises:
        OptionError: k is below 1.
    """
    if x.ndim != 2:
        raise ValueError(f"x must be (N, D), got {x.shape}")
    N, listed = len(x), blank(len(x), k)
    found = min(k, N - 1)
    if found < 1:
        return listed
    exact = exact_below > N
    x, size = searchable(x, exact=exact), BLOCK if exact else FEW
    with threads() as pool:
        opened = _exhaustive if exact else partial(_approximate, share=share)
        near_to = pool.submit(opened, x).result()

        def search(start: int) -> None:
            block = slice(start, min(start + size, N))
            near, ids = near_to(x[block], min(found + 1 + SPARE, N))
            best = lists(ids, near, block.start, found)
            listed.index[block, :found] = best.index
            listed.similarity[block, :found] = best.similarity

        list(pool.map(search, range(0, N, size)))
    return listed if exact else refined(listed, x)


def blank(N: int, k: int) -> Neighbours:
    """Lists of N faces without any neighbour yet.

    Raises:
        OptionError: k is below 1.
    """
    if k < 1:
        raise OptionError(f"The number of neighbours k must be at least 1, not {k}.")
    return Neighbours(np.full((N, k), -1, np.int64), np.full((N, k), -1, np.float32))


def searchable(x: FloatArray, *, exact: bool) -> FloatArray:
    """The faces as they are searched: many, in fewer dimensions; (N, D) float32, contiguous."""
    return compact(x) if exact else np.ascontiguousarray(compressed(x, LOST), np.float32)


def lists(ids: IntArray, near: FloatArray, first: int, k: int) -> Neighbours:
    """The k nearest of each row's candidates, the face itself left out.

    Args:
        ids: (n, C) candidates, C > k, in any order; -1 for none.
        near: (n, C) their similarity.
        first: the face that the first row is about.
    """
    order = np.lexsort((ids, -near), axis=1)[:, : k + 1]
    ids, near = np.take_along_axis(ids, order, 1), np.take_along_axis(near, order, 1)
    ids, near = _without_self(ids, near, np.arange(first, first + len(ids)))
    return Neighbours(ids, np.where(ids < 0, np.float32(-1), near.clip(-1, 1)))


def extend(x: FloatArray, neighbours: Neighbours, new: IntArray) -> tuple[Neighbours, IntArray]:
    """Bring the neighbour lists up to date with new faces, without searching all anew.

    The new faces are searched exhaustively among all, and enter the lists of those that they are
    nearer to than the last one listed. Costs len(new) * N products.

    Args:
        x: (N, D) float32, L2-normalised, the new faces among them.
        neighbours: of all N; the lists of the new ones do not matter.
        new: rows of the new faces.

    Returns:
        The lists, and the rows (R,) of those that differ from before, ascending.
    """
    index, similarity = neighbours.index.copy(), neighbours.similarity.copy()
    k = index.shape[1]
    index[new], similarity[new] = -1, -1
    rows, cols, values = [], [], []
    for start in range(0, len(new), NEW_BLOCK):
        block = new[start : start + NEW_BLOCK]
        near = (x[block] @ x.T).clip(-1, 1)
        near[np.arange(len(block)), block] = -2
        best = np.argpartition(-near, min(k, len(x)) - 1, axis=1)[:, :k]
        rows.append(np.repeat(block, best.shape[1]))
        cols.append(best.ravel())
        values.append(np.take_along_axis(near, best, 1).ravel())
        near[:, new] = -2  # their own lists are searched for above
        which, face = np.nonzero(near > similarity[:, -1])
        rows.append(face)
        cols.append(block[which])
        values.append(near[which, face])
    row, col, value = (
        map(np.concatenate, (rows, cols, values)) if rows else (new, new, x[:0].ravel())
    )
    keep = value > -2
    changed = np.unique(row[keep])
    old = index[changed] >= 0
    row = np.concatenate([row[keep], np.repeat(changed, k)[old.ravel()]])
    col = np.concatenate([col[keep], index[changed][old]])
    value = np.concatenate([value[keep], similarity[changed][old]])
    _, once = np.unique(row * len(x) + col, return_index=True)
    row, col, value = row[once], col[once], value[once]
    order = np.lexsort((col, -value, row))
    row, col, value = row[order], col[order], value[order]
    place = np.arange(len(row)) - np.searchsorted(row, row)
    first = place < k
    index[changed], similarity[changed] = -1, -1
    index[row[first], place[first]] = col[first]
    similarity[row[first], place[first]] = value[first]
    return Neighbours(index, similarity), changed


def knn_graph(neighbours: Neighbours, min_similarity: float = 0.0) -> Graph:
    """The undirected graph of the pairs in which one face lists the other.

    Args:
        neighbours: of N faces.
        min_similarity: cosine similarity in [-1, 1] below which a pair is left out.

    Returns:
        Each pair once, i < j, in ascending order, without self-loops; weighted by the cosine
        similarity, the larger one where the two lists differ by a rounding error.
    """
    N, k = neighbours.index.shape
    row, col = np.repeat(np.arange(N), k), neighbours.index.ravel()
    weight = neighbours.similarity.ravel()
    keep = (col >= 0) & (col != row) & (weight >= min_similarity)
    row, col, weight = row[keep], col[keep], weight[keep]
    pair = np.minimum(row, col) * N + np.maximum(row, col)
    order = np.argsort(pair, kind="stable")
    pair, first = np.unique(pair[order], return_index=True)
    if len(pair):
        weight = np.maximum.reduceat(weight[order], first)
    return Graph(np.stack(np.divmod(pair, max(N, 1))), weight, N)


def _approximate(x: FloatArray, share: float | None) -> _Search:
    return partial(through, index_of(x, share), x)


def _exhaustive(x: FloatArray) -> _Search:
    import faiss

    index: Any = faiss.IndexFlatIP(x.shape[1])
    index.add(x)
    return cast(_Search, index.search)


def _without_self(ids: IntArray, near: FloatArray, own: IntArray) -> tuple[IntArray, FloatArray]:
    """Drop each row's own id, or the farthest where duplicates have crowded it out."""
    order = np.argsort(ids == own[:, None], axis=1, kind="stable")[:, :-1]
    return np.take_along_axis(ids, order, 1), np.take_along_axis(near, order, 1)

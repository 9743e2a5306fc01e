"""Nearest neighbours by cosine similarity, and the graph that they make."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, TypeAlias, cast

import numpy as np

from faceclust.errors import OptionError
from faceclust.graph.approximate import index_of, through
from faceclust.graph.principal import LOST, compact, compressed
from faceclust.graph.refine import SHORTEST, refined
from faceclust.graph.threads import threads
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

# Where a search by codes becomes the faster one on two cores (`tests.benchmarks.recall`).
EXACT_BELOW = 50_000
# Faces at once in the exhaustive search, and in the one by codes: of more that come together, more
# look at each list while a processor's cache holds it (0.8 of the time of 512, at a million faces).
BLOCK, BY_CODES = 4096, 2048
# Candidates beyond the end of a list: of a photo's copies, equally near, the first are taken.
SPARE = 8
_Search: TypeAlias = Callable[[FloatArray, int], tuple[FloatArray, IntArray]]
# New faces and faces of the library whose similarities are held at once: 33 MB.
NEW_BLOCK, COLUMNS = 128, 1 << 16


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
    N = len(x)
    exact = exact_below > N
    listed = blank(N, k, exact=exact)
    found = min(listed.index.shape[1], N - 1)
    if found < 1:
        return nearest(listed, k)
    x, size = searchable(x, exact=exact), BLOCK if exact else BY_CODES
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
    return listed if exact else nearest(refined(listed, x), k)


def blank(N: int, k: int, *, exact: bool = True) -> Neighbours:
    """Lists of N faces without any neighbour yet; not exact ones as long as mending wants them.

    Raises:
        OptionError: k is below 1.
    """
    if k < 1:
        raise OptionError(f"The number of neighbours k must be at least 1, not {k}.")
    k = k if exact else max(k, SHORTEST)
    return Neighbours(np.full((N, k), -1, np.int64), np.full((N, k), -1, np.float32))


def nearest(neighbours: Neighbours, k: int) -> Neighbours:
    """The k nearest of each list."""
    if neighbours.index.shape[1] == k:
        return neighbours
    return Neighbours(neighbours.index[:, :k].copy(), neighbours.similarity[:, :k].copy())


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
    ids, near = _best(ids, near, k + 1)
    ids, near = _without_self(ids, near, np.arange(first, first + len(ids)))
    return Neighbours(ids, np.where(ids < 0, np.float32(-1), near.clip(-1, 1)))


def extend(x: FloatArray, neighbours: Neighbours, new: IntArray) -> tuple[Neighbours, IntArray]:
    """Bring the neighbour lists up to date with new faces, without searching all anew.

    The new faces are searched exhaustively among all, and enter the lists of those that they are
    nearer to than the last one listed. Costs len(new) * N products at any size: an index would have
    to be made of all faces for the few, and another one of the few for all.

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
    is_new = np.zeros(len(x), np.bool_)
    is_new[new] = True
    rows, cols, values = [new[:0]], [new[:0]], [x[:0].ravel()]
    for start in range(0, len(new), NEW_BLOCK):
        block = new[start : start + NEW_BLOCK]
        best, nearest = np.zeros((len(block), 0), np.int64), x[:0].reshape(len(block), 0)
        for first in range(0, len(x), COLUMNS):
            near, ids, top = _compare(x, block, first, k)
            best, nearest = _best(np.hstack([best, ids]), np.hstack([nearest, top]), k)
            near[:, is_new[first : first + COLUMNS]] = -2  # their own lists are searched for
            which, face = np.nonzero(near > similarity[first : first + COLUMNS, -1])
            rows.append(face + first)
            cols.append(block[which])
            values.append(near[which, face])
        rows.append(np.repeat(block, best.shape[1]))
        cols.append(best.ravel())
        values.append(nearest.ravel())
    row, col, value = np.concatenate(rows), np.concatenate(cols), np.concatenate(values)
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
    listed = place < k
    index[changed], similarity[changed] = -1, -1
    index[row[listed], place[listed]] = col[listed]
    similarity[row[listed], place[listed]] = value[listed]
    return Neighbours(index, similarity), changed


def _compare(
    x: FloatArray, block: IntArray, first: int, k: int
) -> tuple[FloatArray, IntArray, FloatArray]:
    """Similarities of a block of faces and those from `first` on; ids and values of the k best.

    That of a face with itself is -2.
    """
    near = (x[block] @ x[first : first + COLUMNS].T).clip(-1, 1)
    own = np.flatnonzero((block >= first) & (block < first + near.shape[1]))
    near[own, block[own] - first] = -2
    best = np.argpartition(-near, min(k, near.shape[1]) - 1, axis=1)[:, :k]
    return near, best + first, np.take_along_axis(near, best, 1)


def _best(ids: IntArray, near: FloatArray, k: int) -> tuple[IntArray, FloatArray]:
    """The k best of each row, of equals the first faces."""
    order = np.lexsort((ids, -near), axis=1)[:, :k]
    return np.take_along_axis(ids, order, 1), np.take_along_axis(near, order, 1)


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

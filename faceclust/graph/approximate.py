"""Approximate nearest neighbours: short codes of all faces, scanned in most of the library.

Each face becomes a code of `LEADING` / 2 numbers of 4 bits (product quantisation, Jégou et al.,
2011), which a processor compares by table look-up in its registers (André et al., 2015): thirty
times faster than full embeddings. An inverted file leaves out the part of the library that is
farthest. The nearest by code are then compared in full.

Faces of strangers fill their space so evenly that indexes that look at a small part of it lose
many neighbours: of 200,000 faces a graph of small worlds found 86 % in 137 s on one core. What is
lost first are the farthest, strangers, whom no clustering joins; and those of one person who were
missed are found by way of others (`refine`). So a share that falls as libraries grow is enough.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np

from faceclust.records import FloatArray, IntArray

# Principal dimensions that codes are made of, two in each of their numbers.
LEADING = 160
# Of the lists that are looked at: how many, of this many faces, of more, and how many at least.
SHARE, FULL, FALLING, LEAST = 0.3, 100_000, 0.7, 64
LISTED = 500  # faces of a list, about
TRAINED = 64  # faces a list that the lists are laid out by, and the fewest
FEWEST = 1 << 14
# Times as many as are wanted, for the codes are coarse: candidates of a search that is mended
# afterwards, and of one that looks at most of the library, in order to find all.
CANDIDATES, THOROUGH = 4, 7


def share_of(N: int) -> float:
    """The share of N faces that a search looks at."""
    return float(SHARE * min(1.0, FULL / N) ** FALLING)


def index_of(x: FloatArray, share: float | None = None) -> Any:
    """An index of the codes of all faces; faiss can serialise it.

    Args:
        x: (N, D) float32 in principal dimensions, N at least 1.
        share: of the lists that a search looks at; None for `share_of` N.
    """
    import faiss

    y = _turned(x)
    N, D = y.shape
    count = max(1, N // LISTED)
    coarse: Any = faiss.IndexFlatIP(D)
    index = faiss.IndexIVFPQFastScan(coarse, D, count, D // 2, 4, faiss.METRIC_INNER_PRODUCT)
    coarse.this.disown()
    index.own_fields, index.by_residual = True, False
    for clustering in (index.cp, index.pq.cp):
        clustering.min_points_per_centroid = 1
    index.cp.spherical, index.cp.max_points_per_centroid = True, TRAINED
    index.nprobe = min(count, max(LEAST, round((share or share_of(N)) * count)))
    sample = max(FEWEST, TRAINED * count)
    index.train(y[np.linspace(0, N - 1, sample).astype(np.int64)])
    index.add(y)
    return index


def through(index: Any, x: FloatArray, queries: FloatArray, k: int) -> tuple[FloatArray, IntArray]:
    """Similarities and ids of k neighbours for each query, in no order; -1 for none.

    Args:
        index: `index_of` x (N, D).
        queries: (n, D).
        k: how many.
    """
    many = CANDIDATES if 2 * index.nprobe < index.nlist else THOROUGH
    _, ids = index.search(_turned(queries), many * k)
    near = compare(x, queries, ids)
    best = np.argpartition(-near, k - 1, axis=1)[:, :k]
    return np.take_along_axis(near, best, 1), np.take_along_axis(ids, best, 1)


def compare(x: FloatArray, queries: FloatArray, ids: IntArray) -> FloatArray:
    """Similarities (n, C) of queries (n, D) and faces `ids` (n, C) of x (N, D); -2 for id -1."""
    import faiss

    x, queries = (np.ascontiguousarray(each, np.float32) for each in (x, queries))
    near = np.empty(ids.shape, np.float32)
    # Where they lie: gathering them first takes longer than the products.
    library: Any = faiss
    pointers = map(library.swig_ptr, (near, queries, x, ids))
    library.fvec_inner_products_by_idx(*pointers, x.shape[1], *ids.shape)
    near[ids < 0] = -2
    return near


def _turned(x: FloatArray) -> FloatArray:
    """The leading dimensions, an even number, turned so that all hold about the same energy."""
    leading = x[:, :LEADING]
    if leading.shape[1] % 2:
        leading = np.pad(leading, ((0, 0), (0, 1)))
    return np.ascontiguousarray(leading @ _turn(leading.shape[1]))


@lru_cache(maxsize=4)
def _turn(D: int) -> FloatArray:
    """A random rotation (D, D), always the same."""
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(D, D)))[0]
    return np.asarray(turn, np.float32)

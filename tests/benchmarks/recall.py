"""Which of the true neighbours a search finds, on a CPU: of all, and of those of the same person.

    python -m tests.benchmarks.recall 100000 [--crops FOLDER] [--k 80] [--share 0.7]

The faces are those of `tests.benchmarks.edges` (with `--crops`, real ones and copies with noise).
Some, drawn by lot, are compared with all others exactly: 2,000 tell a recall within 0.1 %.
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path

import numpy as np

from faceclust.graph.knn import knn
from faceclust.graph.principal import compact
from faceclust.records import BoolArray, FloatArray, IntArray, Neighbours
from tests.benchmarks.edges import grown, long_tail

QUERIES = 2000
BLOCK = 64  # queries at once: a million similarities of each


def exact(x: FloatArray, rows: IntArray, k: int) -> IntArray:
    """The k nearest of some faces (n,) among all, (n, k), in no order."""
    nearest = np.empty((len(rows), k), np.int64)
    for start in range(0, len(rows), BLOCK):
        block = rows[start : start + BLOCK]
        products = x[block] @ x.T
        products[np.arange(len(block)), block] = -2
        nearest[start : start + len(block)] = np.argpartition(-products, k, axis=1)[:, :k]
    return nearest


def found(neighbours: Neighbours, rows: IntArray, nearest: IntArray) -> BoolArray:
    """Which of the nearest (n, k) of some faces are in their lists."""
    lists = neighbours.index[rows]
    each = [np.isin(a, b) for a, b in zip(nearest, lists, strict=True)]
    return np.asarray(each, np.bool_)


def main() -> None:
    """Print seconds of the search and both recalls."""
    parser = argparse.ArgumentParser()
    parser.add_argument("faces", nargs="*", type=int, default=[100_000])
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--k", type=int, default=80)
    parser.add_argument("--queries", type=int, default=QUERIES)
    parser.add_argument("--share", type=float, help="of faces that a search looks at")
    parser.add_argument("--exact-below", type=int, help="faces from which a search is approximate")
    given = parser.parse_args()
    limit = {} if given.exact_below is None else {"exact_below": given.exact_below}
    for faces in given.faces:
        x, person = grown(given.crops, faces) if given.crops else long_tail(faces)
        x = compact(x)
        started = time.perf_counter()
        neighbours = knn(x, given.k, share=given.share, **limit)
        seconds = time.perf_counter() - started
        lot = np.random.default_rng(0).choice(faces, min(given.queries, faces), replace=False)
        nearest = exact(x, lot, given.k)
        hit, same = found(neighbours, lot, nearest), person[nearest] == person[lot][:, None]
        print(
            f"{faces:,} faces: {seconds:.1f} s; of all {given.k} nearest {hit.mean():.2%} are in "
            f"the list, of those of one person {hit[same].mean():.3%} ({same.sum():,} pairs)",
            flush=True,
        )


if __name__ == "__main__":
    main()

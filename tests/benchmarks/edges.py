"""Seconds and memory from embeddings to clusters: python -m tests.benchmarks.edges 100000."""

import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np

from faceclust.cluster.partition import partition
from faceclust.graph import edges
from faceclust.graph.knn import knn
from faceclust.records import FloatArray, IntArray

T = TypeVar("T")
UNIVERSAL = Path(__file__).parents[2] / "pretrained/edges-universal.npz"
D = 704
RANK = 80  # of the subspace that faces fill: strangers' cosines spread by 1 / sqrt(RANK)


def long_tail(faces: int) -> tuple[FloatArray, IntArray]:
    """Synthetic embeddings and who they are: Pareto-distributed photos a person, some worse."""
    rng = np.random.default_rng(0)
    photos = np.clip((1 / (1 - rng.random(faces))).astype(int), 1, 800)
    person = np.repeat(np.arange(faces), photos)[:faces]
    basis = rng.normal(size=(RANK, D)).astype(np.float32)
    centre = unit(rng.normal(size=(person[-1] + 1, RANK)).astype(np.float32) @ basis)
    noise = unit(rng.normal(size=(faces, RANK)).astype(np.float32) @ basis)
    x = unit(centre[person] + rng.uniform(0.6, 1.1, (faces, 1)).astype(np.float32) * noise)
    return x, person


def unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def timed(name: str, run: Callable[[], T]) -> T:
    start = time.perf_counter()
    result = run()
    print(f"{name:12} {time.perf_counter() - start:8.2f} s")
    return result


def main() -> None:
    faces = int(sys.argv[1]) if len(sys.argv) > 1 else 12_000
    (x, _), model = long_tail(faces), edges.load(UNIVERSAL)
    neighbours = timed("neighbours", lambda: knn(x, 50))
    graph = timed("edges", lambda: edges.score(model, x, neighbours))
    labels = timed("partition", lambda: partition(graph))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(f"{faces} faces, {graph.edge_index.shape[1]} edges, {labels.max() + 1} clusters")
    print(f"peak memory {peak:.2f} GiB")


if __name__ == "__main__":
    main()

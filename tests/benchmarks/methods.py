"""Seconds, memory and F of one clustering method on many faces, in a process of its own.

`python -m tests.benchmarks.methods FACES.npz METHOD` prints one JSON object;
`tests.benchmarks.rivals` makes the file and runs all methods under its limits. The neighbour search
is the same for all that need one and is not counted.

The faces are those of real people over and over: each copy of the real set is turned at random,
but only among principal directions of about the same energy. Within a copy all cosines stay as they
are, and between copies they are spread as those of strangers: the truth is known at any size.
"""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Sequence
from pathlib import Path
from typing import get_args

import numpy as np

from faceclust.cluster import fc_es
from faceclust.cluster.methods import EDGE_LISTS, ClusterOptions, Method, cluster, needs_edges
from faceclust.cluster.thinning import regroup
from faceclust.embed.arcface import normalise
from faceclust.evaluate import scores
from faceclust.graph.knn import knn
from faceclust.graph.principal import compact, principal
from faceclust.pipeline.labelled import labelled_data
from faceclust.pipeline.models import MOBILE, space
from faceclust.records import FloatArray, IntArray, Neighbours
from tests.benchmarks.edges import scorer

METHODS: tuple[Method, ...] = get_args(Method)
MIXED = 16


def real(tars: Sequence[Path]) -> tuple[FloatArray, IntArray]:
    """Embeddings (N, D), L2-normalised, and people (N,) of sets of aligned crops."""
    sets = [labelled_data(tar, aligned=True, profile=None) for tar in tars]
    x = np.concatenate([normalise(one.embeddings, one.space.parts) for one in sets])
    names = [f"{i}/{who}" for i, one in enumerate(sets) for who in one.persons]
    return x, np.unique(names, return_inverse=True)[1].astype(np.int64)


def many(x: FloatArray, person: IntArray, faces: int) -> tuple[FloatArray, IntArray]:
    """`faces` faces of turned copies of (N, D) faces; each copy's people are other people."""
    rng = np.random.default_rng(0)
    axes = principal(x, x.shape[1])
    copies = [x] + [x @ axes @ turn(x.shape[1], rng) @ axes.T for _ in range((faces - 1) // len(x))]
    people = [person + i * (person.max() + 1) for i in range(len(copies))]
    whole, who = np.concatenate(copies), np.concatenate(people)
    order = rng.permutation(len(whole))[:faces]
    return np.ascontiguousarray(whole[order], np.float32), who[order]


def turn(D: int, rng: np.random.Generator) -> FloatArray:
    """A random rotation (D, D) that mixes each direction only with the `MIXED` around it."""
    rotation = np.eye(D, dtype=np.float32)
    for start in range(0, D, MIXED):
        block = slice(start, start + MIXED)
        size = len(rotation[block])
        rotation[block, block] = np.linalg.qr(rng.normal(size=(size, size)))[0]
    return rotation


def make(path: Path, x: FloatArray, person: IntArray) -> float:
    """Write faces, who they are and their neighbours; returns the seconds of the search."""
    started = time.perf_counter()
    near = knn(x, max(EDGE_LISTS, fc_es.LISTS))
    seconds = time.perf_counter() - started
    np.savez(path, x=x, person=person, index=near.index, similarity=near.similarity)
    return seconds


def measure(path: Path, method: Method) -> dict[str, float]:
    """Group the faces of a file.

    Raises:
        OptionError: the method does not take so many.
    """
    with np.load(path, allow_pickle=False) as kept:
        x, person = kept["x"], kept["person"].astype(np.int64)
        near = Neighbours(kept["index"], kept["similarity"])
    people = len(np.unique(person)) if method == "kmeans" else None
    threshold = space(MOBILE).thresholds.get(method)
    options = ClusterOptions(method, threshold=threshold, num_people=people)
    started = time.perf_counter()
    labels = _partition(x, near) if needs_edges(options) else cluster(x, options, near).labels
    seconds = time.perf_counter() - started
    found = scores(person, labels)
    return {
        "seconds": seconds,
        "MB": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "F pairwise": found.pairwise.f,
        "F BCubed": found.bcubed.f,
    }


def _partition(x: np.ndarray, near: Neighbours) -> IntArray:
    """Edges, partition and the second look, as `faceclust cluster` does it."""
    near = Neighbours(near.index[:, :EDGE_LISTS], near.similarity[:, :EDGE_LISTS])
    score, small = scorer(None, len(x)), compact(x)
    graph = score(small, slice(None), near)
    once = cluster(x, ClusterOptions(), near, graph).labels
    return regroup(once, graph, lambda rows: score(small, rows, knn(small[rows], EDGE_LISTS)))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("method", choices=METHODS)
    given = parser.parse_args()
    print(json.dumps(measure(given.file, given.method)))


if __name__ == "__main__":
    main()

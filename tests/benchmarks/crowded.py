"""People with thousands of photos: python -m tests.benchmarks.crowded dev-family.tar.

Four people of a labelled set of crops are given many more faces each (their mean plus rotations of
their own deviations from it, as training does), and the library is clustered with and without the
second look at large clusters (`cluster.thinning`).
"""

from __future__ import annotations

import sys
from functools import partial
from pathlib import Path

import numpy as np

from faceclust import config, weights
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.cluster.partition import partition
from faceclust.cluster.thinning import regroup
from faceclust.embed.arcface import lengths, normalise
from faceclust.evaluate import scores
from faceclust.graph import edges, structure
from faceclust.graph.knn import knn
from faceclust.pipeline import models
from faceclust.pipeline.identities import as_folder, embed_folder, gather, person_of
from faceclust.records import FloatArray, Graph, IntArray

GROWN = 4
SPREAD = 0.9


def grow(x: FloatArray, person: IntArray, more: int) -> tuple[FloatArray, IntArray]:
    """The four people with the most faces, given `more` faces each."""
    rng = np.random.default_rng(0)
    who, count = np.unique(person, return_counts=True)
    rows, people = [x], [person]
    for p in who[np.argsort(-count, kind="stable")][:GROWN]:
        own = np.flatnonzero(person == p)
        k = len(own)
        mixture = np.zeros((more, k), np.float32)
        for row in mixture:
            row[rng.choice(k, 4, replace=False)] = rng.normal(size=4)
        mixture *= np.sqrt(k / (k - 1)) / np.linalg.norm(mixture, axis=1, keepdims=True)
        middle = x[own].mean(0)
        rows.append(middle + SPREAD * mixture @ (x[own] - middle))
        people.append(np.full(more, p))
    return np.vstack(rows), np.concatenate(people)


def score(model: edges.EdgeModel, x: FloatArray, quality: FloatArray, rows: IntArray) -> Graph:
    """Log-odds among some of the faces."""
    return edges.score(model, x[rows], knn(x[rows], EDGE_LISTS), quality[rows])


def main() -> None:
    resolved = models.resolve("mobile")
    within = models.space(resolved.model_id)
    with as_folder(Path(sys.argv[1])) as folder:
        found = gather(embed_folder(folder, resolved, config.load(), aligned=True))
    person = np.unique([person_of(name) for name in found.names], return_inverse=True)[1]
    model = edges.load(weights.own(models.EDGES))
    for more in (0, 300, 1000, 3000):
        raw, truth = grow(found.x, person.astype(np.int64), more)
        x, quality = normalise(raw, within.parts), structure.quality(lengths(raw, within.parts))
        among = partial(score, model, x, quality)
        graph = among(np.arange(len(x)))
        once = partition(graph)
        for name, labels in (("once", once), ("again", regroup(once, graph, among))):
            f = scores(truth, labels)
            print(
                f"{GROWN} x {more} more, {len(x)} faces, grouped {name}: "
                f"F {100 * f.pairwise.f:.2f} / {100 * f.bcubed.f:.2f}"
            )


if __name__ == "__main__":
    main()

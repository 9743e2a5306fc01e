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
from faceclust.cluster.partition import partition
from faceclust.cluster.thinning import regroup
from faceclust.embed.arcface import lengths, normalise
from faceclust.embed.clip import FACE_CLIP
from faceclust.evaluate import scores
from faceclust.graph import correction, edges, structure
from faceclust.graph.knn import knn
from faceclust.pipeline import models
from faceclust.pipeline.identities import Extras, as_folder, embed_folder, gather, person_of
from faceclust.records import FloatArray, Graph, IntArray

GROWN = 4
SPREAD = 0.9


def grow(
    x: FloatArray, i: FloatArray, person: IntArray, more: int
) -> tuple[FloatArray, FloatArray, IntArray]:
    """The four people with the most faces, given `more` faces each."""
    rng = np.random.default_rng(0)
    who, count = np.unique(person, return_counts=True)
    rows, clip, people = [x], [i], [person]
    for p in who[np.argsort(-count, kind="stable")][:GROWN]:
        own = np.flatnonzero(person == p)
        k = len(own)
        mixture = np.zeros((more, k), np.float32)
        for row in mixture:
            row[rng.choice(k, 4, replace=False)] = rng.normal(size=4)
        mixture *= np.sqrt(k / (k - 1)) / np.linalg.norm(mixture, axis=1, keepdims=True)
        for values, parts in ((x, rows), (i, clip)):
            middle = values[own].mean(0)
            parts.append(middle + SPREAD * mixture @ (values[own] - middle))
        people.append(np.full(more, p))
    return np.vstack(rows), normalise(np.vstack(clip)), np.concatenate(people)


def score(
    universal: edges.EdgeModel, trained: correction.Model, x: FloatArray, i: FloatArray,
    quality: FloatArray, rows: IntArray,
) -> Graph:  # fmt: skip
    """Log-odds among some of the faces."""
    near = knn(x[rows], 50)
    opened = partial(correction.Correction.of, trained, x[rows], i[rows], near)
    return edges.score(universal, x[rows], near, quality[rows], corrected=opened)


def main() -> None:
    resolved = models.resolve("mobile")
    within = models.space(resolved.model_id)
    with as_folder(Path(sys.argv[1])) as folder:
        extras = Extras(clip=FACE_CLIP)
        found = gather(embed_folder(folder, resolved, config.load(), aligned=True, extras=extras))
    person = np.unique([person_of(name) for name in found.names], return_inverse=True)[1]
    universal = edges.load(weights.own(models.EDGES))
    trained = correction.load(weights.own(within.proxies or ""))
    for more in (0, 300, 1000, 3000):
        raw, i, truth = grow(found.x, found.clip, person.astype(np.int64), more)
        x, quality = normalise(raw, within.parts), structure.quality(lengths(raw, within.parts))
        among = partial(score, universal, trained, x, i, quality)
        once = partition(among(np.arange(len(x))))
        for name, labels in (("once", once), ("again", regroup(once, among))):
            f = scores(truth, labels)
            print(
                f"{GROWN} x {more} more, {len(x)} faces, grouped {name}: "
                f"F {100 * f.pairwise.f:.2f} / {100 * f.bcubed.f:.2f}"
            )


if __name__ == "__main__":
    main()

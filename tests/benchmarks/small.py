"""Accuracy in small libraries: python -m tests.benchmarks.small dev-lfw.tar dev-family.tar.

Libraries of 8 to 200 faces are drawn from a set of labelled crops, a few people with several photos
and others with one or two each; from families, one family after another. Mean BCubed F of the
default and of rivals at fixed thresholds. `--fit` prints the log-odds by the cosine alone instead,
by logistic regression on such libraries of 6 to 59 faces.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from faceclust import config
from faceclust.cluster.methods import ClusterOptions
from faceclust.embed.arcface import normalise
from faceclust.evaluate import bcubed
from faceclust.graph import structure
from faceclust.pipeline import models
from faceclust.pipeline.grouping import group
from faceclust.pipeline.identities import as_folder, embed_folder, gather, person_of
from faceclust.records import FloatArray, IntArray

SIZES = {8: 60, 20: 60, 50: 60, 100: 25, 200: 25}  # faces: libraries drawn
METHODS = {
    "partition": ClusterOptions(),
    "infomap": ClusterOptions(method="infomap"),
    "hac 0.47": ClusterOptions(method="hac"),
    "hac 0.5": ClusterOptions(method="hac", threshold=0.5),
}


def read(path: Path) -> tuple[FloatArray, list[str]]:
    """Embeddings and people of a set of aligned crops."""
    with as_folder(path) as folder:
        resolved = models.resolve("mobile")
        found = gather(embed_folder(folder, resolved, config.load(), aligned=True))
    return found.x, [person_of(name) for name in found.names]


def draw(people: list[str], faces: int, rng: np.random.Generator) -> IntArray:
    """Rows of one library, ascending; names FAMILY_PERSON keep families together."""
    who, person, count = np.unique(people, return_inverse=True, return_counts=True)
    family = np.array([name.split("_MID")[0] for name in who])
    if len(np.unique(family)) < len(who):
        order = rng.permutation(np.unique(family))
        members = [rng.permutation(np.flatnonzero(family == name)) for name in order]
        chosen = np.concatenate(members)
    else:
        several = rng.permutation(np.flatnonzero(count >= 3))[: max(2, faces // 8)]
        chosen = np.concatenate([several, rng.permutation(len(who))])
    rows: list[int] = []
    for number in chosen:
        own = rng.permutation(np.flatnonzero(person == number))
        rows += own[: int(rng.integers(1, max(3, faces // 3)))].tolist()
        if len(rows) >= faces:
            break
    return np.unique(rows[:faces])


def fit(x: FloatArray, people: list[str]) -> tuple[float, float]:
    """Slope and zero of the log-odds by the standardised cosine."""
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(1)
    numbers = np.unique(people, return_inverse=True)[1]
    z, same = [], []
    for _ in range(150):
        rows = draw(people, int(rng.integers(6, 60)), rng)
        i, j = rows[np.stack(np.triu_indices(len(rows), 1))]
        scale = structure.strangers(x[rows])
        z.append(scale.standardise(np.einsum("ed,ed->e", x[i], x[j])))
        same.append(numbers[i] == numbers[j])
    near = (np.concatenate(z) > 1.5) & (np.concatenate(z) < 8)
    model = LogisticRegression(C=1e6).fit(
        np.concatenate(z)[near][:, None], np.concatenate(same)[near]
    )
    slope = float(model.coef_[0, 0])
    return slope, -float(model.intercept_[0]) / slope


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--fit", action="store_true")
    given = parser.parse_args()
    space = models.space(models.resolve("mobile").model_id)
    for path in given.sets:
        x, people = read(path)
        if given.fit:
            slope, even = fit(normalise(x, space.parts), people)
            print(f"{path.stem}: log-odds {slope:.2f} (z - {even:.2f})")
            continue
        truth = np.unique(people, return_inverse=True)[1].astype(np.int64)
        for faces, count in SIZES.items():
            rng = np.random.default_rng(5)
            drawn = [draw(people, faces, rng) for _ in range(count)]
            line = []
            for name, options in METHODS.items():
                found = [bcubed(truth[r], group(x[r], options, space).labels).f for r in drawn]
                line.append(f"{name} {100 * np.mean(found):.1f}")
            print(f"{path.stem}, {faces} faces: {', '.join(line)}", flush=True)


if __name__ == "__main__":
    main()

"""Are the probabilities of suggestions right? python -m tests.benchmarks.suggest dev-family.tar.

The sets, tars of aligned crops PERSON/FILE, make one library. For each pair of its clusters that
might be asked about: how probable `suggest` calls it that they are one person, and how often they
are (by most of their faces). `--fit` prints the logistic regression that `suggest` uses, instead.
"""

from __future__ import annotations

import argparse
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np

from faceclust import config, suggest
from faceclust.cluster.methods import ClusterOptions
from faceclust.pipeline import models
from faceclust.pipeline.arrive import between, same_photo
from faceclust.pipeline.grouping import group
from faceclust.pipeline.identities import as_folder, embed_folder, gather, person_of
from faceclust.records import IntArray

BINS = (0.05, 0.1, 0.2, 0.35, 0.5, 0.65, 0.8, 0.9, 1.0)
NEAR = -3.5  # the best pair of two people that are asked about at all


def photo_of(name: str) -> str:
    """Families' crops are FAMILY_PERSON/PHOTO_faceK."""
    family, rest = name.split("_MID")[0], name.split("/")[-1]
    return f"{family}/{rest.split('_face')[0]}"


def questions(paths: list[Path]) -> tuple[suggest.DoubleArray, suggest.BoolArray, suggest.Likeness]:
    """Evidence (E, 3) of pairs of clusters, whether they are one person, and what is suggested."""
    resolved = models.resolve("mobile")
    x, names = [], []
    for path in paths:
        with as_folder(path) as folder:
            found = gather(embed_folder(folder, resolved, config.load(), aligned=True))
        x.append(found.x)
        names += [f"{path.stem}/{name}" for name in found.names]
    person = np.unique([f"{n.split('/')[0]}/{person_of(n)}" for n in names], return_inverse=True)[1]
    photo = np.unique([photo_of(name) for name in names], return_inverse=True)[1]
    space = models.space(resolved.model_id)
    result = group(np.concatenate(x), ClusterOptions(), space, photo.astype(np.int64))
    assert result.edges is not None
    open_ = between(result.edges, result.labels)
    size = np.bincount(result.labels)
    given = (
        size, result.labels[open_.edge_index], open_.edge_weight,
        result.labels[same_photo(photo)],
    )  # fmt: skip
    pairs, features = suggest.evidence(*given)
    near = features[:, 1] > NEAR
    who = majority(result.labels, person)
    found = suggest.likeness(*given)
    same = who[pairs[0]] == who[pairs[1]]
    return features[near], same[near], suggest.Likeness(pairs[:, near], found.probability[near])


def majority(labels: IntArray, person: IntArray) -> IntArray:
    """(K,) who most faces of each cluster are."""
    faces: list[Counter[int]] = [Counter() for _ in range(int(labels.max()) + 1)]
    for label, who in zip(labels.tolist(), person.tolist(), strict=True):
        faces[label][who] += 1
    return np.array([each.most_common(1)[0][0] for each in faces])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="+", type=Path)
    parser.add_argument("--fit", action="store_true")
    given = parser.parse_args()
    features, same, found = questions(given.sets)
    if given.fit:
        from sklearn.linear_model import LogisticRegression

        model = LogisticRegression(C=1e6).fit(features, same)
        mean, best, met = model.coef_[0]
        print(f"{mean:.2f} mean, {best:.2f} best, {met:.2f} met, {model.intercept_[0]:.2f}")
        return
    for low, high in pairwise(BINS):
        inside = (found.probability >= low) & (found.probability < high)
        if inside.any():
            said, are = found.probability[inside].mean(), same[inside].mean()
            print(f"{low:.2f} to {high:.2f}: {inside.sum()} pairs, said {said:.1%}, are {are:.1%}")


if __name__ == "__main__":
    main()

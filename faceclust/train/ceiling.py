"""What limits the gender that face-CLIP can tell.

`python -m faceclust.train.ceiling --data ../shared/data --cache RUN/cache` prints how often the
teacher of `genders` is right on held-out faces, and how often two copies of one photo contradict
each other, by age.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceclust.records import FloatArray
from faceclust.train import labelled
from faceclust.train.captions import NAMES, VALUES, Labels
from faceclust.train.genders import Teacher, Teaching, identity
from faceclust.train.labelled import TEST, TRAIN, Faces

# Faces of a cosine above this are, looked at, the same photo.
COPY = 0.97
_GENDER, _AGE, _LIFE = (NAMES.index(name) for name in ("gender", "age", "life"))


def by_value(right: NDArray[np.bool_], labels: Labels, group: int) -> dict[str, float]:
    """Share of `right` (N,), in all and for each value of `group` that occurs."""
    found = {"all": float(right.mean())}
    for v, name in enumerate(VALUES[group]):
        if (labels[:, group] == v).any():
            found[name] = float(right[labels[:, group] == v].mean())
    return found


def taught(faces: Faces, x: FloatArray, options: Teaching) -> dict[str, float]:
    """Accuracy of the teacher on held-out faces, by age stage.

    Args:
        faces: N with ages and genders.
        x: (2, N, D) from `genders.identity`.
        options: of the teacher.
    """
    train, test = faces.rows(TRAIN), faces.rows(TEST)
    teacher = Teacher(x[:, train], faces.labels[train, _GENDER] == 1, options)
    labels = faces.labels[test]
    return by_value((teacher(x[:, test]) > 0) == (labels[:, _GENDER] == 1), labels, _AGE)


def copies(labels: Labels, x: FloatArray) -> dict[str, tuple[int, int]]:
    """Pairs of copies of one photo, and how many differ in gender, by stage of life.

    Args:
        labels: (N, G).
        x: (N, D) embeddings.
    """
    unit = x / np.linalg.norm(x, axis=1, keepdims=True)
    found = {}
    for v, name in enumerate(VALUES[_LIFE]):
        rows = np.flatnonzero(labels[:, _LIFE] == v)
        i, j = np.nonzero(np.triu(unit[rows] @ unit[rows].T > COPY, 1))
        differ = labels[rows[i], _GENDER] != labels[rows[j], _GENDER]
        found[name] = (len(i), int(differ.sum()))
    return found


def main() -> None:
    """Print both as JSON."""
    parser = argparse.ArgumentParser(description="What limits the gender of faces.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    given = parser.parse_args()
    from faceclust.train.face_clip import detector, embedder

    faces = labelled.load(given.data, given.cache, detector)["attr-age"]
    x = identity(faces.crops, given.cache, "attr-age", embedder)
    found = {"teacher": taught(faces, x, Teaching()), "copies": copies(faces.labels, x[0])}
    print(json.dumps(found, indent=2))  # noqa: T201 - a script's result


if __name__ == "__main__":
    main()

"""Score search by text: composed queries over faces of people that training never saw.

`python -m faceclust.train.retrieval --data ../shared/data --cache RUN/cache [--clip NAME]`

Each query joins a man or a woman with one or two things that CelebA's annotators marked; the faces
of train-celeb's held-out people are ranked by it, and its average precision is taken.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceclust.embed.clip import FACE_CLIP, Clip
from faceclust.records import FloatArray
from faceclust.train import labelled
from faceclust.train.captions import NAMES, VALUES, Labels

# A query with fewer faces that fit it says little.
LEAST = 10
_NOUNS = {"male": "man", "female": "woman"}
# (group, value): before the noun, after it.
_FACTS = {
    ("Smiling", "yes"): ("smiling", ""),
    ("Young", "no"): ("old", ""),
    ("Bald", "yes"): ("bald", ""),
    ("Eyeglasses", "yes"): ("", "with glasses"),
    ("Wearing_Hat", "yes"): ("", "wearing a hat"),
    ("No_Beard", "no"): ("", "with a beard"),
    ("Mustache", "yes"): ("", "with a mustache"),
    ("Blond_Hair", "yes"): ("", "with blond hair"),
    ("Gray_Hair", "yes"): ("", "with gray hair"),
    ("Bangs", "yes"): ("", "with bangs"),
}
_Fact = tuple[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Query:
    """A text and the faces (N,) bool that it is true of."""

    text: str
    true: NDArray[np.bool_]


def queries(labels: Labels, things: int) -> Iterator[Query]:
    """All queries that name a gender and so many things, and that enough of the faces fit.

    Args:
        labels: (N, G) of CelebA faces.
        things: 1 or 2.
    """
    for gender, noun in _NOUNS.items():
        for chosen in combinations(_FACTS, things):
            facts = (("gender", gender), *chosen)
            true = np.logical_and.reduce([_holds(labels, fact) for fact in facts])
            if true.sum() >= LEAST:
                yield Query(_wording(noun, chosen), true)


def _holds(labels: Labels, fact: _Fact) -> NDArray[np.bool_]:
    group = NAMES.index(fact[0])
    return np.asarray(labels[:, group] == VALUES[group].index(fact[1]), bool)


def _wording(noun: str, facts: tuple[_Fact, ...]) -> str:
    before = [_FACTS[fact][0] for fact in facts if _FACTS[fact][0]]
    after = [_FACTS[fact][1] for fact in facts if _FACTS[fact][1]]
    phrase = " ".join([*before, noun, " and ".join(after)]).strip()
    return f"an {phrase}" if phrase.startswith("o") else f"a {phrase}"


def average_precision(score: FloatArray, true: NDArray[np.bool_]) -> float:
    """Mean, over the faces that fit, of the share of faces that fit among those ranked no lower.

    Args:
        score: (N,), higher ranks first.
        true: (N,) at least one.
    """
    hits = true[np.argsort(-score, kind="stable")]
    precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
    return float(precision[hits].mean())


def scores(
    i: FloatArray, labels: Labels, encode: Callable[[list[str]], FloatArray], top: int = 20
) -> dict[str, dict[str, float]]:
    """Mean average precision, mean precision among the first `top`, and chance, by query length.

    Args:
        i: (N, E) embeddings of faces.
        labels: (N, G) their labels.
        encode: texts to embeddings.
    """
    result = {}
    for title, things in (("gender and one thing", 1), ("gender and two things", 2)):
        asked = list(queries(labels, things))
        ranking = i @ encode([query.text for query in asked]).T
        columns = list(zip(asked, ranking.T, strict=True))
        first = [query.true[np.argsort(-s, kind="stable")[:top]].mean() for query, s in columns]
        result[title] = {
            "queries": len(asked),
            "mean average precision": float(
                np.mean([average_precision(s, query.true) for query, s in columns])
            ),
            f"precision at {top}": float(np.mean(first)),
            f"best possible precision at {top}": float(
                np.mean([min(1.0, query.true.sum() / top) for query in asked])
            ),
            "chance": float(np.mean([query.true.mean() for query in asked])),
        }
    return result


def main() -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(description="Score search by text on held-out people.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--clip", default=FACE_CLIP)
    given = parser.parse_args()
    clip = Clip(given.clip)
    crops, names = labelled.read_crops(given.data / "train-celeb.tar", given.cache)
    labels = labelled.celeba_labels(names, given.data / "train-celeb-attributes.csv")
    split = labelled.split_of([Path(name).parent.name for name in names])
    held_out = split == labelled.TEST
    found = scores(clip.encode_images(crops[held_out]), labels[held_out], clip.encode_texts)
    print(json.dumps({"faces": int(held_out.sum()), **found}, indent=2))  # noqa: T201 - a script's result


if __name__ == "__main__":
    main()

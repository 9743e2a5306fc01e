"""Score a CLIP model on held-out faces by prompts alone.

`python -m faceclust.train.score --data ../shared/data --cache RUN/cache [--clip NAME]`
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from faceclust.embed.attributes import DEFAULTS, Attribute, text_embeddings, zero_shot
from faceclust.embed.clip import Clip
from faceclust.records import FloatArray
from faceclust.train import labelled
from faceclust.train.captions import NAMES, UNKNOWN, VALUES, Labels
from faceclust.train.labelled import TEST, VALIDATION, Faces
from faceclust.train.wordings import CELEBA, GENDER, GROUPS, HELD_OUT, YEARS

Encode = Callable[[list[str]], FloatArray]


def as_attribute(group: str, *, held_out: bool = False) -> Attribute:
    """A label group as an attribute: its wordings around a person, a man and a woman."""
    template = "a cropped portrait of a {}" if held_out else "a photo of a {}"
    table = HELD_OUT[group] if held_out else GROUPS[group]
    values = {
        value: tuple(
            template.format(wording.format(noun).replace("#", str(year)))
            for wording in wordings
            for noun in (("person",) if table is GENDER else ("person", "man", "woman"))
            for year in (YEARS[value][:: len(YEARS[value]) // 3] if "#" in wording else (0,))
        )
        for value, wordings in table.items()
    }
    return Attribute(group, values)


def predict(i: FloatArray, attribute: Attribute, encode: Encode) -> NDArray[np.intp]:
    """(N,) index of the most probable value."""
    p = zero_shot(i, text_embeddings(attribute, encode))
    return np.asarray(p.argmax(axis=1), np.intp)


def accuracy(guess: NDArray[np.intp], labels: Labels, *, balanced: bool = False) -> float:
    """Share of known labels that are guessed; `balanced`: mean over the values that occur."""
    known = labels != UNKNOWN
    right = guess[known] == labels[known]
    if not balanced:
        return float(right.mean())
    return float(np.mean([right[labels[known] == v].mean() for v in np.unique(labels[known])]))


def scores(sets: Mapping[str, tuple[FloatArray, Labels]], encode: Encode) -> dict[str, float]:
    """Every score that pretrained/README.md reports.

    Args:
        sets: image embeddings (N, E) and labels (N, G) by name: "age", "celeb", "expression",
            "ckplus", "pose".
        encode: texts to embeddings.
    """
    ask = {attribute.name: attribute for attribute in DEFAULTS}
    result: dict[str, float] = {}
    for wording in ("", " (wordings never trained on)"):
        for name, group in (("age", "age"), ("age", "gender"), ("expression", "expression"),
                            ("ckplus", "expression"), ("pose", "pose")):  # fmt: skip
            i, labels = sets[name]
            attribute = as_attribute(group, held_out=True) if wording else ask[group]
            guess, truth = predict(i, attribute, encode), labels[:, NAMES.index(group)]
            title = f"{name}: {group}{wording}"
            result[title] = accuracy(guess, truth)
            if group == "pose":
                result[f"{title}, balanced"] = accuracy(guess, truth, balanced=True)
            if name == "expression":
                result[f"{title}, without disgust"] = _without_disgust(i, attribute, encode, truth)
    i, labels = sets["celeb"]
    each = {
        group: accuracy(predict(i, as_attribute(group), encode), labels[:, NAMES.index(group)],
                        balanced=True)
        for group in (*CELEBA, "gender")
    }  # fmt: skip
    result |= {"celeb: 40 attributes, mean balanced accuracy": float(np.mean(list(each.values())))}
    return result | {f"celeb: {group}": value for group, value in each.items()}


def _without_disgust(i: FloatArray, attribute: Attribute, encode: Encode, truth: Labels) -> float:
    """Accuracy of the six other expressions, on faces of these and among these."""
    values = {v: p for v, p in attribute.values.items() if v != "disgust"}
    names = VALUES[NAMES.index("expression")]
    kept = np.array([list(values).index(n) if n in values else UNKNOWN for n in names], np.int8)
    six = np.where(truth == UNKNOWN, UNKNOWN, kept[truth]).astype(np.int8)
    return accuracy(predict(i, Attribute("six", values), encode), six)


def embedded(
    clip: Clip, sets: Mapping[str, Faces], expression: int = TEST
) -> dict[str, tuple[FloatArray, Labels]]:
    """Embeddings and labels of the held-out faces, as `scores` takes them."""
    result = {}
    for name, key, split in (("age", "attr-age", TEST), ("celeb", "train-celeb", TEST),
                             ("ckplus", "attr-ckplus", TEST), ("pins", "train-pins", TEST),
                             ("expression", "attr-expression", expression)):  # fmt: skip
        faces, rows = sets[key], sets[key].rows(split)
        result[name] = clip.encode_images(faces.crops[rows]), faces.labels[rows]
    posed = [result[name] for name in ("age", "celeb", "pins")]
    result["pose"] = np.concatenate([i for i, _ in posed]), np.concatenate([r for _, r in posed])
    return result


def main() -> None:
    """Print the scores as JSON."""
    parser = argparse.ArgumentParser(description="Score a CLIP model by prompts alone.")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--clip", default="face-clip")
    parser.add_argument("--validation", action="store_true", help="tune on this, not on test")
    given = parser.parse_args()
    from faceclust.train.face_clip import detector

    clip = Clip(given.clip)
    sets = labelled.load(given.data, given.cache, detector)
    split = VALIDATION if given.validation else TEST
    found = scores(embedded(clip, sets, split), clip.encode_texts)
    print(json.dumps({k: round(100 * v, 2) for k, v in found.items()}, indent=2))  # noqa: T201 - a script's result


if __name__ == "__main__":
    main()

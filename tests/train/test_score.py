from __future__ import annotations

import io
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceclust.embed.attributes import DEFAULTS
from faceclust.embed.clip import Clip
from faceclust.train import labelled
from faceclust.train.captions import NAMES, UNKNOWN, VALUES
from faceclust.train.score import accuracy, as_attribute, predict, scores
from faceclust.train.wordings import GROUPS


def word_counter(texts: list[str]) -> np.ndarray:
    """A text tower of nothing but hashed words, enough to run the scorer."""
    t = np.zeros((len(texts), 64), np.float32)
    for row, text in enumerate(texts):
        for word in text.split():
            t[row, sum(word.encode()) % 64] += 1
    return t / np.linalg.norm(t, axis=1, keepdims=True)


def test_accuracy_leaves_the_unknown_out() -> None:
    labels = np.array([0, 0, 0, 1, UNKNOWN], np.int8)
    guess = np.array([0, 0, 1, 1, 0])
    assert accuracy(guess, labels) == 0.75
    assert accuracy(guess, labels, balanced=True) == pytest.approx((2 / 3 + 1) / 2)


def test_every_group_can_be_asked_for() -> None:
    for group, values in GROUPS.items():
        attribute = as_attribute(group)
        assert list(attribute.values) == list(values)
        for prompts in attribute.values.values():
            assert not any(set("{}#") & set(prompt) for prompt in prompts)


def test_default_values_are_those_of_the_labels() -> None:
    for attribute in DEFAULTS:
        if attribute.name in NAMES:
            assert tuple(attribute.values) == VALUES[NAMES.index(attribute.name)]


def test_scores_cover_every_set() -> None:
    rng = np.random.default_rng(0)
    labels = np.stack([[rng.integers(len(v)) for v in VALUES] for _ in range(40)]).astype(np.int8)
    i = rng.normal(size=(40, 64)).astype(np.float32)
    sets = dict.fromkeys(("age", "celeb", "expression", "ckplus", "pose"), (i, labels))
    found = scores(sets, word_counter)
    assert sum(key.startswith("celeb: ") for key in found) == 41
    assert all(0 <= value <= 1 for value in found.values())


def some(archive: Path, wanted: Callable[[str], bool], count: int) -> tuple[np.ndarray, list[str]]:
    """Up to `count` crops of a tar, spread over it."""
    with tarfile.open(archive) as tar:
        members = [member for member in tar if member.isfile() and wanted(member.name)]
        members = members[:: max(1, len(members) // count)]
        crops = []
        for member in members:
            stream = tar.extractfile(member)
            assert stream is not None
            with Image.open(io.BytesIO(stream.read())) as image:
                crops.append(np.asarray(image.convert("RGB").resize((112, 112), 3)))
    return np.stack(crops), [member.name for member in members]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group", "least"), [("age", 0.72), ("gender", 0.82), ("expression", 0.50)]
)
def test_people_never_seen_are_described_by_prompts_alone(
    shared_data: Path, group: str, least: float
) -> None:
    pytest.importorskip("open_clip", reason="needs faceclust[clip]")
    clip = Clip()
    if group == "expression":
        crops, names = some(
            shared_data / "attr-expression.tar",
            lambda name: name.startswith("test/") and "/disgust/" not in name, 240,
        )  # fmt: skip
        labels = labelled.expression_labels(names)
    else:
        crops, names = some(shared_data / "attr-age.tar", labelled.is_held_out, 240)
        labels = labelled.age_labels(names)
    attribute = next(a for a in DEFAULTS if a.name == group)
    guess = predict(clip.encode_images(crops), attribute, clip.encode_texts)
    assert accuracy(guess, labels[:, NAMES.index(group)]) >= least

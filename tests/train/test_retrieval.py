from __future__ import annotations

import numpy as np
import pytest

from faceclust.records import FloatArray
from faceclust.train.captions import NAMES, VALUES
from faceclust.train.labelled import blank, put
from faceclust.train.retrieval import LEAST, average_precision, queries, scores


def test_average_precision_by_hand() -> None:
    score = np.array([0.9, 0.8, 0.7, 0.6], np.float32)
    assert average_precision(score, np.array([True, False, True, False])) == pytest.approx(5 / 6)
    assert average_precision(score, np.array([True, True, False, False])) == 1
    assert average_precision(score, np.array([False, False, False, True])) == 0.25


@pytest.fixture
def labels() -> np.ndarray:
    """Men with glasses, women with glasses who smile, and women of whom nothing else is true."""
    rows = np.repeat(np.arange(3), LEAST)
    labels = blank(len(rows))
    for group, values in zip(NAMES, VALUES, strict=True):
        put(labels, rows >= 0, group, "yes" if group == "No_Beard" else values[-1])
    put(labels, rows == 0, "gender", "male")
    put(labels, rows > 0, "gender", "female")
    for group, yes in (("Eyeglasses", rows < 2), ("Smiling", rows == 1), ("Young", rows >= 0)):
        put(labels, yes, group, "yes")
        put(labels, ~yes, group, "no")
    return labels


def test_queries_are_sentences_that_enough_faces_fit(labels: np.ndarray) -> None:
    one = {query.text: query.true for query in queries(labels, 1)}
    assert set(one) == {"a man with glasses", "a smiling woman", "a woman with glasses"}
    assert one["a smiling woman"].tolist() == [False] * LEAST + [True] * LEAST + [False] * LEAST
    assert [query.text for query in queries(labels, 2)] == ["a smiling woman with glasses"]


def test_a_model_that_knows_the_words_scores_full_marks(labels: np.ndarray) -> None:
    words = (" man", "woman", "glasses", "smiling")
    rows = np.repeat(np.arange(3), LEAST)
    faces = np.array([[1, 0, 1, 0], [0, 1, 1, 1], [0, 1, 0, 0]], np.float32)[rows]

    def encode(texts: list[str]) -> FloatArray:
        return np.array([[word in text for word in words] for text in texts], np.float32)

    found = scores(faces, labels, encode, top=LEAST)
    for score in found.values():
        assert score["mean average precision"] == score[f"precision at {LEAST}"] == 1
    assert found["gender and two things"]["chance"] == pytest.approx(1 / 3)

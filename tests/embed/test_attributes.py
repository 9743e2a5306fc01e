from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from faceclust.embed.attributes import (
    DEFAULTS,
    Attribute,
    extend,
    parse,
    text_embeddings,
    zero_shot,
)
from faceclust.errors import OptionError
from faceclust.records import FloatArray


def words(texts: list[str]) -> FloatArray:
    """A text tower that knows two words."""
    t = np.array([["glad" in text, "gloomy" in text] for text in texts], np.float32) + 1e-3
    return np.asarray(t / np.linalg.norm(t, axis=1, keepdims=True), np.float32)


MOOD = Attribute("mood", {"up": ("glad", "a glad man"), "down": ("gloomy",)})


def test_the_paper_s_thirteen_values_and_gender_are_there() -> None:
    count = {attribute.name: len(attribute.values) for attribute in DEFAULTS}
    assert (count["age"], count["gender"], count["expression"], count["pose"]) == (4, 2, 7, 2)


def test_default_prompts_of_one_attribute_tell_its_values_apart() -> None:
    for attribute in DEFAULTS:
        prompts = [p for group in attribute.values.values() for p in group]
        assert len(set(prompts)) == len(prompts), attribute.name


def test_each_value_has_one_normalised_text_embedding() -> None:
    t = text_embeddings(MOOD, words)
    assert t.shape == (2, 2)
    assert np.allclose(np.linalg.norm(t, axis=1), 1, atol=1e-6)


def test_the_nearest_value_wins() -> None:
    faces = np.array([[1, 0], [0, 1], [0.8, 0.6]], np.float32)
    p = zero_shot(faces, text_embeddings(MOOD, words), scale=10)
    assert p.argmax(axis=1).tolist() == [0, 1, 0]
    assert p[0, 0] > p[2, 0] > 0.5


@given(arrays.arrays(np.float32, (5, 3), elements=st.floats(-1, 1, width=32)), st.floats(0.1, 100))
def test_probabilities_sum_to_one_and_follow_the_cosine(x: FloatArray, scale: float) -> None:
    p = zero_shot(x, np.eye(3, dtype=np.float32), scale)
    assert np.allclose(p.sum(axis=1), 1, atol=1e-5)
    assert np.all(np.take_along_axis(x, p.argmax(axis=1)[:, None], 1)[:, 0] >= x.max(1) - 1e-5)


def test_no_faces_give_no_rows() -> None:
    assert zero_shot(np.zeros((0, 2), np.float32), np.eye(2, dtype=np.float32)).shape == (0, 2)


def test_a_new_attribute_is_a_line_of_configuration() -> None:
    (scarf,) = parse({"scarf": {"yes": ["a man with a scarf"], "no": ["a man without a scarf"]}})
    assert scarf == Attribute(
        "scarf", {"yes": ("a man with a scarf",), "no": ("a man without a scarf",)}
    )


def test_the_list_is_open() -> None:
    scarf = {"yes": ["a man with a scarf"], "no": ["a man without a scarf"]}
    names = [a.name for a in DEFAULTS]
    longer = extend(DEFAULTS, {"scarf": scarf, "beard": False})
    assert [a.name for a in longer] == [*(n for n in names if n != "beard"), "scarf"]
    (changed,) = extend([MOOD], {"mood": {"up": ["glad"], "down": ["gloomy"]}})
    assert changed.values == {"up": ("glad",), "down": ("gloomy",)}
    with pytest.raises(OptionError, match="no attribute 'scarf'"):
        extend(DEFAULTS, {"scarf": False})


@pytest.mark.parametrize(
    "table",
    [
        {"scarf": {"yes": ["a scarf"]}},
        {"scarf": {"yes": ["a scarf"], "no": []}},
        {"scarf": {"yes": ["a scarf"], "no": " "}},
        {"scarf": {"yes": ["a scarf"], "no": [""]}},
        {"scarf": ["a scarf", "no scarf"]},
        {"scarf": {"yes": ["a scarf"], "no": 3}},
        {"scarf": {"yes": ["a scarf"], "no": [3]}},
    ],
)
def test_a_malformed_attribute_is_named(table: dict[str, dict[str, list[str]]]) -> None:
    with pytest.raises(OptionError, match="scarf"):
        parse(table)

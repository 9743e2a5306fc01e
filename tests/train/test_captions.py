from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.train.captions import (
    NAMES,
    OFFSETS,
    UNKNOWN,
    VALUES,
    Caption,
    caption,
    phrase,
    prompts,
    sentence,
    truth,
)
from faceclust.train.wordings import GROUPS, HELD_OUT, HELD_OUT_TEMPLATES, TEMPLATES

seeds = st.integers(0, 2**32 - 1)


def known_of(**facts: str) -> np.ndarray:
    known = np.full(len(NAMES), UNKNOWN, np.int8)
    for group, value in facts.items():
        known[NAMES.index(group)] = list(GROUPS[group]).index(value)
    return known


@given(seeds)
def test_a_caption_states_only_what_is_known(seed: int) -> None:
    known = known_of(age="0-10", gender="female", expression="happy", Eyeglasses="yes")
    item = caption(known, np.random.default_rng(seed))
    assert item.facts
    assert all(known[group] == value for group, value in item.facts)


@given(seeds)
def test_texts_have_no_place_left_open(seed: int) -> None:
    rng = np.random.default_rng(seed)
    known = np.array([rng.integers(len(v)) for v in VALUES], np.int8)
    for text in [*prompts(rng), *prompts(rng, held_out=True), caption(known, rng).text]:
        assert not set("{}#") & set(text), text
        assert "  " not in text
        assert text == text.strip()


def test_prompts_come_one_for_each_value() -> None:
    assert len(prompts(np.random.default_rng(0))) == OFFSETS[-1] == sum(map(len, GROUPS.values()))


def test_the_same_seed_gives_the_same_words() -> None:
    assert prompts(np.random.default_rng(7)) == prompts(np.random.default_rng(7))
    assert prompts(np.random.default_rng(7)) != prompts(np.random.default_rng(8))


def test_age_and_gender_can_be_one_noun() -> None:
    said = {phrase({"age": "0-10", "gender": "male"}, np.random.default_rng(s)) for s in range(60)}
    assert {"boy", "little boy"} <= said


@pytest.mark.parametrize(
    ("noun", "text"),
    [("old man", "an old man"), ("boy", "a boy"), ("8-year-old boy", "an 8-year-old boy")],
)
def test_nouns_get_their_article(noun: str, text: str) -> None:
    said = {sentence(noun, "{}", np.random.default_rng(s)) for s in range(30)}
    assert said == {text, noun}


def test_a_caption_is_true_false_or_unknown() -> None:
    happy, glasses = (NAMES.index("expression"), 0), (NAMES.index("Eyeglasses"), 0)
    labels = np.stack(
        [
            known_of(expression="happy", Eyeglasses="yes"),
            known_of(expression="happy"),
            known_of(expression="sad"),
            known_of(expression="happy", Eyeglasses="no"),
        ]
    )
    true, known = truth(labels, [Caption("happy", (happy,)), Caption("both", (happy, glasses))])
    assert true.tolist() == [[True, True], [True, False], [False, False], [True, False]]
    assert known.tolist() == [[True, True], [True, False], [True, True], [True, True]]


def test_held_out_wordings_are_never_trained_on() -> None:
    assert not set(HELD_OUT_TEMPLATES) & set(TEMPLATES)
    for group, table in HELD_OUT.items():
        assert list(table) == list(GROUPS[group])
        for value, wordings in table.items():
            assert not set(wordings) & set(GROUPS[group][value]), (group, value)

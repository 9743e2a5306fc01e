"""Captions: what is known of a face, put into words, and which caption is true of which face.

Captions are sampled, never listed: the noun, the wordings, their order and the frame around
them are drawn anew each time, so that the text tower learns words and not sentences.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from faceclust.train.wordings import (
    GROUPS,
    HELD_OUT,
    HELD_OUT_TEMPLATES,
    NOUNS,
    TEMPLATES,
    YEARS,
    Wordings,
)

Labels = NDArray[np.int8]
UNKNOWN = -1
NAMES: tuple[str, ...] = tuple(GROUPS)
VALUES: tuple[tuple[str, ...], ...] = tuple(tuple(GROUPS[name]) for name in NAMES)
# Texts of one round of prompts: the values of all groups in order, G groups, V values.
OFFSETS: tuple[int, ...] = tuple(int(n) for n in np.cumsum([0, *(len(v) for v in VALUES)]))
_STAGES = ("age", "life")
_CONTEXT = 0.3
_AN = ("a", "e", "i", "o", "u", "8", "11", "18")


@dataclass(frozen=True, slots=True)
class Caption:
    """A sentence and the facts it states, (group, value) by index."""

    text: str
    facts: tuple[tuple[int, int], ...]


def pick(options: Sequence[str], rng: Generator) -> str:
    """One of `options`."""
    return options[int(rng.integers(len(options)))]


def phrase(facts: Mapping[str, str], rng: Generator, *, held_out: bool = False) -> str:
    """Put facts, group to value, into words: a noun with its article."""
    rest = dict(facts)
    noun = _noun(rest, rng)
    for group in rng.permutation(list(rest)):
        noun = _wording(str(group), rest[str(group)], rng, held_out).format(noun)
    return noun


def _noun(rest: dict[str, str], rng: Generator) -> str:
    """Take out of `rest` what the noun alone can say, and return the noun."""
    stages = [rest[group] for group in _STAGES if group in rest]
    stage = pick(stages, rng) if stages and rng.random() < 0.5 else ""
    gender = rest.get("gender", "") if rng.random() < 0.85 else ""
    if (stage, gender) not in NOUNS:
        stage = ""
    for group in (*_STAGES, "gender"):
        if rest.get(group) in (stage, gender):
            del rest[group]
    return pick(NOUNS[stage, gender], rng)


def _wording(group: str, value: str, rng: Generator, held_out: bool) -> str:
    table: Wordings = HELD_OUT[group] if held_out and group in HELD_OUT else GROUPS[group]
    wording = pick(table[value], rng)
    if "#" in wording:
        wording = wording.replace("#", str(rng.choice(YEARS[value])))
    return wording


def sentence(noun: str, template: str, rng: Generator) -> str:
    """Frame a noun; its article is left out now and then, as people do who search."""
    article = "" if rng.random() < 0.1 else "an " if noun.startswith(_AN) else "a "
    return template.format(article + noun)


def caption(known: Labels, rng: Generator, most: int = 4) -> Caption:
    """A caption of one face that states 1 to `most` of the facts known of it.

    Args:
        known: (G,) index of the value in each group, -1 where it is not known.
    """
    groups = np.flatnonzero(known != UNKNOWN)
    count = min(len(groups), int(rng.integers(1, most + 1)))
    # The 39 yes-or-no attributes of CelebA would drown the groups that matter most.
    weight = np.where(groups < 5, 4.0, 1.0)
    chosen = rng.choice(groups, count, replace=False, p=weight / weight.sum())
    facts = tuple((int(g), int(known[g])) for g in chosen)
    words = {NAMES[g]: VALUES[g][v] for g, v in facts}
    return Caption(sentence(phrase(words, rng), pick(TEMPLATES, rng), rng), facts)


def prompts(rng: Generator, *, held_out: bool = False) -> list[str]:
    """One prompt for every value of every group, (V,) texts in the order of `OFFSETS`.

    Within a group all prompts share their frame, gender and context, so that only the value
    itself tells them apart.
    """
    texts: list[str] = []
    for name, values in zip(NAMES, VALUES, strict=True):
        template = pick(HELD_OUT_TEMPLATES if held_out else TEMPLATES, rng)
        context = _context(name, rng)
        for value in values:
            noun = phrase({name: value, **context}, rng, held_out=held_out)
            texts.append(sentence(noun, template, rng))
    return texts


def _context(name: str, rng: Generator) -> dict[str, str]:
    """Facts besides the one asked for: a gender half of the time, now and then another."""
    context: dict[str, str] = {}
    if name != "gender" and rng.random() < 0.5:
        context["gender"] = pick(("male", "female"), rng)
    if rng.random() < _CONTEXT:
        other = NAMES[int(rng.integers(len(NAMES)))]
        if other not in (name, "gender", *_STAGES):
            context[other] = pick(tuple(GROUPS[other]), rng)
    return context


def truth(
    labels: Labels, captions: Sequence[Caption]
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which captions are true of which faces, and for which pairs that is known at all.

    Args:
        labels: (B, G) value of each group, -1 unknown.
        captions: T captions.

    Returns:
        true (B, T), known (B, T): a caption is true if every fact holds, false if one is known
        not to hold, and else its truth is unknown.
    """
    true = np.ones((len(labels), len(captions)), bool)
    false = np.zeros_like(true)
    for t, item in enumerate(captions):
        for group, value in item.facts:
            true[:, t] &= labels[:, group] == value
            false[:, t] |= (labels[:, group] != value) & (labels[:, group] != UNKNOWN)
    return true, true | false

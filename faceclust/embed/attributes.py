"""Attributes of faces by zero-shot classification in the CLIP space (Radford et al., 2021, 3.1).

An attribute is a name, its values and a few prompts for each value. The list is configuration:
a new attribute is a line of words, no training.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from faceclust.errors import OptionError
from faceclust.records import FloatArray

# The temperature of CLIP models whose own is not known (Radford et al., 2021, 2.5).
LOGIT_SCALE = 100.0


@dataclass(frozen=True, slots=True)
class Attribute:
    """Something a face has one value of.

    Attributes:
        name: for tables, searches and the configuration.
        values: each value with the prompts that describe it; at least two values.

    Raises:
        OptionError: fewer than two values, or a value without prompts.
    """

    name: str
    values: Mapping[str, tuple[str, ...]]

    def __post_init__(self) -> None:
        if len(self.values) < 2:
            raise OptionError(f"Attribute {self.name!r} has fewer than two values; add one.")
        for value, prompts in self.values.items():
            if not prompts or not all(prompt.strip() for prompt in prompts):
                raise OptionError(
                    f"Value {value!r} of attribute {self.name!r} needs a list of prompts."
                )


def parse(table: Mapping[str, Mapping[str, Sequence[str]]]) -> tuple[Attribute, ...]:
    """Attributes from a table of configuration: name to value to prompts.

    Raises:
        OptionError: an attribute is no such table, see `Attribute`.
    """
    attributes = []
    for name, values in table.items():
        if not isinstance(values, Mapping):
            raise OptionError(f"Attribute {name!r} must be a table of values with their prompts.")
        attributes.append(Attribute(name, {v: _prompts(p) for v, p in values.items()}))
    return tuple(attributes)


def _prompts(given: object) -> tuple[str, ...]:
    """A list of prompts; nothing for what is no such list, which `Attribute` refuses."""
    if isinstance(given, list | tuple) and all(isinstance(prompt, str) for prompt in given):
        return tuple(given)
    return ()


def extend(attributes: Sequence[Attribute], table: Mapping[str, object]) -> tuple[Attribute, ...]:
    """Attributes with those of a table of configuration: new ones, others, or `false` for none.

    Raises:
        OptionError: an attribute of the table is malformed, or is to go and is not there.
    """
    result = {attribute.name: attribute for attribute in attributes}
    for name, values in table.items():
        if values is not False:
            result |= {name: parse({name: values})[0]}  # type: ignore[dict-item]  # checked there
        elif result.pop(name, None) is None:
            raise OptionError(f"There is no attribute {name!r} to leave out.")
    return tuple(result.values())


def _people(*phrases: str) -> tuple[str, ...]:
    """Prompts for a man, a woman and a person, so that gender decides nothing."""
    return tuple(f"a photo of {phrase.format(noun)}"
                 for phrase in phrases for noun in ("man", "woman", "person"))  # fmt: skip


def _aged(*years: int) -> tuple[str, ...]:
    return tuple(f"a photo of a {gender} at the age of {year}"
                 for year in years for gender in ("male", "female"))  # fmt: skip


DEFAULTS: tuple[Attribute, ...] = (
    Attribute("age", {
        "0-10": (*_aged(2, 5, 8), *_people("a {} in childhood", "a very young {}"),
                 "a photo of a child", "a photo of a boy", "a photo of a girl"),
        "10-30": (*_aged(16, 20, 25), *_people("a {} in their teens", "a {} in their twenties"),
                  "a photo of a young man", "a photo of a young woman"),
        "30-50": (*_aged(40), *_people("a {} in their thirties", "a {} in their forties",
                                       "a middle-aged {}")),
        "50-100": (*_aged(58, 66, 75), *_people("a {} in their sixties", "a {} in their seventies",
                                                "an elderly {}", "an old {}", "a {} of old age")),
    }),
    Attribute("gender", {
        "male": ("a photo of a male", "a photo of a man", "a photo of a boy", "a photo of a guy"),
        "female": ("a photo of a female", "a photo of a woman", "a photo of a girl",
                   "a photo of a lady"),
    }),
    Attribute("expression", {
        "happy": _people("a happy {}", "a cheerful {}", "a {} with a happy face"),
        "sad": _people("a sad {}", "an unhappy {}", "a {} with a sad face"),
        "neutral": _people("a neutral {}", "a {} with a neutral expression", "a calm {}"),
        "surprise": _people("a surprised {}", "an astonished {}", "a {} who looks surprised"),
        "fear": _people("a fearful {}", "a scared {}", "a {} in fear"),
        "disgust": _people("a disgusted {}", "a {} with a disgusted face", "a {} in disgust"),
        "anger": _people("an angry {}", "a furious {}", "a {} with an angry face"),
    }),
    Attribute("pose", {
        "frontal": _people("a frontal {}", "a {} facing the camera", "a {} from the front"),
        "profile": _people("a {} in profile", "a {} seen from the side", "a {} from the side"),
    }),
    Attribute("glasses", {
        "yes": _people("a {} with glasses", "a {} wearing eyeglasses"),
        "no": _people("a {} without glasses", "a {} not wearing eyeglasses"),
    }),
    Attribute("beard", {
        "yes": _people("a bearded {}", "a {} with a beard"),
        "no": _people("a clean-shaven {}", "a {} without a beard"),
    }),
    Attribute("mustache", {
        "yes": _people("a {} with a mustache"), "no": _people("a {} without a mustache"),
    }),
    Attribute("smiling", {
        "yes": _people("a smiling {}", "a {} with a smile"),
        "no": _people("a {} who is not smiling", "a {} without a smile"),
    }),
    Attribute("hat", {
        "yes": _people("a {} wearing a hat", "a {} with a cap"),
        "no": _people("a {} without a hat", "a {} not wearing a hat"),
    }),
    Attribute("bald", {
        "yes": _people("a bald {}", "a {} without hair"),
        "no": _people("a {} who is not bald", "a {} with hair on the head"),
    }),
)  # fmt: skip


def text_embeddings(
    attribute: Attribute, encode_texts: Callable[[list[str]], FloatArray]
) -> FloatArray:
    """One text embedding for each value: the normalised mean over its prompts.

    Args:
        attribute: V values.
        encode_texts: T texts to (T, E), normalised.

    Returns:
        (V, E) float32, normalised.
    """
    means = [encode_texts(list(prompts)).mean(0) for prompts in attribute.values.values()]
    t = np.stack(means)
    return np.asarray(t / np.maximum(np.linalg.norm(t, axis=1, keepdims=True), 1e-12), np.float32)


def zero_shot(i: FloatArray, t: FloatArray, scale: float = LOGIT_SCALE) -> FloatArray:
    """Probability of each value for each face: softmax of scale * cosine.

    Args:
        i: (N, E) image embeddings, normalised.
        t: (V, E) one text embedding for each value, normalised.
        scale: the model's temperature, `Clip.scale`.

    Returns:
        (N, V) float32, rows sum to 1.
    """
    logits = scale * (i @ t.T)
    p = np.exp(logits - logits.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(p / p.sum(axis=1, keepdims=True), np.float32)

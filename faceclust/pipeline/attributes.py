"""Attributes of the faces of a library: from words to the weights of a zero-shot classifier."""

from __future__ import annotations

from faceclust.config import Config
from faceclust.embed.attributes import Attribute
from faceclust.embed.clip import FACE_CLIP, Clip, model_id
from faceclust.embed.prompts import classifier, digest, shipped
from faceclust.errors import WeightsError
from faceclust.pipeline.guesses import NO_CLIP
from faceclust.pipeline.library import Library
from faceclust.records import FloatArray
from faceclust.store import StoredValue, descriptions
from faceclust.weights import Notify


def prepare(library: Library, config: Config, notify: Notify | None = None) -> str | None:
    """Bring the library's attributes up to date with the configuration.

    Returns:
        The id of the CLIP model; None where there is to be none.

    Raises:
        OptionError: there is no such model.
        WeightsError: the model is not face-CLIP and cannot be had. Where face-CLIP's text tower
            is needed for other prompts than the default ones and cannot be had, their attributes
            are left out, and `notify` is told.
    """
    if config.scan.clip == NO_CLIP:
        return None
    model = model_id(config.scan.clip)
    kept = descriptions.attribute_values(library.db, model)
    known = shipped(model) | {value.prompts: value.weights for value in kept}
    clip: Clip | None = None
    wanted: list[StoredValue] = []
    for attribute in config.attributes:
        try:
            if not all(digest(prompts) in known for prompts in attribute.values.values()):
                clip = clip or Clip(config.scan.clip)
                known |= _embedded(attribute, clip)
        except WeightsError as error:
            if config.scan.clip != FACE_CLIP:
                raise
            if notify:
                notify(f"Attribute {attribute.name} is left out: {error}")
            continue
        wanted += [
            StoredValue(attribute.name, value, digest(prompts), known[digest(prompts)])
            for value, prompts in attribute.values.items()
        ]
    if [_key(value) for value in wanted] != [_key(value) for value in kept]:
        descriptions.put_attribute_values(library.db, model, wanted)
    return model


def _embedded(attribute: Attribute, clip: Clip) -> dict[str, FloatArray]:
    digests = [digest(prompts) for prompts in attribute.values.values()]
    return dict(zip(digests, classifier(attribute, clip), strict=True))


def _key(value: StoredValue) -> tuple[str, str, str]:
    return value.attribute, value.value, value.prompts

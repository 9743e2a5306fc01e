"""Attributes of the faces of a library: from words to weights, from stored embeddings to guesses.

What is kept are the faces' CLIP embeddings and, for each value of each attribute, the weights that
its prompts came to. Guesses are made from these when they are shown: for 100,000 faces that takes
a third of the time and none of the room that reading stored ones would.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from faceclust.config import Config
from faceclust.embed.attributes import Attribute, zero_shot
from faceclust.embed.clip import FACE_CLIP, Clip, model_id
from faceclust.embed.prompts import classifier, digest, shipped
from faceclust.errors import WeightsError
from faceclust.pipeline.library import Library
from faceclust.records import FloatArray, Guess
from faceclust.store import StoredValue, catalogue, descriptions
from faceclust.weights import Notify

NO_CLIP = "none"
# The library's setting that says by which CLIP model its faces are described.
SETTING = "clip"


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


class Guesses:
    """What the faces of a library seem to show, by their stored CLIP embeddings; needs no torch.

    Attributes:
        attributes: their names, in the order they were given in; empty where nobody was described.
    """

    def __init__(self, library: Library) -> None:
        model = library.db.setting(SETTING) or NO_CLIP
        values: dict[str, list[StoredValue]] = {}
        for value in descriptions.attribute_values(library.db, model):
            values.setdefault(value.attribute, []).append(value)
        self.attributes = tuple(values)
        self._values = {name: [v.value for v in group] for name, group in values.items()}
        faces, i = catalogue.live_faces(library.db, model)
        self._row = {face: row for row, face in enumerate(faces.tolist())}
        # (N, V) probabilities of each attribute's values.
        self._p = {
            name: zero_shot(i, np.stack([v.weights for v in group]), scale=1.0)
            for name, group in values.items()
            if len(faces)
        }

    def of(self, face: int) -> tuple[Guess, ...]:
        """The most probable value of each attribute; nothing for a face that was not described."""
        return self.prevailing((face,))

    def prevailing(self, faces: Collection[int]) -> tuple[Guess, ...]:
        """The values that are most probable on average over some faces of one person."""
        rows = [self._row[face] for face in faces if face in self._row]
        if not rows:
            return ()
        means = {name: p[rows].mean(axis=0) for name, p in self._p.items()}
        return tuple(
            Guess(name, self._values[name][int(p.argmax())], float(p.max()))
            for name, p in means.items()
        )

"""What faces seem to show, from their stored embeddings.

What is kept are the faces' CLIP embeddings and, for each value of each attribute, the weights that
its prompts came to (`attributes`). Guesses are made from these when they are shown: for 100,000
faces that takes a third of the time and none of the room that reading stored ones would.
"""

from __future__ import annotations

from collections.abc import Collection

import numpy as np

from faceclust.embed.attributes import zero_shot
from faceclust.pipeline.library import Library
from faceclust.records import Guess
from faceclust.store import StoredValue, catalogue, descriptions

NO_CLIP = "none"
# The library's setting that says by which CLIP model its faces are described.
SETTING = "clip"


class Guesses:
    """What the faces of a library seem to show, by their stored CLIP embeddings; needs no torch.

    Args:
        only: the faces that will be asked about; only theirs are read. None: all that count.

    Attributes:
        attributes: their names, in the order they were given in; empty where nobody was described.
    """

    def __init__(self, library: Library, only: Collection[int] | None = None) -> None:
        model = library.db.setting(SETTING) or NO_CLIP
        values: dict[str, list[StoredValue]] = {}
        for value in descriptions.attribute_values(library.db, model):
            values.setdefault(value.attribute, []).append(value)
        self.attributes = tuple(values)
        self._values = {name: [v.value for v in group] for name, group in values.items()}
        if only is None:
            faces, i = catalogue.live_faces(library.db, model)
        else:
            faces, i = catalogue.embeddings_of(library.db, model, only)
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

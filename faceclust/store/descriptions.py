"""What CLIP knows of faces: which lack an embedding, and the attributes that are guessed of them.

The embeddings themselves lie beside those for recognition, under the CLIP model's own id.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from faceclust.records import FloatArray
from faceclust.store.catalogue import LIVE_FACES, thumbnail
from faceclust.store.database import Database


@dataclass(frozen=True, slots=True, eq=False)
class StoredValue:
    """One value of an attribute.

    Attributes:
        prompts: digest of the prompts that the weights were made from.
        weights: (E,) float32, a row of the zero-shot classifier.
    """

    attribute: str
    value: str
    prompts: str
    weights: FloatArray


def faces_without(db: Database, model: str) -> list[int]:
    """Ids, ascending, of live faces that have a stored crop and no embedding of a model."""
    rows = db.rows(
        f"""SELECT faces.id FROM faces JOIN crops ON crops.face_id = faces.id
        WHERE {LIVE_FACES} AND NOT EXISTS (
            SELECT 1 FROM embeddings WHERE model = ? AND embeddings.face_id = faces.id)
        ORDER BY faces.id""",
        (model,),
    )
    return [int(row[0]) for row in rows]


def crops_of(db: Database, faces: Iterable[int]) -> Iterator[tuple[int, bytes]]:
    """The faces among these that have a stored crop, each with its JPEG."""
    for face in faces:
        image = thumbnail(db, face)
        if image is not None:
            yield face, image


def attribute_values(db: Database, model: str) -> list[StoredValue]:
    """All values of all attributes in a model's space, in the order they were given in."""
    rows = db.rows(
        """SELECT attribute, value, prompts, weights FROM attribute_values
        WHERE model = ? ORDER BY position""",
        (model,),
    )
    return [
        StoredValue(attribute, value, prompts, np.frombuffer(weights, "<f4"))
        for attribute, value, prompts, weights in rows
    ]


def put_attribute_values(db: Database, model: str, values: Sequence[StoredValue]) -> None:
    """Keep these values in a model's space, in place of those kept before."""
    with db.transaction() as sql:
        sql.execute("DELETE FROM attribute_values WHERE model = ?", (model,))
        sql.executemany(
            "INSERT INTO attribute_values VALUES (?, ?, ?, ?, ?, ?)",
            [
                (
                    model,
                    position,
                    v.attribute,
                    v.value,
                    v.prompts,
                    v.weights.astype("<f4").tobytes(),
                )
                for position, v in enumerate(values)
            ],
        )

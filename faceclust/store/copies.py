"""A photo that was edited, and copied, before it was read again: whose answers it keeps."""

from __future__ import annotations

import sqlite3

import numpy as np

from faceclust.records import Box, FloatArray
from faceclust.store.database import path_to_db

# Two detections of one photo that overlap by this much are the same face, found anew.
SAME_FACE_IOU = 0.4
# When the content changed under a name, they must also look alike: another photo may have come
# to stand where the old one was.
SAME_FACE_COSINE = 0.6


def go_on(sql: sqlite3.Connection, path: str, copy: int) -> int | None:
    """Where a file was edited and a copy of it was read first, let its photo go on as both.

    Only where no other file holds the photo as it was, all its faces are where they were, and
    nobody has said anything of the copy's.

    Args:
        path: of the file, relative to the library.
        copy: id of the photo that it holds now.

    Returns:
        The photo's id; None where the copy is another photo.
    """
    row = sql.execute(
        """SELECT coalesce(photo_id, before) AS photo FROM files
        WHERE path = :path AND photo < :copy AND NOT EXISTS (
            SELECT 1 FROM files AS other WHERE other.photo_id = photo
                AND other.path != :path AND other.missing_since IS NULL)""",
        {"path": path_to_db(path), "copy": copy},
    ).fetchone()
    if row is None or not _same_faces(sql, int(row[0]), copy) or _is_decided(sql, copy):
        return None
    photo = int(row[0])
    facts = ("width", "height", "orientation", "format", "taken_at", "camera", "extractor")
    columns = ", ".join(facts)
    sql.execute(
        f"UPDATE photos SET ({columns}) = (SELECT {columns} FROM photos WHERE id = ?) WHERE id = ?",
        (copy, photo),
    )
    both = "SELECT id, content_hash FROM photos WHERE id IN (?, ?)"
    hashes = dict(sql.execute(both, (photo, copy)).fetchall())
    for number, digest in ((copy, ""), (photo, hashes[copy]), (copy, hashes[photo])):
        sql.execute("UPDATE photos SET content_hash = ? WHERE id = ?", (digest, number))
    for table in ("files", "exported_names", "exported_notes"):
        sql.execute(f"UPDATE OR IGNORE {table} SET photo_id = ? WHERE photo_id = ?", (photo, copy))
    return photo


def _same_faces(sql: sqlite3.Connection, photo: int, copy: int) -> bool:
    """Whether two photos show the same faces at the same places."""
    query = "SELECT id, x, y, w, h FROM faces WHERE photo_id = ? AND retired_at IS NULL"
    left, others = (
        {int(number): Box(*box) for number, *box in sql.execute(query, (each,))}
        for each in (photo, copy)
    )
    for face, box in others.items():
        match = max(left, key=lambda i: box.iou(left[i]), default=None)
        if match is None or box.iou(left[match]) < SAME_FACE_IOU or not _one(sql, match, face):
            return False
        del left[match]
    return not left


def _one(sql: sqlite3.Connection, face: int, other: int) -> bool:
    """Whether two faces look alike to every network that has seen both."""
    seen = sql.execute(
        "SELECT model, vector FROM embeddings WHERE face_id = ? AND model IN (SELECT model FROM "
        "embeddings WHERE face_id = ?)",
        (other, face),
    ).fetchall()
    vectors = [(model, np.frombuffer(vector, "<f2").astype(np.float32)) for model, vector in seen]
    return bool(seen) and all(alike(sql, model, face, vector) for model, vector in vectors)


def _is_decided(sql: sqlite3.Connection, photo: int) -> bool:
    row = sql.execute(
        """SELECT 1 FROM decisions, json_each(payload) AS field, json_each(field.value) AS face
        WHERE field.key IN ('faces', 'against')
            AND face.value IN (SELECT id FROM faces WHERE photo_id = ?) LIMIT 1""",
        (photo,),
    ).fetchone()
    return row is not None


def alike(sql: sqlite3.Connection, model: str, face_id: int, vector: FloatArray) -> bool:
    """Whether a stored face looks like an embedding (D,) of the same network."""
    return likeness(sql, model, face_id, vector) >= SAME_FACE_COSINE


def likeness(sql: sqlite3.Connection, model: str, face_id: int, vector: FloatArray) -> float:
    """Cosine of a stored face and an embedding (D,); -1 where the network has not seen the face."""
    row = sql.execute(
        "SELECT vector FROM embeddings WHERE model = ? AND face_id = ?", (model, face_id)
    ).fetchone()
    if row is None:
        return -1.0
    old = np.frombuffer(row[0], "<f2").astype(np.float32)
    if old.shape != vector.shape:
        return -1.0
    lengths = float(np.linalg.norm(old) * np.linalg.norm(vector))
    return float(old @ vector) / lengths if lengths else -1.0

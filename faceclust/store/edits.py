"""A file whose content changed: the photo that it holds still, edited, and the faces of that."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING

from faceclust.records import Box
from faceclust.store.copies import SAME_FACE_COSINE, SAME_FACE_IOU, alike, likeness
from faceclust.store.database import path_to_db

if TYPE_CHECKING:
    from faceclust.store.intake import Scanned

# Photos of two dates are two, perhaps of the same people. But a program that crops a photo may
# rewrite the only date that it has: a face as alike as this is the same picture of it all the same.
# (Of 30 faces in cropped photos, 9 in 10 are; of 87 pairs of photos of one person, none.)
SAME_PICTURE_COSINE = 0.91


def rename(sql: sqlite3.Connection, photo: int, content_hash: str) -> None:
    """Let a photo go on under the hash of its new content; the old one is forgotten."""
    sql.execute("UPDATE photos SET content_hash = ? WHERE id = ?", (content_hash, photo))


def stood_here(sql: sqlite3.Connection, path: str, content_hash: str) -> list[int]:
    """Photos that a file held, the last one first, and that may go on as its new content.

    None where nothing changed or that content is known already; and no photo that another file
    holds now, as it may have been moved before the file was edited.
    """
    rows = sql.execute(
        """SELECT photos.id FROM files JOIN photos ON photos.id IN (photo_id, before)
        WHERE path = :path
            AND NOT EXISTS (SELECT 1 FROM photos WHERE content_hash = :hash)
            AND NOT EXISTS (SELECT 1 FROM files AS other WHERE other.photo_id = photos.id
                AND other.path != :path AND other.missing_since IS NULL)
        ORDER BY photos.id = photo_id DESC""",
        {"hash": content_hash, "path": path_to_db(path)},
    )
    return [int(row[0]) for row in rows]


def edited(sql: sqlite3.Connection, item: Scanned, model: str) -> int | None:
    """The photo that a changed file holds still; None where another one stands there now.

    It shows a face that the photo showed, or neither it nor the photo ever showed one. A photo
    that is not to be found again keeps its hash: it may have been moved, or come back.
    """
    assert item.content_hash is not None
    photos = stood_here(sql, item.path, item.content_hash)
    for photo in photos:
        if any(face is not None for face in same_faces(sql, photo, item, model)):
            return photo
    if photos and not item.faces:
        row = sql.execute("SELECT 1 FROM faces WHERE photo_id = ? LIMIT 1", photos[:1]).fetchone()
        return photos[0] if row is None else None
    return None


def same_faces(
    sql: sqlite3.Connection, photo: int, item: Scanned, alike_in: str | None
) -> list[int | None]:
    """For each face that was found in a photo, the id of the known face that it is, or None.

    Args:
        alike_in: the model by whose embeddings they must look alike, where the content changed.
            A face that is not where it was is then looked for in all of the photo, which may have
            been cropped or turned.
    """
    known = {
        int(row[0]): Box(*row[1:5])
        for row in sql.execute("SELECT id, x, y, w, h FROM faces WHERE photo_id = ?", (photo,))
    }
    found: list[int | None] = []
    for face, vector in zip(item.faces, item.vectors, strict=True):
        match = max(known, key=lambda i: face.box.iou(known[i]), default=None)
        if match is not None and (
            face.box.iou(known[match]) < SAME_FACE_IOU
            or (alike_in is not None and not alike(sql, alike_in, match, vector))
        ):
            match = None
        if match is not None:
            del known[match]
        found.append(match)
    if alike_in is not None and known:
        another_time = _taken_at_another_time(sql, photo, item)
        least = SAME_PICTURE_COSINE if another_time else SAME_FACE_COSINE
        _find_elsewhere(sql, found, set(known), item, alike_in, least)
    return found


def _find_elsewhere(
    sql: sqlite3.Connection,
    found: list[int | None],
    left: set[int],
    item: Scanned,
    model: str,
    least: float,
) -> None:
    """Give faces without a match the known ones left of at least this cosine, the best first."""
    pairs = [
        (cosine, face, row)
        for row, match in enumerate(found)
        for face in (left if match is None else ())
        if (cosine := likeness(sql, model, face, item.vectors[row])) >= least
    ]
    for _, face, row in sorted(pairs, reverse=True):
        if found[row] is None and face in left:
            found[row] = face
            left.remove(face)


def _taken_at_another_time(sql: sqlite3.Connection, photo: int, item: Scanned) -> bool:
    """Whether the dates say that this is another photo."""
    row = sql.execute("SELECT taken_at FROM photos WHERE id = ?", (photo,)).fetchone()
    after = None if item.info is None else item.info.taken_at
    return None not in (row[0], after) and row[0] != after

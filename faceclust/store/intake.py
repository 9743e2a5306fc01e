"""What a scan writes: files, photos, faces and embeddings, known ones under their old ids."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

import numpy as np

from faceclust.records import Face, FloatArray, PhotoInfo
from faceclust.store import edits
from faceclust.store.copies import go_on
from faceclust.store.database import now, path_from_db, path_to_db


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """The outcome of scanning one file: a photo with its faces, or the reason it has none.

    Attributes:
        path: relative to the library's root, with "/".
        vectors: (F, D) float32, row i for `faces[i]`; empty where there are no faces.
        clip_vectors: (F, E) float32, the same of the CLIP model; None where there is none.
        thumbnails: one JPEG for each face.
        seconds: of a processor, by stage of the reading, where that was measured; not stored.
    """

    path: str
    size: int
    mtime_ns: int
    content_hash: str | None = None
    info: PhotoInfo | None = None
    faces: tuple[Face, ...] = ()
    vectors: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    clip_vectors: FloatArray | None = None
    thumbnails: tuple[bytes, ...] = ()
    error_kind: str | None = None
    error: str | None = None
    seconds: Mapping[str, float] = field(default_factory=dict)


def link_file(sql: sqlite3.Connection, file: Scanned, photo_id: int) -> None:
    """Record that `file` holds the photo `photo_id`: a new name of known content."""
    photo_id = go_on(sql, file.path, photo_id) or photo_id
    _put_file(sql, file, photo_id)
    _next_revision(sql)


def put_back(sql: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Record that missing files are there again as they were, with their photos and names."""
    sql.executemany(
        "UPDATE files SET missing_since = NULL WHERE path = ?",
        [(path_to_db(path),) for path in paths],
    )
    _next_revision(sql)


def put_edited(sql: sqlite3.Connection, file: Scanned) -> None:
    """Record that we ourselves changed a file's content, and not its picture."""
    assert file.content_hash is not None
    row = sql.execute("SELECT photo_id FROM files WHERE path = ?", (path_to_db(file.path),))
    found = row.fetchone()
    if found is not None and found[0] in edits.stood_here(sql, file.path, file.content_hash):
        edits.rename(sql, int(found[0]), file.content_hash)
        _put_file(sql, file, int(found[0]))
        _next_revision(sql)


def put_scanned(
    sql: sqlite3.Connection,
    batch: Iterable[Scanned],
    extractor: str,
    model: str,
    clip: str | None = None,
) -> None:
    """Record what a scan found; call inside a transaction.

    A face found where one was found before keeps its id, and with it every decision about it;
    also when the file was edited in between (a tag written into it changes its content).

    Args:
        model, clip: ids that embeddings for recognition and those of CLIP are kept under.
    """
    _next_revision(sql)
    for item in batch:
        if item.info is None or item.content_hash is None:
            _put_file(sql, item, None)
            continue
        same = _same_faces(sql, item, item.content_hash, model)
        photo_id = _put_photo(sql, item.content_hash, item.info, extractor)
        _put_file(sql, item, photo_id)
        face_ids = _put_faces(sql, photo_id, item, same)
        sql.executemany(
            "INSERT OR REPLACE INTO crops VALUES (?, ?)",
            zip(face_ids, item.thumbnails, strict=True),
        )
        put_vectors(sql, model, face_ids, item.vectors)
        if clip is not None and item.clip_vectors is not None:
            put_vectors(sql, clip, face_ids, item.clip_vectors)


def put_vectors(
    sql: sqlite3.Connection, model: str, face_ids: Iterable[int], vectors: FloatArray
) -> None:
    """Keep embeddings (F, D) of F faces under a model's id; call inside a transaction."""
    sql.executemany(
        "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
        [
            (model, face_id, vector.astype("<f2").tobytes())
            for face_id, vector in zip(face_ids, vectors, strict=True)
        ],
    )


def _next_revision(sql: sqlite3.Connection) -> None:
    """Say that files, photos or faces changed, to those who keep what they read of them."""
    sql.execute(
        """INSERT INTO library VALUES ('revision', '1')
        ON CONFLICT (key) DO UPDATE SET value = CAST(value + 1 AS TEXT)"""
    )


def _same_faces(
    sql: sqlite3.Connection, item: Scanned, content_hash: str, model: str
) -> list[int | None]:
    """Find the photo that a file holds, by its content or as an edited one, and its known faces."""
    row = sql.execute("SELECT id FROM photos WHERE content_hash = ?", (content_hash,)).fetchone()
    if row is not None:
        return edits.same_faces(sql, go_on(sql, item.path, int(row[0])) or int(row[0]), item, None)
    photo_id = edits.edited(sql, item, model)
    if photo_id is None:
        return [None] * len(item.faces)
    edits.rename(sql, photo_id, content_hash)
    return edits.same_faces(sql, photo_id, item, model)


def _put_photo(sql: sqlite3.Connection, digest: str, info: PhotoInfo, extractor: str) -> int:
    row = sql.execute(
        """INSERT INTO photos (content_hash, width, height, orientation, format, taken_at, camera,
            extractor, scanned_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (content_hash) DO UPDATE SET width = excluded.width, height = excluded.height,
            orientation = excluded.orientation, format = excluded.format,
            taken_at = excluded.taken_at, camera = excluded.camera,
            extractor = excluded.extractor, scanned_at = excluded.scanned_at
        RETURNING id""",
        (digest, info.width, info.height, info.orientation, info.format, info.taken_at,
         info.camera, extractor, now()),
    ).fetchone()  # fmt: skip
    return int(row[0])


def _put_file(sql: sqlite3.Connection, item: Scanned, photo_id: int | None) -> None:
    """Record a file, and which photo stood there before: an edit may lead back to it."""
    sql.execute(
        """INSERT INTO files (path, size, mtime_ns, photo_id, error_kind, error)
        VALUES (?, ?, ?, ?, ?, ?)
        ON CONFLICT (path) DO UPDATE SET size = excluded.size, mtime_ns = excluded.mtime_ns,
            before = nullif(iif(excluded.photo_id IS photo_id, before,
                coalesce(photo_id, before)), excluded.photo_id),
            photo_id = excluded.photo_id, error_kind = excluded.error_kind,
            error = excluded.error, missing_since = NULL""",
        (
            path_to_db(item.path),
            item.size,
            item.mtime_ns,
            photo_id,
            item.error_kind,
            item.error if photo_id is None else None,
        ),
    )


def _put_faces(
    sql: sqlite3.Connection, photo_id: int, item: Scanned, same: list[int | None]
) -> list[int]:
    """Store the photo's faces and return their ids; known ones not found again are retired.

    Args:
        same: for each face, the id of the known one that it is, or None.
    """
    ids = [
        _put_face(sql, photo_id, face, known) for face, known in zip(item.faces, same, strict=True)
    ]
    rows = sql.execute(
        "SELECT id FROM faces WHERE photo_id = ? AND retired_at IS NULL", (photo_id,)
    ).fetchall()
    sql.executemany(
        "UPDATE faces SET retired_at = ? WHERE id = ?",
        [(now(), face_id) for (face_id,) in rows if face_id not in ids],
    )
    return ids


def _put_face(sql: sqlite3.Connection, photo_id: int, face: Face, face_id: int | None) -> int:
    box = face.box
    row = sql.execute(
        """INSERT INTO faces (id, photo_id, x, y, w, h, landmarks, score, size, blur, yaw)
        VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
        ON CONFLICT (id) DO UPDATE SET x = excluded.x, y = excluded.y, w = excluded.w,
            h = excluded.h, landmarks = excluded.landmarks, score = excluded.score,
            size = excluded.size, blur = excluded.blur, yaw = excluded.yaw, retired_at = NULL
        RETURNING id""",
        (face_id, photo_id, box.x, box.y, box.w, box.h,
         face.landmarks.astype("<f4").tobytes(), face.score, face.size, face.blur, face.yaw),
    ).fetchone()  # fmt: skip
    return int(row[0])


def forget_moved(sql: sqlite3.Connection) -> set[str]:
    """Forget missing files whose content is there under another name; returns their paths."""
    rows = sql.execute(
        """DELETE FROM files WHERE missing_since IS NOT NULL AND EXISTS (
            SELECT 1 FROM files AS other WHERE other.photo_id = files.photo_id
                AND other.missing_since IS NULL) RETURNING path"""
    )
    moved = {path_from_db(path) for (path,) in rows}
    if moved:
        _next_revision(sql)
    return moved


def mark_missing(sql: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Mark files as gone; their photos, faces and names are kept."""
    marked = sql.executemany(
        "UPDATE files SET missing_since = ? WHERE path = ? AND missing_since IS NULL",
        [(now(), path_to_db(path)) for path in paths],
    ).rowcount
    if marked > 0:
        _next_revision(sql)

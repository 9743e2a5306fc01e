"""Photos, files, faces and embeddings."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np

from faceclust.records import Box, Face, FloatArray, IntArray, PhotoInfo
from faceclust.store.database import Database, now, path_from_db, path_to_db

# Two detections of one photo that overlap by this much are the same face, found anew.
SAME_FACE_IOU = 0.4
# When the content changed under a name, they must also look alike: another photo may have come
# to stand where the old one was.
SAME_FACE_COSINE = 0.5

# A face counts while a file of its photo is there and the newest detector still finds it.
LIVE_FACES = """faces.retired_at IS NULL AND EXISTS (
    SELECT 1 FROM files WHERE files.photo_id = faces.photo_id AND files.missing_since IS NULL)"""


@dataclass(frozen=True, slots=True)
class FileState:
    """What the database knows of one file.

    Attributes:
        extractor: what found the faces of its photo; None where the file could not be read.
    """

    size: int
    mtime_ns: int
    photo_id: int | None
    extractor: str | None
    error: str | None
    missing: bool


@dataclass(frozen=True, slots=True, eq=False)
class Scanned:
    """The outcome of scanning one file: a photo with its faces, or the reason it has none.

    Attributes:
        path: relative to the library's root, with "/".
        vectors: (F, D) float32, row i for `faces[i]`; empty where there are no faces.
        thumbnails: one JPEG for each face.
    """

    path: str
    size: int
    mtime_ns: int
    content_hash: str | None = None
    info: PhotoInfo | None = None
    faces: tuple[Face, ...] = ()
    vectors: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    thumbnails: tuple[bytes, ...] = ()
    error_kind: str | None = None
    error: str | None = None


def file_state(db: Database, path: str) -> FileState | None:
    """What is known of the file at `path` (relative), or None."""
    row = db.row(
        """SELECT size, mtime_ns, photo_id, extractor, error, missing_since IS NOT NULL
        FROM files LEFT JOIN photos ON photos.id = photo_id WHERE path = ?""",
        (path_to_db(path),),
    )
    if row is None:
        return None
    size, mtime_ns, photo_id, extractor, error, missing = row
    return FileState(size, mtime_ns, photo_id, extractor, error, bool(missing))


def has_size(db: Database, size: int) -> bool:
    """Whether any known file has this size; content of another size cannot be known."""
    row = db.row("SELECT 1 FROM files WHERE size = ? LIMIT 1", (size,))
    return row is not None


def photo_by_hash(db: Database, content_hash: str) -> tuple[int, str] | None:
    """The id and extractor of the photo with this content, or None."""
    row = db.row("SELECT id, extractor FROM photos WHERE content_hash = ?", (content_hash,))
    return None if row is None else (int(row[0]), str(row[1]))


def link_file(sql: sqlite3.Connection, file: Scanned, photo_id: int) -> None:
    """Record that `file` holds the photo `photo_id`: a new name of known content."""
    _put_file(sql, file, photo_id)


def put_scanned(
    sql: sqlite3.Connection, batch: Iterable[Scanned], extractor: str, model: str
) -> None:
    """Record what a scan found; call inside a transaction.

    A face found where one was found before keeps its id, and with it every decision about it;
    also when the file was edited in between (a tag written into it changes its content).
    """
    for item in batch:
        if item.info is None or item.content_hash is None:
            _put_file(sql, item, None)
            continue
        edited = _rename_content(sql, item.path, item.content_hash)
        photo_id = _put_photo(sql, item.content_hash, item.info, extractor)
        _put_file(sql, item, photo_id)
        face_ids = _put_faces(sql, photo_id, item, model if edited else None)
        sql.executemany(
            "INSERT OR REPLACE INTO crops VALUES (?, ?)",
            zip(face_ids, item.thumbnails, strict=True),
        )
        sql.executemany(
            "INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)",
            [
                (model, face_id, vector.astype("<f2").tobytes())
                for face_id, vector in zip(face_ids, item.vectors, strict=True)
            ],
        )


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
    sql.execute(
        "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, NULL)",
        (
            path_to_db(item.path),
            item.size,
            item.mtime_ns,
            photo_id,
            item.error_kind,
            item.error if photo_id is None else None,
        ),
    )


def _rename_content(sql: sqlite3.Connection, path: str, content_hash: str) -> bool:
    """Where a file's content was edited, let its photo go on under the new hash.

    Only a photo that no other file holds now (it may have been moved before it was edited), and
    only to content that is not known yet.
    """
    cursor = sql.execute(
        """UPDATE photos SET content_hash = :hash
        WHERE id = (SELECT photo_id FROM files WHERE path = :path)
            AND content_hash != :hash
            AND NOT EXISTS (SELECT 1 FROM photos WHERE content_hash = :hash)
            AND NOT EXISTS (SELECT 1 FROM files
                WHERE photo_id = photos.id AND path != :path AND missing_since IS NULL)""",
        {"hash": content_hash, "path": path_to_db(path)},
    )
    return cursor.rowcount > 0


def _put_faces(
    sql: sqlite3.Connection, photo_id: int, item: Scanned, alike_in: str | None
) -> list[int]:
    """Store the photo's faces and return their ids; those not found again are retired.

    With `alike_in`, a model, a face is the same one only if its embedding says so too.
    """
    known = {
        int(row[0]): Box(*row[1:5])
        for row in sql.execute("SELECT id, x, y, w, h FROM faces WHERE photo_id = ?", (photo_id,))
    }
    ids = []
    for face, vector in zip(item.faces, item.vectors, strict=True):
        match = max(known, key=lambda i: face.box.iou(known[i]), default=None)
        if match is not None and (
            face.box.iou(known[match]) < SAME_FACE_IOU
            or (alike_in is not None and not _alike(sql, alike_in, match, vector))
        ):
            match = None
        if match is not None:
            del known[match]
        ids.append(_put_face(sql, photo_id, face, match))
    sql.executemany(
        "UPDATE faces SET retired_at = ? WHERE id = ? AND retired_at IS NULL",
        [(now(), face_id) for face_id in known],
    )
    return ids


def _alike(sql: sqlite3.Connection, model: str, face_id: int, vector: FloatArray) -> bool:
    row = sql.execute(
        "SELECT vector FROM embeddings WHERE model = ? AND face_id = ?", (model, face_id)
    ).fetchone()
    if row is None:
        return False
    old = np.frombuffer(row[0], "<f2").astype(np.float32)
    if old.shape != vector.shape:
        return False
    lengths = float(np.linalg.norm(old) * np.linalg.norm(vector))
    return float(old @ vector) >= SAME_FACE_COSINE * lengths


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


def mark_missing(sql: sqlite3.Connection, paths: Iterable[str]) -> None:
    """Mark files as gone; their photos, faces and names are kept."""
    sql.executemany(
        "UPDATE files SET missing_since = ? WHERE path = ? AND missing_since IS NULL",
        [(now(), path_to_db(path)) for path in paths],
    )


def present_paths(db: Database) -> Iterator[str]:
    """Paths of all files that were there when last looked."""
    for (path,) in db.rows("SELECT path FROM files WHERE missing_since IS NULL"):
        yield path_from_db(path)


def photos_with_files(db: Database) -> Iterator[tuple[str, int, PhotoInfo]]:
    """Each present, readable file: path, photo id, facts; in order of path."""
    rows = db.rows(
        """SELECT path, photos.id, width, height, orientation, format, taken_at, camera
        FROM files JOIN photos ON photos.id = files.photo_id
        WHERE missing_since IS NULL ORDER BY path"""
    )
    for path, photo_id, *info in rows:
        yield path_from_db(path), int(photo_id), PhotoInfo(*info)


def live_boxes(db: Database) -> dict[int, list[tuple[int, Box]]]:
    """The faces of each photo: photo id to (face id, box), in order of face id."""
    boxes: dict[int, list[tuple[int, Box]]] = {}
    rows = db.rows(f"SELECT photo_id, id, x, y, w, h FROM faces WHERE {LIVE_FACES} ORDER BY id")
    for photo_id, face_id, *box in rows:
        boxes.setdefault(int(photo_id), []).append((int(face_id), Box(*box)))
    return boxes


def live_faces(db: Database, model: str) -> tuple[IntArray, FloatArray]:
    """Ids (N,) ascending and embeddings (N, D), not normalised, of all live faces of a model."""
    where = f"model = ? AND {LIVE_FACES}"
    joined = "embeddings JOIN faces ON faces.id = embeddings.face_id"
    ((count, length),) = db.rows(
        f"SELECT count(*), coalesce(max(length(vector)), 0) FROM {joined} WHERE {where}", (model,)
    )
    ids = np.zeros(count, np.int64)
    x = np.zeros((count, length // 2), np.float32)
    rows = db.rows(f"SELECT face_id, vector FROM {joined} WHERE {where} ORDER BY face_id", (model,))
    for i, (face_id, vector) in enumerate(rows):
        ids[i] = face_id
        x[i] = np.frombuffer(vector, "<f2")
    return ids, x


def live_face_ids(db: Database) -> frozenset[int]:
    """Ids of all faces that count."""
    rows = db.rows(f"SELECT id FROM faces WHERE {LIVE_FACES}")
    return frozenset(int(row[0]) for row in rows)


def thumbnail(db: Database, face_id: int) -> bytes | None:
    """The JPEG of a face's aligned crop, or None."""
    row = db.row("SELECT image FROM crops WHERE face_id = ?", (face_id,))
    return None if row is None else bytes(row[0])


def unreadable(db: Database) -> list[tuple[str, str, str]]:
    """Path, kind and reason of every present file that could not be read, in order of path."""
    rows = db.rows(
        """SELECT path, error_kind, error FROM files
        WHERE error IS NOT NULL AND missing_since IS NULL ORDER BY path"""
    )
    return [(path_from_db(path), str(kind), str(reason)) for path, kind, reason in rows]


def face_facts(db: Database) -> dict[int, tuple[str, str | None, float]]:
    """Each live face's file, capture date and quality (detector score times size in pixels)."""
    rows = db.rows(
        f"""SELECT faces.id, min(path), taken_at, score * faces.size FROM faces
        JOIN photos ON photos.id = faces.photo_id
        JOIN files ON files.photo_id = photos.id AND files.missing_since IS NULL
        WHERE {LIVE_FACES} GROUP BY faces.id"""
    )
    return {int(i): (path_from_db(path), taken, float(q)) for i, path, taken, q in rows}


def counts(db: Database, extractor: str | None) -> dict[str, int]:
    """How many files, photos, faces, errors, missing and stale photos there are.

    "stale" photos are there and were scanned by another extractor than `extractor`, that of the
    last scan that was finished; None where there was none.
    """

    def count(query: str, *arguments: object) -> int:
        return sum(int(row[0]) for row in db.rows(f"SELECT count(*) FROM {query}", arguments))

    present = "EXISTS (SELECT 1 FROM files WHERE photo_id = photos.id AND missing_since IS NULL)"
    return {
        "files": count("files WHERE missing_since IS NULL"),
        "photos": count(f"photos WHERE {present}"),
        "faces": count(f"faces WHERE {LIVE_FACES}"),
        "errors": count("files WHERE error IS NOT NULL AND missing_since IS NULL"),
        "missing": count("files WHERE missing_since IS NOT NULL"),
        "stale": count(f"photos WHERE extractor != ? AND {present}", extractor),
    }

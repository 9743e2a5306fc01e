"""Photos, files, faces and embeddings."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from heapq import merge
from operator import itemgetter

import numpy as np

from faceclust.halves import Halves
from faceclust.records import Box, FloatArray, IntArray, PhotoInfo
from faceclust.store.database import Database, path_from_db, path_to_db

# A face counts while a file of its photo is there and the newest detector still finds it.
LIVE_FACES = """faces.retired_at IS NULL AND EXISTS (
    SELECT 1 FROM files WHERE files.photo_id = faces.photo_id AND files.missing_since IS NULL)"""
# The same, asked once for all files rather than for each face: for questions about all faces.
_ALL_LIVE = """retired_at IS NULL AND photo_id IN (
    SELECT photo_id FROM files WHERE missing_since IS NULL)"""


@dataclass(frozen=True, slots=True)
class FileState:
    """What the database knows of one file.

    Attributes:
        extractor: what found the faces of its photo; None where the file could not be read.
        error_kind, error: why it could not; None where it could.
    """

    size: int
    mtime_ns: int
    photo_id: int | None
    extractor: str | None
    error_kind: str | None
    error: str | None
    missing: bool


def file_state(db: Database, path: str) -> FileState | None:
    """What is known of the file at `path` (relative), or None."""
    row = db.row(
        """SELECT size, mtime_ns, photo_id, extractor, error_kind, error,
            missing_since IS NOT NULL
        FROM files LEFT JOIN photos ON photos.id = photo_id WHERE path = ?""",
        (path_to_db(path),),
    )
    if row is None:
        return None
    size, mtime_ns, photo_id, extractor, kind, error, missing = row
    return FileState(size, mtime_ns, photo_id, extractor, kind, error, bool(missing))


def has_size(db: Database, size: int) -> bool:
    """Whether any known file has this size; content of another size cannot be known."""
    row = db.row("SELECT 1 FROM files WHERE size = ? LIMIT 1", (size,))
    return row is not None


def photo_by_hash(db: Database, content_hash: str) -> tuple[int, str] | None:
    """The id and extractor of the photo with this content, or None."""
    row = db.row("SELECT id, extractor FROM photos WHERE content_hash = ?", (content_hash,))
    return None if row is None else (int(row[0]), str(row[1]))


def has_file(db: Database, photo_id: int) -> bool:
    """Whether a file is there that holds a photo."""
    query = "SELECT 1 FROM files WHERE photo_id = ? AND missing_since IS NULL"
    return db.row(query, (photo_id,)) is not None


def paths_of_content(db: Database, content_hash: str) -> list[str]:
    """Present files with this content, in order of path."""
    rows = db.rows(
        """SELECT path FROM files JOIN photos ON photos.id = files.photo_id
        WHERE content_hash = ? AND missing_since IS NULL ORDER BY path""",
        (content_hash,),
    )
    return [path_from_db(path) for (path,) in rows]


def paths_of(db: Database, photo_id: int) -> list[str]:
    """Present files of a photo."""
    query = "SELECT path FROM files WHERE photo_id = ? AND missing_since IS NULL"
    return [path_from_db(path) for (path,) in db.rows(query, (photo_id,))]


def present_paths(db: Database) -> Iterator[str]:
    """Paths of all files that were there when last looked."""
    for (path,) in db.rows("SELECT path FROM files WHERE missing_since IS NULL"):
        yield path_from_db(path)


def photos_with_files(db: Database) -> Iterator[tuple[str, int, PhotoInfo]]:
    """Each present, readable file: path, photo id, facts; in order of path."""
    yield from _photos(db, "")


def photos_by_code_points(db: Database) -> Iterator[tuple[str, int, PhotoInfo]]:
    """As `photos_with_files`, in the order of Python's strings: names that are no text among them.

    Only these few are held in memory.
    """
    path = itemgetter(0)
    text, other = (_photos(db, f"AND typeof(path) = '{kind}'") for kind in ("text", "blob"))
    return merge(text, sorted(other, key=path), key=path)


def _photos(db: Database, which: str) -> Iterator[tuple[str, int, PhotoInfo]]:
    rows = db.rows(
        f"""SELECT path, photos.id, width, height, orientation, format, taken_at, camera
        FROM files JOIN photos ON photos.id = files.photo_id
        WHERE missing_since IS NULL {which} ORDER BY path"""
    )
    for path, photo_id, *info in rows:
        yield path_from_db(path), int(photo_id), PhotoInfo(*info)


def photos_since(db: Database, mtime_ns: int) -> set[int]:
    """Ids of the photos all of whose present files were modified after a time, in nanoseconds."""
    rows = db.rows(
        """SELECT photo_id FROM files WHERE missing_since IS NULL AND photo_id IS NOT NULL
        GROUP BY photo_id HAVING min(mtime_ns) > ?""",
        (mtime_ns,),
    )
    return {int(photo) for (photo,) in rows}


def file_sizes(db: Database) -> dict[str, int]:
    """Bytes of each present file, by path."""
    rows = db.rows("SELECT path, size FROM files WHERE missing_since IS NULL")
    return {path_from_db(path): int(size) for path, size in rows}


def largest_files(db: Database, count: int) -> list[tuple[str, int]]:
    """Path and bytes of the largest files; missing ones only after all that are there."""
    rows = db.rows(
        """SELECT path, size FROM files
        ORDER BY missing_since IS NOT NULL, size DESC, path LIMIT ?""",
        (count,),
    )
    return [(path_from_db(path), int(size)) for path, size in rows]


def live_boxes(db: Database) -> dict[int, list[tuple[int, Box]]]:
    """The faces of each photo: photo id to (face id, box), in order of face id."""
    boxes: dict[int, list[tuple[int, Box]]] = {}
    rows = db.rows(f"SELECT photo_id, id, x, y, w, h FROM faces WHERE {LIVE_FACES} ORDER BY id")
    for photo_id, face_id, *box in rows:
        boxes.setdefault(int(photo_id), []).append((int(face_id), Box(*box)))
    return boxes


def live_faces(
    db: Database, model: str, live: Collection[int] | None = None
) -> tuple[IntArray, FloatArray]:
    """Ids (N,) ascending and embeddings (N, D), not normalised, of all live faces of a model.

    Args:
        live: the faces that are wanted, where not all of those that count are.
    """
    live = live_face_ids(db) if live is None else live
    ids, x = np.empty(len(live), np.int64), np.zeros((0, 0), np.float32)
    found = 0
    for face, vector in _vectors(db, model, live):
        if not found:
            x = np.empty((len(live), len(vector) // 2), np.float32)
        ids[found], x[found] = face, np.frombuffer(vector, "<f2")
        found += 1
    return ids[:found], x[:found]


def mapped_faces(db: Database, model: str, live: Collection[int]) -> tuple[IntArray, Halves | None]:
    """As `live_faces`, with the embeddings in a file on the database's disk; None for none.

    That disk holds as many bytes of them already; temporary folders are often memory.

    Raises:
        OSError: there is no room for the file.
    """
    ids, found = np.empty(len(live), np.int64), 0

    def vectors() -> Iterator[bytes]:
        nonlocal found
        for face, vector in _vectors(db, model, live):
            ids[found] = face
            found += 1
            yield vector

    halves = Halves.written(vectors(), len(live), db.path.parent)
    return ids[:found], halves


def _vectors(db: Database, model: str, live: Collection[int]) -> Iterator[tuple[int, bytes]]:
    """Each wanted face with an embedding of a model, float16, in order of face id."""
    rows = db.rows("SELECT face_id, vector FROM embeddings WHERE model = ? ORDER BY 1", (model,))
    return ((face, vector) for face, vector in rows if face in live)


def embedded_faces(db: Database, model: str) -> frozenset[int]:
    """Ids of all faces that count and have an embedding of a model."""
    query = f"""SELECT face_id FROM embeddings JOIN faces ON faces.id = embeddings.face_id
        WHERE model = ? AND {_ALL_LIVE}"""
    return db.column(query, (model,))


def embeddings_of(db: Database, model: str, faces: Iterable[int]) -> tuple[IntArray, FloatArray]:
    """As `live_faces`, of those of the given faces that have an embedding of the model."""
    query = "SELECT vector FROM embeddings WHERE model = ? AND face_id = ?"
    found = [(face, row[0]) for face in sorted(faces) if (row := db.row(query, (model, face)))]
    x = [np.frombuffer(vector, "<f2").astype(np.float32) for _, vector in found]
    ids = np.array([face for face, _ in found], np.int64)
    return ids, np.stack(x) if x else np.zeros((0, 0), np.float32)


def taken_dates(db: Database) -> dict[int, str]:
    """The capture date of each face's photo, where it is known: face id to ISO 8601."""
    rows = db.rows(
        """SELECT faces.id, taken_at FROM faces JOIN photos ON photos.id = photo_id
        WHERE taken_at IS NOT NULL"""
    )
    return {int(face): str(taken) for face, taken in rows}


def photo_of_faces(db: Database) -> dict[int, int]:
    """The photo that each face was found in: face id to photo id."""
    return db.pairs("SELECT id, photo_id FROM faces")


def face_photos(db: Database) -> tuple[IntArray, IntArray]:
    """As `photo_of_faces`: ids of all faces (N,), ascending, and the photo of each (N,)."""
    rows = np.fromiter(db.rows("SELECT id, photo_id FROM faces ORDER BY id"), np.dtype("i8,i8"))
    return rows["f0"], rows["f1"]


def live_face_ids(db: Database) -> frozenset[int]:
    """Ids of all faces that count."""
    return db.column(f"SELECT id FROM faces WHERE {_ALL_LIVE}")


def thumbnail(db: Database, face_id: int) -> bytes | None:
    """The JPEG of a face's aligned crop, or None."""
    row = db.row("SELECT image FROM crops WHERE face_id = ?", (face_id,))
    return None if row is None else bytes(row[0])


def photo_file(db: Database, photo_id: int) -> tuple[str, PhotoInfo] | None:
    """Path of the first present file of a photo, and its facts; None where there is none."""
    row = db.row(
        """SELECT path, width, height, orientation, format, taken_at, camera
        FROM photos JOIN files ON files.photo_id = photos.id
        WHERE photos.id = ? AND missing_since IS NULL ORDER BY path LIMIT 1""",
        (photo_id,),
    )
    return None if row is None else (path_from_db(row[0]), PhotoInfo(*row[1:]))


def boxes_in(db: Database, photo_id: int) -> list[tuple[int, Box]]:
    """The faces of one photo, face id and box, from left to right."""
    rows = db.rows(
        f"SELECT id, x, y, w, h FROM faces WHERE photo_id = ? AND {LIVE_FACES} ORDER BY x, id",
        (photo_id,),
    )
    return [(int(face_id), Box(*box)) for face_id, *box in rows]


def face_place(db: Database, face_id: int) -> tuple[int, Box] | None:
    """The photo and the box of a face that counts, or None."""
    row = db.row(
        f"SELECT photo_id, x, y, w, h FROM faces WHERE id = ? AND {LIVE_FACES}", (face_id,)
    )
    return None if row is None else (int(row[0]), Box(*row[1:]))


def revision(db: Database) -> int:
    """A number that grows with every change of files, photos and faces."""
    return int(db.setting("revision") or 0)


def file_of(db: Database, face_id: int) -> str | None:
    """The first present file, in order of path, that shows a face; None where all are gone."""
    row = db.row(
        """SELECT path FROM files JOIN faces ON faces.photo_id = files.photo_id
        WHERE faces.id = ? AND missing_since IS NULL ORDER BY path LIMIT 1""",
        (face_id,),
    )
    return None if row is None else path_from_db(row[0])


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
    """How many files, photos, errors, missing and stale photos there are.

    "stale" photos are there and were scanned by another extractor than `extractor`, that of the
    last scan that was finished; None where there was none.
    """

    def count(query: str, *arguments: object) -> int:
        return sum(int(row[0]) for row in db.rows(f"SELECT count(*) FROM {query}", arguments))

    present = "EXISTS (SELECT 1 FROM files WHERE photo_id = photos.id AND missing_since IS NULL)"
    return {
        "files": count("files WHERE missing_since IS NULL"),
        "photos": count(f"photos WHERE {present}"),
        "errors": count("files WHERE error IS NOT NULL AND missing_since IS NULL"),
        "missing": count("files WHERE missing_since IS NOT NULL"),
        "stale": count(f"photos WHERE extractor != ? AND {present}", extractor),
    }

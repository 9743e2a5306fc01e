"""Shards of scanned photos on disk, laid out as the field lays out large sets of embeddings.

    FOLDER/photos/NAME.parquet      a row for each photo: path, hash, size, date, or why it has none
    FOLDER/faces/NAME.parquet       a row for each face: box, landmarks, quality, aligned crop
    FOLDER/embeddings/NAME.npy      float16 (F, D), row i for the i-th face
    FOLDER/clip/NAME.npy            float16 (F, E), likewise; only where CLIP describes faces

A shard is finished when its photos are there: they are written last, and every file appears whole.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from faceclust.errors import WriteError
from faceclust.records import Box, Face, FloatArray, PhotoInfo
from faceclust.store import Scanned

PHOTOS, FACES, EMBEDDINGS, CLIP = "photos", "faces", "embeddings", "clip"
INFO = ("width", "height", "orientation", "format", "taken_at", "camera")
MEASURES = ("score", "size", "blur", "yaw")


def write(folder: Path, name: str, items: Sequence[Scanned]) -> None:
    """Write a shard.

    Raises:
        WriteError: the folder cannot be written.
    """
    import pyarrow.parquet as pq

    found = [item.clip_vectors for item in items if item.clip_vectors is not None]
    try:
        if found:
            _put(folder / CLIP / f"{name}.npy", _saver(found))
        _put(folder / EMBEDDINGS / f"{name}.npy", _saver([item.vectors for item in items]))
        for kind, table in ((FACES, _faces(items)), (PHOTOS, _photos(items))):
            save = partial(pq.write_table, table, compression="zstd")
            _put(folder / kind / f"{name}.parquet", save)
    except OSError as error:
        raise WriteError(
            f"{folder} cannot be written ({error.strerror or error}); free some space, or pass "
            "--shards a folder of your own."
        ) from error


def read(folder: Path, name: str) -> list[Scanned] | None:
    """What `write` was given, its embeddings as float16 holds them; None where it is not whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        photos = pq.read_table(folder / PHOTOS / f"{name}.parquet").to_pylist()
        faces = pq.read_table(folder / FACES / f"{name}.parquet").to_pylist()
        vectors = np.load(folder / EMBEDDINGS / f"{name}.npy", allow_pickle=False)
        path = folder / CLIP / f"{name}.npy"
        clip = np.load(path, allow_pickle=False) if path.is_file() else None
        if not all(len(rows) == len(faces) for rows in (vectors, clip) if rows is not None):
            return None
        return list(_items(photos, faces, vectors, clip))
    except (OSError, EOFError, ValueError, KeyError, TypeError, pa.ArrowException):
        return None


def whole(folder: Path, name: str) -> set[tuple[str, int, int]]:
    """Path, size and date of the photos of a shard that could be read; its faces are not opened.

    Empty where it is damaged.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = ["path", "size", "mtime_ns", "error"]
    try:
        table = pq.read_table(folder / PHOTOS / f"{name}.parquet", columns=columns)
        rows = zip(*(table.column(column).to_pylist() for column in columns), strict=True)
    except (OSError, KeyError, pa.ArrowException):
        return set()
    return {(os.fsdecode(path), size, date) for path, size, date, error in rows if error is None}


def finished(folder: Path) -> Iterator[str]:
    """The names of the shards that are whole, in order."""
    return (path.stem for path in sorted((folder / PHOTOS).glob("*.parquet")))


def _items(
    photos: list[dict[str, Any]], faces: list[dict[str, Any]], vectors: FloatArray,
    clip: FloatArray | None,
) -> Iterator[Scanned]:  # fmt: skip
    start = 0
    for row in photos:
        rows = slice(start, start := start + row["faces"])
        if start > len(faces):
            raise ValueError("fewer faces than the photos have")
        yield Scanned(
            path=os.fsdecode(row["path"]),
            size=row["size"],
            mtime_ns=row["mtime_ns"],
            content_hash=row["content_hash"],
            info=None if row["width"] is None else PhotoInfo(*(row[key] for key in INFO)),
            faces=tuple(map(_face, faces[rows])),
            vectors=np.asarray(vectors[rows], np.float32),
            clip_vectors=None if clip is None else np.asarray(clip[rows], np.float32),
            thumbnails=tuple(face["crop"] for face in faces[rows]),
            error_kind=row["error_kind"],
            error=row["error"],
        )


def _face(row: dict[str, Any]) -> Face:
    landmarks = np.array(row["landmarks"], np.float32).reshape(5, 2)
    box = Box(row["x"], row["y"], row["w"], row["h"])
    return Face(box, landmarks, *(row[key] for key in MEASURES))


def _photos(items: Iterable[Scanned]) -> Any:
    import pyarrow as pa

    whole, text = pa.int64(), pa.string()
    schema = pa.schema(
        {
            # Not every path is text.
            "path": pa.binary(), "size": whole, "mtime_ns": whole, "content_hash": text,
            "width": whole, "height": whole, "orientation": whole, "format": text,
            "taken_at": text, "camera": text, "faces": whole, "error_kind": text, "error": text,
        }
    )  # fmt: skip
    rows = [
        {
            "path": os.fsencode(item.path), "size": item.size, "mtime_ns": item.mtime_ns,
            "content_hash": item.content_hash, "faces": len(item.faces),
            "error_kind": item.error_kind, "error": item.error,
        }
        | {key: getattr(item.info, key, None) for key in INFO}
        for item in items
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema)


def _faces(items: Iterable[Scanned]) -> Any:
    import pyarrow as pa

    numbers = {key: pa.float64() for key in ("x", "y", "w", "h", *MEASURES)}
    points = pa.list_(pa.float32(), 10)
    schema = pa.schema({"path": pa.binary(), **numbers, "landmarks": points, "crop": pa.binary()})
    rows = [
        {
            "path": os.fsencode(item.path), "landmarks": face.landmarks.ravel().tolist(),
            "x": face.box.x, "y": face.box.y, "w": face.box.w, "h": face.box.h, "crop": crop,
        }
        | {key: getattr(face, key) for key in MEASURES}
        for item in items
        for face, crop in zip(item.faces, item.thumbnails, strict=True)
    ]  # fmt: skip
    return pa.Table.from_pylist(rows, schema)


def _saver(parts: Sequence[FloatArray]) -> Callable[[Path], None]:
    """Writes the rows of (F_i, D) arrays one below the other; those without rows have no D."""
    full = [part for part in parts if len(part)] or [np.zeros((0, 0), np.float32)]
    rows = np.concatenate(full).astype("<f2")

    def save(path: Path) -> None:
        with path.open("wb") as file:
            np.save(file, rows, allow_pickle=False)

    return save


def _put(path: Path, write_to: Callable[[Path], object]) -> None:
    """Let a file appear whole, whoever else is writing it."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        write_to(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)

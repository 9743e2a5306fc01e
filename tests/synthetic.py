"""Libraries made up in memory: scanned photos with random embeddings, no network and no pixels."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np

from faceclust.pipeline import Library
from faceclust.records import Box, Face, FloatArray, PhotoInfo
from faceclust.store import (
    Database,
    Scanned,
    StoredClustering,
    StoredValue,
    catalogue,
    descriptions,
    intake,
    ledger,
    open_database,
)

MODEL, EXTRACTOR = "model-a", "extractor-1"
INFO = PhotoInfo(4000, 3000, 1, "JPEG", "2019-07-14T18:03:22", "Acme One")
LEFT, MIDDLE, RIGHT = (Box(x, 0.3, 0.2, 0.3) for x in (0.05, 0.4, 0.75))


def face(box: Box = MIDDLE, score: float = 0.9, size: float = 100.0) -> Face:
    places = ((0.3, 0.4), (0.7, 0.4), (0.5, 0.6), (0.35, 0.8), (0.65, 0.8))
    points = [(box.x + box.w * u, box.y + box.h * v) for u, v in places]
    return Face(box, np.array(points, np.float32), score, size, 50.0, 0.0)


def looks(person: int, dimensions: int = 32) -> FloatArray:
    """An embedding that is its person's own."""
    return np.random.default_rng(person).normal(size=dimensions).astype(np.float32)


def photo(path: str, *people: int, content: str | None = None, boxes: tuple[Box, ...] = (),
          info: PhotoInfo = INFO, size: int = 1000) -> Scanned:  # fmt: skip
    """What a scan finds in a photo of `people`, from left to right."""
    places = boxes or (MIDDLE, LEFT, RIGHT)[: len(people)]
    return Scanned(
        path=path,
        size=size,
        mtime_ns=1,
        content_hash=content or f"content of {os.fsencode(path)!r}",
        info=info,
        faces=tuple(face(box) for box in places),
        vectors=np.stack([looks(p) for p in people]) if people else np.zeros((0, 0), np.float32),
        thumbnails=tuple(b"jpeg of %d" % p for p in people),
    )


def put(db: Database, *batch: Scanned, extractor: str = EXTRACTOR) -> None:
    with db.transaction() as sql:
        intake.put_scanned(sql, batch, extractor, MODEL)


def face_ids(db: Database) -> dict[str, list[int]]:
    """Ids of the live faces of each present file."""
    boxes = catalogue.live_boxes(db)
    return {
        path: [face for face, _ in boxes.get(number, [])]
        for path, number, _ in catalogue.photos_with_files(db)
    }


def group(db: Database, *clusters: tuple[int, ...]) -> list[int]:
    """Keep a clustering; the ids of its clusters."""
    ids = ledger.new_ids(db, len(clusters))
    membership = {f: i for i, faces in zip(ids, clusters, strict=True) for f in faces}
    ledger.put_clustering(db, StoredClustering(MODEL, "infomap", {"k": 50}, membership))
    return ids


def describe(db: Database, *faces: int, gender: str = "female", clip: str = "toy") -> None:
    """Give faces CLIP embeddings in a space of two dimensions that knows men, women and hats."""
    rows = {
        ("gender", "female"): (10, 0), ("gender", "male"): (-10, 0),
        ("hat", "yes"): (0, 10), ("hat", "no"): (0, -10),
    }  # fmt: skip
    values = [StoredValue(*key, "", np.array(row, np.float32)) for key, row in rows.items()]
    descriptions.put_attribute_values(db, clip, values)
    i = np.array([[0.6 if gender == "female" else -0.6, -0.8]] * len(faces), np.float32)
    with db.transaction() as sql:
        intake.put_vectors(sql, clip, faces, i)
    db.set_setting("clip", clip)


def library(root: Path, *batch: Scanned, db: Path | None = None) -> Library:
    """A scanned library; close it."""
    root.mkdir(exist_ok=True, parents=True)
    opened = Library(root, open_database(db or root.parent / "library.db", create=True))
    opened.db.set_setting("root", str(root))
    put(opened.db, *batch)
    opened.db.set_setting("extractor", EXTRACTOR)
    opened.db.set_setting("model", MODEL)
    return opened

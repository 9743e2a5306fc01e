"""A library of any size that nobody photographed: faces drawn by arithmetic, people by lot."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from faceclust.pipeline import Library
from faceclust.pipeline.models import MOBILE
from faceclust.records import Box, Face, FloatArray, IntArray, PhotoInfo
from faceclust.store import Scanned, StoredClustering, intake, ledger, open_database
from tests import synthetic
from tests.engine.crowd import faces as crowd

MODEL, EXTRACTOR = "made-up", "made-up"
DIMENSIONS = 64
PICTURES = 200
FACES_PER_PHOTO = 3
# The mobile profile's two networks, and how many directions faces have in each.
WIDTHS, RANKS = (512, 192), (160, 96)


def library(folder: Path, people: int, faces: int, seed: int = 0) -> Library:
    """A scanned and clustered library of `people`, their shares falling as in real albums."""
    folder.mkdir(parents=True)
    db = open_database(folder / "library.db", create=True)
    db.set_setting("root", str(folder))
    db.set_setting("model", MODEL)
    db.set_setting("extractor", EXTRACTOR)
    rng = np.random.default_rng(seed)
    shares = 1 / np.arange(5, people + 5)
    owner = np.concatenate(
        [np.repeat(np.arange(people), 2),
         rng.choice(people, faces - 2 * people, p=shares / shares.sum())]
    )  # fmt: skip
    rng.shuffle(owner)
    centres = rng.normal(size=(people, DIMENSIONS)).astype(np.float32)
    pictures = [picture(i) for i in range(PICTURES)]
    with db.transaction() as sql:
        batch = [
            _photo(n, owner[n : n + FACES_PER_PHOTO], centres, pictures, rng)
            for n in range(0, faces, FACES_PER_PHOTO)
        ]
        intake.put_scanned(sql, batch, EXTRACTOR, MODEL)
    with db.transaction() as sql:
        sql.executemany("INSERT INTO identifiers DEFAULT VALUES", [()] * people)
    membership = {face: int(person) + 1 for face, person in enumerate(owner, start=1)}
    ledger.put_clustering(db, StoredClustering(MODEL, "made-up", {}, membership))
    return Library(folder, db)


def embedded(folder: Path, x: FloatArray, model: str) -> None:
    """A scanned library of photos with one face each, (N, D) embeddings given; not clustered."""
    folder.mkdir(parents=True)
    crop = picture(0)
    landmarks = np.full((5, 2), 0.5, np.float32)
    face = Face(Box(0.3, 0.3, 0.3, 0.3), landmarks, 0.9, 120, 50.0, 0.0)
    with open_database(folder / "library.db", create=True) as db:
        for key, value in {"root": str(folder), "model": model, "extractor": EXTRACTOR}.items():
            db.set_setting(key, value)
        with db.transaction() as sql:
            batch = (
                Scanned(
                    f"{number:07}.jpg", 1000, 1, str(number),
                    PhotoInfo(4000, 3000, 1, "JPEG", None), (face,), x[number : number + 1],
                    None, (crop,),
                )
                for number in range(len(x))
            )  # fmt: skip
            intake.put_scanned(sql, batch, EXTRACTOR, model)


def mobile(N: int) -> tuple[FloatArray, IntArray]:
    """(N, 704) and who is who: a long tail of people in a space like the mobile profile's."""
    x, person = crowd(N, D=sum(RANKS))
    rng = np.random.default_rng(1)
    parts = np.split(x, [RANKS[0]], axis=1)
    turned = [
        part @ np.linalg.qr(rng.normal(size=(width, rank)))[0].T.astype(np.float32)
        for part, width, rank in zip(parts, WIDTHS, RANKS, strict=True)
    ]
    return np.hstack(turned).astype(np.float32), person


def photographed(folder: Path, x: FloatArray, person: IntArray) -> Path:
    """A scanned library of the mobile profile's embeddings (N, 704), in their order; its database.

    One to `FACES_PER_PHOTO` faces a photo, of as many people.
    """
    room = np.random.default_rng(2).integers(1, FACES_PER_PHOTO + 1, len(x)).tolist()
    shown: list[list[int]] = []
    for row, who in enumerate(person.tolist()):
        if not shown or len(shown[-1]) == room[len(shown)] or who in person[shown[-1]]:
            shown.append([])
        shown[-1].append(row)
    batch = (
        replace(synthetic.photo(f"{i:08}.jpg", *rows), vectors=x[rows])
        for i, rows in enumerate(shown)
    )
    with synthetic.library(folder / "album", *batch, db=folder / "faces.db") as opened:
        opened.db.set_setting("model", MOBILE)
        opened.db.sql.execute("UPDATE embeddings SET model = ?", (MOBILE,))
        opened.db.sql.commit()
    return folder / "faces.db"


def _photo(
    number: int,
    people: np.ndarray,
    centres: FloatArray,
    pictures: list[bytes],
    rng: np.random.Generator,
) -> Scanned:
    day = f"{2000 + int(rng.integers(24))}-{1 + int(rng.integers(12)):02}-15T12:00:00"
    boxes = [Box(0.05 + 0.3 * i, 0.3, 0.2, 0.3) for i in range(len(people))]
    vectors = centres[people] + 0.6 * rng.normal(size=(len(people), DIMENSIONS))
    return Scanned(
        path=f"{day[:4]}/{number:06}.jpg",
        size=1000,
        mtime_ns=1,
        content_hash=str(number),
        info=PhotoInfo(4000, 3000, 1, "JPEG", day),
        faces=tuple(
            Face(box, np.full((5, 2), 0.5, np.float32), 0.9, 100 + number % 50, 50.0, 0.0)
            for box in boxes
        ),
        vectors=vectors.astype(np.float32),
        thumbnails=tuple(pictures[person % PICTURES] for person in people),
    )


def picture(number: int) -> bytes:
    """A JPEG of about the size of a real crop's."""
    rng = np.random.default_rng(number)
    image = Image.fromarray(rng.integers(90, 140, (112, 112, 3)).astype(np.uint8))
    draw = ImageDraw.Draw(image)
    draw.ellipse((20, 12, 92, 104), fill=tuple(int(c) for c in rng.integers(120, 230, 3)))
    for x in (42, 70):
        draw.ellipse((x - 5, 44, x + 5, 52), fill=(30, 30, 30))
    draw.arc((40, 60, 72, 88), 20, 160, fill=(80, 20, 20), width=3)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=80)
    return out.getvalue()

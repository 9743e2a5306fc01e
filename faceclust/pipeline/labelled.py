"""Faces of known people: a folder or tar of identities, or a library with a table of labels."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from posixpath import normpath

import numpy as np

from faceclust import config as settings
from faceclust import photos, workers
from faceclust.config import Config
from faceclust.embed.arcface import Embedder
from faceclust.embed.clip import Clip
from faceclust.errors import InputError, PhotoError
from faceclust.evaluate import read_labels
from faceclust.faces.align import CROP
from faceclust.photos import WalkOptions
from faceclust.pipeline import models
from faceclust.pipeline.cluster import photos_of
from faceclust.pipeline.extract import ExtractorFactory, PhotoTask
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import Models, Space
from faceclust.pipeline.unpack import as_folder
from faceclust.records import Box, FloatArray, ImageArray, IntArray
from faceclust.store import Scanned, catalogue
from faceclust.workers import Failure, Limits

CHUNK = 64
IN_PHOTO = re.compile(r"(.+)_face\d+")  # what crops are called that were cut from one photo


@dataclass(frozen=True, slots=True, eq=False)
class Labelled:
    """Faces, some or all of known people.

    Attributes:
        persons: N names; "" where the person is not known.
        embeddings: (N, D) float32, of any length.
        space: of the model that made them.
        photo: (N,) int64, which photo each face is in, or None where that is not known.
        embed_seconds: wall-clock time of the embedding, if it was done now.
        clip: (N, E) float32 CLIP embeddings, where they were asked for and crops were at hand.
    """

    persons: list[str]
    embeddings: FloatArray
    space: Space
    photo: IntArray | None
    embed_seconds: float
    clip: FloatArray | None = None


def labelled_data(
    data: Path, aligned: bool, profile: str | None, *, clip: bool = False
) -> Labelled:
    """Embed a folder or tar with one folder of photos for each person; aligned crops by CLIP, too.

    Raises:
        InputError: it cannot be read, or shows no face.
    """
    config = settings.load()
    config = Config(scan=settings.override(config.scan, profile=profile), detector=config.detector)
    with as_folder(data) as folder:
        started = time.perf_counter()
        resolved = models.resolve(config.scan.profile)
        make = _CropEmbedder(resolved) if aligned else _PhotoEmbedder(resolved, config)
        paths, x = _embed(folder, config, make)
        if not paths:
            raise InputError(f"{data} holds no photo with a face; it needs one folder a person.")
        seen = _embed(folder, config, _ClipEmbedder())[1] if clip and aligned else None
        seconds = time.perf_counter() - started
    persons = [str(Path(path).parent) for path in paths]
    space = models.space(resolved.model_id)
    return Labelled(persons, x, space, _photos_named(paths), seconds, seen)


def _photos_named(paths: list[str]) -> IntArray | None:
    """Which photo each crop was cut from, if all their names say so."""
    named = [IN_PHOTO.fullmatch(Path(path).stem) for path in paths]
    photos_of_crops = [match.group(1) for match in named if match]
    if len(photos_of_crops) < len(paths):
        return None
    return np.unique(photos_of_crops, return_inverse=True)[1].astype(np.int64)


def labelled_library(library: Library, source: Path) -> Labelled:
    """The faces of a library, of which a table names some.

    Raises:
        InputError: the table cannot be read, or names no photo with a face.
        LibraryError: the library has not been scanned yet.
    """
    truth = known_people(library, source)
    model = library.db.setting("model") or ""
    faces, x = catalogue.live_faces(library.db, model)
    persons = [truth.get(face, "") for face in faces.tolist()]
    return Labelled(persons, x, models.space(model), photos_of(library, faces), 0.0)


def known_people(library: Library, source: Path) -> dict[int, str]:
    """Person by face, of the most prominent face of each labelled photo."""
    people = {normpath(file): person for file, person in read_labels(source).items()}
    truth = {
        face: people[path] for path, face in prominent_faces(library).items() if people.get(path)
    }
    if not truth:
        raise InputError(
            f"{source} names no file of {library.root} in which a face was found; its column "
            f"'file' must hold paths relative to that folder."
        )
    return truth


def prominent_faces(library: Library) -> dict[str, int]:
    """The most prominent face of each photo: path to face id."""
    boxes = catalogue.live_boxes(library.db)
    return {
        path: max(boxes[photo], key=lambda face: prominence(face[1], info.width / info.height))[0]
        for path, photo, info in catalogue.photos_with_files(library.db)
        if photo in boxes
    }


def prominence(box: Box, aspect: float) -> float:
    """How much a box looks like the photo's subject: its area, less the further from the middle.

    Args:
        box: normalised.
        aspect: the photo's width over its height.
    """
    off_x, off_y = (box.x + box.w / 2 - 0.5) * aspect, box.y + box.h / 2 - 0.5
    return box.w * box.h * aspect - 2 * (off_x**2 + off_y**2)


def _embed(
    folder: Path, config: Config, make: Callable[[], Callable[[tuple[PhotoTask, ...]], Embedded]]
) -> tuple[list[str], FloatArray]:
    """Embed one face of each photo of a folder of identities.

    Returns:
        N paths relative to the folder, and embeddings (N, D) float32. Photos that cannot be read
        or show no face are left out.
    """
    files = list(photos.walk(folder, WalkOptions()))
    tasks = [
        tuple(PhotoTask(str(folder), f.path, f.size, f.mtime_ns) for f in files[i : i + CHUNK])
        for i in range(0, len(files), CHUNK)
    ]
    found: dict[str, FloatArray] = {}
    limits = Limits(seconds=config.scan.seconds_per_photo * CHUNK)
    for _, result in workers.run(make, tasks, workers=config.scan.workers, limits=limits):
        if not isinstance(result, Failure):
            found.update(result)
    paths = sorted(found)
    x = np.stack([found[path] for path in paths]) if paths else np.zeros((0, 0), np.float32)
    return paths, x


Embedded = dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class _CropEmbedder:
    """Makes, in a worker, what embeds files that are aligned crops."""

    models: Models

    def __call__(self) -> Callable[[tuple[PhotoTask, ...]], Embedded]:
        return partial(_each_crop, Embedder(self.models.embedders))


@dataclass(frozen=True, slots=True)
class _ClipEmbedder:
    """Makes, in a worker, what embeds aligned crops by face-CLIP."""

    def __call__(self) -> Callable[[tuple[PhotoTask, ...]], Embedded]:
        return partial(_each_crop, Clip().encode_images)


def _each_crop(embed: Callable[[ImageArray], FloatArray], tasks: tuple[PhotoTask, ...]) -> Embedded:
    found: Embedded = {}
    for task in tasks:
        try:
            pixels = photos.decode(Path(task.root, task.path)).pixels
        except PhotoError:
            continue
        if pixels.shape[:2] == (CROP, CROP):
            found[task.path] = embed(pixels[None])[0]
    return found


@dataclass(frozen=True, slots=True)
class _PhotoEmbedder:
    """Makes, in a worker, what embeds the most prominent face of each photo."""

    models: Models
    config: Config

    def __call__(self) -> Callable[[tuple[PhotoTask, ...]], Embedded]:
        extract = ExtractorFactory(self.models, self.config.detector, "cpu", 1)()

        def embed(tasks: tuple[PhotoTask, ...]) -> Embedded:
            return {
                task.path: vector
                for task in tasks
                if (vector := _subject(extract(task))) is not None
            }

        return embed


def _subject(scanned: Scanned) -> FloatArray | None:
    if scanned.info is None or not scanned.faces:
        return None
    aspect = scanned.info.width / scanned.info.height
    best = max(range(len(scanned.faces)), key=lambda i: prominence(scanned.faces[i].box, aspect))
    vector: FloatArray = scanned.vectors[best]
    return vector

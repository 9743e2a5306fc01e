"""Faces of known people: a folder or tar of identities, or a library with a table of labels."""

from __future__ import annotations

import re
import time
from dataclasses import dataclass, replace
from pathlib import Path
from posixpath import normpath

import numpy as np

from faceclust import config as settings
from faceclust.config import Config
from faceclust.embed.clip import FACE_CLIP, model_id
from faceclust.errors import InputError
from faceclust.evaluate import read_labels
from faceclust.pipeline import models
from faceclust.pipeline.cluster import described_by, description_of, photos_of
from faceclust.pipeline.devices import Devices
from faceclust.pipeline.identities import (
    Extras,
    as_folder,
    embed_folder,
    gather,
    person_of,
    prominence,
)
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import Space
from faceclust.pipeline.scoring import Described
from faceclust.records import FloatArray, IntArray
from faceclust.store import catalogue
from faceclust.weights import Notify

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
        described: their CLIP embeddings, or None where they were not asked for or some lack one.
    """

    persons: list[str]
    embeddings: FloatArray
    space: Space
    photo: IntArray | None
    embed_seconds: float
    described: Described | None = None


def labelled_data(
    data: Path, aligned: bool, profile: str | None, *, clip: bool = False,
    notify: Notify | None = None,
) -> Labelled:  # fmt: skip
    """Embed a folder or tar with one folder of photos for each person; `clip`: by face-CLIP, too.

    Without the GPU that the settings ask for, the CPU does it, and `notify` is told why.

    Raises:
        InputError: it cannot be read, or shows no face.
    """
    config = settings.load()
    config = Config(scan=settings.override(config.scan, profile=profile), detector=config.detector)
    with as_folder(data) as folder:
        started = time.perf_counter()
        resolved = models.resolve(config.scan.profile)
        devices = Devices()
        device = devices.networks(config.scan.device, notify)
        config = replace(config, scan=replace(config.scan, device=device))
        seeing = devices.describing(device, notify) if clip else device
        extras = Extras(clip=FACE_CLIP if clip else None, clip_device=seeing)
        faces = gather(embed_folder(folder, resolved, config, aligned=aligned, extras=extras))
        if not faces.names:
            raise InputError(f"{data} holds no photo with a face; it needs one folder a person.")
        seconds = time.perf_counter() - started
    return Labelled(
        [person_of(name) for name in faces.names],
        faces.x,
        models.space(resolved.model_id),
        _photos_named(faces.names),
        seconds,
        Described(model_id(FACE_CLIP), faces.clip) if clip else None,
    )


def _photos_named(names: tuple[str, ...]) -> IntArray | None:
    """Which photo each crop was cut from, if all their names say so."""
    named = [(name, IN_PHOTO.fullmatch(Path(name).stem)) for name in names]
    # Photos are numbered within a family, whose members have a folder each.
    photos_of_crops = [
        f"{name.partition('_MID')[0] if '_MID' in name else ''}/{match.group(1)}"
        for name, match in named
        if match
    ]
    if len(photos_of_crops) < len(names):
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
    described = described_by(library, description_of(library), faces)
    photo = photos_of(library, faces)
    return Labelled(persons, x, models.space(model), photo, 0.0, described)


def known_people(library: Library, source: Path) -> dict[int, str]:
    """Person by face, of the most prominent face of each labelled photo."""
    people = {normpath(file): person for file, person in read_labels(source).items()}
    truth = {
        face: people[path] for path, face in prominent_faces(library).items() if people.get(path)
    }
    if not truth:
        raise InputError(
            f"{source} names no file of {library.place} in which a face was found; its column "
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

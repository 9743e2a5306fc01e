"""Folders and tars of identities, one folder a person: aligned crops, or photos."""

from __future__ import annotations

import hashlib
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from faceclust import photos
from faceclust.config import Config
from faceclust.errors import InputError
from faceclust.faces.align import CROP
from faceclust.photos import WalkOptions, content_hash
from faceclust.pipeline.identities import (
    CHUNK,
    CropEmbedder,
    Embedded,
    Extras,
    as_folder,
    embed_all,
    embed_folder,
    person_of,
)
from faceclust.pipeline.models import Models, space
from faceclust.records import IntArray
from faceclust.train.data import cache, recordio
from faceclust.train.data.identities import Identities

SAMPLE = 20  # files looked at to tell crops from photos
UNTOLD = (0, 0)
RECORDIO = "recordio-"  # what begins the name of a RecordIO in the cache
FAMILY = re.compile(r"(F\d+)_MID\d+/(P\d+)_face\d+\.\w+")


@dataclass(frozen=True, slots=True)
class Embedding:
    """What embeds data sets, and where the embeddings are kept.

    Attributes:
        models: the networks.
        config: of the scan (device, workers) and the detector.
        folder: where the embeddings are kept.
        extras: what is embedded beside.
        count: told the data set's name and how many of its faces are embedded by now.
    """

    models: Models
    config: Config
    folder: Path
    extras: Extras
    count: Any = lambda name, faces: None

    @property
    def parts(self) -> tuple[int, ...]:
        """Sizes of the networks' embeddings; () where there is one network."""
        return space(self.models.model_id).parts

    def made(self, name: str, source: str, run: cache.Embed) -> Path:
        """Bring the file of a data set about, see `cache.embed`."""
        digest = cache.recipe(source, self.models, self.extras)
        width = self.parts[0] if self.parts else 1 << 30
        what = cache.What(name, digest, self.models.model_id, width)
        return cache.embed(self.folder, what, run, partial(self.count, name))


def name_of(data: Path) -> str:
    """What a folder or tar of identities is called in the cache."""
    return data.stem if data.is_file() else data.name


def embed_set(data: Path, using: Embedding) -> Path:
    """Embed a folder or tar of identities, once: the path of its file in the cache.

    Raises:
        InputError: it is missing, damaged or without a face.
        WriteError: the cache cannot be written.
    """
    name, source = name_of(data), _source(data)

    def run(known: frozenset[str]) -> Iterable[Embedded]:
        with as_folder(data) as folder:
            aligned = holds_crops(folder)
            yield from embed_folder(
                folder, using.models, using.config, aligned=aligned, extras=using.extras,
                known=known,
            )  # fmt: skip

    return using.made(name, source, run)


def embed_records(
    folder: Path, using: Embedding, only: IntArray | None = None
) -> tuple[Path, recordio.Faces]:
    """Embed the images of a RecordIO, once: the file in the cache, and who is who.

    Args:
        folder: with train.rec and train.idx.
        using: what embeds them.
        only: keys of the images that are wanted; all by default.

    Raises:
        InputError: it is missing, damaged or without a face.
        WriteError: the cache cannot be written.
    """
    faces = recordio.read_faces(folder)
    facts = faces.path.stat()
    index = content_hash(faces.path.with_suffix(".idx"))
    source = f"{index} {facts.st_size} {facts.st_mtime_ns}"
    if only is not None:
        source += hashlib.sha256(only.tobytes()).hexdigest()
        faces = faces.select(np.isin(faces.key, only))

    def run(known: frozenset[str]) -> Iterable[Embedded]:
        pairs = zip(faces.key.tolist(), faces.offset.tolist(), strict=True)
        images = (pair for pair in pairs if str(pair[0]) not in known)
        size = CHUNK[using.config.scan.device]
        tasks = iter(lambda: tuple(islice(images, size)), ())
        path = str(faces.path)
        yield from embed_all(
            CropEmbedder(recordio.crops_of, using.models, using.extras, using.config),
            (recordio.Range(path, task) for task in tasks),
            using.config,
        )

    return using.made(f"{RECORDIO}{folder.name}", source, run), faces


def is_of_records(path: Path) -> bool:
    """Whether `embed_records` made a file of the cache: the labels are in the RecordIO alone."""
    return path.stem.startswith(RECORDIO)


def read_set(path: Path) -> Identities:
    """A folder or tar that `embed_set` has embedded."""
    names = [str(name) for name in cache.mapped(path)["names"]]
    people, label = np.unique([person_of(name) for name in names], return_inverse=True)
    found = [FAMILY.fullmatch(name) for name in names]
    group, photo = label, np.full(len(names), -1, np.int64)
    if all(found):
        group = _number([match[1] for match in found if match])
        photo = _number([f"{match[1]}/{match[2]}" for match in found if match])
    return _identities(path, label, group, photo, tuple(str(p) for p in people))


def read_records(path: Path, faces: recordio.Faces) -> Identities:
    """The images of a RecordIO that `embed_records` has embedded."""
    keys = np.array([int(name) for name in cache.mapped(path)["names"]])
    label = faces.label[np.searchsorted(faces.key, keys)]
    label = np.unique(label, return_inverse=True)[1]
    return _identities(path, label, label, np.full(len(keys), -1, np.int64), ())


def with_clip(identities: Identities, keys: IntArray, path: Path) -> Identities:
    """Faces with the CLIP embeddings of their images, whose RecordIO keys are (N,) `keys`.

    Faces whose image could not be read are left out.

    Raises:
        InputError: no image could.
    """
    arrays = cache.mapped(path)
    there = np.array([int(name) for name in arrays["names"]])
    order = np.argsort(there)
    rows = np.flatnonzero(np.isin(keys, there))
    if not len(rows):
        raise InputError(f"{path} holds none of the images that the list names; check the list.")
    place = order[np.searchsorted(there[order], keys[rows])]
    return replace(identities.select(rows), clip=np.asarray(arrays["i"][place]))


def _identities(
    path: Path, label: IntArray, group: IntArray, photo: IntArray, names: tuple[str, ...]
) -> Identities:
    arrays = cache.mapped(path)
    widths = tuple(arrays[key].shape[1] for key in ("x", "y"))

    def side_by_side(first: str, others: str) -> Any:
        return np.hstack([arrays[first], arrays[others]]) if widths[1] else arrays[first]

    return Identities(
        side_by_side("x", "y"), label, group, photo, str(arrays.get("space", "")),
        widths if widths[1] else (), side_by_side("xm", "ym") if "xm" in arrays else None,
        arrays.get("i"), names,
    )  # fmt: skip


def join(several: Sequence[Identities]) -> Identities:
    """The faces of several data sets, of which none shows a person of another.

    Raises:
        InputError: they were embedded by different networks.
    """
    if len(several) == 1:
        return several[0]
    spaces = sorted({item.space or "unknown" for item in several})
    if len(spaces) > 1:
        raise InputError(
            f"The data lie in different spaces ({', '.join(spaces)}); give one --data at a time."
        )

    def shifted(name: str) -> IntArray:
        parts, start = [], 0
        for item in several:
            own = getattr(item, name)
            parts.append(np.where(own >= 0, own + start, own))
            start += int(own.max(initial=-1)) + 1
        return np.concatenate(parts)

    def stacked(name: str) -> Any:
        parts = [getattr(item, name) for item in several]
        return None if any(part is None for part in parts) else np.concatenate(parts)

    return Identities(
        stacked("x"), shifted("label"), shifted("group"), shifted("photo"), several[0].space,
        several[0].parts, stacked("mirrored"), stacked("clip"),
        tuple(f"{i}/{name}" for i, item in enumerate(several) for name in item.names),
    )  # fmt: skip


def holds_crops(folder: Path) -> bool:
    """Whether a folder holds aligned crops, by the size of the first pictures in it.

    Raises:
        InputError: there is no picture.
    """
    files = list(islice(photos.walk(folder, WalkOptions()), SAMPLE))
    if not files:
        raise InputError(f"{folder} holds no photo; give a folder or tar with one folder a person.")
    return {_size(folder / file.path) for file in files} - {UNTOLD} == {(CROP, CROP)}


def _size(path: Path) -> tuple[int, int]:
    """Width and height that a picture's header declares; 0 where that cannot be told."""
    try:
        with warnings.catch_warnings(), path.open("rb") as stream:
            warnings.simplefilter("ignore")
            with Image.open(stream, formats=("JPEG", "PNG", "WEBP", "BMP")) as image:
                return (image.width, image.height)
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
        return UNTOLD


def _source(data: Path) -> str:
    """What tells a folder's or tar's content: the tar's hash, or all files' sizes and dates."""
    if data.is_file():
        return content_hash(data)
    if not data.is_dir():
        raise InputError(f"{data} does not exist; give a folder or a tar with one folder a person.")
    digest = hashlib.sha256()
    for file in photos.walk(data, WalkOptions()):
        digest.update(f"{file}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _number(words: Sequence[str]) -> IntArray:
    return np.unique(words, return_inverse=True)[1]

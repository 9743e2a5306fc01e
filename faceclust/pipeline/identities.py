"""Labelled faces in folders and tars, one folder a person: unpacked, decoded, embedded.

folder or tar -> as_folder -> embed_folder (worker processes) -> Embedded -> gather
"""

from __future__ import annotations

import lzma
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Collection, Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, TypeVar

import numpy as np

from faceclust import photos, weights, workers
from faceclust.config import Config
from faceclust.embed.arcface import Embedder
from faceclust.embed.clip import Clip
from faceclust.errors import InputError, PhotoError
from faceclust.faces.align import CROP
from faceclust.photos import WalkOptions, tars
from faceclust.pipeline.extract import ExtractorFactory, PhotoTask
from faceclust.pipeline.models import Models
from faceclust.records import Box, FloatArray, ImageArray
from faceclust.store import Scanned
from faceclust.weights import Device
from faceclust.workers import Failure, Limits

MAX_TAR_BYTES = 64 << 30
# Crops of a task: as many as a device takes at once. Photos are lost together: always the fewer.
CHUNK: Mapping[Device, int] = {"cpu": 64, "cuda": 256}
# All that tarfile and the decompressors raise for what is damaged; ValueError for impossible names.
_UNPACKING = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)

Task = TypeVar("Task")
Named = Iterable[tuple[str, ImageArray]]


@dataclass(frozen=True, slots=True, eq=False)
class Embedded:
    """Embeddings of N faces, each known by a name that tells which it is.

    Attributes:
        names: N, mostly paths "person/file".
        x: (N, D) float32 raw identity embeddings.
        mirrored: (N, D) those of the mirror images; (N, 0) where nobody asked for them.
        clip: (N, E) CLIP image embeddings, L2-normalised; (N, 0) where nobody asked for them.
    """

    names: tuple[str, ...]
    x: FloatArray
    mirrored: FloatArray
    clip: FloatArray

    def __post_init__(self) -> None:
        N = len(self.names)
        if any(array.ndim != 2 or len(array) != N for array in (self.x, self.mirrored, self.clip)):
            raise ValueError(f"x {self.x.shape} and the like must have a row for each of {N} names")


@dataclass(frozen=True, slots=True)
class Extras:
    """What is embedded beside the face itself.

    Attributes:
        mirrored: its mirror image.
        clip: the CLIP model of the image embedding; None for none.
        clip_device: where that runs; None for where the networks do.
    """

    mirrored: bool = False
    clip: str | None = None
    clip_device: Device | None = None


@contextmanager
def as_folder(data: Path) -> Iterator[Path]:
    """`data` itself, or what a tar holds, unpacked for the time being.

    Raises:
        InputError: it does not exist, is no tar that can be unpacked, or needs a newer Python.
    """
    if data.is_dir():
        yield data
        return
    if not data.is_file():
        raise InputError(f"{data} does not exist; give a folder or a tar with one folder a person.")
    if not hasattr(tarfile, "data_filter"):  # what keeps a tar's files inside
        raise InputError(
            f"{data} cannot be unpacked safely by this Python; upgrade it to 3.10.12, 3.11.4 or"
            " later, or give a folder."
        )
    with tempfile.TemporaryDirectory(prefix="faceclust-") as scratch:
        try:
            with tars.open_tar(data) as tar:
                _unpack(tar, data, Path(scratch))
        except _UNPACKING as error:
            reason = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
            raise InputError(
                f"{data} cannot be unpacked as a tar ({reason}); mend it, or give a folder."
            ) from error
        yield Path(scratch)


def _unpack(tar: tarfile.TarFile, data: Path, folder: Path) -> None:
    total = 0
    for member in tars.members(tar):
        total += member.size
        if total > MAX_TAR_BYTES:
            raise InputError(
                f"{data} holds more than {MAX_TAR_BYTES >> 30} GB; unpack it yourself."
            )
        if member.isfile():
            tar.extract(member, folder, filter="data")


def person_of(name: str) -> str:
    """Whose face a file of a folder of identities shows: the folder's; in none, its own."""
    return name.rpartition("/")[0] or name


def embed_folder(
    folder: Path,
    models: Models,
    config: Config,
    *,
    aligned: bool,
    extras: Extras | None = None,
    known: Collection[str] = (),
) -> Generator[Embedded, None, None]:
    """Embed one face of each photo of a folder of identities, in worker processes.

    Args:
        folder: one folder a person.
        models: the networks.
        config: of the scan and the detector.
        aligned: the files are aligned 112 x 112 crops, to be embedded as they are; else the most
            prominent face of each photo counts.
        extras: what is wanted beside.
        known: names that are left out.

    Yields:
        Some faces at a time, in no particular order. Photos that cannot be read or show no face
        are left out.

    Raises:
        DeviceError: the GPU failed.
    """
    skip = frozenset(known)
    files = [file for file in photos.walk(folder, WalkOptions()) if file.path not in skip]
    size = CHUNK[config.scan.device if aligned else "cpu"]
    tasks = [
        tuple(PhotoTask(str(folder), f.path, f.size, f.mtime_ns) for f in files[i : i + size])
        for i in range(0, len(files), size)
    ]
    wanted = extras or Extras()
    if aligned:
        yield from embed_all(CropEmbedder(crop_files, models, wanted, config), tasks, config)
    else:
        yield from embed_all(_PhotoEmbedder(models, wanted, config), tasks, config)


def embed_all(
    make: Callable[[], Callable[[Task], Embedded]], tasks: Iterable[Task], config: Config
) -> Generator[Embedded, None, None]:
    """Run what `make` makes over `tasks` in worker processes; a task that fails is left out.

    Raises:
        DeviceError: the GPU failed, which is not left at that.
    """
    limits = Limits(
        seconds=config.scan.seconds_per_photo * CHUNK[config.scan.device],
        memory=None if config.scan.device == "cuda" else workers.WORKER_MEMORY,
    )
    processes = config.scan.processes_on(config.scan.device)
    for _, result in workers.run(make, tasks, workers=processes, limits=limits):
        if not isinstance(result, Failure) and result.names:
            yield result


def gather(parts: Iterable[Embedded]) -> Embedded:
    """All faces in the order of their names."""
    found = list(parts)
    names = [name for part in found for name in part.names]
    order = sorted(range(len(names)), key=names.__getitem__)

    def column(arrays: list[FloatArray]) -> FloatArray:
        return np.concatenate(arrays)[order] if arrays else np.zeros((0, 0), np.float32)

    return Embedded(
        tuple(names[i] for i in order),
        column([part.x for part in found]),
        column([part.mirrored for part in found]),
        column([part.clip for part in found]),
    )


class _Networks:
    """The networks of a worker, over aligned crops."""

    def __init__(self, models: Models, extras: Extras, config: Config) -> None:
        device = config.scan.device
        weights.take_card(device, workers.number())
        self._embedder = Embedder(models.embedders, device)
        seeing = extras.clip_device or device
        self._clip = Clip(extras.clip, seeing) if extras.clip else None
        self._mirrored = extras.mirrored

    def __call__(self, named: Named, x: FloatArray | None = None) -> Embedded:
        """Embed crops; `x` where their embeddings are known already."""
        pairs = list(named)
        names = tuple(name for name, _ in pairs)
        crops = np.stack([c for _, c in pairs]) if pairs else np.zeros((0, CROP, CROP, 3), np.uint8)
        nothing = np.zeros((len(names), 0), np.float32)
        mirror = np.ascontiguousarray(crops[:, :, ::-1])
        return Embedded(
            names,
            self._embedder(crops) if x is None else x,
            self._embedder(mirror) if self._mirrored else nothing,
            self._clip.encode_images(crops) if self._clip else nothing,
        )


@dataclass(frozen=True, slots=True)
class CropEmbedder(Generic[Task]):
    """Makes, in a worker, what embeds the aligned crops that `load` finds in a task; picklable."""

    load: Callable[[Task], Named]
    models: Models
    extras: Extras
    config: Config

    def __call__(self) -> Callable[[Task], Embedded]:
        """Open the networks."""
        networks = _Networks(self.models, self.extras, self.config)
        return lambda task: networks(self.load(task))


def crop_files(tasks: tuple[PhotoTask, ...]) -> Iterator[tuple[str, ImageArray]]:
    """The files that hold an aligned crop, decoded."""
    for task in tasks:
        try:
            pixels = photos.decode(Path(task.root, task.path)).pixels
        except PhotoError:
            continue
        if pixels.shape[:2] == (CROP, CROP):
            yield task.path, pixels


@dataclass(frozen=True, slots=True)
class _PhotoEmbedder:
    """Makes, in a worker, what embeds the most prominent face of each photo."""

    models: Models
    extras: Extras
    config: Config

    def __call__(self) -> Callable[[tuple[PhotoTask, ...]], Embedded]:
        extract = ExtractorFactory(self.models, self.config.detector, self.config.scan.device, 1)()
        networks = _Networks(self.models, self.extras, self.config)

        def embed(tasks: tuple[PhotoTask, ...]) -> Embedded:
            found = [(t.path, s) for t in tasks if (s := _subject(extract(t))) is not None]
            x = [vector for _, (vector, _) in found]
            crops = [(path, decode_crop(jpeg)) for path, (_, jpeg) in found]
            return networks(crops, np.stack(x) if x else None)

        return embed


def decode_crop(jpeg: bytes) -> ImageArray:
    """A face's aligned crop from the JPEG that the store keeps of it, (112, 112, 3) RGB."""
    import cv2

    pixels = np.asarray(cv2.imdecode(np.frombuffer(jpeg, np.uint8), cv2.IMREAD_COLOR), np.uint8)
    return np.ascontiguousarray(pixels[:, :, ::-1])


def _subject(scanned: Scanned) -> tuple[FloatArray, bytes] | None:
    """Embedding and thumbnail of the most prominent face."""
    if scanned.info is None or not scanned.faces:
        return None
    aspect = scanned.info.width / scanned.info.height
    best = max(range(len(scanned.faces)), key=lambda i: prominence(scanned.faces[i].box, aspect))
    vector: FloatArray = scanned.vectors[best]
    return vector, scanned.thumbnails[best]


def prominence(box: Box, aspect: float) -> float:
    """How much a box looks like the photo's subject: its area, less the further from the middle.

    Args:
        box: normalised.
        aspect: the photo's width over its height.
    """
    off_x, off_y = (box.x + box.w / 2 - 0.5) * aspect, box.y + box.h / 2 - 0.5
    return box.w * box.h * aspect - 2 * (off_x**2 + off_y**2)

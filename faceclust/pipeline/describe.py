"""CLIP embeddings of faces that have none, from their stored crops: no photo is read again.

They are missing after a scan by an older version or with another CLIP model.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

import numpy as np

from faceclust import weights, workers
from faceclust.config import Config
from faceclust.embed.clip import FACE_CLIP, Clip, name_of
from faceclust.faces.align import CROP
from faceclust.pipeline.devices import Devices
from faceclust.pipeline.library import Library
from faceclust.records import FloatArray, ImageArray
from faceclust.store import descriptions, intake
from faceclust.weights import Device, Notify
from faceclust.workers import Failure, Limits

BATCH_FACES = {"cpu": 32, "cuda": 256}  # of a task
# Faces from which face-CLIP is worth a GPU: processors describe fewer before torch has started.
MANY = 4096
BATCH_SECONDS = 2.0

Described = tuple[tuple[int, ...], FloatArray]


@dataclass(frozen=True, slots=True)
class CropTask:
    """Faces to be described: their ids and the JPEGs of their aligned crops."""

    faces: tuple[int, ...]
    images: tuple[bytes, ...]


@dataclass(frozen=True, slots=True)
class ClipFactory:
    """Opens a CLIP model in a worker; picklable."""

    model: str
    device: Device

    def __call__(self) -> Describer:
        """Open the model."""
        weights.take_card(self.device, workers.number())
        return Describer(open_clip(self.model, self.device))


def open_clip(model: str, device: Device) -> Clip:
    """The CLIP model with this id, on one thread.

    Raises:
        OptionError: there is no such model.
        WeightsError: it cannot be had.
    """
    return Clip(name_of(model), device)


def device_of(
    model: str, faces: int | None, device: Device, devices: Devices, notify: Notify | None
) -> Device:
    """Where a CLIP model runs if networks run on `device`.

    Args:
        model: its id.
        faces: how many are to be described one after another; None for those of a photo at a
            time. A GPU takes longer than a processor for so few, and torch beside it.
        devices, notify: tell whether torch has a GPU, and why not.
    """
    few = faces is None or faces < MANY
    if few and name_of(model) == FACE_CLIP:
        return "cpu"
    if faces is None and devices.elsewhere:
        return device
    return devices.describing(device, notify)


class Describer:
    """Stored crops in, CLIP embeddings out."""

    def __init__(self, clip: Clip) -> None:
        self._clip = clip

    def __call__(self, task: CropTask) -> Described:
        """Embed the crops that can be decoded: F face ids and (F, E) embeddings."""
        crops = {face: decode(image) for face, image in zip(task.faces, task.images, strict=True)}
        whole = {face: crop for face, crop in crops.items() if crop is not None}
        if not whole:
            return (), np.zeros((0, self._clip.dim), np.float32)
        return tuple(whole), self._clip.encode_images(np.stack(list(whole.values())))


def decode(image: bytes) -> ImageArray | None:
    """A stored crop, (112, 112, 3) uint8 RGB; None where it is damaged."""
    import cv2

    crop = cv2.imdecode(np.frombuffer(image, np.uint8), cv2.IMREAD_COLOR) if image else None
    if crop is None or crop.shape != (CROP, CROP, 3):
        return None
    return np.ascontiguousarray(crop[:, :, ::-1], np.uint8)


def catch_up(
    library: Library,
    model: str,
    config: Config,
    progress: Callable[[int], None],
    *,
    devices: Devices | None = None,
    notify: Notify | None = None,
) -> int:
    """Describe every live face that has no embedding of a CLIP model yet.

    Everything is committed every few seconds; stopped, it goes on where it was.

    Args:
        model: the id of the CLIP model.
        progress: called with the number of faces described so far.
        devices: what is known of this machine's GPU.
        notify: told why it cannot be used.

    Returns:
        How many faces were described.

    Raises:
        WeightsError: the model cannot be had.
        StoreError: the database cannot be written.
        DeviceError: the GPU failed; faces described before are kept.
        WorkerError: worker processes cannot be kept alive.
    """
    missing = descriptions.faces_without(library.db, model)
    if not missing:
        return 0
    device = device_of(model, len(missing), config.scan.device, devices or Devices(), notify)
    size = BATCH_FACES[device]
    results = workers.run(
        ClipFactory(model, device),
        _tasks(library, missing, size),
        workers=min(config.scan.processes_on(device), -(-len(missing) // size)),
        limits=Limits(
            seconds=config.scan.seconds_per_photo,
            memory=None if device == "cuda" else workers.WORKER_MEMORY,
        ),
    )
    described, committed = 0, time.monotonic()
    batch: list[Described] = []
    try:
        with closing(results):
            for _, result in results:
                # What could not be described is tried again by the next scan.
                if isinstance(result, Failure):
                    continue
                batch.append(result)
                described += len(result[0])
                if time.monotonic() - committed > BATCH_SECONDS:
                    _keep(library, model, batch)
                    committed = time.monotonic()
                progress(described)
    finally:
        _keep(library, model, batch)
    return described


def _tasks(library: Library, faces: list[int], size: int) -> Iterator[CropTask]:
    for start in range(0, len(faces), size):
        found = dict(descriptions.crops_of(library.db, faces[start : start + size]))
        yield CropTask(tuple(found), tuple(found.values()))


def _keep(library: Library, model: str, batch: list[Described]) -> None:
    with library.db.transaction() as sql:
        for faces, vectors in batch:
            intake.put_vectors(sql, model, faces, vectors)
    batch.clear()

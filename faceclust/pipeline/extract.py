"""What a worker does with one photo: decode, detect, align, embed, describe.

Everything happens in one process: the pixels of a photo are a thousand times larger than what is
kept of it, and on a CPU a batch of faces is embedded no faster than one face after the other.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceclust import photos, weights, workers
from faceclust.embed.arcface import Embedder
from faceclust.embed.clip import Clip
from faceclust.errors import DeviceError, PhotoError
from faceclust.faces.align import CROP, align, sharpness, yaw
from faceclust.faces.detector import Detector, DetectorOptions
from faceclust.faces.scrfd import Detections
from faceclust.pipeline.describe import open_clip
from faceclust.pipeline.models import Models
from faceclust.pipeline.stopwatch import Stopwatch
from faceclust.records import Box, DecodedPhoto, Face, FloatArray, ImageArray
from faceclust.store import Scanned
from faceclust.weights import Device

THUMBNAIL_QUALITY = 90
# JPEGs are decoded at a fraction of their size while that leaves this many pixels on the longer
# side; a face that is then smaller than half of its crop is cut from the full photo instead.
REDUCED_SIDE = 1920
ENOUGH_PIXELS = CROP / 2


@dataclass(frozen=True, slots=True)
class PhotoTask:
    """A file to be read; `path` is relative to `root`, a folder or an address."""

    root: str
    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ExtractorFactory:
    """Opens the models in a worker; picklable.

    Attributes:
        clip: id of the CLIP model that describes faces; None where none is to.
        clip_device: where that runs, see `describe.device_of`.
    """

    models: Models
    options: DetectorOptions
    device: Device
    threads: int
    clip: str | None = None
    clip_device: Device = "cpu"

    def __call__(self) -> Extractor:
        """Open the models."""
        import cv2

        cv2.setNumThreads(self.threads)  # there are as many workers as cores
        weights.take_card(self.device, workers.number())
        return Extractor(
            Detector(self.models.detector, self.options, self.device, self.threads),
            Embedder(self.models.embedders, self.device, self.threads),
            None if self.clip is None else open_clip(self.clip, self.clip_device),
        )


class Extractor:
    """Photo in, faces and embeddings out, or the reason why it cannot be read.

    Raises:
        DeviceError: the GPU failed, at a photo whose fault that is not.
    """

    def __init__(self, detector: Detector, embedder: Embedder, clip: Clip | None = None) -> None:
        self.detector = detector
        self.embedder = embedder
        self.clip = clip

    def __call__(self, task: PhotoTask) -> Scanned:
        """Read one file."""
        watch = Stopwatch(time.process_time)
        try:
            with photos.at_hand(task.root, task.path) as path:
                return self._scan(task, path, watch)
        except PhotoError as error:
            kind, reason = error.kind, str(error)
        except MemoryError:
            kind, reason = "memory", "needs more memory than one photo may take"
        except DeviceError as error:
            # A GPU of little memory may fail at the same huge photo each time.
            raise DeviceError(f"{task.path}: {error}") from error
        return Scanned(
            task.path, task.size, task.mtime_ns, error_kind=kind, error=reason,
            seconds=watch.seconds,
        )  # fmt: skip

    def _scan(self, task: PhotoTask, path: Path, watch: Stopwatch) -> Scanned:
        content_hash = photos.content_hash(path)
        watch.lap("hash")
        options = self.detector.options
        photo = photos.decode(path, reduce_to=None if options.tiles else REDUCED_SIDE)
        watch.lap("decode")
        found = self._detect(photo)
        watch.lap("detect")
        crops = self._crops(path, photo, found)
        watch.lap("align")
        vectors = self.embedder(crops)
        watch.lap("embed")
        described = None if self.clip is None else self.clip.encode_images(crops)
        watch.lap("describe")
        faces = tuple(_face(photo, found, i, crop) for i, crop in enumerate(crops))
        thumbnails = tuple(_jpeg(crop) for crop in crops)
        watch.lap("measure")
        return Scanned(
            path=task.path,
            size=task.size,
            mtime_ns=task.mtime_ns,
            content_hash=content_hash,
            info=photo.info,
            faces=faces,
            vectors=vectors,
            clip_vectors=described,
            thumbnails=thumbnails,
            seconds=watch.seconds,
        )

    def _detect(self, photo: DecodedPhoto) -> Detections:
        found = self.detector(photo.pixels, max(photo.info.width, photo.info.height))
        return found.select(_shorter_sides(photo, found) >= self.detector.options.min_face)

    def _crops(self, path: Path, photo: DecodedPhoto, found: Detections) -> ImageArray:
        """(F, 112, 112, 3) aligned crops, of the full photo where the reduced one is too coarse."""
        height, width = photo.pixels.shape[:2]
        reduced = width < photo.info.width
        sides = _shorter_sides(photo, found) * (width / photo.info.width)
        full = photos.decode(path) if reduced and (sides < ENOUGH_PIXELS).any() else photo
        zoom = np.array([full.pixels.shape[1] / width, full.pixels.shape[0] / height], np.float32)
        crops = [
            align(full.pixels, _from_corner(points, zoom)) if side < ENOUGH_PIXELS
            else align(photo.pixels, points)
            for points, side in zip(found.landmarks, sides, strict=True)
        ]  # fmt: skip
        return np.stack(crops) if crops else np.zeros((0, CROP, CROP, 3), np.uint8)


def _from_corner(points: FloatArray, zoom: FloatArray) -> FloatArray:
    """Landmarks scaled to another resolution; pixel centres lie at half-integers."""
    return np.asarray((points + 0.5) * zoom - 0.5, np.float32)


def _shorter_sides(photo: DecodedPhoto, found: Detections) -> FloatArray:
    """(F,) shorter sides of the boxes in pixels of the full photo."""
    x0, y0, x1, y1 = found.boxes.T
    return np.asarray(
        np.minimum(x1 - x0, y1 - y0) * (photo.info.width / photo.pixels.shape[1]), np.float32
    )


def _face(photo: DecodedPhoto, found: Detections, i: int, crop: ImageArray) -> Face:
    height, width = photo.pixels.shape[:2]
    x0, y0, x1, y1 = np.clip(found.boxes[i] / [width, height, width, height], 0.0, 1.0).tolist()
    return Face(
        box=Box(x0, y0, x1 - x0, y1 - y0),
        landmarks=np.asarray(found.landmarks[i] / [width, height], np.float32),
        score=float(found.scores[i]),
        size=float(_shorter_sides(photo, found)[i]),
        blur=sharpness(crop),
        yaw=yaw(found.landmarks[i]),
    )


def _jpeg(crop: ImageArray) -> bytes:
    import cv2

    _, data = cv2.imencode(".jpg", crop[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, THUMBNAIL_QUALITY])
    return bytes(data)

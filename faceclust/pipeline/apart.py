"""XMP of photos, read and written in a worker process where a decoder's library has to take part.

libheif, libavif, LibRaw and exiv2 may crash, hang or allocate without end on a hostile photo. That
costs the worker, and the photo is left out with the reason. Formats whose packets are found without
a decoder are read here, at once.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from PIL import UnidentifiedImageError

from faceclust.errors import InputError, PhotoError, WriteError
from faceclust.photos.limits import MAX_PIXELS, check_pixels, open_regular, photo_errors, quiet
from faceclust.photos.load import open_image
from faceclust.workers import Failure, Limits, Standby
from faceclust.xmp.extract import photo_format, read_embedded

# exiftool is given 120 seconds; the rest is for reading back what it wrote.
SECONDS = 180.0
_DECODED = ("heic", "avif")


@dataclass(frozen=True, slots=True)
class _Read:
    path: Path


@dataclass(frozen=True, slots=True)
class _Embed:
    path: Path
    packet: bytes
    out: Path


_Task: TypeAlias = _Read | _Embed
_Answer: TypeAlias = bytes | InputError | PhotoError | WriteError | OSError | Failure | None


class Apart:
    """One worker, started when it is first needed, that reads packets and writes them into photos.

    Used in a `with`, which ends it.
    """

    def __init__(self) -> None:
        self._worker: Standby[_Task, _Answer] = Standby(_maker, Limits(seconds=SECONDS))

    def __enter__(self) -> Apart:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:  # fmt: skip
        self._worker.close()

    def read(self, path: Path) -> bytes | None:
        """The XMP packet inside a photo; None where it has none.

        Raises:
            InputError: as `xmp.read_embedded`, also where that took too long or crashed.
            WorkerError: the worker dies before it can read anything.
        """
        if not _needs_decoder(path):
            return read_embedded(path)
        found = self._worker.ask(_Read(path))
        if isinstance(found, Failure):
            message = f"{path}: its embedded XMP cannot be read ({found.reason})"
            raise InputError(f"{message}; write a sidecar instead")
        if isinstance(found, Exception):
            raise found
        return found

    def embed(self, path: Path, packet: bytes, out: Path) -> None:
        """As `export.xmp.embed`.

        Raises:
            WriteError, PhotoError, OSError: as there; PhotoError also for a photo that declares
                more pixels than a scan reads, takes too long or crashes what reads it.
            WorkerError: the worker dies before it can write anything.
        """
        done = self._worker.ask(_Embed(path, packet, out))
        if isinstance(done, Failure):
            raise PhotoError(done.reason, done.kind)
        if isinstance(done, Exception):
            raise done


def _needs_decoder(path: Path) -> bool:
    try:
        return photo_format(path) in _DECODED
    except OSError:  # for `read_embedded` to tell
        return False


def _maker() -> _Worker:
    return _Worker()


class _Worker:
    """What the worker does with one photo."""

    def __call__(self, task: _Task) -> _Answer:
        try:
            match task:
                case _Read(path):
                    return read_embedded(path)
                case _Embed():
                    _embed(task)
                    return None
        except (InputError, PhotoError, WriteError, OSError) as error:
            return error
        except MemoryError:
            return Failure("memory", "needs more memory than one photo may take")


def _embed(task: _Embed) -> None:
    from faceclust.export.xmp import embed

    with quiet(MAX_PIXELS):
        _check_size(task.path)
        embed(task.path, task.packet, task.out)


def _check_size(path: Path) -> None:
    """Refuse more pixels than a scan reads; of camera RAW, LibRaw does."""
    with photo_errors(), open_regular(path) as file:
        try:
            width, height = open_image(file).size
        except UnidentifiedImageError:
            return
        check_pixels(width, height, MAX_PIXELS, os.fstat(file.fileno()).st_size)

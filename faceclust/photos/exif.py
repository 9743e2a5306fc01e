"""Orientation, capture time and camera out of EXIF, whatever state it is in."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from io import BytesIO
from typing import Any, BinaryIO

import exifread
from PIL import ExifTags, Image

from faceclust.photos.limits import DECODER_ERRORS, printable

_MAX_READS = 20_000
_MAX_BYTES = 8 << 20
_CAMERA_LENGTH = 100
_DATE = re.compile(r"\s*(\d{4})[:/.-](\d\d?)[:/.-](\d\d?)[ T]+(\d\d?):(\d\d)(?::(\d\d))?")


@dataclass(frozen=True, slots=True)
class Metadata:
    """What EXIF says; None where it says nothing that makes sense.

    Attributes:
        orientation: 1 to 8.
        taken_at: local time without a zone, "2019-07-14T18:03:22".
        camera: "Make Model", at most 100 printable characters.
    """

    orientation: int | None = None
    taken_at: str | None = None
    camera: str | None = None


def exif_of(image: Image.Image, file: BinaryIO) -> BinaryIO:
    """The EXIF block of a loaded picture as `read_metadata` takes it; a TIFF is one itself."""
    if image.format == "TIFF":
        return file
    block: bytes = image.info.get("exif") or b""
    return BytesIO(block.removeprefix(b"Exif\x00\x00"))


def read_metadata(file: BinaryIO) -> Metadata:
    """Read EXIF with exifread, or with Pillow where exifread finds nothing or gives up.

    Args:
        file: seekable; a TIFF structure, which is what an EXIF block, a TIFF and most RAW
            files are. Anything else has no metadata.
    """
    for reader in (_with_exifread, _with_pillow):
        try:
            file.seek(0)
            found = _metadata(reader(file))
        except DECODER_ERRORS:
            continue
        if found != Metadata():
            return found
    return Metadata()


def _with_exifread(file: BinaryIO) -> Callable[[str], object]:
    # MakerNotes and thumbnails, left out here, are where hostile files make exifread slow.
    tags = exifread.process_file(_Bounded(file), details=False, extract_thumbnail=False)
    groups = {"Make": "Image", "Model": "Image", "Orientation": "Image", "DateTime": "Image"}

    def value(name: str) -> object:
        values: Any = getattr(tags.get(f"{groups.get(name, 'EXIF')} {name}"), "values", None)
        return values[0] if isinstance(values, list) and values else values

    return value


def _with_pillow(file: BinaryIO) -> Callable[[str], object]:
    exif = Image.Exif()
    exif.load_from_fp(file)
    tags = {**exif.get_ifd(ExifTags.IFD.Exif), **exif}
    return lambda name: tags.get(ExifTags.Base[name])


def _metadata(value: Callable[[str], object]) -> Metadata:
    orientation = value("Orientation")
    dates = map(_date, map(value, ("DateTimeOriginal", "DateTimeDigitized", "DateTime")))
    return Metadata(
        orientation if isinstance(orientation, int) and 1 <= orientation <= 8 else None,
        next(filter(None, dates), None),
        _camera(_text(value("Make")), _text(value("Model"))),
    )


def _date(value: object) -> str | None:
    match = _DATE.match(_text(value))
    if match is None:
        return None
    year, month, day, hour, minute, second = (int(part or 0) for part in match.groups())
    try:
        return datetime(year, month, day, hour, minute, second).isoformat()
    except ValueError:  # 0000:00:00, or a month 13
        return None


def _camera(make: str, model: str) -> str | None:
    repeats = make and model.casefold().startswith(make.split()[0].casefold())
    name = model if repeats else f"{make} {model}"
    return printable(name, _CAMERA_LENGTH) or None


def _text(value: object) -> str:
    text = value.decode("latin-1") if isinstance(value, bytes) else value
    return printable(text, _CAMERA_LENGTH) if isinstance(text, str) else ""


class _Bounded:
    """A file that ends after so many reads, for directories that point at one another."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._reads_left = _MAX_READS
        self._bytes_left = _MAX_BYTES
        self.seek = file.seek
        self.tell = file.tell

    def read(self, size: int) -> bytes:
        data = self._file.read(min(size, self._bytes_left))
        self._reads_left -= 1
        self._bytes_left -= len(data)
        if self._reads_left < 0 or self._bytes_left <= 0:
            raise EOFError("metadata without end")
        return data

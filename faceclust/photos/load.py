"""Open and load ordinary pictures with Pillow: few parsers, cheap reduction, cut-off files."""

from __future__ import annotations

import math
from functools import cache
from io import BytesIO
from typing import BinaryIO

import numpy as np
from PIL import Image, ImageFile

from faceclust.errors import PhotoError
from faceclust.photos.formats import PILLOW_FORMATS

_MOST_MISSING = 0.1
_MOST_BOXES = 64
_END_OF_JPEG = b"\xff\xd9"


def open_image(file: BinaryIO) -> ImageFile.ImageFile:
    """Read the header of a picture by its content; no pixel is decoded yet.

    `file` and not a path: Pillow would map a path into memory, where a file that shrinks
    meanwhile kills the process.
    """
    _register_heif()
    file.seek(0)
    image: ImageFile.ImageFile = Image.open(file, formats=PILLOW_FORMATS)
    if image.format == "HEIF":
        _check_boxes(file)
    return image


def load_pixels(
    image: ImageFile.ImageFile, file: BinaryIO, reduce_to: int | None
) -> ImageFile.ImageFile:
    """Decode an opened picture, a JPEG directly at a half, quarter or eighth where that will do.

    A cut-off file is loaded as far as it goes, as photo managers show it.

    Raises:
        PhotoError: kind "truncated" when more than a tenth of the picture is missing.
    """
    try:
        return _load(image, reduce_to)
    except OSError as error:
        if "truncated" not in str(error).lower():
            raise
    if image.format in ("JPEG", "MPO"):
        # Only a closing marker makes the decoder give out the rows that it holds back.
        file.seek(0)
        image = _load(open_image(BytesIO(file.read() + _END_OF_JPEG)), reduce_to)
    elif image.format == "PNG":
        image.tile = []  # nothing more to decode, Pillow is told: keep what is there
    else:
        raise PhotoError("cut off: the end of the file is missing", "truncated")
    _check_missing(_blank_share(image))
    return image


@cache
def _register_heif() -> None:
    import pillow_heif

    # One thread: photos are decoded in parallel already. Thumbnails and depth maps stay unread.
    pillow_heif.register_heif_opener(
        thumbnails=False, depth_images=False, aux_images=False, decode_threads=1
    )


def _load(image: ImageFile.ImageFile, reduce_to: int | None) -> ImageFile.ImageFile:
    if reduce_to and image.format in ("JPEG", "MPO"):
        ratio = reduce_to / max(image.size)
        image.draft(None, (math.ceil(image.width * ratio), math.ceil(image.height * ratio)))
    image.load()
    return image


def _blank_share(image: Image.Image) -> float:
    """The share of rows at the bottom that are all of one colour: where data ended."""
    pixels = np.asarray(image).reshape(image.height, image.width, -1)
    blank = (pixels == pixels[-1, -1]).all(axis=(1, 2))
    return 1.0 if blank.all() else float(np.argmin(blank[::-1])) / image.height


def _check_boxes(file: BinaryIO) -> None:
    """Add up the boxes that an HEIF file consists of: libheif paints missing tiles green."""
    size = file.seek(0, 2)
    end = 0
    for _ in range(_MOST_BOXES):
        file.seek(end)
        header = file.read(16)
        length = int.from_bytes(header[:4], "big")
        if length == 1:
            length = int.from_bytes(header[8:], "big")
        if length < 8 or not header[4:8].isalnum():  # "to the end of the file", or no box at all
            break
        end += length
    _check_missing(1 - size / max(end, size))


def _check_missing(share: float) -> None:
    if share > _MOST_MISSING:
        raise PhotoError(f"cut off: {share:.0%} of the picture is missing", "truncated")

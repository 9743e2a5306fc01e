"""One photo from disk to upright RGB pixels and what is known of it.

    path -> open_regular -> RAW, by suffix -> raw: preview or LibRaw -+
                         -> other, by content -> load: Pillow         +-> pixels, exif

Whatever goes wrong on the way becomes a `PhotoError`.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import BinaryIO

from PIL import ImageFile

from faceclust.photos.exif import Metadata, exif_of, read_metadata
from faceclust.photos.formats import RAW_EXTENSIONS
from faceclust.photos.limits import MAX_PIXELS, check_pixels, open_regular, photo_errors, quiet
from faceclust.photos.load import load_pixels, open_image
from faceclust.photos.pixels import displayed, upright_rgb
from faceclust.photos.raw import decode_raw
from faceclust.records import DecodedPhoto, PhotoInfo

_NEVER_RAW = (b"\xff\xd8\xff", b"\x89PNG", b"RIFF", b"GIF8")


def decode(
    path: Path, *, max_pixels: int = MAX_PIXELS, reduce_to: int | None = None
) -> DecodedPhoto:
    """Decode a photo, by its content rather than its suffix, except for camera RAW.

    A file that was cut off is decoded as long as no more than a tenth of it is missing. Camera
    RAW comes as the preview inside it where that is large enough, else developed at half size.
    Mutes standard error and warnings of the whole process meanwhile; see `limits.quiet`.

    Args:
        path: a regular file.
        max_pixels: refuse photos that declare more.
        reduce_to: the pixels may come back smaller, by a whole factor and in less time, as long
            as the longer side keeps so many; `info` always tells the full size.

    Returns:
        Upright RGB pixels and facts; of animations the first frame, transparency on white.

    Raises:
        PhotoError: the one way to fail. Kinds: "unreadable", "truncated", "unsupported",
            "too-large", "memory", "permission".
    """
    with photo_errors(), quiet(max_pixels), open_regular(path) as file:
        file_size = os.fstat(file.fileno()).st_size
        if path.suffix.lower() in RAW_EXTENSIONS and not file.read(4).startswith(_NEVER_RAW):
            file.seek(0)
            return decode_raw(file, file_size, max_pixels, reduce_to)
        return _decode_plain(file, file_size, max_pixels, reduce_to)


def _decode_plain(
    file: BinaryIO, file_size: int, max_pixels: int, reduce_to: int | None
) -> DecodedPhoto:
    image = open_image(file)
    size = image.size
    check_pixels(*size, max_pixels, file_size)
    image = load_pixels(image, file, reduce_to)
    found = read_metadata(exif_of(image, file))
    orientation = _orientation(image, found)
    if image.format in ("TIFF", "HEIF"):
        pixels = upright_rgb(image, 1, reduce_to)  # the decoder has turned it already
    else:
        pixels = upright_rgb(image, orientation, reduce_to)
        size = displayed(*size, orientation)
    info = PhotoInfo(*size, orientation, _format(image), found.taken_at, found.camera)
    return DecodedPhoto(pixels, info)


def _orientation(image: ImageFile.ImageFile, found: Metadata) -> int:
    # pillow-heif turns the pixels, sets the tag to 1 and keeps what it was here.
    heif = image.format == "HEIF"
    stored = image.info.get("original_orientation") if heif else found.orientation
    return stored if isinstance(stored, int) and 1 <= stored <= 8 else 1


def _format(image: ImageFile.ImageFile) -> str:
    # Phones append a gain map or a second view to a JPEG; Pillow calls that MPO.
    return "JPEG" if image.format == "MPO" else str(image.format)

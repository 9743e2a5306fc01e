"""What a hostile file may cost, and how its failures are named.

Time and memory are limited by the worker process that decodes; here are the limits that need
no process: pixels declared in the header, parsers allowed, and silence.
"""

from __future__ import annotations

import logging
import os
import stat
import struct
import unicodedata
import warnings
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from PIL import Image, UnidentifiedImageError

from faceclust.errors import PhotoError

MAX_PIXELS = 250_000_000
"""Pixels of the largest photo decoded by default; a 200-megapixel phone photo passes."""

_FREE_PIXELS = 50_000_000
_PIXELS_PER_BYTE = 1000

DECODER_ERRORS: tuple[type[Exception], ...] = (
    OSError,  # unreadable files; Pillow's own word for damaged data
    ValueError,  # bad header fields, text that cannot be decoded
    SyntaxError,  # Pillow's word for "not this format after all"
    EOFError,  # data or frames that end early
    TypeError,  # tags of an unexpected type
    AttributeError,  # parts of a file that a plug-in took for granted
    AssertionError,  # Pillow's own invariants, broken by a hostile file
    LookupError,  # missing tags, short lists
    ArithmeticError,  # division by a zero in the header, sizes that overflow
    RuntimeError,  # libheif; endless recursion between directories
    SystemError,  # C code of Pillow that was given what it never expected
    MemoryError,  # the worker's memory limit
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)
"""All that Pillow, pillow-heif and exifread are known to raise on damaged or hostile files."""

for _name in ("PIL", "exifread"):  # they log each oddity of a file as a warning or an error
    logging.getLogger(_name).setLevel(logging.CRITICAL)


def check_pixels(width: int, height: int, max_pixels: int, file_size: int) -> None:
    """Refuse a photo by the size that its header declares, before any pixel is decoded.

    Beside `max_pixels` there is a ratio: more than 50 megapixels need a byte for each 1000. No
    photo comes near (deflate packs a solid colour that far, a camera's JPEG holds 4 pixels a
    byte), while a bomb of a kilobyte is kept to what 50 megapixels cost.

    Raises:
        PhotoError: kind "too-large", or "unreadable" for a picture without pixels.
    """
    pixels = width * height
    if width < 1 or height < 1:
        raise PhotoError("damaged: it has no pixels")
    if pixels > max_pixels:
        raise PhotoError(
            f"too large: {width} x {height} pixels, the limit is {max_pixels / 1e6:g} megapixels",
            "too-large",
        )
    if pixels > max(_FREE_PIXELS, _PIXELS_PER_BYTE * file_size):
        raise PhotoError(
            f"suspicious: {width} x {height} pixels declared in only {file_size} bytes", "too-large"
        )


@contextmanager
def quiet(max_pixels: int) -> Iterator[None]:
    """Let decoders neither warn nor print, and lift Pillow's pixel limit to `max_pixels`.

    libtiff and LibRaw write straight to the file descriptor, so that is what is muted. Process
    wide: meant for worker processes, where nothing else runs meanwhile.
    """
    limit = Image.MAX_IMAGE_PIXELS
    with warnings.catch_warnings(), _muted_stderr():
        warnings.simplefilter("ignore")
        Image.MAX_IMAGE_PIXELS = max_pixels
        try:
            yield
        finally:
            Image.MAX_IMAGE_PIXELS = limit


@contextmanager
def _muted_stderr() -> Iterator[None]:
    try:
        saved = os.dup(2)
    except OSError:  # a process without a standard error has nothing to mute
        yield
        return
    try:
        sink = os.open(os.devnull, os.O_WRONLY)
        os.dup2(sink, 2)
        os.close(sink)
        yield
    finally:
        os.dup2(saved, 2)
        os.close(saved)


@contextmanager
def photo_errors() -> Iterator[None]:
    """Turn whatever a decoder raises into a `PhotoError` with a short reason."""
    try:
        yield
    except DECODER_ERRORS as error:
        raise _as_photo_error(error) from error


def open_regular(path: Path) -> BinaryIO:
    """Open a file for reading, but never a pipe or device, which could block for ever.

    Raises:
        PhotoError: kind "unsupported" when `path` is no regular file.
        OSError: as `open` does.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise PhotoError("not a regular file", "unsupported")
    return path.open("rb")


def printable(text: str, length: int) -> str:
    """`text` without control characters and runs of blanks, cut to `length`."""
    kept = "".join(c if unicodedata.category(c)[0] != "C" else " " for c in text[: 8 * length])
    return " ".join(kept.split())[:length].rstrip()


def _as_photo_error(error: Exception) -> PhotoError:
    match error:
        case PermissionError():
            return PhotoError("no permission to read it", "permission")
        case FileNotFoundError():
            return PhotoError("the file is gone")
        case MemoryError():
            return PhotoError("it needs more memory than a photo may take", "memory")
        case Image.DecompressionBombError():
            return PhotoError("too large: more pixels than are read", "too-large")
        case UnidentifiedImageError():
            return PhotoError("not an image in a supported format", "unsupported")
        case _:
            return PhotoError(f"damaged: {printable(str(error), 120) or type(error).__name__}")

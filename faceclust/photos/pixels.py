"""From whatever a decoder gives to upright RGB.

Embedded ICC profiles are not applied: parsing them hands hostile data to one more library, and
the difference between Display P3 and sRGB is far below what lighting does to a face.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceclust.errors import PhotoError
from faceclust.records import ImageArray

_STRIP_ROWS = 64
_ALPHA_MODES = ("PA", "LA", "La", "RGBA", "RGBa")
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_STORED: dict[int, Callable[[ImageArray], ImageArray]] = {
    1: lambda shown: shown,
    2: lambda shown: shown[:, ::-1],
    3: lambda shown: shown[::-1, ::-1],
    4: lambda shown: shown[::-1],
    5: lambda shown: shown.swapaxes(0, 1),
    6: lambda shown: shown.swapaxes(0, 1)[::-1],
    7: lambda shown: shown.swapaxes(0, 1)[::-1, ::-1],
    8: lambda shown: shown.swapaxes(0, 1)[:, ::-1],
}
"""The displayed photo seen, without a copy, as each EXIF orientation stores it."""


def displayed(width: int, height: int, orientation: int) -> tuple[int, int]:
    """Width and height of a stored picture once it is turned upright."""
    return (height, width) if orientation >= 5 else (width, height)


def upright_rgb(image: Image.Image, orientation: int, reduce_to: int | None) -> ImageArray:
    """Loaded pixels of any mode as (H, W, 3) uint8, turned upright.

    Args:
        image: loaded.
        orientation: EXIF orientation still to be applied, 1 to 8.
        reduce_to: shrink by a whole factor while the longer side keeps at least so many pixels.

    Raises:
        PhotoError: kind "unsupported" for a colour mode without a plain way to RGB.
    """
    if image.mode[0] in "IF":
        image = Image.fromarray(_eight_bits(np.asarray(image)))
    factor = max(1, max(image.size) // reduce_to) if reduce_to else 1
    width, height = (-(-side // factor) for side in image.size)
    upright: ImageArray = np.empty((*displayed(height, width, orientation), 3), np.uint8)
    stored = _STORED[orientation](upright)
    # Strip by strip, so that no second copy of a huge photo exists, turned or in another mode.
    for row in range(0, height, _STRIP_ROWS):
        top, bottom = row * factor, min((row + _STRIP_ROWS) * factor, image.height)
        strip = to_rgb(image.crop((0, top, image.width, bottom))).reduce(factor)
        pixels = np.frombuffer(strip.tobytes(), np.uint8)
        stored[row : row + strip.height] = pixels.reshape(strip.height, width, 3)
    return upright


def to_rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's 8-bit modes as RGB; transparent parts become white, as on paper.

    Raises:
        PhotoError: kind "unsupported" for CIELAB.
    """
    if image.mode in _ALPHA_MODES or "transparency" in image.info:
        return _on_white(image)
    if image.mode == "LAB":
        raise PhotoError("colours stored as CIELAB, which is not supported", "unsupported")
    return image if image.mode == "RGB" else image.convert("RGB")


def _on_white(image: Image.Image) -> Image.Image:
    straight = image.convert(_PREMULTIPLIED.get(image.mode, image.mode)).convert("RGBA")
    paper = Image.new("RGB", image.size, "white")
    paper.paste(straight, mask=straight.getchannel("A"))
    return paper


def _eight_bits(values: NDArray[np.generic]) -> ImageArray:
    """Scale deep grey, (H, W), to 8 bits.

    Sixteen bits have a white point by definition. Of 32-bit numbers only the data tell: the
    smallest of 1 (fractions only), 255 and 65535 that holds them all, else their maximum.
    """
    if values.dtype.itemsize == 2:
        high_bytes: ImageArray = (values.astype(np.uint16) >> 8).astype(np.uint8)
        return high_bytes
    numbers = np.nan_to_num(values.astype(np.float32), nan=0.0, posinf=0.0, neginf=0.0)
    peak = float(numbers.max(initial=0.0))
    whites = (1.0, 255.0, 65535.0) if values.dtype.kind == "f" else (255.0, 65535.0)
    white = next((w for w in whites if peak <= w), peak)
    scaled: ImageArray = np.rint(np.clip(numbers, 0.0, white) * (255.0 / white)).astype(np.uint8)
    return scaled

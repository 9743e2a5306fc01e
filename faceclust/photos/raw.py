"""Camera RAW: the preview that the camera embedded, else developed by LibRaw."""

from __future__ import annotations

from contextlib import suppress
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from PIL import Image

from faceclust.errors import PhotoError
from faceclust.photos.exif import Metadata, exif_of, read_metadata
from faceclust.photos.limits import DECODER_ERRORS, check_pixels, printable
from faceclust.photos.load import load_pixels, open_image
from faceclust.photos.pixels import displayed, upright_rgb
from faceclust.records import DecodedPhoto, ImageArray, PhotoInfo

if TYPE_CHECKING:
    import rawpy

_ENOUGH_PIXELS = 1500  # the preview of many cameras has 1600
_SAME_SHAPE = 0.02
_ORIENTATION_OF_FLIP = (1, 2, 4, 3, 5, 8, 6, 7)


def decode_raw(
    file: BinaryIO, file_size: int, max_pixels: int, reduce_to: int | None
) -> DecodedPhoto:
    """Decode a camera RAW file; the arguments are those of `decode`.

    The preview serves when its longer side has 1500 pixels, or all that the sensor has, and when
    it shows the whole picture. `reduce_to` has no say in that: a reduced photo and a full one
    must show the same picture to the pixel.

    Raises:
        PhotoError: LibRaw cannot read the file, or it has too many pixels.
    """
    import rawpy

    try:
        with rawpy.imread(file) as raw:
            sizes = raw.sizes
            check_pixels(sizes.raw_width, sizes.raw_height, max_pixels, file_size)
            orientation = _ORIENTATION_OF_FLIP[sizes.flip & 7]
            size = displayed(sizes.width, sizes.height, orientation)
            thumb = _thumbnail(raw)
            pixels = _preview(thumb, size, orientation, reduce_to)
            if pixels is None:
                pixels = upright_rgb(_develop(raw), orientation, reduce_to)
    except rawpy.LibRawFileUnsupportedError as error:
        raise PhotoError("not a camera RAW file that LibRaw can read", "unsupported") from error
    except (rawpy.LibRawError, rawpy.NotSupportedError) as error:
        raise PhotoError(f"damaged: {_reason(error)}") from error
    found = _metadata(file, thumb)
    return DecodedPhoto(pixels, PhotoInfo(*size, orientation, "RAW", found.taken_at, found.camera))


def _thumbnail(raw: rawpy.RawPy) -> bytes:
    """The largest embedded JPEG; LibRaw gives it an EXIF block where the camera did not."""
    import rawpy

    try:
        thumb = raw.extract_thumb()
    except rawpy.LibRawError:
        return b""
    return thumb.data if isinstance(thumb.data, bytes) else b""


def _preview(
    thumb: bytes, size: tuple[int, int], orientation: int, reduce_to: int | None
) -> ImageArray | None:
    """The thumbnail, upright, unless it is small, damaged or of another shape than `size`.

    Cameras leave previews as the sensor lay, mostly, and note that in the preview or not; of
    the two orientations the one that gives the right shape is believed.
    """
    with suppress(PhotoError, *DECODER_ERRORS):
        image = open_image(file := BytesIO(thumb))
        if not min(_ENOUGH_PIXELS, max(size)) <= max(image.size) <= 2 * max(size):
            return None
        own = read_metadata(exif_of(image, file)).orientation
        for turn in (own or orientation, orientation):
            if _same_shape(displayed(*image.size, turn), size):
                return upright_rgb(load_pixels(image, file, reduce_to), turn, reduce_to)
    return None


def _same_shape(one: tuple[int, int], other: tuple[int, int]) -> bool:
    return abs(one[0] * other[1] / (one[1] * other[0]) - 1) <= _SAME_SHAPE


def _develop(raw: rawpy.RawPy) -> Image.Image:
    """Demosaic, at half size where that leaves enough pixels.

    LibRaw's automatic brightness stays on: it comes nearer to the camera's own rendering.
    """
    half = max(raw.sizes.width, raw.sizes.height) // 2 >= _ENOUGH_PIXELS
    return Image.fromarray(raw.postprocess(half_size=half, use_camera_wb=True, user_flip=0))


def _metadata(file: BinaryIO, thumb: bytes) -> Metadata:
    """EXIF of the file, or of its thumbnail for RAW that is no TIFF inside (CR3, RAF, X3F)."""
    found = read_metadata(file)
    if found != Metadata():
        return found
    with suppress(PhotoError, *DECODER_ERRORS):
        found = read_metadata(exif_of(open_image(preview := BytesIO(thumb)), preview))
    return found


def _reason(error: Exception) -> str:
    """LibRaw's messages are bytes in an exception's arguments."""
    text = error.args[0] if error.args else b""
    return printable(text.decode("ascii", "replace") if isinstance(text, bytes) else str(text), 120)

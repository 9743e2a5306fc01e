"""The XMP packet inside a photo, found without decoding it: bounded memory, bounded steps.

JPEG, PNG, WebP and TIFF (with DNG, CR2, NEF and other raw files of that structure) are walked
here, a JPEG's packet of several parts put together; the boxes of HEIC and AVIF are left to their
libraries. Where packets stand: XMP specification part 3.
"""

from __future__ import annotations

import stat
import struct
import warnings
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, Literal, TypeAlias

from PIL import Image

from faceclust.errors import InputError
from faceclust.xmp import extended
from faceclust.xmp.packet import MAX_PACKET_BYTES

Format: TypeAlias = Literal["jpeg", "png", "webp", "tiff", "heic", "avif"]

_JPEG_XMP = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_XMP = b"XML:com.adobe.xmp\0"
_TIFF_XMP, _BYTE_TYPES, _BIG_TIFF = 700, (1, 2, 6, 7), 43
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"hevm", b"hevs", b"mif1", b"msf1")
_MAX_STEPS = 200_000
# What Pillow, libheif and the walkers below raise on malformed files.
DECODER_ERRORS = (
    OSError,
    EOFError,
    ValueError,
    TypeError,
    LookupError,
    AttributeError,
    ArithmeticError,
    AssertionError,
    MemoryError,
    RuntimeError,
    SyntaxError,
    struct.error,
    zlib.error,
    Image.DecompressionBombError,
)


def embedded_packet(path: Path) -> bytes | None:
    """The XMP packet inside a photo; None where there is none or it cannot be read."""
    try:
        return read_embedded(path)
    except InputError:
        return None


def read_embedded(path: Path) -> bytes | None:
    """The XMP packet inside a photo; None where it has none.

    Raises:
        InputError: whether it has one cannot be told, so that writing might lose something.
    """
    try:
        packet = _packet(path)
    except DECODER_ERRORS as error:
        reason = str(error) or type(error).__name__
        message = f"{path}: its embedded XMP cannot be read ({reason}); write a sidecar instead"
        raise InputError(message) from error
    return packet if packet and packet.strip(b"\0 \t\r\n") else None


def photo_format(path: Path) -> Format | None:
    """The format of a photo by its first bytes; raw files of TIFF structure count as "tiff".

    Raises:
        OSError: it cannot be read, or is no regular file.
    """
    if not stat.S_ISREG(path.stat().st_mode):
        raise OSError("not a regular file")
    with path.open("rb") as file:
        head = file.read(64)
    if head.startswith(b"\xff\xd8\xff"):
        return "jpeg"
    if head.startswith(b"\x89PNG\r\n\x1a\n"):
        return "png"
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return "webp"
    if head[:2] in (b"II", b"MM"):
        return "tiff"
    if head[4:8] == b"ftyp" and (b"avif" in head or b"avis" in head):
        return "avif"
    return "heic" if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS else None


def _packet(path: Path) -> bytes | None:
    found = photo_format(path)
    with path.open("rb") as file:
        match found:
            case "jpeg":
                return _jpeg(file)
            case "png":
                return _png(file)
            case "webp":
                return _webp(file)
            case "tiff":
                return _tiff(file)
            case "heic":
                return _heic(file)
            case "avif":
                return _avif(file)
            case None:
                raise ValueError("unknown format")


def _jpeg(file: BinaryIO) -> bytes | None:
    main: bytes | None = None
    parts: list[extended.Part] = []
    try:
        for at, size in _app1(file):
            head = file.read(min(size, extended.HEAD))
            part = extended.read_part(head, at, size)
            if part is not None:
                parts += [part] if len(parts) < extended.MOST_PARTS else []
            elif main is None and head.startswith(_JPEG_XMP):
                main = (head + _read(file, size - len(head)))[len(_JPEG_XMP) :]
                if not extended.is_extended(main):
                    return main
    except (ValueError, EOFError, struct.error):
        # What is damaged behind the packet does not touch it.
        if main is None:
            raise
        return main
    return None if main is None else extended.completed(main, file, parts)


def _app1(file: BinaryIO) -> Iterator[tuple[int, int]]:
    """Where the contents of a JPEG's APP1 segments begin, and their sizes; the file stands there.

    It may be read on: the next segment is looked for behind this one in any case.
    """
    at = 2
    for _ in range(_MAX_STEPS):
        file.seek(at)
        start, marker = struct.unpack(">BB", file.read(2))
        if start != 0xFF:
            raise ValueError("broken segments")
        if marker in (0xD9, 0xDA):
            return
        at += 1 if marker == 0xFF else 2
        if marker not in (0x01, 0xFF) and not 0xD0 <= marker <= 0xD8:
            (size,) = struct.unpack(">H", file.read(2))
            if size < 2:
                raise ValueError("broken segments")
            if marker == 0xE1:
                yield at + 2, size - 2
            at += size
    raise ValueError("too many segments")


def _png(file: BinaryIO) -> bytes | None:
    file.seek(8)
    for _ in range(_MAX_STEPS):
        size, kind = struct.unpack(">I4s", file.read(8))
        if kind == b"IEND":
            return None
        if kind == b"iTXt":
            data = _read(file, size)
            if data.startswith(_PNG_XMP):
                return _international_text(data)
            size = 0
        file.seek(size + 4, 1)
    raise ValueError("too many chunks")


def _international_text(data: bytes) -> bytes:
    compressed, content = data[len(_PNG_XMP)], data[len(_PNG_XMP) + 2 :].split(b"\0", 2)[2]
    if not compressed:
        return content
    inflated = zlib.decompressobj().decompress(content, MAX_PACKET_BYTES + 1)
    if len(inflated) > MAX_PACKET_BYTES:
        raise ValueError(f"over {MAX_PACKET_BYTES >> 20} MB")
    return inflated


def _webp(file: BinaryIO) -> bytes | None:
    file.seek(12)
    for _ in range(_MAX_STEPS):
        head = file.read(8)
        if len(head) < 8:
            return None
        kind, size = struct.unpack("<4sI", head)
        if kind == b"XMP ":
            return _read(file, size)
        file.seek(size + size % 2, 1)
    raise ValueError("too many chunks")


def _tiff(file: BinaryIO) -> bytes | None:
    order = "<" if file.read(2) == b"II" else ">"
    magic, offset = struct.unpack(f"{order}HI", file.read(6))
    if magic == _BIG_TIFF:
        raise ValueError("BigTIFF")
    file.seek(offset)
    (count,) = struct.unpack(f"{order}H", file.read(2))
    for tag, kind, size, start in struct.iter_unpack(f"{order}HHII", _read(file, 12 * count)):
        if tag == _TIFF_XMP and kind in _BYTE_TYPES:
            file.seek(start)
            return _read(file, size)
    return None


def _read(file: BinaryIO, size: int) -> bytes:
    if size > MAX_PACKET_BYTES:
        raise ValueError(f"over {MAX_PACKET_BYTES >> 20} MB")
    data = file.read(size)
    if len(data) < size:
        raise EOFError("cut off")
    return data


def _heic(file: BinaryIO) -> bytes | None:
    import pillow_heif

    xmp: bytes | None = pillow_heif.open_heif(file).info.get("xmp")
    return xmp


def _avif(file: BinaryIO) -> bytes | None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with Image.open(file, formats=["AVIF"]) as image:
            xmp: bytes | None = image.info.get("xmp")
    return xmp

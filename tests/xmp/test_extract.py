from __future__ import annotations

import os
import shutil
import struct
import zlib
from pathlib import Path

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from faceclust.errors import InputError
from faceclust.xmp import embedded_packet
from faceclust.xmp.extract import read_embedded
from faceclust.xmp.packet import MAX_PACKET_BYTES, parse
from tests.export.xmp.samples import DIGIKAM

XMP_SEGMENT = b"http://ns.adobe.com/xap/1.0/\0"


def image(path: Path, **options: object) -> Path:
    Image.new("RGB", (8, 8), "red").save(path, **options)
    return path


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif", ".avif"])
def test_packets_that_pillow_wrote_are_found(tmp_path: Path, suffix: str) -> None:
    path = image(tmp_path / f"a{suffix}")
    assert read_embedded(path) is None
    options = {"tiffinfo": {700: DIGIKAM}} if suffix == ".tif" else {"xmp": DIGIKAM}
    assert embedded_packet(image(path, **options)) == DIGIKAM


@pytest.mark.parametrize("compressed", [False, True])
def test_png_packets_are_found_even_behind_the_pixels(tmp_path: Path, compressed: bool) -> None:
    text = PngInfo()
    text.add_itxt("XML:com.adobe.xmp", DIGIKAM.decode(), zip=compressed)
    path = image(tmp_path / "a.png", pnginfo=text)
    assert embedded_packet(path) == DIGIKAM
    plain = image(path).read_bytes()
    assert read_embedded(path) is None
    flags = b"\1\0" if compressed else b"\0\0"
    body = zlib.compress(DIGIKAM) if compressed else DIGIKAM
    late = chunk(b"iTXt", b"XML:com.adobe.xmp\0" + flags + b"\0\0" + body)
    path.write_bytes(plain[:-12] + late + plain[-12:])
    assert embedded_packet(path) == DIGIKAM


def test_real_photos_of_every_format(photos: Path) -> None:
    folder = photos / "formats"
    for name in ("IMG_5195.HEIC", "pug.heic", "canon_eos_6d.dng", "denali.webp"):
        packet = embedded_packet(folder / name)
        assert packet is not None, name
        parse(packet)
    for name in ("8bit-sRGB.avif", "xiaomi.heic", "iphone_13_pro_max.HEIC"):
        assert read_embedded(folder / name) is None, name
    assert read_embedded(photos / "orientation" / "Portrait_6.jpg") is None


def test_broken_photos_never_raise(photos: Path) -> None:
    broken = sorted(path for path in (photos / "broken").iterdir() if path.is_file())
    assert len(broken) > 100
    for path in broken:
        embedded_packet(path)


def test_what_cannot_be_told_is_an_error_for_writers_only(tmp_path: Path) -> None:
    cut = tmp_path / "cut.jpg"
    cut.write_bytes(b"\xff\xd8\xff\xe1\x20\x00" + XMP_SEGMENT + b"<x")
    bitmap = image(tmp_path / "a.bmp")
    for path in (cut, bitmap, tmp_path / "missing.jpg", tmp_path):
        assert embedded_packet(path) is None
        with pytest.raises(InputError, match=path.name):
            read_embedded(path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_named_pipe_does_not_block(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.jpg")
    assert embedded_packet(tmp_path / "a.jpg") is None


def test_hostile_sizes_are_not_followed(tmp_path: Path) -> None:
    huge = MAX_PACKET_BYTES + 1
    png = b"\x89PNG\r\n\x1a\n"
    text = b"XML:com.adobe.xmp\0\1\0\0\0" + zlib.compress(b" " * huge)
    files = {
        "bomb.png": png + chunk(b"iTXt", text) + chunk(b"IEND", b""),
        "size.png": png + struct.pack(">I4s", 0xFFFFFFFF, b"iTXt"),
        "size.webp": b"RIFF\0\0\0\0WEBP" + struct.pack("<4sI", b"XMP ", 0xFFFFFFFF),
        "loop.tif": b"II*\0\x08\0\0\0\xff\xff" + struct.pack("<HHII", 700, 1, huge, 8) * 0xFFFF,
        "zero.jpg": b"\xff\xd8" + b"\xff\xe0\0\0" * 10,
        "fill.jpg": b"\xff\xd8" + b"\xff" * 1_000_000,
        "many.jpg": b"\xff\xd8" + b"\xff\xe0\0\x02" * 300_000,
    }
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match="embedded XMP cannot be read"):
            read_embedded(tmp_path / name)


def test_an_empty_packet_counts_as_none(tmp_path: Path) -> None:
    assert read_embedded(image(tmp_path / "a.jpg", xmp=b"  \0")) is None


def test_the_photo_is_left_alone(photos: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(photos / "formats" / "denali.webp", tmp_path))
    before = path.read_bytes()
    embedded_packet(path)
    assert path.read_bytes() == before

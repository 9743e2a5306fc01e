"""All broken files in one process with 3 GB of memory, as a worker would meet them."""

from __future__ import annotations

import io
import json
import pickle
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from PIL import Image

from faceclust.errors import PhotoError
from faceclust.photos import decode

if not Path("/proc/self/status").exists():
    pytest.skip("needs Linux's /proc to see the peak of memory", allow_module_level=True)

WORKER = """
import json, resource, sys
from pathlib import Path
from faceclust.errors import PhotoError
from faceclust.photos import decode

resource.setrlimit(resource.RLIMIT_AS, (3 << 30, 3 << 30))
for path in sorted(Path(sys.argv[1]).iterdir()):
    try:
        decode(path)
        kind, reason = "photo", ""
    except PhotoError as error:
        kind, reason = error.kind, str(error)
    # Not ru_maxrss: that of the process which started this one counts into it.
    status = Path("/proc/self/status").read_text()
    peak = int(status.partition("VmHWM:")[2].split()[0])
    print(json.dumps([path.name, kind, reason, peak]))
"""

SURVIVORS = {
    "corrupted.jpg",
    "photoshop-200dpi-broken.jpg",
    "truncated_app14.jpg",
    "truncated_end_chunk.png",
}
"""What every viewer shows; all else is an error."""

DOUBTFUL = {"crash-0da013a13571cc8eb457a39fee8db18f8a3c7127.tif"}
"""A photo to some versions of libtiff and none to others."""


def run(folder: Path) -> dict[str, tuple[str, str, int]]:
    done = subprocess.run(
        [sys.executable, "-c", WORKER, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    assert done.stderr == ""
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    return {name: (kind, reason, peak) for name, kind, reason, peak in rows}


def test_every_broken_file_decodes_or_says_why(photos: Path) -> None:
    results = run(photos / "broken")
    assert len(results) == 124
    shown = {name for name, row in results.items() if row[0] == "photo"}
    assert shown - DOUBTFUL == SURVIVORS
    for kind, reason, _ in results.values():
        assert kind in ("photo", "unsupported", "unreadable", "truncated")
        assert kind == "photo" or (0 < len(reason) < 140 and reason.isprintable())
    assert max(row[2] for row in results.values()) < 1_000_000  # kilobytes


def jpeg_with_exif(block: bytes) -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "JPEG")
    parts = [block[i : i + 65_000] for i in range(0, len(block), 65_000)]
    segments = b"".join(
        b"\xff\xe1" + (len(part) + 8).to_bytes(2, "big") + b"Exif\0\0" + part for part in parts
    )
    return b"\xff\xd8" + segments + buffer.getvalue()[2:]


def png_with_text_bomb() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (16, 16)).save(buffer, "PNG")
    body = b"zTXt" + b"a\0\0" + zlib.compress(b"x" * (1 << 28), 9)
    chunk = (len(body) - 4).to_bytes(4, "big") + body + zlib.crc32(body).to_bytes(4, "big")
    return buffer.getvalue()[:33] + chunk + buffer.getvalue()[33:]


def test_bombs_stay_below_a_gigabyte(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_bytes(png_with_text_bomb())
    Image.new("RGB", (7000, 7000)).save(tmp_path / "plain.png")
    Image.new("1", (15_000, 15_000)).save(tmp_path / "huge.png")
    Image.new("L", (7000, 7000)).save(tmp_path / "progressive.jpg", progressive=True)
    results = run(tmp_path)
    assert {name: row[0] for name, row in results.items()} == {
        "text.png": "unreadable",
        "plain.png": "photo",
        "huge.png": "too-large",
        "progressive.jpg": "photo",
    }
    assert max(row[2] for row in results.values()) < 1_000_000  # kilobytes


def test_exif_that_claims_ten_gigabytes_ends_at_the_memory_limit(tmp_path: Path) -> None:
    entries = b"".join(
        struct.pack("<HHII", 0x9000 + number, 7, 500_000, 8) for number in range(20_000)
    )
    exif = b"II*\0" + struct.pack("<IH", 8, 20_000) + entries + bytes(500_000)
    (tmp_path / "exif.jpg").write_bytes(jpeg_with_exif(exif))
    assert run(tmp_path)["exif.jpg"][0] in ("photo", "memory")


def test_a_photo_error_survives_the_way_out_of_a_worker(photos: Path) -> None:
    with pytest.raises(PhotoError) as caught:
        decode(photos / "broken" / "truncated_image.png")
    copy = pickle.loads(pickle.dumps(caught.value))
    assert (str(copy), copy.kind) == (str(caught.value), "truncated")

from __future__ import annotations

import struct
from io import BytesIO

import exifread
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from faceclust.photos import exif
from faceclust.photos.exif import Metadata, read_metadata

B = ExifTags.Base


def block(tags: dict[int, object], sub: dict[int, object] | None = None) -> BytesIO:
    made = Image.Exif()
    made.update(tags)
    if sub:
        made[ExifTags.IFD.Exif] = sub
    return BytesIO(made.tobytes().removeprefix(b"Exif\0\0"))


@pytest.mark.parametrize("broken_exifread", [False, True])
def test_reads_everything_with_exifread_and_without(
    broken_exifread: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise struct.error("unpack requires a buffer of 4 bytes")

    if broken_exifread:
        monkeypatch.setattr(exifread, "process_file", fail)
    tags = {B.Make: "Canon", B.Model: "EOS 6D", B.Orientation: 6, B.DateTime: "2001:01:01 00:00:00"}
    dates = {B.DateTimeOriginal: "2019:07:14 18:03:22", B.DateTimeDigitized: "2020:01:01 00:00:00"}
    expected = Metadata(6, "2019-07-14T18:03:22", "Canon EOS 6D")
    assert read_metadata(block(tags, dates)) == expected


@pytest.mark.parametrize(
    ("original", "digitized", "changed", "expected"),
    [
        ("0000:00:00 00:00:00", "2020:02:03 04:05:06", "", "2020-02-03T04:05:06"),
        ("    :  :     :  :  ", "", "2020:02:03 04:05:06", "2020-02-03T04:05:06"),
        ("2020:13:03 04:05:06", "2020:02:30 00:00:00", "yesterday", None),
        ("2020-02-03 04:05", "", "", "2020-02-03T04:05:00"),
        ("2020:02:03 04:05:06+02:00", "", "", "2020-02-03T04:05:06"),
        ("2020:02:03", "", "", None),
    ],
)
def test_the_first_date_that_makes_sense(
    original: str, digitized: str, changed: str, expected: str | None
) -> None:
    dates = {B.DateTimeOriginal: original, B.DateTimeDigitized: digitized}
    assert read_metadata(block({B.DateTime: changed or "-"}, dates)).taken_at == expected


@pytest.mark.parametrize(
    ("make", "model", "expected"),
    [
        ("Apple", "iPhone 13 Pro", "Apple iPhone 13 Pro"),
        ("Canon", "Canon EOS 6D", "Canon EOS 6D"),
        ("NIKON CORPORATION", "NIKON D90", "NIKON D90"),
        ("", "DMC-FZ18", "DMC-FZ18"),
        ("Acme  ", "", "Acme"),
        ("\x1b[31mRed\n", "One\x07", "[31mRed One"),
        ("A" * 400, "B" * 400, "A" * 100),
        ("", "", None),
    ],
)
def test_camera(make: str, model: str, expected: str | None) -> None:
    assert read_metadata(block({B.Make: make, B.Model: model})).camera == expected


@pytest.mark.parametrize("stored", [0, 9, 99, 65535])
def test_orientations_that_do_not_exist(stored: int) -> None:
    assert read_metadata(block({B.Orientation: stored})).orientation is None


def test_no_metadata() -> None:
    assert read_metadata(BytesIO()) == Metadata()
    assert read_metadata(BytesIO(b"not a TIFF structure at all")) == Metadata()


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_directories_without_end_are_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand directories, each a chain's link with entries that all want 100 kB."""
    reads = []
    read = exif._Bounded.read

    def counting(self: exif._Bounded, size: int) -> bytes:
        data = read(self, size)
        reads.append(len(data))
        return data

    monkeypatch.setattr(exif._Bounded, "read", counting)
    entries = b"".join(struct.pack("<HHII", 0x9000 + i, 2, 100_000, 8) for i in range(100))
    links = (
        struct.pack("<H", 100) + entries + struct.pack("<I", 8 + 1206 * i) for i in range(1, 1000)
    )
    found = read_metadata(BytesIO(b"II*\0" + struct.pack("<I", 8) + b"".join(links)))
    assert found == Metadata()
    assert 0 < len(reads) <= exif._MAX_READS
    assert sum(reads) <= exif._MAX_BYTES


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.binary(max_size=400))
def test_any_bytes_behind_a_tiff_header(data: bytes) -> None:
    found = read_metadata(BytesIO(b"II*\0\x08\0\0\0" + data))
    assert found.orientation in (None, *range(1, 9))


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.binary(max_size=60), st.integers(0, 200))
def test_a_damaged_block(data: bytes, where: int) -> None:
    whole = block({B.Make: "Canon", B.Orientation: 3}, {B.DateTimeOriginal: "2019:07:14 18:03:22"})
    damaged = whole.getvalue()[:where] + data + whole.getvalue()[where + len(data) :]
    found = read_metadata(BytesIO(damaged))
    assert found.camera is None or (found.camera.isprintable() and len(found.camera) <= 100)

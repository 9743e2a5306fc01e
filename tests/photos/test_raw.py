from __future__ import annotations

from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
import rawpy
from PIL import Image

from faceclust.errors import PhotoError
from faceclust.photos import decode, raw
from faceclust.records import ImageArray
from tests.photos.test_pixels import TURNED

ORIENTATION_TAG = b"\x12\x01\x03\x00\x01\x00\x00\x00"


@pytest.fixture
def dng(photos: Path) -> Path:
    return photos / "formats" / "canon_eos_6d.dng"


def turned(dng: Path, folder: Path, orientation: int) -> Path:
    """The same RAW file as a camera held otherwise would have written it."""
    data = dng.read_bytes()
    at = data.index(ORIENTATION_TAG) + len(ORIENTATION_TAG)
    path = folder / "turned.dng"
    path.write_bytes(data[:at] + bytes([orientation]) + data[at + 1 :])
    return path


def test_a_small_preview_gives_way_to_the_sensor(dng: Path) -> None:
    photo = decode(dng)
    assert photo.pixels.shape == (816, 1224, 3)
    assert photo.info.format == "RAW"
    assert (photo.info.taken_at, photo.info.camera) == ("2019-06-06T07:29:51", "Canon EOS 6D")


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("enough", [1000, 1500])
def test_orientation_is_applied_once(
    dng: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, orientation: int, enough: int
) -> None:
    monkeypatch.setattr(raw, "_ENOUGH_PIXELS", enough)
    size = (683, 1024, 3) if enough == 1000 else (816, 1224, 3)
    plain = decode(dng).pixels
    assert plain.shape == size
    photo = decode(turned(dng, tmp_path, orientation))
    expected = TURNED[orientation](plain)
    assert photo.info.orientation == orientation
    assert (photo.info.width, photo.info.height) == (
        (816, 1224) if orientation >= 5 else (1224, 816)
    )
    assert photo.pixels.shape == expected.shape
    assert np.abs(photo.pixels.astype(int) - expected).mean() < 1


def test_preview_and_sensor_show_the_same(dng: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    developed = decode(dng).pixels
    monkeypatch.setattr(raw, "_ENOUGH_PIXELS", 1000)
    preview = Image.fromarray(decode(dng).pixels).resize((1224, 816)).convert("L")
    grey = np.asarray(Image.fromarray(developed).convert("L")).ravel()
    assert np.corrcoef(grey, np.asarray(preview).ravel())[0, 1] > 0.9


@pytest.mark.parametrize(("width", "half"), [(6000, True), (3000, True), (2999, False)])
def test_half_size_where_that_is_enough(width: int, half: bool) -> None:
    asked: dict[str, object] = {}

    def postprocess(**options: object) -> ImageArray:
        asked.update(options)
        return np.zeros((2, 3, 3), np.uint8)

    sizes = SimpleNamespace(width=width, height=2000)
    raw._develop(cast("rawpy.RawPy", SimpleNamespace(sizes=sizes, postprocess=postprocess)))
    assert (asked["half_size"], asked["user_flip"]) == (half, 0)


@pytest.mark.parametrize(
    ("stored", "own", "main", "expected"),
    [
        ((300, 200), None, 6, 6),  # as the sensor lay, without a word about it
        ((300, 200), 6, 6, 6),  # the same, noted in the preview
        ((300, 200), 1, 6, 6),  # the same, noted wrongly
        ((200, 300), 1, 6, 1),  # turned by the camera
        ((300, 200), 3, 1, 3),
        ((300, 300), None, 6, None),  # cropped
        ((300, 160), None, 1, None),
    ],
)
def test_previews_are_turned_as_their_shape_tells(
    monkeypatch: pytest.MonkeyPatch,
    stored: tuple[int, int],
    own: int | None,
    main: int,
    expected: int | None,
) -> None:
    monkeypatch.setattr(raw, "_ENOUGH_PIXELS", 300)
    data = np.random.default_rng(0).integers(0, 256, (10, 10, 3), np.uint8)
    image = Image.fromarray(data).resize(stored)
    exif = Image.Exif()
    if own:
        exif[0x0112] = own
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=95, exif=exif)
    full = (400, 600) if main >= 5 else (600, 400)
    pixels = raw._preview(buffer.getvalue(), full, main, None)
    if expected is None:
        assert pixels is None
    else:
        assert pixels is not None
        turned_image = TURNED[expected](np.asarray(image))
        assert np.abs(pixels.astype(int) - turned_image).mean() < 8


@pytest.mark.parametrize("thumb", [b"", b"no JPEG", b"\xff\xd8\xff\xe0"])
def test_damaged_previews_are_passed_over(
    dng: Path, monkeypatch: pytest.MonkeyPatch, thumb: bytes
) -> None:
    monkeypatch.setattr(raw, "_ENOUGH_PIXELS", 1000)
    monkeypatch.setattr(raw, "_thumbnail", lambda _: thumb)
    assert decode(dng).pixels.shape == (816, 1224, 3)


def test_metadata_of_raw_files_that_are_no_tiff(dng: Path) -> None:
    with rawpy.imread(str(dng)) as opened:
        thumb = raw._thumbnail(opened)
    found = raw._metadata(BytesIO(b"FUJIFILMCCD-RAW 0201"), thumb)
    assert (found.taken_at, found.camera) == ("2019-06-06T07:29:51", "Canon EOS 6D")
    assert raw._metadata(BytesIO(b"FUJIFILMCCD-RAW 0201"), b"").camera is None


def test_failures(dng: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "none.nef").write_bytes(b"no RAW file at all" * 99)
    (tmp_path / "cut.dng").write_bytes(dng.read_bytes()[:100_000])
    (tmp_path / "half.dng").write_bytes(dng.read_bytes()[:250_000])
    for name, kind, reason in [
        ("none.nef", "unsupported", "not a camera RAW file that LibRaw can read"),
        ("cut.dng", "unreadable", "damaged: Input/output error"),
        ("half.dng", "unreadable", "damaged: Corrupted data or unexpected EOF"),
    ]:
        with pytest.raises(PhotoError) as caught:
            decode(tmp_path / name)
        assert (caught.value.kind, str(caught.value)) == (kind, reason)
    with pytest.raises(PhotoError, match=r"the limit is 0\.9 megapixels"):
        decode(dng, max_pixels=900_000)
    assert capfd.readouterr() == ("", "")

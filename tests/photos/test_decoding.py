from __future__ import annotations

import io
import os
import shutil
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from faceclust.errors import PhotoError
from faceclust.photos import decode
from faceclust.photos.formats import EXTENSIONS
from faceclust.records import DecodedPhoto, ImageArray
from tests.photos.test_pixels import TURNED


@pytest.fixture
def portrait(photos: Path) -> Image.Image:
    with Image.open(photos / "orientation" / "Portrait_1.jpg") as image:
        return image.reduce(6)


def save(image: Image.Image, path: Path, **options: Any) -> Path:
    image.save(path, **options)
    return path


def difference(one: ImageArray, other: ImageArray) -> float:
    assert one.shape == other.shape
    return float(np.abs(one.astype(int) - other.astype(int)).mean())


def kind(path: Path, **options: Any) -> tuple[str, str]:
    with pytest.raises(PhotoError) as caught:
        decode(path, **options)
    return caught.value.kind, str(caught.value)


# Orientation


def test_eight_orientations_show_the_same_portrait(photos: Path) -> None:
    upright = decode(photos / "orientation" / "Portrait_1.jpg")
    assert (upright.info.width, upright.info.height) == (1200, 1800)
    for stored in range(9):
        photo = decode(photos / "orientation" / f"Portrait_{stored}.jpg")
        assert photo.info.orientation == (stored or 1)
        assert (photo.info.width, photo.info.height) == (1200, 1800)
        assert difference(photo.pixels, upright.pixels) < 3


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp", "avif", "heic"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(
    portrait: Image.Image, tmp_path: Path, suffix: str, orientation: int
) -> None:
    pillow_heif.register_heif_opener()
    exif = Image.Exif()
    exif[0x0112] = orientation
    block = exif.tobytes() if suffix == "heic" else exif  # only of bytes it makes a rotation
    photo = decode(save(portrait, tmp_path / f"p.{suffix}", exif=block, quality=95))
    expected = TURNED[orientation](np.asarray(portrait))
    assert difference(photo.pixels, expected) < 6
    assert photo.info.orientation == orientation
    assert (photo.info.height, photo.info.width) == expected.shape[:2]


# Formats


@pytest.mark.parametrize(
    ("name", "size", "orientation", "codec", "taken_at", "camera"),
    [
        ("8bit-sRGB.avif", (1617, 1080), 1, "AVIF", None, None),
        (
            "IMG_5195.HEIC",
            (2566, 3313),
            1,
            "HEIF",
            "2021-04-11T15:47:53",
            "Apple iPhone 11 Pro Max",
        ),
        ("denali.webp", (600, 315), 1, "WEBP", "2010-08-13T21:00:01", "Canon EOS 7D"),
        ("invalid_id.heic", (564, 870), 1, "HEIF", None, None),
        (
            "iphone_13_pro_max.HEIC",
            (3024, 4032),
            6,
            "HEIF",
            "2022-02-16T12:55:41",
            "Apple iPhone 13 Pro Max",
        ),
        ("pug.heic", (4032, 3024), 1, "HEIF", "2023-02-21T14:33:08", "Apple iPhone 13 Pro"),
        ("xiaomi.heic", (2592, 1944), 1, "HEIF", "2023-04-27T19:44:18", "Xiaomi M2012K11AG"),
    ],
)
def test_real_files(
    photos: Path,
    name: str,
    size: tuple[int, int],
    orientation: int,
    codec: str,
    taken_at: str | None,
    camera: str | None,
) -> None:
    photo = decode(photos / "formats" / name)
    info = photo.info
    assert (info.width, info.height, info.orientation, info.format) == (*size, orientation, codec)
    assert (info.taken_at, info.camera) == (taken_at, camera)
    assert photo.pixels.shape == (size[1], size[0], 3)
    assert photo.pixels.std() > 20


@pytest.mark.parametrize("suffix", sorted({"jpg", "png", "tif", "webp", "bmp", "gif", "avif"}))
def test_every_format_gives_the_same_picture(
    portrait: Image.Image, tmp_path: Path, suffix: str
) -> None:
    path = save(portrait, tmp_path / f"p.{suffix}", **({"quality": 95} if suffix != "png" else {}))
    assert f".{suffix}" in EXTENSIONS
    photo = decode(path)
    assert difference(photo.pixels, np.asarray(portrait)) < 8
    assert photo.info.format.startswith({"jpg": "JPEG", "tif": "TIFF"}.get(suffix, suffix.upper()))


@pytest.mark.parametrize("name", ["really-png.jpg", "really-png.dng", "really-png"])
def test_content_decides_not_the_suffix(portrait: Image.Image, tmp_path: Path, name: str) -> None:
    photo = decode(save(portrait, tmp_path / name, format="PNG"))
    assert photo.info.format == "PNG"
    assert (photo.pixels == np.asarray(portrait)).all()


def test_avif_and_heic_of_the_common_brand(photos: Path, tmp_path: Path) -> None:
    for name, codec in [("8bit-sRGB.avif", "AVIF"), ("pug.heic", "HEIF")]:
        data = (photos / "formats" / name).read_bytes()
        (tmp_path / name).write_bytes(data[:8] + b"mif1" + data[12:])
        assert decode(tmp_path / name).info.format == codec


@pytest.mark.parametrize("suffix", ["gif", "webp"])
def test_the_first_frame_of_an_animation(tmp_path: Path, suffix: str) -> None:
    frames = [Image.new("RGB", (8, 8), colour) for colour in ("red", "green", "blue")]
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(
        frames[0], tmp_path / f"a.{suffix}", save_all=True, append_images=frames[1:], **options
    )
    assert decode(path).pixels[4, 4].tolist() == [255, 0, 0]


def test_a_jpeg_with_a_second_picture_is_a_jpeg(portrait: Image.Image, tmp_path: Path) -> None:
    path = save(
        portrait,
        tmp_path / "a.jpg",
        format="MPO",
        save_all=True,
        append_images=[portrait.reduce(4)],
    )
    photo = decode(path)
    assert (photo.info.format, photo.pixels.shape[0]) == ("JPEG", portrait.height)


@pytest.mark.parametrize(
    "trailer", [b"\0" * 40, b"\xff\xff\xff\xff" * 9, b"\0\0\0\x10mpvdmotionpic"]
)
def test_heic_with_something_behind_it(photos: Path, tmp_path: Path, trailer: bytes) -> None:
    data = (photos / "formats" / "invalid_id.heic").read_bytes()
    (tmp_path / "a.heic").write_bytes(data + trailer)
    assert decode(tmp_path / "a.heic").pixels.shape == (870, 564, 3)


# Colours


@pytest.mark.parametrize("marked", [True, False])
def test_cmyk_jpeg_has_inverted_inks_as_adobe_writes_them(tmp_path: Path, marked: bool) -> None:
    path = save(Image.new("CMYK", (16, 16), (0, 255, 255, 0)), tmp_path / "a.jpg", quality=95)
    data = path.read_bytes()
    marker = data.index(b"\xff\xee\0\x0eAdobe")
    if not marked:
        path.write_bytes(data[:marker] + data[marker + 16 :])
    red, green, blue = decode(path).pixels[8, 8].tolist()
    assert (red > 250, green < 5, blue < 5) == (True, True, True)


def test_sixteen_bit_files(tmp_path: Path) -> None:
    ramp = np.linspace(0, 65535, 256).astype(np.uint16).reshape(16, 16)
    for name in ("a.png", "a.tif"):
        pixels = decode(save(Image.fromarray(ramp), tmp_path / name)).pixels
        assert (pixels[..., 0] == ramp >> 8).all()
        assert (pixels[..., 0] == pixels[..., 2]).all()


def test_transparent_png_is_white(tmp_path: Path) -> None:
    assert (
        decode(save(Image.new("RGBA", (4, 4), (9, 9, 9, 0)), tmp_path / "a.png")).pixels.min()
        == 255
    )
    path = save(Image.new("L", (4, 4), 9), tmp_path / "b.png", transparency=9)
    assert decode(path).pixels.min() == 255


# Reduction


@pytest.fixture(scope="module")
def big(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A mosaic of album photos, 2000 x 1500."""
    mosaic = Image.new("RGB", (2000, 1500))
    for i, path in enumerate(sorted((photos / "album").glob("*.jpg"))[:48]):
        with Image.open(path) as tile:
            mosaic.paste(tile.resize((250, 250)), (i % 8 * 250, i // 8 * 250))
    return save(mosaic, tmp_path_factory.mktemp("big") / "big.jpg", quality=92)


@pytest.mark.parametrize("suffix", ["jpg", "png"])
@pytest.mark.parametrize(
    ("reduce_to", "width"),
    [(None, 2000), (4000, 2000), (1001, 2000), (1000, 1000), (600, 667), (240, 250), (25, 25)],
)
def test_reduction_keeps_enough_pixels(
    big: Path, tmp_path: Path, suffix: str, reduce_to: int | None, width: int
) -> None:
    with Image.open(big) as image:
        path = big if suffix == "jpg" else save(image, tmp_path / "big.png", compress_level=1)
        photo = decode(path, reduce_to=reduce_to)
        assert (photo.info.width, photo.info.height) == (2000, 1500)
        shrunk = photo.pixels.shape[1]
        assert shrunk >= min(reduce_to or 2000, 2000)
        if suffix == "png" or reduce_to != 600:  # a half by the codec, then no whole factor is left
            assert shrunk == width
        expected = image.resize(photo.pixels.shape[1::-1], Image.Resampling.BOX)
        assert difference(photo.pixels, np.asarray(expected)) < 6


def test_reduction_of_a_turned_photo(photos: Path) -> None:
    for stored in (1, 6):
        photo = decode(photos / "orientation" / f"Portrait_{stored}.jpg", reduce_to=900)
        assert photo.pixels.shape == (900, 600, 3)
        assert (photo.info.width, photo.info.height) == (1200, 1800)


# Damage


def cut(source: Path, target: Path, share: float) -> Path:
    data = source.read_bytes()
    target.write_bytes(data[: int(len(data) * share)])
    return target


def test_a_jpeg_without_its_last_bytes_is_shown(big: Path, tmp_path: Path) -> None:
    target = tmp_path / "cut.jpg"
    target.write_bytes(big.read_bytes()[:-2])
    assert difference(decode(target).pixels, decode(big).pixels) < 0.01
    assert decode(cut(big, target, 0.95), reduce_to=500).info.width == 2000


def test_a_progressive_jpeg_that_lacks_fine_detail_is_shown(big: Path, tmp_path: Path) -> None:
    with Image.open(big) as image:
        whole = save(image, tmp_path / "p.jpg", progressive=True, quality=92)
    assert difference(decode(cut(whole, tmp_path / "c.jpg", 0.8)).pixels, decode(big).pixels) < 6


@pytest.mark.parametrize("suffix", ["jpg", "png", "heic"])
def test_a_file_that_lacks_half_is_an_error(
    big: Path, photos: Path, tmp_path: Path, suffix: str
) -> None:
    with Image.open(big) as image:
        whole = {
            "jpg": big,
            "png": save(image, tmp_path / "whole.png", compress_level=1),
            "heic": photos / "formats" / "IMG_5195.HEIC",
        }[suffix]
    found, reason = kind(cut(whole, tmp_path / f"half.{suffix}", 0.5))
    assert found == "truncated"
    assert 0.35 < int(reason.removeprefix("cut off: ").split()[0].rstrip("%")) / 100 < 0.65


def test_a_png_without_its_end_is_shown_and_half_a_png_is_not(photos: Path) -> None:
    assert decode(photos / "broken" / "truncated_end_chunk.png").pixels.shape == (128, 128, 3)
    assert kind(photos / "broken" / "truncated_image.png")[0] == "truncated"


@pytest.mark.parametrize(
    "name",
    ["decompression_bomb.ico", "cross_scan_line_truncated.tga", "crash-5762152299364352.fli"],
)
def test_other_parsers_are_never_reached(photos: Path, tmp_path: Path, name: str) -> None:
    for disguise in (name, "photo.jpg"):
        shutil.copy(photos / "broken" / name, tmp_path / disguise)
        assert kind(tmp_path / disguise) == (
            "unsupported",
            "not an image in a supported format",
        )


def test_the_pixel_limit_stands_before_decoding(big: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def load(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert kind(big, max_pixels=2_999_999) == (
        "too-large",
        "too large: 2000 x 1500 pixels, the limit is 3 megapixels",
    )
    assert kind(big, max_pixels=1_000)[0] == "too-large"  # above Pillow's own limit
    assert kind(big, max_pixels=3_000_000) == ("unreadable", "damaged: decoded")


@pytest.mark.parametrize(("width", "suspicious"), [(49_000, False), (51_000, True)])
def test_bombs_are_told_by_their_ratio(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, width: int, suspicious: bool
) -> None:
    path = save(Image.new("1", (width, 1000)), tmp_path / "a.png", optimize=True)
    assert path.stat().st_size < 10_000
    if suspicious:
        found, reason = kind(path)
        assert (found, reason[:10]) == ("too-large", "suspicious")
    else:
        assert decode(path, reduce_to=1000).pixels.max() == 0


def test_files_that_are_no_photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "folder.jpg").mkdir()
    assert kind(tmp_path / "empty.jpg")[0] == "unsupported"
    assert kind(tmp_path / "folder.jpg") == ("unsupported", "not a regular file")
    assert kind(tmp_path / "missing.jpg") == ("unreadable", "the file is gone")

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # root may read everything
    assert kind(tmp_path / "empty.jpg") == ("permission", "no permission to read it")


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (MemoryError(), ("memory", "it needs more memory than a photo may take")),
        (ZeroDivisionError("division by zero"), ("unreadable", "damaged: division by zero")),
        (KeyError(), ("unreadable", "damaged: KeyError")),
        (SyntaxError("a\x1b[2J\nb" + "x" * 500), ("unreadable", "damaged: a [2J b" + "x" * 113)),
    ],
)
def test_reasons(
    big: Path, monkeypatch: pytest.MonkeyPatch, error: Exception, expected: tuple[str, str]
) -> None:
    def load(*_: object) -> None:
        raise error

    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert kind(big) == expected


def test_nothing_is_printed_and_the_process_is_left_as_it_was(
    photos: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    for path in (photos / "broken").glob("*.tif"):  # libtiff prints by itself
        kind_or_photo(path)
    assert capfd.readouterr() == ("", "")
    os.write(2, b"audible again")
    assert capfd.readouterr().err == "audible again"
    assert (Image.MAX_IMAGE_PIXELS, warnings.filters) == (limit, filters)


def kind_or_photo(path: Path) -> DecodedPhoto | str:
    try:
        return decode(path)
    except PhotoError as error:
        return error.kind


# Anything at all


def sample(codec: str) -> bytes:
    buffer = io.BytesIO()
    exif = Image.Exif()
    exif.update({0x0112: 6, 0x010F: "Make", 0x0132: "2019:07:14 18:03:22"})
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (24, 32, 3), np.uint8))
    options: dict[str, Any] = {"exif": exif} if codec not in ("BMP", "GIF") else {}
    if codec == "PNG":
        options["pnginfo"] = info = PngImagePlugin.PngInfo()
        info.add_text("original_orientation", "5")
        info.add_text("comment", "x" * 200, zip=True)
    image.save(buffer, codec, **options)
    return buffer.getvalue()


FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(FORMATS), st.lists(st.tuples(st.integers(0, 900), st.integers(0, 255))))
@example("JPEG", [])
def test_any_damage_gives_a_photo_or_a_photo_error(
    tmp_path: Path, codec: str, damage: list[tuple[int, int]]
) -> None:
    data = bytearray(sample(codec))
    for where, value in damage:
        data[where % len(data)] = value
    (tmp_path / "a").write_bytes(data)
    result = kind_or_photo(tmp_path / "a")
    if not damage:
        assert isinstance(result, DecodedPhoto)
        turned = codec not in ("BMP", "GIF")
        assert result.info.orientation == (6 if turned else 1)
        assert result.pixels.shape == ((32, 24, 3) if turned else (24, 32, 3))

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from faceclust.errors import PersonError, PhotoError
from faceclust.pipeline import Library, Pictures, photo, thumbnail
from faceclust.pipeline.picture import FACE_SIDE, SCREEN_SIDE
from faceclust.records import Box
from tests import synthetic
from tests.synthetic import library

RED, BLUE = (220, 30, 30), (30, 30, 220)


@pytest.fixture(scope="module")
def pictures() -> Iterator[Pictures]:
    made = Pictures()
    yield made
    made.close()


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    """A large photo on its side, red where its face is once it is upright, and a small one."""
    root = tmp_path / "album"
    root.mkdir()
    upright = Image.new("RGB", (3000, 4000), BLUE)
    upright.paste(RED, (600, 400, 1200, 1200))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees to the right for display
    upright.transpose(Image.Transpose.ROTATE_90).save(root / "a.jpg", exif=exif)
    Image.new("RGB", (200, 100), RED).save(root / "b.png")
    found = [
        synthetic.photo("a.jpg", 1, boxes=(Box(0.2, 0.1, 0.2, 0.2),)),
        synthetic.photo("b.png", 2, boxes=(Box(0.0, 0.0, 1.0, 1.0),)),
        synthetic.photo("gone.jpg", 3),
    ]
    with library(root, *found) as opened:
        yield opened


def shown(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    assert image.format == "JPEG"
    assert not image.getexif()  # where it was taken is nobody's business
    return image.convert("RGB")


def near(pixel: object, colour: tuple[int, int, int]) -> bool:
    assert isinstance(pixel, tuple)
    return all(abs(a - b) < 40 for a, b in zip(pixel, colour, strict=True))


def test_a_photo_upright_and_no_larger_than_the_screen(album: Library, pictures: Pictures) -> None:
    image = shown(pictures.photo(album, 1))
    assert image.size == (SCREEN_SIDE * 3 // 4, SCREEN_SIDE)
    assert near(image.getpixel((int(0.3 * image.width), int(0.2 * image.height))), RED)
    assert near(image.getpixel((image.width - 5, image.height - 5)), BLUE)
    assert shown(pictures.photo(album, 2)).size == (200, 100)  # never enlarged


def test_a_face_and_a_little_around_it(album: Library, pictures: Pictures) -> None:
    image = shown(pictures.face(album, 1))
    assert image.size == (FACE_SIDE, FACE_SIDE)
    assert near(image.getpixel((FACE_SIDE // 2, FACE_SIDE // 2)), RED)
    assert near(image.getpixel((FACE_SIDE // 2, FACE_SIDE - 5)), BLUE)
    assert shown(pictures.face(album, 2)).size == (100, 100)  # as far as the photo goes


def test_only_what_is_in_the_library(album: Library, pictures: Pictures, tmp_path: Path) -> None:
    for make in (pictures.photo, pictures.face):
        with pytest.raises(PersonError):
            make(album, 99)
    with pytest.raises(PhotoError, match="gone"):
        pictures.photo(album, 3)
    # A link that came to stand in the photo's place leads out of the library.
    secret = tmp_path / "secret.png"
    Image.new("RGB", (50, 50)).save(secret)
    (album.root / "gone.jpg").symlink_to(secret)
    with pytest.raises(PhotoError, match="outside"):
        pictures.photo(album, 3)


def test_a_photo_that_was_replaced_is_read_again(album: Library, pictures: Pictures) -> None:
    assert near(shown(pictures.photo(album, 2)).getpixel((5, 5)), RED)
    Image.new("RGB", (200, 100), BLUE).save(album.root / "b.png")
    os.utime(album.root / "b.png", ns=(1, 1))
    assert near(shown(pictures.photo(album, 2)).getpixel((5, 5)), BLUE)


@pytest.mark.parametrize("content", [b"", b"\xff\xd8\xff" + b"\0" * 5000, b"P6 1 1 255 abc"])
def test_a_broken_photo_is_a_reason_and_no_end(
    album: Library, pictures: Pictures, content: bytes
) -> None:
    (album.root / "gone.jpg").write_bytes(content)
    with pytest.raises(PhotoError):
        pictures.photo(album, 3)
    assert shown(pictures.photo(album, 2))


def test_what_there_is_to_know_of_a_photo(album: Library) -> None:
    view = photo(album, 1)
    assert view.file == "a.jpg"
    assert [face for face, _ in view.faces] == [1]
    with pytest.raises(PersonError):
        photo(album, 99)
    assert thumbnail(album, 1) == b"jpeg of 1"
    with pytest.raises(PersonError):
        thumbnail(album, 99)

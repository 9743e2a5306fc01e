from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceclust.errors import PhotoError
from faceclust.photos.pixels import displayed, upright_rgb
from faceclust.records import ImageArray

WHITE, BLACK, RED = (255, 255, 255), (0, 0, 0), (255, 0, 0)


def pixel(image: Image.Image, x: int = 0) -> tuple[int, ...]:
    return tuple(upright_rgb(image, 1, None)[0, x].tolist())


@pytest.mark.parametrize(
    ("mode", "colour", "expected"),
    [
        ("1", 1, WHITE),
        ("L", 7, (7, 7, 7)),
        ("P", 0, BLACK),
        ("RGB", (1, 2, 3), (1, 2, 3)),
        ("RGBX", (1, 2, 3, 4), (1, 2, 3)),
        ("RGBA", (1, 2, 3, 255), (1, 2, 3)),
        ("RGBA", (1, 2, 3, 0), WHITE),
        ("RGBA", (255, 0, 0, 128), (255, 127, 127)),
        ("RGBa", (128, 0, 0, 128), (255, 127, 127)),
        ("LA", (0, 0), WHITE),
        ("La", (0, 255), BLACK),
        ("PA", (0, 0), WHITE),
        ("CMYK", (0, 255, 255, 0), RED),
        ("CMYK", (0, 0, 0, 255), BLACK),
        ("YCbCr", (255, 128, 128), WHITE),
        ("HSV", (0, 255, 255), RED),
    ],
)
def test_every_mode(mode: str, colour: int | tuple[int, ...], expected: tuple[int, ...]) -> None:
    assert pixel(Image.new(mode, (2, 2), colour)) == expected


def test_palette_with_a_transparent_colour() -> None:
    image = Image.new("P", (2, 1), 0)
    image.putpalette([*RED, *RED])
    image.putpixel((1, 0), 1)
    image.info["transparency"] = 1
    assert (pixel(image, 0), pixel(image, 1)) == (RED, WHITE)


def test_cielab_is_refused() -> None:
    with pytest.raises(PhotoError, match="CIELAB") as caught:
        upright_rgb(Image.new("LAB", (1, 1)), 1, None)
    assert caught.value.kind == "unsupported"


@pytest.mark.parametrize(
    ("values", "kind", "expected"),
    [
        ([0, 0x7FFF, 0xFFFF], "uint16", [0, 127, 255]),
        ([0, 255, 300], "uint16", [0, 0, 1]),
        ([0, 100, 255], "int32", [0, 100, 255]),
        ([0, 32896, 65535], "int32", [0, 128, 255]),
        ([-5, 400_000, 1_000_000], "int32", [0, 102, 255]),
        ([0.0, 0.4, 1.0], "float32", [0, 102, 255]),
        ([0.0, 100.0, 255.0], "float32", [0, 100, 255]),
        ([np.nan, np.inf, 1.0], "float32", [0, 0, 255]),
        ([0.0, 0.0, 0.0], "float32", [0, 0, 0]),
    ],
)
def test_deep_grey_is_scaled(values: list[float], kind: str, expected: list[int]) -> None:
    image = Image.fromarray(np.array([values], kind))
    assert [pixel(image, x)[0] for x in range(3)] == expected


@pytest.mark.parametrize("order", ["<u2", ">u2"])
def test_sixteen_bits_of_either_byte_order(order: str) -> None:
    mode = {"<u2": "I;16", ">u2": "I;16B"}[order]
    image = Image.frombytes(mode, (2, 1), np.array([0x1234, 0xFF00], order).tobytes())
    assert (pixel(image, 0)[0], pixel(image, 1)[0]) == (0x12, 0xFF)


@given(st.integers(1, 300), st.integers(1, 300), st.integers(1, 8), st.integers(1, 400))
def test_upright_size_and_reduction(width: int, height: int, turn: int, reduce_to: int) -> None:
    image = Image.new("L", (width, height))
    upright = displayed(width, height, turn)
    full = upright_rgb(image, turn, None)
    assert full.shape == (upright[1], upright[0], 3)
    reduced = upright_rgb(image, turn, reduce_to)
    kept = min(max(width, height), reduce_to)
    assert kept <= max(reduced.shape[:2]) < 2 * kept + 1


TURNED: dict[int, Callable[[ImageArray], ImageArray]] = {
    1: lambda a: a,
    2: np.fliplr,
    3: lambda a: np.rot90(a, 2),
    4: np.flipud,
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, -1),
    7: lambda a: np.rot90(a, 2).swapaxes(0, 1),
    8: np.rot90,
}


@pytest.mark.parametrize("orientation", TURNED)
@pytest.mark.parametrize("reduce_to", [None, 98, 49, 10])
def test_strips_join_without_a_seam(orientation: int, reduce_to: int | None) -> None:
    data = np.random.default_rng(0).integers(0, 256, (197, 153, 3), np.uint8)
    image = Image.fromarray(data)
    pixels = upright_rgb(image, orientation, reduce_to)
    expected = np.asarray(image.reduce(197 // (reduce_to or 197)))
    assert (pixels == TURNED[orientation](expected)).all()
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable

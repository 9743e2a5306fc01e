"""Contact sheets as PNG: everyone on one picture, or one person's best faces."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PIL import Image, ImageDraw, ImageFont

from faceclust.export.report.figures import PersonFigures

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont
    from PIL.ImageFont import ImageFont as BitmapFont

Thumbnail = Callable[[int], bytes | None]

_FACE, _GAP, _LINE = 112, 12, 18
_COLUMNS, _MOST = 10, 300
_GROUND, _INK, _DIM, _NO_FACE = "#ffffff", "#1c1e21", "#5c636b", "#eceef0"
# Fonts that hold more than Latin letters, where one of them is installed.
_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")


def overview(people: Sequence[PersonFigures], title: str, thumbnail: Thumbnail) -> bytes:
    """Everyone's best face with name and number of faces; at most 300 people, and it says so."""
    shown = people[:_MOST]
    tiles = [
        (person.best[0] if person.best else None, person.label, f"{person.faces}")
        for person in shown
    ]
    more = f", the first {_MOST} shown" if len(people) > _MOST else ""
    return _sheet(tiles, f"{title}: {len(people)} people{more}", thumbnail)


def person_sheet(person: PersonFigures, thumbnail: Thumbnail) -> bytes:
    """One person's best faces."""
    dates = f", {person.first} to {person.last}" if person.first else ""
    tiles = [(face, "", "") for face in person.best]
    return _sheet(tiles, f"{person.label}: {person.faces} faces{dates}", thumbnail)


def _sheet(
    tiles: Sequence[tuple[int | None, str, str]], heading: str, thumbnail: Thumbnail
) -> bytes:
    columns = max(4, min(_COLUMNS, len(tiles)))
    rows = -(-len(tiles) // columns)
    text = 2 * _LINE if any(label for _, label, _ in tiles) else 0
    step, top = _FACE + _GAP, 2 * _GAP + 24
    size = (columns * step + _GAP, top + rows * (step + text) + _GAP)
    sheet = Image.new("RGB", size, _GROUND)
    draw, font, small = ImageDraw.Draw(sheet), _font(20), _font(13)
    draw.text((_GAP, _GAP), _fitted(draw, heading, font, size[0] - 2 * _GAP), _INK, font)
    for i, (face, label, count) in enumerate(tiles):
        x, y = _GAP + i % columns * step, top + i // columns * (step + text)
        sheet.paste(_picture(face, thumbnail), (x, y))
        draw.text((x, y + _FACE + 2), _fitted(draw, label, small, _FACE), _INK, small)
        draw.text((x, y + _FACE + 2 + _LINE), count, _DIM, small)
    out = io.BytesIO()
    sheet.save(out, "PNG", optimize=True)
    return out.getvalue()


def _picture(face: int | None, thumbnail: Thumbnail) -> Image.Image:
    jpeg = None if face is None else thumbnail(face)
    try:
        with Image.open(io.BytesIO(jpeg or b""), formats=["JPEG"]) as image:
            face_image: Image.Image = image.convert("RGB").resize((_FACE, _FACE))
            return face_image
    except OSError:
        return Image.new("RGB", (_FACE, _FACE), _NO_FACE)


def _font(size: int) -> FreeTypeFont | BitmapFont:
    for name in _FONTS:
        try:
            return ImageFont.truetype(name, size)
        except OSError:
            continue
    return ImageFont.load_default(size)


def _fitted(
    draw: ImageDraw.ImageDraw, text: str, font: FreeTypeFont | BitmapFont, width: int
) -> str:
    """As much of a text as fits in so many pixels."""
    if draw.textlength(text, font) <= width:
        return text
    low, high = 0, len(text)
    while low < high:
        middle = (low + high + 1) // 2
        if draw.textlength(text[:middle] + "…", font) <= width:
            low = middle
        else:
            high = middle - 1
    return text[:low] + "…"

"""Rectangles as XMP writes them: numbers as text, and the MWG's area structure.

Source: Metadata Working Group guidelines 2.0, section 5.9 (stArea).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from lxml import etree

from faceclust.records import Box
from faceclust.xmp.boxes import stored_box
from faceclust.xmp.packet import Field, field, fields, q, set_text, text

_NUMBER = re.compile(r"[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?")


def struct(value: Field | None) -> dict[str, Field]:
    """The fields of a value; none where it is missing or no structure."""
    return {} if value is None or isinstance(value, str) else fields(value)


def read_box(
    numbers: Sequence[str], *, centred: bool = False, scale: tuple[int, int] = (1, 1)
) -> Box | None:
    """The box that four numbers x, y, w, h describe, on the grid of `stored_box`.

    Args:
        numbers: as text of unknown origin.
        centred: x and y are the centre rather than the top left.
        scale: width and height of the picture in the unit of the numbers.
    """
    stripped = [number.strip() for number in numbers]
    if len(stripped) != 4 or not all(len(n) < 40 and _NUMBER.fullmatch(n) for n in stripped):
        return None
    x, y, w, h = map(float, stripped)
    if centred:
        x, y = x - w / 2, y - h / 2
    box = stored_box(Box(x / scale[0], y / scale[1], w / scale[0], h / scale[1]), 1)
    return box if box.w > 0 and box.h > 0 else None


def read_area(value: Field | None) -> Box | None:
    """The box of an stArea structure; None where it has none in normalised units."""
    area = struct(value)
    if text(area.get(q("stArea:unit"))) not in ("", "normalized"):
        return None
    return read_box([text(area.get(q(f"stArea:{key}"))) for key in "xywh"], centred=True)


def write_area(parent: etree._Element, tag: str, box: Box) -> None:
    """Writes `box` as the stArea structure `tag` of `parent`."""
    area = field(parent, tag)
    numbers = (box.x + box.w / 2, box.y + box.h / 2, box.w, box.h)
    for key, number in zip("xywh", numbers, strict=True):
        set_text(area, q(f"stArea:{key}"), decimal(number))
    set_text(area, q("stArea:unit"), "normalized")


def decimal(number: float) -> str:
    """A number in [0, 1] as text."""
    # Seven places hold the centre of a box on the grid of millionths without loss.
    return f"{number:.7f}".rstrip("0").rstrip(".")

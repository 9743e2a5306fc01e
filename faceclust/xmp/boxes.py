"""Boxes between the displayed photo and its stored pixels, exact to a millionth."""

from __future__ import annotations

from faceclust.records import Box

UNIT = 1_000_000
_SAME_PLACE = 0.3


def stored_box(box: Box, orientation: int) -> Box:
    """A box of the displayed photo in the stored pixels, before orientation is applied.

    Args:
        box: in the displayed photo; what lies outside of [0, 1] is cut off.
        orientation: EXIF orientation 1-8 of the stored pixels; any other value counts as 1.

    Returns:
        The box with six decimals, within [0, 1]. `displayed_box` is the exact inverse.
    """
    x, y, w, h = _millionths(box)
    match orientation:
        case 2:
            x = UNIT - x - w
        case 3:
            x, y = UNIT - x - w, UNIT - y - h
        case 4:
            y = UNIT - y - h
        case 5:
            x, y, w, h = y, x, h, w
        case 6:
            x, y, w, h = y, UNIT - x - w, h, w
        case 7:
            x, y, w, h = UNIT - y - h, UNIT - x - w, h, w
        case 8:
            x, y, w, h = UNIT - y - h, x, h, w
        case _:
            pass
    return Box(x / UNIT, y / UNIT, w / UNIT, h / UNIT)


def displayed_box(box: Box, orientation: int) -> Box:
    """A box of the stored pixels in the displayed photo; see `stored_box`."""
    # Turning by 90 degrees (6) and by 270 (8) undo each other; the other six undo themselves.
    return stored_box(box, {6: 8, 8: 6}.get(orientation, orientation))


def overlap(a: Box, b: Box) -> float:
    """Intersection over the smaller of two boxes, in [0, 1]; never below their IoU.

    Programs disagree on how much of a head a face is: the loose box of one holds the tight box
    of another at a small IoU.
    """
    iou, areas = a.iou(b), (a.w * a.h, b.w * b.h)
    return iou * sum(areas) / (1 + iou) / min(areas) if iou else 0.0


def same_place(a: Box, b: Box) -> bool:
    """Whether two boxes show the same face, given that they bear the same name."""
    return overlap(a, b) > _SAME_PLACE


def _millionths(box: Box) -> tuple[int, int, int, int]:
    left, top = _clamp(box.x), _clamp(box.y)
    right, bottom = max(left, _clamp(box.x + box.w)), max(top, _clamp(box.y + box.h))
    return left, top, right - left, bottom - top


def _clamp(value: float) -> int:
    # max() first: it turns NaN into 0.
    return round(min(1.0, max(0.0, value)) * UNIT)

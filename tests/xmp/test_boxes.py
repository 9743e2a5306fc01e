from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.records import Box
from faceclust.xmp import displayed_box, stored_box
from faceclust.xmp.boxes import overlap

ORIENTATIONS = range(1, 9)
numbers = st.floats(-0.5, 1.5)
boxes = st.builds(Box, numbers, numbers, numbers, numbers)


@st.composite
def grid_boxes(draw: st.DrawFn) -> Box:
    """Boxes within the photo whose numbers have six decimals."""
    x, y = draw(st.integers(0, 999_999)), draw(st.integers(0, 999_999))
    w, h = draw(st.integers(1, 1_000_000 - x)), draw(st.integers(1, 1_000_000 - y))
    return Box(x / 1e6, y / 1e6, w / 1e6, h / 1e6)


# Stored -> displayed points, as XMP.md's table has them.
POINTS = {
    1: lambda x, y: (x, y),
    2: lambda x, y: (1 - x, y),
    3: lambda x, y: (1 - x, 1 - y),
    4: lambda x, y: (x, 1 - y),
    5: lambda x, y: (y, x),
    6: lambda x, y: (1 - y, x),
    7: lambda x, y: (1 - y, 1 - x),
    8: lambda x, y: (y, 1 - x),
}


@given(grid_boxes(), st.sampled_from(ORIENTATIONS))
def test_the_two_directions_are_exact_inverses(box: Box, orientation: int) -> None:
    assert displayed_box(stored_box(box, orientation), orientation) == box
    assert stored_box(displayed_box(box, orientation), orientation) == box


@given(grid_boxes(), st.sampled_from(ORIENTATIONS))
def test_corners_go_where_the_orientation_says(box: Box, orientation: int) -> None:
    stored = stored_box(box, orientation)
    corners = [
        POINTS[orientation](stored.x + i * stored.w, stored.y + j * stored.h)
        for i in (0, 1)
        for j in (0, 1)
    ]
    assert min(x for x, _ in corners) == pytest.approx(box.x, abs=1e-9)
    assert min(y for _, y in corners) == pytest.approx(box.y, abs=1e-9)
    assert max(x for x, _ in corners) == pytest.approx(box.x + box.w, abs=1e-9)
    assert max(y for _, y in corners) == pytest.approx(box.y + box.h, abs=1e-9)


@given(grid_boxes(), st.sampled_from(ORIENTATIONS))
def test_area_is_kept(box: Box, orientation: int) -> None:
    stored = stored_box(box, orientation)
    assert sorted((stored.w, stored.h)) == sorted((box.w, box.h))


@given(boxes, st.sampled_from(ORIENTATIONS))
def test_every_box_ends_inside_the_photo_with_six_decimals(box: Box, orientation: int) -> None:
    stored = stored_box(box, orientation)
    for low, size in ((stored.x, stored.w), (stored.y, stored.h)):
        assert 0 <= low <= 1
        assert size >= 0
        assert low + size <= 1 + 1e-12
        assert round(low, 6) == low
        assert round(size, 6) == size


def test_what_lies_outside_is_cut_off_not_moved() -> None:
    assert stored_box(Box(-0.1, 0.9, 0.3, 0.3), 1) == Box(0.0, 0.9, 0.2, 0.1)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_a_box_that_is_no_number_does_not_raise(value: float) -> None:
    box = stored_box(Box(value, 0.1, 0.2, 0.2), 6)
    assert 0 <= box.x <= 1


@pytest.mark.parametrize("orientation", [0, 9, -1])
def test_unknown_orientations_count_as_upright(orientation: int) -> None:
    assert stored_box(Box(0.1, 0.2, 0.3, 0.4), orientation) == Box(0.1, 0.2, 0.3, 0.4)


@given(grid_boxes(), grid_boxes())
def test_overlap_is_never_below_iou(a: Box, b: Box) -> None:
    assert a.iou(b) <= overlap(a, b) + 1e-9
    assert overlap(a, b) <= 1 + 1e-9


def test_a_tight_box_lies_wholly_in_a_loose_one() -> None:
    assert overlap(Box(0.2, 0.2, 0.1, 0.1), Box(0.1, 0.1, 0.5, 0.5)) == pytest.approx(1)
    assert overlap(Box(0.1, 0.1, 0.1, 0.1), Box(0.5, 0.5, 0.1, 0.1)) == 0

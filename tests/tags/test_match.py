from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.records import Box
from faceclust.tags import match
from faceclust.xmp import Region, stored_box

FACES = {1: Box(0.1, 0.2, 0.1, 0.2), 2: Box(0.5, 0.1, 0.1, 0.2), 3: Box(0.7, 0.6, 0.2, 0.3)}
NAMES = {1: "Ann", 2: "Bob", 3: "Cem"}


def regions(orientation: int = 1, faces: dict[int, Box] = FACES) -> list[Region]:
    return [Region(NAMES[face], stored_box(box, orientation)) for face, box in faces.items()]


def names(found: object) -> dict[str, int]:
    return {region.name: face for region, face in found.pairs}  # type: ignore[attr-defined]


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("frame", ["stored", "displayed"])
@pytest.mark.parametrize("written", ["stored", "displayed"])
def test_stored_and_displayed_boxes_in_every_orientation(
    orientation: int, frame: str, written: str
) -> None:
    given = regions(orientation if written == "stored" else 1)
    found = match(given, frame, orientation, FACES)  # type: ignore[arg-type]
    assert names(found) == {"Ann": 1, "Bob": 2, "Cem": 3}
    assert found.left == ()


@pytest.mark.parametrize("before", range(2, 9))
def test_a_photo_that_was_turned_after_it_was_tagged(before: int) -> None:
    """`jhead -autorot` turns the pixels and leaves the regions as they were."""
    apart = {1: Box(0.05, 0.1, 0.1, 0.2), 2: Box(0.6, 0.05, 0.12, 0.2), 3: Box(0.8, 0.5, 0.1, 0.2)}
    found = match(regions(before, apart), "stored", 1, apart)
    assert names(found) == {"Ann": 1, "Bob": 2, "Cem": 3}


@given(
    st.permutations([1, 2, 3]),
    st.floats(-0.3, 0.3),
    st.floats(-0.3, 0.3),
    st.floats(0.8, 1.8),
)
def test_looser_and_shifted_boxes_find_their_faces(
    order: list[int], dx: float, dy: float, scale: float
) -> None:
    given = [
        Region(
            NAMES[face],
            Box(
                FACES[face].x + FACES[face].w * (0.5 + dx / 2 - scale / 2),
                FACES[face].y + FACES[face].h * (0.5 + dy / 2 - scale / 2),
                FACES[face].w * scale,
                FACES[face].h * scale,
            ),
        )
        for face in order
    ]
    assert names(match(given, "displayed", 1, FACES)) == {"Ann": 1, "Bob": 2, "Cem": 3}


def test_of_two_frames_that_match_alike_the_one_counts_that_fits() -> None:
    """A writer that means the photo as it is displayed, where the format means it as stored."""
    there = Box(0.1, 0.2, 0.2, 0.2)
    # Turned back, the box touches another face by its edge.
    turned = stored_box(there, 3)
    touched = Box(turned.x + 0.09, turned.y + 0.09, 0.2, 0.2)
    given = [Region("Ann", there)]
    assert names(match(given, "stored", 3, {1: there, 2: touched})) == {"Ann": 1}
    assert names(match(given, "stored", 3, {2: turned, 1: there})) == {"Ann": 2}


def test_a_box_without_a_face_is_left() -> None:
    found = match([Region("Dan", Box(0.4, 0.8, 0.1, 0.1))], "stored", 6, FACES)
    assert found.pairs == ()
    assert [(region.name, reason) for region, reason in found.left] == [("Dan", "no-face")]
    assert match([Region("Dan", FACES[1])], "stored", 1, {}).left[0][1] == "no-face"


def test_a_box_that_fits_two_faces_is_left() -> None:
    cheeks = {1: Box(0.3, 0.3, 0.1, 0.2), 2: Box(0.42, 0.3, 0.1, 0.2)}
    found = match([Region("Ann", Box(0.28, 0.25, 0.26, 0.3))], "displayed", 1, cheeks)
    assert [reason for _, reason in found.left] == ["ambiguous"]
    both = [Region("Ann", Box(0.28, 0.25, 0.26, 0.3)), Region("Bob", Box(0.41, 0.3, 0.1, 0.2))]
    assert names(match(both, "displayed", 1, cheeks)) == {"Ann": 1, "Bob": 2}


def test_two_boxes_on_one_face_are_both_paired_with_it() -> None:
    found = match(
        [Region("Ann", FACES[1]), Region("Bob", Box(0.11, 0.2, 0.1, 0.2))], "displayed", 1, FACES
    )
    assert names(found) == {"Ann": 1, "Bob": 1}

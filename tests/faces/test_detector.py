from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceclust import weights
from faceclust.errors import OptionError
from faceclust.faces.detector import (
    Detector,
    DetectorOptions,
    suppress,
    views,
)
from faceclust.faces.scrfd import Detections


@pytest.fixture(scope="module")
def detector() -> Detector:
    return Detector(weights.path_of("scrfd-2.5g"), DetectorOptions())


def pixels(path: Path) -> np.ndarray:
    return np.asarray(Image.open(path).convert("RGB"))


def detections(boxes: list[list[float]], scores: list[float]) -> Detections:
    count = len(scores)
    return Detections(
        np.array(boxes, np.float32).reshape(count, 4),
        np.zeros((count, 5, 2), np.float32),
        np.array(scores, np.float32),
    )


def test_the_better_of_two_overlapping_boxes_stays() -> None:
    kept = suppress(
        detections([[0, 0, 10, 10], [1, 1, 11, 11], [50, 50, 60, 60]], [0.7, 0.9, 0.6]), 0.4
    )
    assert kept.boxes.tolist() == [[1, 1, 11, 11], [50, 50, 60, 60]]


@given(st.lists(st.tuples(*[st.integers(0, 40)] * 4, st.floats(0, 1)), max_size=12))
def test_no_two_boxes_that_stay_overlap_much(rows: list[tuple[float, ...]]) -> None:
    boxes = [[x, y, x + w + 1, y + h + 1] for x, y, w, h, _ in rows]
    kept = suppress(detections(boxes, [row[4] for row in rows]), 0.4).boxes
    for i in range(len(kept)):
        for j in range(i):
            low, high = np.maximum(kept[i, :2], kept[j, :2]), np.minimum(kept[i, 2:], kept[j, 2:])
            both = np.prod(np.maximum(high - low, 0))
            area = np.prod(kept[i, 2:] - kept[i, :2]) + np.prod(kept[j, 2:] - kept[j, :2])
            assert both <= 0.4 * (area - both) + 1e-3
    assert (len(kept) == 0) == (len(rows) == 0)


@pytest.mark.parametrize(
    "wrong",
    [{"min_score": 0.0}, {"max_reduction": 0.0}, {"small_side": 0}, {"large_side": -1},
     {"nms_iou": float("nan")}, {"min_face": -1}],
)  # fmt: skip
def test_options_with_which_no_photo_can_be_searched(wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="must be from"):
        DetectorOptions(**wrong)


@given(st.integers(1, 9000), st.integers(1, 9000), st.booleans())
def test_views_lie_inside_the_image_and_one_of_them_sees_it_all(
    height: int, width: int, tiles: bool
) -> None:
    seen = list(views(height, width, DetectorOptions(tiles=tiles)))
    assert (seen[0].width, seen[0].height) == (width, height)
    for view in seen:
        assert view.x >= 0
        assert view.x + view.width <= width
        assert view.y + view.height <= height
        assert view.scale <= 1


def test_tiles_cover_every_pixel() -> None:
    covered = np.zeros((2300, 3100), bool)
    for view in list(views(2300, 3100, DetectorOptions(tiles=True)))[2:]:
        covered[view.y : view.y + view.height, view.x : view.x + view.width] = True
    assert covered.all()


def test_a_photo_of_48_megapixels_is_seen_at_a_quarter_of_its_size() -> None:
    options = DetectorOptions()
    small, main = views(1512, 2016, options, full_side=8064)
    assert (small.scale, main.scale) == (160 / 2016, 1.0)


@pytest.mark.parametrize(
    ("path", "faces"),
    [
        ("groups/solvay1927.jpg", 29),
        ("cast/bbt1.jpg", 4),
        ("cast/bbt4.jpg", 6),
        ("cast/angry.jpg", 1),
        ("cast/fearful.jpg", 1),
    ],
)
def test_faces_of_real_photos(photos: Path, detector: Detector, path: str, faces: int) -> None:
    assert len(detector(pixels(photos / path))) == faces


def test_the_six_faces_of_insightface_s_own_picture(detector: Detector) -> None:
    import insightface

    assert insightface.__file__ is not None
    sample = Path(insightface.__file__).parent / "data" / "images" / "t1.jpg"
    assert len(detector(pixels(sample))) == 6


def test_every_tight_crop_shows_one_face(photos: Path, detector: Detector) -> None:
    crops = [p for p in (photos / "cast").glob("*/*") if p.is_file()]
    assert len(crops) == 40
    assert [p.name for p in crops if len(detector(pixels(p))) != 1] == []


def test_small_faces_of_a_48_megapixel_photo(photos: Path, detector: Detector) -> None:
    group = Image.open(photos / "groups" / "solvay1927.jpg").convert("RGB")
    large = Image.new("RGB", (8064, 6048), (90, 110, 90))
    large.paste(group, (5900, 5000))
    found = detector(np.asarray(large))
    assert len(found) == 29
    assert (found.boxes[:, 0] > 5800).all()


def test_landmarks_lie_in_their_boxes(photos: Path, detector: Detector) -> None:
    found = detector(pixels(photos / "groups" / "solvay1927.jpg"))
    low, high = found.boxes[:, None, :2], found.boxes[:, None, 2:]
    inside = (found.landmarks >= low) & (found.landmarks <= high)
    assert inside.mean() > 0.95
    assert (found.landmarks[:, 0, 0] < found.landmarks[:, 1, 0]).all()


def test_an_image_without_faces(detector: Detector) -> None:
    assert len(detector(np.full((300, 400, 3), 128, np.uint8))) == 0
    assert len(detector(np.zeros((1, 1, 3), np.uint8))) == 0

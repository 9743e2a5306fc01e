from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceclust import weights
from faceclust.errors import WeightsError
from faceclust.faces.detector import Detector, DetectorOptions
from faceclust.faces.scrfd import Scrfd, dynamic_scrfd, known_ranges


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(WeightsError, match=r"broken\.onnx"):
        dynamic_scrfd(path)


def test_it_finds_what_insightface_s_own_loop_finds(photos: Path) -> None:
    from insightface.model_zoo.scrfd import SCRFD

    path = weights.path_of("scrfd-2.5g")
    theirs = SCRFD(session=weights.open_session(dynamic_scrfd(path)))
    theirs.prepare(0, nms_thresh=0.4, det_thresh=0.5)
    with Image.open(photos / "groups" / "solvay1927.jpg") as picture:
        image = np.asarray(picture.convert("RGB").resize((960, 640)))
    scores, boxes, points = theirs.forward(image[:, :, ::-1], 0.5)
    ours = Scrfd(path, int8=False)(image, 0.5)
    assert len(ours) > 29
    assert np.array_equal(ours.scores, np.concatenate(scores).ravel())
    assert np.array_equal(ours.boxes, np.concatenate(boxes))
    assert np.array_equal(ours.landmarks, np.concatenate(points))


@pytest.mark.slow
def test_in_8_bits_it_finds_the_same_faces(photos: Path) -> None:
    path = weights.path_of("scrfd-2.5g")
    exact, rounded = (Detector(path, DetectorOptions(), int8=int8) for int8 in (False, True))
    offsets = []
    for file in [photos / "groups" / "solvay1927.jpg", *sorted((photos / "cast").glob("*.jpg"))]:
        with Image.open(file) as picture:
            image = np.asarray(picture.convert("RGB"))
        ours, theirs = exact(image), rounded(image)
        assert len(ours) == len(theirs)
        for box, points in zip(ours.boxes, ours.landmarks, strict=True):
            nearest = np.abs(theirs.boxes - box).max(axis=1).argmin()
            side = (box[2:] - box[:2]).min()
            assert np.abs(theirs.boxes[nearest] - box).max() < 0.15 * side
            offsets.append(np.abs(theirs.landmarks[nearest] - points).mean() / side)
    assert np.mean(offsets) < 0.005
    assert max(offsets) > 0  # or nothing was rounded


def test_other_weights_have_no_ranges(tmp_path: Path) -> None:
    path = weights.path_of("scrfd-2.5g")
    assert known_ranges(path)
    other = tmp_path / "other.onnx"
    other.write_bytes(path.read_bytes() + b"\0")
    assert known_ranges(other) is None

"""One photo in a worker, with fakes in place of the networks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import cast

import numpy as np
import pytest
from PIL import Image

from faceclust import photos
from faceclust.embed.arcface import Embedder
from faceclust.embed.clip import Clip
from faceclust.errors import DeviceError
from faceclust.faces.detector import Detections, Detector, DetectorOptions
from faceclust.pipeline.extract import Extractor, PhotoTask
from faceclust.records import FloatArray, ImageArray
from faceclust.store import Scanned

EYES_NOSE_MOUTH = np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]])


class FakeDetector:
    """Finds faces at boxes given as fractions of the photo."""

    def __init__(self, *boxes: tuple[float, float, float, float], **options: int) -> None:
        self.boxes = boxes
        self.options = DetectorOptions(**options)  # type: ignore[arg-type]

    def __call__(self, pixels: ImageArray, full_side: int) -> Detections:
        height, width = pixels.shape[:2]
        boxes = np.array(self.boxes, np.float32).reshape(-1, 4) * [width, height, width, height]
        sizes = boxes[:, None, 2:] - boxes[:, None, :2]
        points = boxes[:, None, :2] + EYES_NOSE_MOUTH * sizes
        scores = np.full(len(boxes), 0.9, np.float32)
        return Detections(boxes.astype(np.float32), points.astype(np.float32), scores)


class FakeEmbedder:
    """A crop's embedding is its mean colour."""

    def __init__(self) -> None:
        self.crops: list[ImageArray] = []

    def __call__(self, crops: ImageArray) -> FloatArray:
        self.crops.append(crops)
        return crops.mean(axis=(1, 2), dtype=np.float32).reshape(-1, 3)


def extract(
    path: Path, *boxes: tuple[float, float, float, float], **options: int
) -> tuple[Scanned, list[ImageArray]]:
    embedder = FakeEmbedder()
    detector = cast("Detector", FakeDetector(*boxes, **options))
    extractor = Extractor(detector, cast("Embedder", embedder))
    facts = path.stat()
    found = extractor(PhotoTask(str(path.parent), path.name, facts.st_size, facts.st_mtime_ns))
    return found, embedder.crops


@pytest.fixture
def large(tmp_path: Path) -> Path:
    """A photo of 4000 x 3000 pixels: red at the left, blue at the right."""
    image = Image.new("RGB", (4000, 3000), "red")
    image.paste("blue", (2000, 0, 4000, 3000))
    image.save(tmp_path / "large.jpg")
    return tmp_path / "large.jpg"


def test_faces_are_measured_in_the_full_photo(large: Path) -> None:
    found, _ = extract(large, (0.1, 0.2, 0.3, 0.5), (0.7, 0.2, 0.8, 0.3))
    assert found.error is None
    assert found.info is not None
    assert (found.info.width, found.info.height) == (4000, 3000)
    assert found.content_hash == photos.content_hash(large)
    assert [face.size for face in found.faces] == pytest.approx([800, 300], rel=0.01)
    box = found.faces[0].box
    assert (box.x, box.y, box.w, box.h) == pytest.approx((0.1, 0.2, 0.2, 0.3), abs=1e-3)
    assert found.faces[0].landmarks[2] == pytest.approx([0.2, 0.38], abs=1e-3)
    red, blue = found.vectors
    assert red[0] > 200 > 50 > red[2]
    assert blue[2] > 200 > 50 > blue[0]
    assert all(jpeg.startswith(b"\xff\xd8") for jpeg in found.thumbnails)


def test_faces_are_described_where_there_is_a_clip_model(large: Path) -> None:
    box = (0.1, 0.2, 0.3, 0.5)
    assert extract(large, box)[0].clip_vectors is None
    clip = SimpleNamespace(encode_images=lambda crops: np.full((len(crops), 2), 7, np.float32))
    detector = cast("Detector", FakeDetector(box, box))
    extractor = Extractor(detector, cast("Embedder", FakeEmbedder()), cast("Clip", clip))
    facts = large.stat()
    found = extractor(PhotoTask(str(large.parent), large.name, facts.st_size, facts.st_mtime_ns))
    assert found.clip_vectors is not None
    assert found.clip_vectors.tolist() == [[7, 7], [7, 7]]


def test_small_faces_are_cut_from_the_full_photo(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoded: list[int | None] = []
    decode = photos.decode

    def watched(path: Path, reduce_to: int | None = None) -> object:
        decoded.append(reduce_to)
        return decode(path, reduce_to=reduce_to)

    monkeypatch.setattr("faceclust.photos.decode", watched)
    extract(large, (0.1, 0.2, 0.3, 0.5))
    assert len(decoded) == 1
    found, _ = extract(large, (0.1, 0.2, 0.3, 0.5), (0.49, 0.2, 0.51, 0.22))
    assert decoded[1:] == [decoded[0], None]
    # The border between red and blue runs through its middle, to the pixel.
    assert found.vectors[1][0] == pytest.approx(found.vectors[1][2], abs=6)


def test_faces_below_the_wanted_size_are_left_out(large: Path) -> None:
    boxes = ((0.1, 0.2, 0.3, 0.5), (0.7, 0.2, 0.71, 0.3))
    assert len(extract(large, *boxes, min_face=41)[0].faces) == 1
    assert len(extract(large, *boxes, min_face=39)[0].faces) == 2


def test_boxes_that_stick_out_are_cut_at_the_edge(large: Path) -> None:
    (face,) = extract(large, (-0.1, -0.1, 0.2, 0.2))[0].faces
    assert (face.box.x, face.box.y) == (0, 0)
    assert (face.box.w, face.box.h) == pytest.approx((0.2, 0.2), abs=1e-3)


def test_a_photo_without_faces(large: Path) -> None:
    found, _ = extract(large)
    assert found.error is None
    assert (found.faces, found.thumbnails, len(found.vectors)) == ((), (), 0)


def test_a_photo_that_cannot_be_read_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken.jpg"
    broken.write_bytes(b"\xff\xd8\xff\xe0 no photo")
    found, _ = extract(broken)
    assert found.info is None
    assert found.error
    assert found.error_kind in ("unreadable", "truncated", "unsupported")


def test_a_photo_that_takes_all_memory_is_an_error_of_its_own(
    large: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def greedy(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("faceclust.photos.decode", greedy)
    found, _ = extract(large)
    assert (found.error_kind, found.content_hash) == ("memory", None)


def test_a_gpu_that_fails_is_no_error_of_the_photo(large: Path) -> None:
    class Fails(FakeDetector):
        def __call__(self, *_: object) -> Detections:
            raise DeviceError("the GPU failed (out of memory); run `faceclust doctor`.")

    extractor = Extractor(cast("Detector", Fails()), cast("Embedder", FakeEmbedder()))
    with pytest.raises(DeviceError, match=r"^large\.jpg: the GPU failed \(out of memory\); "):
        extractor(PhotoTask(str(large.parent), large.name, 0, 0))


def test_the_stages_of_reading_are_timed(large: Path, tmp_path: Path) -> None:
    found, _ = extract(large, (0.4, 0.4, 0.2, 0.2))
    stages = ["hash", "decode", "detect", "align", "embed", "describe", "measure"]
    assert list(found.seconds) == stages
    assert all(seconds >= 0 for seconds in found.seconds.values())
    assert found.seconds["decode"] > 0
    (tmp_path / "broken.jpg").write_bytes(b"\xff\xd8 is how they begin")
    assert list(extract(tmp_path / "broken.jpg")[0].seconds) == ["hash"]

"""Faces described by their stored crops, with face-CLIP itself in real workers."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceclust.config import Config
from faceclust.embed.clip import FACE_CLIP, Clip, model_id
from faceclust.graph import gpu
from faceclust.pipeline import Library, describe, devices
from faceclust.pipeline.describe import ClipFactory, CropTask, Describer, catch_up, decode
from faceclust.store import catalogue
from faceclust.workers import Failure
from tests.synthetic import library, photo

MODEL = model_id(FACE_CLIP)
ONE = Config(scan=replace(Config().scan, workers=1))


def jpeg(shade: int, size: int = 112) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (size, size), (shade, 90, 90)).save(stream, "JPEG")
    return stream.getvalue()


@pytest.fixture
def faces(tmp_path: Path) -> Iterator[Library]:
    """Five faces, of which the third has a damaged crop."""
    images = [jpeg(0), jpeg(60), b"no jpeg", jpeg(180), jpeg(240)]
    batch = [replace(photo(f"{n}.jpg", n), thumbnails=(image,)) for n, image in enumerate(images)]
    with library(tmp_path / "album", *batch) as opened:
        yield opened


def test_damaged_crops_are_left_out() -> None:
    whole = decode(jpeg(200))
    assert whole is not None
    assert whole.shape == (112, 112, 3)
    # Red comes first.
    assert whole[50, 50].tolist() == pytest.approx([200, 90, 90], abs=4)
    for image in (b"", b"no jpeg", jpeg(9)[:200], jpeg(9, size=50)):
        assert decode(image) is None
    describer = Describer(Clip())
    ids, i = describer(CropTask((3, 4), (b"", jpeg(9))))
    assert (ids, i.shape) == ((4,), (1, Clip().dim))
    ids, i = describer(CropTask((3,), (b"",)))
    assert (ids, len(i)) == ((), 0)


def test_what_is_missing_is_made_up_for(faces: Library) -> None:
    seen: list[int] = []
    assert catch_up(faces, MODEL, ONE, seen.append) == 4
    assert seen[-1] == 4
    ids, i = catalogue.live_faces(faces.db, MODEL)
    assert ids.tolist() == [1, 2, 4, 5]
    crop = decode(jpeg(60))
    assert crop is not None
    assert i[1] == pytest.approx(Clip().encode_images(crop[None])[0], abs=2e-3)
    # Only what could not be described is tried again.
    assert catch_up(faces, MODEL, ONE, seen.append) == 0


def test_many_faces_are_described_on_a_gpu_in_large_batches_or_one_sentence_says_why_not(
    faces: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[tuple[str, list[int]]] = []

    def run(make: ClipFactory, tasks: Iterator[CropTask], **_: object) -> Iterator[object]:
        given.append((make.device, [len(task.faces) for task in tasks]))
        yield from ()

    monkeypatch.setattr("faceclust.workers.run", run)
    monkeypatch.setattr(describe, "BATCH_FACES", {"cpu": 2, "cuda": 4})
    monkeypatch.setattr(gpu, "unusable", lambda: None)
    cuda = Config(scan=replace(ONE.scan, device="cuda"))
    said: list[str] = []

    def described() -> tuple[str, list[int]]:
        catch_up(faces, MODEL, cuda, lambda count: None, notify=said.append)
        return given.pop()

    # As few as these are done before torch has started.
    assert described() == ("cpu", [2, 2, 1])
    monkeypatch.setattr(describe, "MANY", 5)
    assert described() == ("cuda", [4, 1])
    assert said == []
    monkeypatch.setattr(gpu, "unusable", lambda: "torch finds no GPU; run `faceclust doctor`.")
    assert described() == ("cpu", [2, 2, 1])
    (sentence,) = said
    assert sentence.endswith("on the CPU: torch finds no GPU; run `faceclust doctor`.")
    monkeypatch.setattr(gpu, "unusable", lambda: None)
    monkeypatch.setattr(devices, "find_spec", lambda name: None)
    assert described() == ("cpu", [2, 2, 1])
    assert "open_clip is not installed" in said[1]


def test_what_was_described_before_a_fault_is_kept(
    faces: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def faulty(_: object, tasks: Iterator[CropTask], **__: object) -> Iterator[object]:
        for task in tasks:
            if 2 in task.faces:
                yield task, Failure("crash", "died")
            elif 4 in task.faces:
                raise KeyboardInterrupt
            else:
                yield task, (task.faces, np.ones((len(task.faces), 3), np.float32))

    monkeypatch.setattr(describe, "BATCH_FACES", {"cpu": 1})
    monkeypatch.setattr("faceclust.workers.run", faulty)
    with pytest.raises(KeyboardInterrupt):
        catch_up(faces, "toy", ONE, lambda count: None)
    assert catalogue.live_faces(faces.db, "toy")[0].tolist() == [1, 3]

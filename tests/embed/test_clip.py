from __future__ import annotations

import subprocess
import sys
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from faceclust.embed import clip
from faceclust.embed.clip import Clip, Device
from faceclust.embed.open_clip_model import BATCH, FACE_CLIP, OpenClipModel
from faceclust.errors import DeviceError, WeightsError
from faceclust.weights import own

LIMIT = 25_000_000


@pytest.fixture(scope="module")
def face_clip() -> Clip:
    return Clip()


def crops(count: int) -> np.ndarray:
    """Smooth noise: the nearest thing to a face that needs no photo."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 14, 14, 3)).astype(np.uint8)
    return coarse.repeat(8, axis=1).repeat(8, axis=2)


def test_faces_become_points_of_length_one(face_clip: Clip) -> None:
    i = face_clip.encode_images(crops(3))
    assert i.shape == (3, face_clip.dim)
    assert i.dtype == np.float32
    assert np.allclose(np.linalg.norm(i, axis=1), 1, atol=1e-5)
    assert face_clip.scale > 1


def test_no_faces_give_no_points(face_clip: Clip) -> None:
    assert face_clip.encode_images(crops(0)).shape == (0, face_clip.dim)


def test_a_batch_changes_no_embedding(face_clip: Clip) -> None:
    faces = crops(BATCH["cpu"] + 2)
    together = face_clip.encode_images(faces)
    alone = np.concatenate([face_clip.encode_images(faces[k : k + 1]) for k in (0, 1, 33)])
    assert np.allclose(together[[0, 1, 33]], alone, atol=1e-5)


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [32, 32, 6]), ("cuda", [70])])
def test_a_gpu_is_given_more_faces_at_once(
    monkeypatch: pytest.MonkeyPatch, device: Device, sizes: list[int]
) -> None:
    given: list[int] = []

    def images(_: object, some: np.ndarray) -> np.ndarray:
        given.append(len(some))
        return np.zeros((len(some), 4), np.float32)

    monkeypatch.setattr(OpenClipModel, "__init__", lambda *_: None)
    monkeypatch.setattr(OpenClipModel, "_quiet", lambda _: nullcontext())
    monkeypatch.setattr(OpenClipModel, "_images", images)
    model = OpenClipModel(FACE_CLIP)
    model._device = device
    assert model.encode_images(crops(70)).shape == (70, 4)
    assert given == sizes


def test_a_gpu_that_fails_is_told_from_the_faces(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("CUDA out of memory")

    monkeypatch.setattr(OpenClipModel, "__init__", lambda *_: None)
    monkeypatch.setattr(OpenClipModel, "_quiet", nullcontext)
    monkeypatch.setattr(OpenClipModel, "_images", fail)
    monkeypatch.setattr(OpenClipModel, "_texts", fail)
    model = OpenClipModel("any")
    model._device = "cuda"
    with pytest.raises(DeviceError, match=r"the GPU failed \(CUDA out of memory\)"):
        model.encode_images(crops(1))
    with pytest.raises(DeviceError):
        model.encode_texts(["a face"])


def test_the_graph_is_the_image_tower(face_clip: Clip) -> None:
    pytest.importorskip("open_clip", reason="needs faceclust[clip]")
    model = OpenClipModel(FACE_CLIP)
    faces = crops(8)
    cosines = (face_clip.encode_images(faces) * model.encode_images(faces)).sum(1)
    assert cosines.min() > 0.99  # the graph computes in 8-bit integers
    assert face_clip.dim == model.dim
    assert face_clip.scale == pytest.approx(model.scale, rel=1e-3)


def test_faces_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['open_clip'] = None\n"
        "import numpy as np; from faceclust.embed.clip import Clip\n"
        "print(Clip().encode_images(np.zeros((1, 112, 112, 3), np.uint8)).shape)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("(1, ")


def test_a_gpu_that_torch_does_not_find_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    torch = pytest.importorskip("torch")
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(WeightsError, match="torch finds no GPU; run `faceclust doctor`, or use"):
        Clip(device="cuda")


def test_texts_need_open_clip(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "open_clip", None)
    with pytest.raises(WeightsError, match=r"pip install 'faceclust\[clip\]'"):
        Clip().encode_texts(["a face"])
    with pytest.raises(WeightsError, match=r"pip install 'faceclust\[clip\]'"):
        Clip("ViT-B-32/laion2b_s34b_b79k")


def test_an_id_tells_the_training_and_leads_back_to_the_name() -> None:
    assert clip.model_id(FACE_CLIP).startswith("face-clip@")
    for name in (FACE_CLIP, "ViT-B-32/laion2b_s34b_b79k"):
        assert clip.name_of(clip.model_id(name)) == name
    assert clip.model_id("ViT-B-32/laion2b_s34b_b79k") == "ViT-B-32/laion2b_s34b_b79k"


def test_the_weights_fit_their_limit() -> None:
    names = ("face-clip.json", "face-clip.safetensors", "face-clip-image.onnx")
    assert sum(own(name).stat().st_size for name in names) <= LIMIT


def test_a_damaged_graph_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged = tmp_path / "face-clip-image.onnx"
    damaged.write_bytes(own("face-clip-image.onnx").read_bytes()[:100_000])
    monkeypatch.setattr(clip.weights, "own", lambda _: damaged)
    with pytest.raises(WeightsError, match=r"face-clip-image\.onnx"):
        Clip()

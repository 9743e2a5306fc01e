"""Everything that a GPU can do, on a GPU: the same answers as on the CPU.

The same code runs on a CPU in the tests of its own modules; these need the card itself.
"""

from __future__ import annotations

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from faceclust import weights
from faceclust.embed.arcface import Embedder, normalise
from faceclust.embed.clip import Clip
from faceclust.faces.scrfd import Scrfd
from faceclust.graph.knn import knn
from faceclust.pipeline import models
from tests.conftest import Run
from tests.engine.crowd import faces
from tests.graph.test_gpu_correction import HALF, shipped
from tests.train.faces import write_data

if find_spec("torch") is None or not __import__("torch").cuda.is_available():
    pytest.skip("needs a GPU", allow_module_level=True)

pytestmark = [pytest.mark.slow, pytest.mark.gpu]
CROPS = np.random.default_rng(0).integers(0, 256, (40, 112, 112, 3)).astype(np.uint8)


def cosines(a: object, b: object) -> np.ndarray:
    x, y = (normalise(np.asarray(each, np.float32)) for each in (a, b))
    return np.asarray((x * y).sum(1))


def test_cuda_is_used_when_it_is_asked_for() -> None:
    told: list[str] = []
    assert weights.usable("cuda", told.append) == "cuda"
    assert told == []


def test_identity_embeddings_are_those_of_the_cpu() -> None:
    found = models.resolve("mobile")
    one, other = (Embedder(found.embedders, device)(CROPS) for device in ("cuda", "cpu"))
    assert cosines(one, other).min() > 0.999


def test_face_clip_says_what_it_says_on_the_cpu() -> None:
    one, other = Clip(device="cuda"), Clip(device="cpu")
    assert cosines(one.encode_images(CROPS), other.encode_images(CROPS)).min() > 0.98
    texts = ["a smiling child", "an old man with glasses"]
    assert cosines(one.encode_texts(texts), other.encode_texts(texts)).min() > 0.99


def test_the_detector_sees_the_same_faces(photos: Path) -> None:
    from faceclust.photos import decode

    path = models.resolve("mobile").detector
    image = decode(photos / "groups" / "solvay1927.jpg").pixels
    image = image[: image.shape[0] // 32 * 32, : image.shape[1] // 32 * 32]
    one, other = Scrfd(path, "cuda")(image, 0.5), Scrfd(path, "cpu", int8=False)(image, 0.5)
    assert len(one) == len(other) > 20
    assert np.allclose(one.boxes, other.boxes, atol=1.0)


def test_neighbours_are_those_of_the_exhaustive_search() -> None:
    from faceclust.graph import gpu

    x = normalise(faces(6000)[0])
    one, other = knn(x, 50), gpu.knn(x, 50, device="cuda")
    assert np.allclose(one.similarity, other.similarity, atol=1e-4)
    assert (one.index == other.index).mean() > 0.995


@pytest.mark.parametrize(("precision", "within"), [("float32", 1e-3), ("bf16", HALF)])
def test_clip_cluster_adds_what_it_adds_on_the_cpu(precision: str, within: float) -> None:
    expected, found = shipped(device="cuda", precision=precision)
    assert np.abs(found - expected).max() < within


def test_clip_cluster_finds_the_same_people(faceclust: Run, photos: Path, tmp_path: Path) -> None:
    cast = Path(shutil.copytree(photos / "cast", tmp_path / "cast"))
    db, found = tmp_path / "library.db", {}
    faceclust("scan", cast, "--db", db)
    for device in ("cuda", "cpu"):
        one = shutil.copy(db, tmp_path / f"{device}.db")
        given = ("--edges", "clip-cluster", "--device", device, "--json", "--db", one)
        done = faceclust("cluster", *given)
        assert "on the CPU" not in done.stderr
        assert json.loads(done.stdout)["edges"].startswith("clip-cluster-mobile (")
        people = json.loads(faceclust("people", "--all", "--json", "--db", one).stdout)
        found[device] = sorted((person["faces"], person["best_photo"]) for person in people)
    assert found["cuda"] == found["cpu"]


@pytest.mark.parametrize("workers", [1, 3])
def test_a_scan_finds_the_same_people(
    faceclust: Run, photos: Path, tmp_path: Path, workers: int
) -> None:
    cast = Path(shutil.copytree(photos / "cast", tmp_path / "cast"))
    sizes = {}
    for device in ("cuda", "cpu"):
        options = ("--db", tmp_path / f"{device}.db")
        done = faceclust("scan", cast, "--device", device, "--workers", workers, *options)
        assert "Running on the CPU" not in done.stderr
        people = json.loads(faceclust("people", "--all", "--json", *options).stdout)
        sizes[device] = sorted(person["faces"] for person in people)
    assert sizes["cuda"] == sizes["cpu"]


def test_models_are_trained_in_bfloat16(faceclust: Run, tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    write_data(data, people=48)
    run = tmp_path / "run"
    faceclust(
        "train", "--data", data, "--out", run, "--stage", "face-clip", "--steps", 20,
        "--device", "cuda", "--precision", "bf16",
    )  # fmt: skip
    weights = load_file(run / "face-clip" / "face-clip.safetensors")
    assert all(np.isfinite(value.astype(np.float32)).all() for value in weights.values())
    assert '"step": 20' in (run / "face-clip" / "losses.jsonl").read_text()

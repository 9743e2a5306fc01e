from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceclust import weights
from faceclust.embed.arcface import ArcFace, normalise
from faceclust.errors import WeightsError


@pytest.fixture(scope="module")
def embedder() -> ArcFace:
    return ArcFace(weights.path_of("arcface-mobilefacenet-512"), scale=128.0)


@pytest.fixture(scope="module")
def crops(shared_data: Path) -> dict[str, list[np.ndarray]]:
    """Crops of the first people with four or more of them."""
    people: dict[str, list[np.ndarray]] = {}
    with tarfile.open(shared_data / "dev-family.tar") as tar:
        for member in tar:
            data = tar.extractfile(member)
            if data is not None and len(people) < 40:
                pixels = np.asarray(Image.open(io.BytesIO(data.read())).convert("RGB"))
                people.setdefault(member.name.split("/")[0], []).append(pixels)
    return {person: faces for person, faces in people.items() if len(faces) >= 4}


def test_one_person_lies_closer_than_two(
    embedder: ArcFace, crops: dict[str, list[np.ndarray]]
) -> None:
    x = normalise(embedder(np.stack([face for faces in crops.values() for face in faces[:4]])))
    similarity = (x @ x.T).reshape(len(crops), 4, len(crops), 4)
    same = np.mean([similarity[i, 0, i, 1:].mean() for i in range(len(crops))])
    different = np.mean([similarity[i, 0, i - 1].mean() for i in range(len(crops))])
    assert same > 0.5
    assert different < 0.2


def test_a_face_is_embedded_the_same_in_any_batch(embedder: ArcFace) -> None:
    faces = np.random.default_rng(0).integers(0, 255, (19, 112, 112, 3), np.uint8)
    together = embedder(faces)
    alone = np.concatenate([embedder(face[None]) for face in faces])
    assert together.shape == (19, embedder.dim) == (19, 512)
    assert np.allclose(together, alone, atol=1e-3)


def test_no_faces(embedder: ArcFace) -> None:
    assert embedder(np.zeros((0, 112, 112, 3), np.uint8)).shape == (0, 512)


def test_normalise_leaves_zero_alone() -> None:
    x = normalise(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    assert np.allclose(x, [[0.6, 0.8], [0, 0]])


def test_a_file_that_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "broken.onnx"
    path.write_bytes(b"no model at all")
    with pytest.raises(WeightsError, match=r"broken\.onnx"):
        ArcFace(path)

from __future__ import annotations

import io
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from faceclust import weights
from faceclust.embed import arcface
from faceclust.embed.arcface import ArcFace, Embedder, Network, Unit, normalise
from faceclust.errors import WeightsError
from faceclust.halves import Halves
from faceclust.weights import Device


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


@pytest.mark.parametrize(("device", "sizes"), [("cpu", [8, 8, 4]), ("cuda", [20])])
def test_a_gpu_is_given_more_faces_at_once(
    monkeypatch: pytest.MonkeyPatch, device: Device, sizes: list[int]
) -> None:
    real, given = weights.open_session, []

    def on_the_cpu(graph: bytes, **_: object) -> Any:
        session = real(graph)
        run = session.run

        def counted(names: Any, inputs: dict[str, Any]) -> Any:
            given.append(len(next(iter(inputs.values()))))
            return run(names, inputs)

        session.run = counted
        return session

    monkeypatch.setattr(weights, "open_session", on_the_cpu)
    embedder = ArcFace(weights.path_of("arcface-mobilefacenet-512"), device, scale=128.0)
    faces = np.random.default_rng(0).integers(0, 255, (20, 112, 112, 3), np.uint8)
    assert embedder(faces).shape == (20, 512)
    assert given == sizes


def test_no_faces(embedder: ArcFace) -> None:
    assert embedder(np.zeros((0, 112, 112, 3), np.uint8)).shape == (0, 512)


def test_a_second_network_tells_people_further_apart(
    embedder: ArcFace, crops: dict[str, list[np.ndarray]]
) -> None:
    second = Network(weights.path_of("mobilefacenet-192"), 128.0)
    both = Embedder([Network(weights.path_of("arcface-mobilefacenet-512"), 128.0), second])
    assert both.parts == (512, 192)
    faces = np.stack([face for faces in crops.values() for face in faces[:4]])
    people = np.repeat(np.arange(len(crops)), 4)
    x = both(faces)
    assert np.array_equal(x[:, :512], embedder(faces))
    alone = separation(normalise(x[:, :512]), people)
    assert separation(normalise(x, both.parts), people) > alone + 0.2
    assert both(faces[:0]).shape == (0, 704)


def separation(x: np.ndarray, people: np.ndarray) -> float:
    """Distance between the cosines of pairs of one and of two people, in their deviations."""
    i, j = np.triu_indices(len(x), 1)
    cosine, same = (x @ x.T)[i, j], people[i] == people[j]
    spread = np.sqrt((cosine[same].var() + cosine[~same].var()) / 2)
    return float((cosine[same].mean() - cosine[~same].mean()) / spread)


@given(seed=st.integers(0, 2**32 - 1), scale=st.floats(1e-3, 1e3))
def test_each_network_has_the_same_say(seed: int, scale: float) -> None:
    x, y = np.random.default_rng(seed).normal(size=(2, 4, 6)).astype(np.float32)
    y *= np.float32(scale)
    both = normalise(np.hstack([x, y[:, :2]]), (6, 2))
    cosines = [normalise(part) @ normalise(part).T for part in (x, y[:, :2])]
    assert np.allclose(both @ both.T, np.mean(cosines, axis=0), atol=1e-5)
    assert np.allclose(np.linalg.norm(both, axis=1), 1, atol=1e-6)


def test_nothing_of_several_networks() -> None:
    assert len(normalise(np.zeros((0, 0), np.float32), (512, 192))) == 0


def test_normalise_leaves_zero_alone() -> None:
    x = normalise(np.array([[3.0, 4.0], [0.0, 0.0]], np.float32))
    assert np.allclose(x, [[0.6, 0.8], [0, 0]])


@pytest.mark.parametrize("name", ["broken.onnx", "broken.tflite"])
def test_a_file_that_is_no_model_is_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(b"no model at all")
    with pytest.raises(WeightsError, match=name):
        ArcFace(path)


def test_embeddings_are_normalised_where_they_are_to_the_very_same_numbers(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also piece by piece; a million faces are not held twice."""
    raw = (9 * np.random.default_rng(0).normal(size=(50, 11))).astype(np.float32)
    kept, whole = raw.copy(), Unit.of(raw, (8, 3))
    np.testing.assert_array_equal(raw, kept)
    monkeypatch.setattr(arcface, "ROWS", 7)
    own = raw.copy()
    found = Unit.taken(own, (8, 3))
    assert found.x is own
    np.testing.assert_array_equal(found.x, whole.x)
    np.testing.assert_array_equal(found.lengths, whole.lengths)
    expected = [np.linalg.norm(part, axis=1) for part in (raw[:, :8], raw[:, 8:])]
    np.testing.assert_array_equal(found.lengths, np.stack(expected, axis=1))
    np.testing.assert_array_equal(found.select(np.array([3])).x, whole.x[3:4])
    assert Unit.taken(np.zeros((0, 0), np.float32), (8, 3)).x.shape == (0, 0)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.sampled_from([(), (5, 3)]), st.integers(0, 99), st.data())
def test_embeddings_in_a_file_are_normalised_where_they_are_read(
    N: int, parts: tuple[int, ...], seed: int, data: st.DataObject
) -> None:
    """Each row to the same bits, whichever are read with it."""
    raw = (9 * np.random.default_rng(seed).normal(size=(N, 8))).astype("<f2")
    raw[data.draw(st.integers(0, N - 1))] = 0
    with tempfile.TemporaryDirectory() as folder:
        written = Halves.written((row.tobytes() for row in raw), N, Path(folder))
    assert written is not None
    whole = Unit.of(raw.astype(np.float32), parts)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(arcface, "ROWS", 7)
        found = Unit.mapped(written, parts)
    assert (len(found.x), found.x.shape) == (N, (N, 8))
    np.testing.assert_array_equal(found.whole, whole.x)
    np.testing.assert_array_equal(found.lengths, whole.lengths)
    rows = np.array(data.draw(st.lists(st.integers(0, N - 1))), np.int64)
    some, start = found.select(rows), data.draw(st.integers(0, N))
    np.testing.assert_array_equal(some.x[:], whole.x[rows])
    np.testing.assert_array_equal(some.lengths, whole.lengths[rows])
    np.testing.assert_array_equal(found.x[start : start + 3], whole.x[start : start + 3])

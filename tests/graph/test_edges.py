from pathlib import Path

import numpy as np
import pytest

from faceclust.errors import WeightsError
from faceclust.graph import edges, structure
from faceclust.graph.edges import EdgeModel
from faceclust.graph.knn import knn
from tests.graph.test_structure import people

UNIVERSAL = Path(__file__).parents[2] / "pretrained/edges-universal.npz"


def tiny() -> EdgeModel:
    rng, F = np.random.default_rng(0), len(structure.NAMES)
    shapes = [(F, 3), (3, 1)]
    return EdgeModel(
        np.ones(F, np.float32),
        np.full(F, 2, np.float32),
        tuple(rng.normal(size=s).astype(np.float32) for s in shapes),
        tuple(rng.normal(size=s[1]).astype(np.float32) for s in shapes),
    )


def test_log_odds_are_the_equation_in_the_docstring() -> None:
    model = tiny()
    features = np.random.default_rng(1).normal(0, 20, (50, len(structure.NAMES)))
    features = features.astype(np.float32)
    h = np.clip((features - 1) / 2, -edges.LIMIT, edges.LIMIT)
    z = np.maximum(h @ model.weights[0] + model.biases[0], 0) @ model.weights[1] + model.biases[1]
    assert model.log_odds(features) == pytest.approx(z[:, 0].clip(-12, 12), abs=1e-4)
    assert model.log_odds(features[:0]).shape == (0,)


def test_a_model_survives_its_file(tmp_path: Path) -> None:
    model = tiny()
    model.save(tmp_path / "edges.npz")
    features = np.zeros((4, len(structure.NAMES)), np.float32)
    again = edges.load(tmp_path / "edges.npz")
    assert np.array_equal(again.log_odds(features), model.log_odds(features))


@pytest.mark.parametrize("content", [None, b"", b"PK\x03\x04 cut", b"\x80\x04N."])
def test_a_file_that_is_no_model(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "edges.npz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"edges\.npz is no edge model"):
        edges.load(path)


def altered(path: Path, **changes: object) -> Path:
    """A whole model's file with some arrays exchanged, or left out where they are None."""
    tiny().save(path)
    with np.load(path) as file:
        arrays = {key: file[key] for key in file.files} | changes
    np.savez(path, **{k: v for k, v in arrays.items() if v is not None})  # type: ignore[arg-type]
    return path


@pytest.mark.parametrize(
    "changes",
    [
        {"weight_0": np.ones((3, 3), np.float32)},
        {"weight_1": np.ones((3, 2), np.float32), "bias_1": np.ones(2, np.float32)},
        {"weight_0": None, "weight_1": None},
        {"bias_0": np.float32(1)},
        {"mean": np.ones(2, np.float32)},
        {"mean": np.array(["a"] * len(structure.NAMES))},
        {"bias_1": np.array([np.nan], np.float32)},
        {"weight_0": np.array([{}])},
    ],
)
def test_a_file_of_other_arrays(tmp_path: Path, changes: dict[str, object]) -> None:
    with pytest.raises(WeightsError, match=r"edges\.npz is no edge model \(.*\); give another\.$"):
        edges.load(altered(tmp_path / "edges.npz", **changes), "give another")


def test_an_array_alone_is_no_model(tmp_path: Path) -> None:
    with (tmp_path / "edges.npz").open("wb") as file:
        np.save(file, np.ones(3))
    with pytest.raises(WeightsError, match="is no edge model"):
        edges.load(tmp_path / "edges.npz")


def test_a_damaged_compressed_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "edges.npz"
    np.savez_compressed(path, features=np.array(structure.NAMES), mean=np.ones(9))
    content = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    for at in rng.integers(4, len(content), 200).tolist():
        damaged = content.copy()
        damaged[at] ^= 0xFF
        path.write_bytes(damaged)
        with pytest.raises(WeightsError, match=r"edges\.npz"):
            edges.load(path)


def test_a_model_of_other_features(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny().save(tmp_path / "edges.npz")
    monkeypatch.setattr(structure, "NAMES", ("another",))
    with pytest.raises(WeightsError, match="other features"):
        edges.load(tmp_path / "edges.npz")


def test_the_shipped_model_tells_people_apart() -> None:
    x = people(60, 6, noise=0.7)
    graph = edges.score(edges.load(UNIVERSAL), x, knn(x, 50))
    same = graph.edge_index[0] // 6 == graph.edge_index[1] // 6
    assert same.sum() > 0.9 * 60 * 15
    assert np.mean((graph.edge_weight > 0) == same) > 0.95
    assert (graph.edge_weight > edges.FLOOR).all()


@pytest.mark.parametrize("faces", [0, 1, 2])
def test_tiny_libraries(faces: int) -> None:
    x = people(faces, 1)
    assert edges.score(edges.load(UNIVERSAL), x, knn(x, 50)).num_nodes == faces


def test_a_small_library_is_not_surer_than_its_cosines() -> None:
    """Three photos of one, two of another, whose cosine is 0.31: a usual one for strangers."""
    x = np.zeros((5, 64), np.float32)
    x[:3, 0] = 1
    x[3:, :2] = 0.31, (1 - 0.31**2) ** 0.5
    graph = edges.score(edges.load(UNIVERSAL), x, knn(x, 50))
    same = (graph.edge_index < 3).all(0) | (graph.edge_index >= 3).all(0)
    assert same.sum() == 4
    assert (graph.edge_weight[same] > 3).all()
    assert (graph.edge_weight[~same] < 0).all()

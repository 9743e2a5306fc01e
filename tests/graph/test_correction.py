"""Inference without torch gives what the trained modules give."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest

from faceclust.embed.arcface import Unit
from faceclust.errors import WeightsError
from faceclust.graph import correction, edges, structure
from faceclust.graph.architecture import AROUND, Architecture, Fusion, Offsets
from faceclust.graph.knn import knn
from faceclust.graph.streamed import neighbourhood
from faceclust.halves import Halves
from faceclust.records import FloatArray
from tests.graph.test_streamed import VALUES, unit

torch = pytest.importorskip("torch")

N, D, E = 60, 24, 16
SMALL = {"D": 16, "hidden": 12, "heads": 4, "graph": 8, "edge": 10}
VARIANTS = [
    *(Architecture(offsets=o, **SMALL) for o in get_args(Offsets)),
    *(Architecture(fusion=f, **SMALL) for f in get_args(Fusion)),
    Architecture(attributes=False, blocks=2, **SMALL),
]


def module(architecture: Architecture, width: int = E) -> Any:
    """A model with random weights; its last layer, too, says something."""
    from faceclust.graph.clip_cluster import ClipCluster

    torch.manual_seed(1)
    S = len(structure.NAMES)
    t = torch.from_numpy(unit(sum(VALUES), width))
    made = ClipCluster(t, VALUES, torch.randn(S), torch.rand(S) + 0.5, architecture, seed=3)
    torch.nn.init.normal_(made.head.out.weight)
    return made.eval()


def faces() -> tuple[FloatArray, FloatArray]:
    person = np.repeat(np.arange(N // 6), 6)
    x = unit(N // 6, D, seed=2)[person] + np.float32(0.2) * unit(N, D, seed=3)
    return x / np.linalg.norm(x, axis=1, keepdims=True), unit(N, E, seed=4)


@pytest.mark.parametrize("share", [0.5, 1.0])
@pytest.mark.parametrize("architecture", VARIANTS, ids=str)
def test_the_same_numbers_as_the_modules(
    architecture: Architecture, share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    from faceclust.train.clip_cluster import nodes_of
    from faceclust.train.graphs import FaceGraph

    made, (x, i) = module(architecture), faces()
    basis = np.linalg.qr(np.random.default_rng(5).normal(size=(D, 16)))[0].astype(np.float32)
    tensors = {k: v.detach().numpy() for k, v in made.state_dict().items()}
    model = correction.Model(tensors, architecture, basis, share, "made-up", "face-clip")
    near = knn(x, 30)
    pairs, scale = edges.candidates(x, near)
    s = np.concatenate(list(structure.features(x, near, pairs, scale)))
    monkeypatch.setattr("faceclust.graph.streamed.CHUNK", 7)  # chunks must not matter
    monkeypatch.setattr("faceclust.graph.streamed.EDGES", 11)
    found = correction.Correction.of(model, x, i, near, pairs, scale)(pairs.index, s)

    f = x @ basis
    around = np.asarray(neighbourhood(near.index, AROUND) @ f, np.float32)
    nothing = np.zeros(0)
    graph = FaceGraph(
        f, around, i, nothing, nothing, nothing, pairs.index, s, nothing, nothing, nothing, nothing
    )
    index = torch.from_numpy(pairs.index)
    nodes = nodes_of(graph, np.arange(N), index)
    said = made(nodes, index, torch.from_numpy(s), torch.zeros(len(s)), scale.deviation)
    assert len(s) > 100
    np.testing.assert_allclose(found, share * said.log_odds.detach().numpy(), atol=1e-4)


@pytest.mark.parametrize("architecture", [VARIANTS[0], VARIANTS[-1]], ids=str)
def test_embeddings_may_lie_in_files(architecture: Architecture, tmp_path: Path) -> None:
    """To the same numbers; they are never read at once."""
    model = saved(tmp_path / "m.safetensors", architecture)
    x, i = (half.astype("<f2") for half in faces())
    whole = [Unit.of(half.astype(np.float32)).x[:] for half in (x, i)]
    files = [Halves.written(map(bytes, half), N, tmp_path) for half in (x, i)]
    mapped = [Unit.mapped(file).x for file in files if file is not None]
    near = knn(whole[0], 30)
    pairs, scale = edges.candidates(whole[0], near)
    s = np.concatenate(list(structure.features(whole[0], near, pairs, scale)))
    held, read = (
        correction.Correction.of(model, *both, near, pairs, scale)(pairs.index, s)
        for both in (whole, mapped)
    )
    np.testing.assert_array_equal(read, held)


def saved(path: Path, architecture: Architecture = VARIANTS[0]) -> correction.Model:
    tensors = {k: v.detach().numpy() for k, v in module(architecture).state_dict().items()}
    model = correction.Model(tensors, architecture, unit(D, 16), 0.25, "a", "face-clip")
    model.save(path, {})
    return model


@pytest.mark.parametrize("architecture", VARIANTS, ids=str)
def test_a_whole_model_is_whole(architecture: Architecture, tmp_path: Path) -> None:
    correction.require_whole(saved(tmp_path / "m.safetensors", architecture), tmp_path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"tensors": {}},
        {"basis": np.ones((D, 5), np.float32)},
        {"basis": np.ones(D, np.float32)},
        {"share": float("nan")},
        {"architecture": Architecture(blocks=3, **SMALL)},
        {"architecture": Architecture(**(SMALL | {"heads": 0}))},
        {"architecture": Architecture(fusion="none", **SMALL)},  # type: ignore[arg-type]
    ],
)
def test_what_lacks_a_part_is_told(tmp_path: Path, wrong: dict[str, Any]) -> None:
    model = replace(saved(tmp_path / "m.safetensors"), **wrong)
    with pytest.raises(WeightsError, match=r"is no CLIP-Cluster model \(.*\); give another\.$"):
        correction.require_whole(model, tmp_path, "give another")


def test_other_files_of_this_format_are_told(tmp_path: Path) -> None:
    from safetensors.numpy import save_file

    path, nothing = tmp_path / "m.safetensors", {"basis": np.zeros(3, np.float32)}
    architecture = {"architecture": {}, "share": 1, "space": "", "clip": ""}
    for about in ("{}", "[]", "3", "{", json.dumps(architecture), None):
        save_file(nothing, path, None if about is None else {"model": about})
        with pytest.raises(WeightsError, match=r"m\.safetensors is no CLIP-Cluster model"):
            correction.load(path)
    save_file(nothing, path, {"model": json.dumps(architecture | {"features": ["another"]})})
    with pytest.raises(WeightsError, match="was trained on other features; give another"):
        correction.load(path, "give another")
    torch_file = pytest.importorskip("safetensors.torch")
    torch_file.save_file({"basis": torch.zeros(3, dtype=torch.bfloat16)}, path, {"model": "{}"})
    with pytest.raises(WeightsError, match="is no CLIP-Cluster model"):
        correction.load(path)


def test_a_saved_model_is_read_back_and_a_damaged_one_is_told(tmp_path: Path) -> None:
    made = module(VARIANTS[0])
    tensors = {k: v.detach().numpy() for k, v in made.state_dict().items()}
    tensors["mean"] = np.full_like(tensors["mean"], 0.3)
    tensors["deviation"] = np.full_like(tensors["mean"], 1e-6)  # of a feature that never varies
    model = correction.Model(tensors, VARIANTS[0], unit(D, 16), 0.25, "a", "face-clip")
    path = tmp_path / "m.safetensors"
    model.save(path, {"seed": 0})
    read = correction.load(path)
    assert (read.architecture, read.share, read.space) == (VARIANTS[0], 0.25, "a")
    for name, value in tensors.items():
        np.testing.assert_allclose(read.tensors[name], value, atol=2e-3)
    for name in ("mean", "deviation"):
        np.testing.assert_array_equal(read.tensors[name], tensors[name])
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(WeightsError, match="is no CLIP-Cluster model"):
        correction.load(path)
    with pytest.raises(WeightsError, match="missing"):
        correction.load(tmp_path / "missing")

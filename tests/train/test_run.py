"""`faceclust train`, the real command, on small embedded sets."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from safetensors import safe_open
from safetensors.numpy import load_file

from faceclust import weights
from faceclust.errors import InputError, OptionError, WeightsError
from faceclust.graph import edges
from faceclust.graph.edges import EdgeModel
from faceclust.pipeline.models import EDGES
from faceclust.train import edges as edges_training
from faceclust.train.options import TrainOptions
from faceclust.train.run import train
from tests.conftest import Run
from tests.train.data.test_ms1m import write as write_ms1m
from tests.train.embedded import people, write_set


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    folder = tmp_path / "sets"
    folder.mkdir()
    write_set(folder, "train-pins", people(14, 12, 0.6))
    return folder


def run_of(sets: Path, out: Path, *more: str) -> list[str]:
    return ["train", "--data", str(sets), "--out", str(out), "--stage", "edges", *more]


@pytest.mark.slow
def test_a_killed_training_ends_with_the_same_weights(
    faceclust: Run, sets: Path, tmp_path: Path
) -> None:
    """SIGKILL once while libraries are drawn and once between two epochs."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    faceclust(*run_of(sets, whole, "--epochs", "12"))
    command = [sys.executable, "-m", "faceclust", *run_of(sets, killed, "--epochs", "12")]
    state = killed / "edges" / "state.safetensors"
    for evidence in ("examples/*/seen-005.safetensors", "state.safetensors"):
        process = subprocess.Popen(command, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        deadline = time.monotonic() + 120
        while not any((killed / "edges").glob(evidence)):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        assert process.wait() == -signal.SIGKILL
    assert not (killed / "edges" / "edges.npz").exists()
    half, _ = position(state)
    faceclust(*run_of(sets, killed, "--epochs", "12"))
    assert 0 < half < position(state)[0]
    a, b = (edges.load(folder / "edges" / "edges.npz") for folder in (whole, killed))
    assert all(np.array_equal(p, q) for p, q in zip(a.weights, b.weights, strict=True))
    assert all(np.array_equal(p, q) for p, q in zip(a.biases, b.biases, strict=True))
    first, second = (
        load_file(folder / "edges" / "state.safetensors") for folder in (whole, killed)
    )
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[key], second[key]) for key in first)


def position(state: Path) -> tuple[int, dict[str, object]]:
    with safe_open(state, "numpy") as file:
        meta = file.metadata()
    return json.loads(meta["progress"])[0], json.loads(meta["recipe"])


@pytest.mark.slow
def test_a_run_leaves_all_that_is_promised(faceclust: Run, sets: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    done = faceclust(*run_of(sets, out, "--epochs", "2", "--seed", "3", "--json"))
    report = json.loads(done.stdout)
    assert report["files"] == {"edges": str(out / "edges" / "edges.npz")}
    assert "bcubed" not in report
    assert " f 0." in done.stderr or " f 1." in done.stderr
    rows = [json.loads(line) for line in (out / "edges" / "losses.jsonl").read_text().splitlines()]
    assert {row["epoch"] for row in rows if "f" in row} == {1, 2}
    assert all(0 <= row["f"] <= 1 for row in rows if "f" in row)
    losses = [row["loss"] for row in rows if "loss" in row]
    assert losses[-1] < losses[0]
    with Image.open(out / "edges" / "losses.png") as picture:
        assert picture.size == (960, 540)
        assert len(picture.convert("RGB").getcolors(1 << 20) or []) > 2
    _, recipe = position(out / "edges" / "state.safetensors")
    assert recipe["seed"] == 3
    assert recipe["fit"]["epochs"] == 2  # type: ignore[index]
    left = [out, *(path for path in out.rglob("*") if path.is_file())]
    assert not [path for path in left if path.stat().st_mode & 0o077]
    assert not (out / "edges" / "examples").exists()
    before = (out / "edges" / "edges.npz").read_bytes()
    faceclust(*run_of(sets, out, "--epochs", "2", "--seed", "3", "--resume"))
    assert (out / "edges" / "edges.npz").read_bytes() == before


@pytest.mark.slow
def test_another_run_is_neither_gone_on_from_nor_overwritten(sets: Path, tmp_path: Path) -> None:
    first = TrainOptions("edges", steps=3)
    train([str(sets)], tmp_path / "run", first)
    before = (tmp_path / "run" / "edges" / "edges.npz").read_bytes()
    other = TrainOptions("edges", steps=3, seed=1)
    with pytest.raises(OptionError, match="seed 0 there, 1 here"):
        train([str(sets)], tmp_path / "run", other)
    assert (tmp_path / "run" / "edges" / "edges.npz").read_bytes() == before
    train([str(sets)], tmp_path / "run", TrainOptions("edges", steps=3, seed=1, resume=False))
    assert (tmp_path / "run" / "edges" / "edges.npz").read_bytes() != before
    (tmp_path / "run" / "edges" / "state.safetensors").write_bytes(b"\x08" * 40)
    with pytest.raises(InputError, match="is no checkpoint"):
        train([str(sets)], tmp_path / "run", other)


def test_mistakes_get_one_sentence(sets: Path, tmp_path: Path, faceclust: Run) -> None:
    out, options = tmp_path / "run", TrainOptions("edges")
    for given, sentence in {
        (): "--data is missing",
        (str(tmp_path / "nowhere"),): "nowhere does not exist",
        ("ms1m", str(sets)): "cannot be joined",
        ("ms1m",): "--root FOLDER, or FACECLUST_MS1M",
    }.items():
        with pytest.raises((OptionError, InputError), match=sentence):
            train(given, out, options)
    for more, sentence in (
        ({"part": "part0_train"}, "go with --data ms1m only"),
        ({"library": sets}, "go with --data library only"),
        ({"profile": "mobile", "stage": "face-clip"}, "--profile does not go with --stage face-"),
        ({"engine": "ray", "stage": "clip-cluster"}, "--engine ray goes with --stage edges"),
    ):
        stage = TrainOptions(str(more.pop("stage", "edges")))
        with pytest.raises(OptionError, match=sentence):
            train([str(sets)], out, stage, **more)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="holds no checkpoint"):
        train([str(sets)], out, TrainOptions("edges", resume=True))
    with pytest.raises(OptionError, match="--out is missing"):
        train([str(sets)], None, options)
    with pytest.raises(InputError, match=r"train-celeb-attributes\.csv"):
        train([str(sets)], out, TrainOptions("face-clip"))
    done = faceclust("train", "--data", "ms1m", "--root", sets, "--out", out, code=1)
    assert "features/part0_train.bin" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("stage", ["face-clip", "clip-cluster"])
def test_without_a_gpu_it_says_so_before_it_reads_anything(
    faceclust: Run, tmp_path: Path, stage: str
) -> None:
    torch = pytest.importorskip("torch")
    if torch.cuda.is_available():
        pytest.skip("there is a GPU")
    (tmp_path / "train-celeb-attributes.csv").write_text("")
    done = faceclust(
        "train", "--data", tmp_path, "--out", tmp_path / "run", "--stage", stage, "--device",
        "cuda", code=2,
    )  # fmt: skip
    assert "--device" in done.stderr


def test_face_clip_is_given_the_data_and_its_losses_are_drawn(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The training itself is tested in test_face_clip; a fake stands in for it here."""
    face_clip = pytest.importorskip("faceclust.train.face_clip", exc_type=ImportError)
    (tmp_path / "train-celeb-attributes.csv").write_text("")

    def fake(options: Any, config: Path, trunk: Path, tell: Any) -> Path:
        assert (options.data, options.seed, options.steps) == (str(tmp_path), 4, 7)
        assert config.is_file()
        assert trunk.is_file()
        run = Path(options.run)
        (run / "losses.jsonl").write_text('{"step": 1, "prompts": 2.5}\n{"step": 2, "prom')
        tell({"step": 1, "prompts": 2.5})
        return run / "face-clip.safetensors"

    monkeypatch.setattr(face_clip, "train", fake)
    rows: list[dict[str, Any]] = []
    options = TrainOptions("face-clip", seed=4, steps=7)
    report = train([str(tmp_path)], tmp_path / "run", options, tell=rows.append)
    assert rows == [{"stage": "face-clip", "step": 1, "prompts": 2.5}]
    folder = tmp_path / "run" / "face-clip"
    assert report["files"] == {"face-clip": str(folder / "face-clip.safetensors")}
    assert (folder / "losses.png").is_file()


@pytest.mark.parametrize(
    "wrong",
    [{"stage": "magic"}, {"device": "tpu"}, {"precision": "int8"}, {"epochs": 0}, {"steps": -1},
     {"seed": -1}, {"stage": "edges", "precision": "bf16"},
     {"stage": "edges", "variant": "average"}, {"stage": "face-clip", "variant": "average"},
     {"stage": "face-clip", "epochs": 2}, {"stage": "clip-cluster", "epochs": 2}],
)  # fmt: skip
def test_options_that_mean_nothing(wrong: dict[str, object]) -> None:
    with pytest.raises(OptionError, match="--"):
        TrainOptions(**wrong)  # type: ignore[arg-type]


@pytest.mark.parametrize("stage", ["edges", "all"])
def test_a_stage_that_the_data_cannot_feed_is_left_out_and_told(
    tmp_path: Path, sets: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    """MS1M's features without their images; embeddings that an earlier run made without CLIP."""
    edge_model = tmp_path / "run" / "edges" / "edges.npz"
    monkeypatch.setattr(edges_training, "train", lambda *_, **__: edge_model)
    write_ms1m(tmp_path / "ms1m")
    for data, root in (("ms1m", tmp_path / "ms1m"), (str(sets), None)):
        rows: list[dict[str, Any]] = []
        options = TrainOptions(stage)
        report = train([data], tmp_path / "run", options, root=root, tell=rows.append)
        assert report["files"] == {"edges": str(edge_model)}
        skipped = [] if stage == "edges" else ["face-clip", "clip-cluster"]
        assert list(report["skipped"]) == [row["stage"] for row in rows] == skipped
        assert all(row["told"].startswith("is left out: it needs ") for row in rows)
        with pytest.raises(InputError, match=r"--stage clip-cluster needs the faces' CLIP embed"):
            train([data], tmp_path / "run", TrainOptions("clip-cluster"), root=root)


def test_data_that_are_not_there_are_told_before_a_torch_that_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> None:
        raise WeightsError("no torch")

    monkeypatch.setattr("faceclust.train.plan.import_torch", missing)
    with pytest.raises(InputError, match="nowhere does not exist"):
        train([str(tmp_path / "nowhere")], tmp_path / "run", TrainOptions("clip-cluster"))


@pytest.mark.parametrize("stage", ["clip-cluster", "all"])
def test_clip_cluster_adds_to_the_edges_of_its_own_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, stage: str
) -> None:
    clip_cluster = pytest.importorskip("faceclust.train.clip_cluster", exc_type=ImportError)
    faces = people(6, 4)
    write_set(tmp_path, "train-pins", replace(faces, clip=np.ones((24, 8), np.float32)))
    bases: list[EdgeModel | None] = []

    def fake(*_: object, base: EdgeModel | None, **__: object) -> Path:
        bases.append(base)
        return tmp_path

    def fake_edges(crowd: object, options: object, out: Path, **_: object) -> Path:
        edges.load(weights.own(EDGES)).save(out / "edges.npz")
        return out / "edges.npz"

    monkeypatch.setattr(clip_cluster, "train", fake)
    monkeypatch.setattr(edges_training, "train", fake_edges)
    rows: list[dict[str, Any]] = []
    run = tmp_path / "run"
    train([str(tmp_path)], run, TrainOptions(stage), tell=rows.append)
    (told,) = [row["told"] for row in rows if row["stage"] == "clip-cluster"]
    if stage == "clip-cluster":
        assert (bases, told) == ([None], "adds to the shipped edge model")
        (run / "edges").mkdir()
        fake_edges(None, None, run / "edges")
        train([str(tmp_path)], run, TrainOptions(stage), tell=rows.append)
        told = rows[-1]["told"]
    assert isinstance(bases[-1], EdgeModel)
    assert told == f"adds to {run / 'edges' / 'edges.npz'}"


def test_a_stage_that_is_left_out_keeps_what_it_had(
    tmp_path: Path, sets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(edges_training, "train", lambda *_, **__: tmp_path)
    model = tmp_path / "run" / "clip-cluster" / "clip-cluster.safetensors"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"of other data")
    train([str(sets)], tmp_path / "run", TrainOptions(resume=False))
    assert model.is_file()


def test_two_trainings_do_not_share_a_folder(faceclust: Run, sets: Path, tmp_path: Path) -> None:
    from filelock import FileLock

    out = tmp_path / "run"
    out.mkdir()
    with FileLock(out / ".lock"):
        done = faceclust(*run_of(sets, out), code=1)
    assert "Another faceclust is training" in done.stderr


def test_a_folder_that_cannot_be_written(sets: Path, tmp_path: Path, faceclust: Run) -> None:
    if os.geteuid() == 0:
        (tmp_path / "file").write_text("")
        done = faceclust(*run_of(sets, tmp_path / "file"), code=2)
    else:
        (tmp_path / "closed").mkdir(mode=0o500)
        done = faceclust(*run_of(sets, tmp_path / "closed" / "run"), code=2)
    assert "cannot be written" in done.stderr

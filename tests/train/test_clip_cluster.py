from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open

from faceclust.errors import InputError, OptionError
from faceclust.graph.principal import principal
from faceclust.train import crowds, journal, libraries
from tests.train.proxy_run import crowd, ignorant, long, recipe, words

torch = pytest.importorskip("torch")
pytest.importorskip("open_clip")


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Options of a run of seconds; words need no text tower."""
    from faceclust.train import clip_cluster

    monkeypatch.setattr(clip_cluster, "vocabulary", words)
    return recipe()


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_sixteen_bits_train_and_resume(
    tmp_path: Path, small: Any, device: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from faceclust.train import clip_cluster

    if device == "cuda" and not torch.cuda.is_available():
        pytest.skip("needs a GPU")
    told: list[dict[str, Any]] = []
    step = clip_cluster._step

    def killed(state: Any, *rest: Any) -> dict[str, float]:
        if state.step == 10:
            raise KeyboardInterrupt
        return step(state, *rest)

    def run() -> Path:
        return clip_cluster.train(
            crowd(), "made-up", small, tmp_path, device=device, precision="bf16",
            base=ignorant(), tell=told.append,
        )  # fmt: skip

    monkeypatch.setattr(clip_cluster, "_step", killed)
    with pytest.raises(KeyboardInterrupt):
        run()
    monkeypatch.setattr(clip_cluster, "_step", step)
    assert all(np.isfinite(value).all() for value in tensors(run()).values())
    losses = [row["cross"] for row in told if "cross" in row]
    assert losses
    assert np.isfinite(losses).all()
    assert [row["f"] for row in told if "f" in row]


def tensors(path: Path) -> dict[str, Any]:
    from safetensors.numpy import load_file

    return load_file(path)


def test_a_tiny_library_is_learned_by_heart(small: Any, tmp_path: Path) -> None:
    from faceclust.train import clip_cluster, graphs

    options = replace(
        small, steps=150, transfer=0, libraries=1, judge_every=1000, nodes=10_000, rate=1e-2,
        architecture=replace(small.architecture, dropout=0.0),
    )  # fmt: skip
    faces = crowd(persons=20, noise=0.7)
    clip_cluster.train(faces, "made-up", options, tmp_path, base=ignorant())
    apart = libraries.held_out(faces, options.held_out, options.seed)
    x = crowds.view(faces.faces, faces.widths, "both")
    (graph,) = graphs.drawn(
        faces, ~apart, clip_cluster.SEEN, 1, options.seed, tmp_path / "graphs", ignorant(),
        principal(x[~apart], 16), options.neighbours,
    )  # fmt: skip
    model = clip_cluster.ProxyState(
        clip_cluster._fresh(*clip_cluster.vocabulary(), [graph], options), 1e-2, 0.0
    )
    untrained = clip_cluster.additions(model.averaged(), graph)
    assert clip_cluster.f_of(graph, graph.base + untrained) < 0.5
    data = clip_cluster.digest_of(faces, options, ignorant())
    model.load(tmp_path / "state.safetensors", clip_cluster.recipe_of(options, data))
    learned = clip_cluster.additions(model.model, graph)
    assert clip_cluster.f_of(graph, graph.base + learned) == 1.0


def test_a_run_that_was_stopped_ends_with_the_same_weights(small: Any, tmp_path: Path) -> None:
    from faceclust.train import clip_cluster

    whole = clip_cluster.train(crowd(), "made-up", small, tmp_path / "whole", base=ignorant())
    rows: list[dict[str, Any]] = []

    class StoppedError(Exception):
        pass

    def stop(row: dict[str, Any]) -> None:
        rows.append(row)
        if row["step"] >= 10:
            raise StoppedError

    with pytest.raises(StoppedError):
        clip_cluster.train(crowd(), "made-up", small, tmp_path / "cut", base=ignorant(), tell=stop)
    cut = clip_cluster.train(crowd(), "made-up", small, tmp_path / "cut", base=ignorant())
    a, b = tensors(whole), tensors(cut)
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[key], b[key]) for key in a)


@pytest.mark.slow
@pytest.mark.usefixtures("small")
def test_a_killed_process_ends_with_the_same_weights(tmp_path: Path) -> None:
    """SIGKILL once a first judgement of people held out is in the checkpoint."""
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    state = killed / "state.safetensors"
    command = [sys.executable, "-m", "tests.train.proxy_run", str(killed)]
    process = subprocess.Popen(command, cwd=Path(__file__).parents[2])
    deadline = time.monotonic() + 240
    while progress(state)[1] == float("inf"):
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.002)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert 0 < progress(state)[0] < 204
    assert not (killed / "clip-cluster.safetensors").exists()
    a, b = tensors(long(whole)), tensors(long(killed))
    assert a.keys() == b.keys()
    assert all(np.array_equal(a[key], b[key]) for key in a)
    first, second = (tensors(folder / "state.safetensors") for folder in (whole, killed))
    assert first.keys() == second.keys()
    assert all(np.array_equal(first[key], second[key]) for key in first)
    assert journal.read(whole / "losses.jsonl") == journal.read(killed / "losses.jsonl")


def progress(state: Path) -> tuple[int, float]:
    """The step of a checkpoint, and the lowest loss on people held out so far."""
    if not state.is_file():
        return 0, float("inf")
    with safe_open(state, "np") as file:
        step, best = json.loads(file.metadata()["progress"])
    return int(step), float(best)


def test_other_options_and_damage_are_told(small: Any, tmp_path: Path) -> None:
    from faceclust.train import clip_cluster

    clip_cluster.train(crowd(), "made-up", small, tmp_path, base=ignorant())
    with pytest.raises(OptionError, match="other options"):
        clip_cluster.train(crowd(), "made-up", replace(small, rate=1.0), tmp_path, base=ignorant())
    state = tmp_path / "state.safetensors"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(InputError, match="damaged"):
        clip_cluster.train(crowd(), "made-up", small, tmp_path, base=ignorant())


@pytest.mark.parametrize("few", ["seen once", "one person", "unlabelled"])
def test_data_of_which_nothing_can_be_learned_get_one_sentence(
    small: Any, tmp_path: Path, few: str
) -> None:
    from faceclust.train import clip_cluster

    faces = {
        "seen once": crowd(persons=30, photos=1),
        "one person": crowd(persons=1, photos=30),
        "unlabelled": replace(crowd(), known=0),
    }[few]
    with pytest.raises(InputError, match="no two faces of one person, or no two people"):
        clip_cluster.train(faces, "made-up", small, tmp_path, base=ignorant())


@pytest.mark.parametrize("offsets", ["none", "random"])
def test_variants_train_as_well(small: Any, tmp_path: Path, offsets: Any) -> None:
    from faceclust.graph import correction
    from faceclust.train import clip_cluster

    options = replace(small, architecture=replace(small.architecture, offsets=offsets))
    path = clip_cluster.train(crowd(), "made-up", options, tmp_path, base=ignorant())
    model = correction.load(path)
    assert model.architecture.offsets == offsets
    assert 0 <= model.share <= 1
    assert model.space == "made-up"
    assert model.base is not None
    for name, array in ignorant().arrays().items():
        np.testing.assert_array_equal(model.base.arrays()[name], array)


def test_graphs_of_other_people_are_not_taken_for_ones_own(small: Any) -> None:
    from faceclust.train import clip_cluster

    faces, base = crowd(), ignorant()
    mine = clip_cluster.digest_of(faces, small, base)
    assert mine == clip_cluster.digest_of(crowd(), replace(small, steps=small.steps + 1), base)
    others = replace(faces, person=faces.person[::-1].copy())
    assert mine != clip_cluster.digest_of(others, small, base)
    assert mine != clip_cluster.digest_of(faces, replace(small, seed=small.seed + 1), base)


def test_the_share_falls_to_nothing_where_the_additions_mislead(tmp_path: Path) -> None:
    from faceclust.train import clip_cluster, graphs

    faces = crowd()
    everybody = np.ones(len(faces.person), np.bool_)
    x = crowds.view(faces.faces, faces.widths, "both")
    (graph,) = graphs.drawn(faces, everybody, 0, 1, 0, tmp_path, ignorant(), principal(x, 16), 20)
    truth = np.where(graph.same, 3, -3).astype(np.float32)
    assert clip_cluster.fitted_share([graph], [truth]) > 0.9
    assert clip_cluster.fitted_share([graph], [-truth]) < 0.1

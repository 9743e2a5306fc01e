from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="needs faceclust[clip]")
pytest.importorskip("open_clip", reason="needs faceclust[clip]")

from safetensors import safe_open  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

from faceclust.errors import InputError, OptionError  # noqa: E402
from faceclust.train import face_clip, labelled  # noqa: E402
from faceclust.train.batches import Batches, tokens_of  # noqa: E402
from faceclust.train.captions import OFFSETS, prompts  # noqa: E402
from faceclust.train.checkpoint import END, UNSEEN, Options  # noqa: E402
from faceclust.train.pools import pools_of  # noqa: E402


@pytest.mark.parametrize("rectify", [0, 1])
def test_a_killed_run_resumes_bit_for_bit(
    options: Options, config: Path, monkeypatch: pytest.MonkeyPatch, rectify: int
) -> None:
    if rectify:
        options = replace(options, rectify=rectify, head=0, frozen=0)
    whole = load_file(face_clip.train(options, config, None))
    for file in Path(options.run).iterdir():
        file.unlink()
    step = face_clip.train_step

    def killed(state: Any, *rest: Any) -> dict[str, float]:
        if state.step == 3:
            raise KeyboardInterrupt
        return step(state, *rest)

    monkeypatch.setattr(face_clip, "train_step", killed)
    with pytest.raises(KeyboardInterrupt):
        face_clip.train(options, config, None)
    monkeypatch.setattr(face_clip, "train_step", step)
    resumed = load_file(face_clip.train(options, config, None))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


def test_another_run_is_neither_gone_on_from_nor_taken_for_ones_own(
    options: Options, config: Path
) -> None:
    result = face_clip.train(options, config, None)
    before = load_file(result)
    for other, words in (
        (replace(options, seed=1), "seed 0 there, 1 here"),
        (replace(options, head=0), "head 1 there, 0 here"),
        (replace(options, steps=3), "at step 4 of 3 already; give --steps 4 or more"),
    ):
        with pytest.raises(OptionError, match=words):
            face_clip.train(other, config, None)
    result.unlink()  # as a kill just before it is written leaves things
    again = load_file(face_clip.train(options, config, None))
    assert all(torch.equal(before[name], again[name]) for name in before)
    longer = face_clip.train(replace(options, steps=5), config, None)
    assert any(not torch.equal(before[name], value) for name, value in load_file(longer).items())
    state = Path(options.run) / "state.safetensors"
    state.write_bytes(state.read_bytes()[:500])
    with pytest.raises(InputError, match=r"is damaged .*--no-resume"):
        face_clip.train(options, config, None)


def test_other_faces_and_other_weights_to_begin_with_make_another_run(options: Options) -> None:
    sets = labelled.load(Path(options.data), Path(options.cache), face_clip.detector)
    mine = face_clip.digest_of(sets, options)
    faces = sets["train-celeb"]
    fewer = {**sets, "train-celeb": replace(faces, split=faces.split[1:])}
    assert mine != face_clip.digest_of(fewer, options)
    start = Path(options.run).with_suffix(".safetensors")
    start.write_bytes(b"weights")
    assert mine != face_clip.digest_of(sets, replace(options, start=str(start)))


def test_a_checkpoint_holds_the_whole_configuration(options: Options, config: Path) -> None:
    path = face_clip.train(options, config, None)
    for file in (path, Path(options.run) / "state.safetensors"):
        with safe_open(file, "pt") as opened:
            meta = opened.metadata()
        assert meta["step"] == "4"
        assert json.loads(meta["options"])["batch"] == list(options.batch)
    words = load_file(path)["text.token_embedding.weight"]
    assert words.dtype == torch.float16
    nobody_says = 45678
    assert torch.equal(words[UNSEEN], words[nobody_says])


def test_a_second_run_trains_the_image_tower_alone(options: Options, config: Path) -> None:
    small = config.with_name("face-clip-tiny-80.json")
    text = config.read_text().replace("face_mobile", "face_mobile_80").replace("112", "80")
    small.write_text(text)
    first = face_clip.train(options, small, None)
    cache, rng = Path(options.cache), np.random.default_rng(0)
    for name in ("attr-age", "train-family"):
        count = len(np.load(cache / f"{name}.names.npy"))
        np.save(cache / f"{name}.identity.npy", rng.normal(size=(2, count, 8)).astype(np.float32))
    again = replace(options, start=str(first), run=f"{options.run}-2", head=0, gender=4.0,
                    doubt=0.1, batch=(2, 2, 2, 1, 1, 2, 1))  # fmt: skip
    before, after = load_file(first), load_file(face_clip.train(again, config, None))
    assert after["visual.trunk.gather.weight"].shape[-1] == 7
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    assert len(moved) > 10
    assert all(name.startswith("visual.") for name in moved)


def test_the_loss_of_a_tiny_batch_falls(
    options: Options, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = replace(options, words=120, head=0, steps=60, smoothing=0.0, unseen=0.0)
    state, tokenize = face_clip.start(config, None, options)
    sets = labelled.load(Path(options.data), Path(options.cache), face_clip.detector)
    batch = Batches(pools_of(sets), tokenize, 112, options)[0]
    prior = torch.zeros(OFFSETS[-1])
    words = list(face_clip.learn_words(state, tokenize, options))
    assert np.mean(words[-10:]) < 0.8 * words[0]
    monkeypatch.setattr(face_clip, "LOG_EVERY", 1)
    losses = [face_clip.train_step(state, batch, prior, options)["prompts"] for _ in range(60)]
    assert np.mean(losses[-10:]) < 0.5 * losses[0]


def test_the_trunk_waits_for_the_head(options: Options, config: Path) -> None:
    options = replace(options, head=2)
    state, tokenize = face_clip.start(config, None, options)
    sets = labelled.load(Path(options.data), Path(options.cache), face_clip.detector)
    batches = Batches(pools_of(sets), tokenize, 112, options)
    trunk = state.model.visual.trunk
    moved = []
    for step in range(3):
        before = [parameter.detach().clone() for parameter in trunk.parameters()]
        face_clip.train_step(state, batches[step], torch.zeros(OFFSETS[-1]), options)
        now = trunk.parameters()
        moved.append([not torch.equal(a, b) for a, b in zip(before, now, strict=True)])
    first = len(list(trunk.blocks[: options.frozen].parameters()))
    assert not any(moved[0]) and not any(moved[1]) and not any(moved[2][:first])  # noqa: PT018
    assert all(moved[2][first:])


def test_it_does_not_matter_who_makes_the_batches(options: Options, config: Path) -> None:
    alone = load_file(face_clip.train(options, config, None))
    helped = replace(options, loaders=2, run=f"{options.run}-2")
    helped_file = load_file(face_clip.train(helped, config, None))
    assert all(torch.equal(alone[name], helped_file[name]) for name in alone)


@pytest.mark.parametrize(
    "wrong", [{"device": "tpu"}, {"precision": "fp16"}, {"rectify": 5, "head": 1}]
)
def test_options_that_mean_nothing(options: Options, wrong: dict[str, Any]) -> None:
    with pytest.raises(OptionError, match="--"):
        replace(options, **wrong)


def test_slopes_fall_to_zero_and_stay_there(options: Options, config: Path) -> None:
    slopes = []
    for rectify in (0, 3, 40):
        chosen = replace(options, rectify=rectify, head=0, frozen=0, run=f"{options.run}-{rectify}")
        weights = load_file(face_clip.train(chosen, config, None))
        slopes.append(weights["visual.trunk.blocks.2.layers.0.1.weight"].abs().max())
    assert slopes[1] == 0
    assert 0 < slopes[2] < slopes[0]


def test_unknown_words_are_put_before_the_end(config: Path, options: Options) -> None:
    _, tokenize = face_clip.start(config, None, options)
    texts = [*prompts(np.random.default_rng(0)), "a very long text " * 30]
    tokens = tokens_of(texts, tokenize, 1.0, np.random.default_rng(0))
    assert tokens.shape[1] <= 32
    for row in tokens:
        end = int((row == END).nonzero()[0])
        assert (row[: end + 1] == UNSEEN).sum() == 1
        assert (row[end + 1 :] == 0).all() or row[-1] == END

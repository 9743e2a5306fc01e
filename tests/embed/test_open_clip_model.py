from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import pytest

from faceclust.embed import open_clip_model
from faceclust.embed.open_clip_model import FACE_CLIP, OpenClipModel
from faceclust.errors import OptionError, WeightsError
from faceclust.weights import own
from tests.embed.hub import MEAN, SAFE, STD, Hub, faked

torch = pytest.importorskip("torch", reason="needs faceclust[clip]")
open_clip = pytest.importorskip("open_clip", reason="needs faceclust[clip]")


@pytest.fixture
def fake_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    return faked(tmp_path / "hub", monkeypatch)


@pytest.fixture(scope="module")
def model() -> OpenClipModel:
    return OpenClipModel(FACE_CLIP)


def test_images_and_texts_meet_in_one_space(model: OpenClipModel) -> None:
    i = model.encode_images(np.zeros((3, 112, 112, 3), np.uint8))
    t = model.encode_texts(["a smiling child", "an old man with glasses"])
    assert i.shape == (3, model.dim)
    assert t.shape == (2, model.dim)
    for x in (i, t):
        assert x.dtype == np.float32
        assert np.allclose(np.linalg.norm(x, axis=1), 1, atol=1e-5)


def test_nothing_gives_nothing(model: OpenClipModel) -> None:
    assert model.encode_images(np.zeros((0, 112, 112, 3), np.uint8)).shape == (0, model.dim)
    assert model.encode_texts([]).shape == (0, model.dim)


def test_a_text_beyond_the_context_is_cut(model: OpenClipModel) -> None:
    assert model.encode_texts(["a happy man " * 100]).shape == (1, model.dim)


def test_an_unknown_word_changes_little(model: OpenClipModel) -> None:
    known, other, far = model.encode_texts(
        ["a photo of a bald man", "a photo of a bald zebrafish man", "a photo of a girl in fear"]
    )
    assert known @ other > known @ far


def test_the_caller_s_threads_and_logging_are_left_alone() -> None:
    before = torch.get_num_threads(), logging.root.manager.disable
    OpenClipModel(FACE_CLIP, threads=1).encode_texts(["a face"])
    assert (torch.get_num_threads(), logging.root.manager.disable) == before


def test_open_clip_itself_loads_it_by_name(model: OpenClipModel) -> None:
    config, weights = (own(f"face-clip.{end}") for end in ("json", "safetensors"))
    open_clip.add_model_config(config)
    assert FACE_CLIP in open_clip.list_models()
    loaded = open_clip.create_model(FACE_CLIP, pretrained=str(weights))
    assert open_clip.get_tokenizer(FACE_CLIP)(["a face"]).shape == (1, 32)
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model._model.state_dict()[name]), name


def test_damaged_weights_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damaged, config = tmp_path / "face-clip.safetensors", own("face-clip.json")
    damaged.write_bytes(own("face-clip.safetensors").read_bytes()[:100_000])
    monkeypatch.setattr(
        open_clip_model, "own", lambda file: config if file.endswith("json") else damaged
    )
    with pytest.raises(WeightsError, match="damaged"):
        OpenClipModel(FACE_CLIP)


def test_missing_weights_are_named() -> None:
    with pytest.raises(WeightsError, match=r"pretrained/nothing\.safetensors"):
        own("nothing.safetensors")


@pytest.mark.parametrize("name", ["nonsense", "ViT-B-32", "ViT-B-32/nonsense"])
def test_unknown_names_say_what_there_is(name: str) -> None:
    with pytest.raises(OptionError, match=r"give face-clip|choose from .*laion2b_s34b_b79k"):
        OpenClipModel(name)


def test_weights_of_another_activation_name_the_model_that_has_it() -> None:
    with pytest.raises(OptionError, match="give --clip ViT-B-32-quickgelu/openai"):
        OpenClipModel("ViT-B-32/openai")


def test_a_model_that_needs_more_says_what_to_install(
    fake_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing(_: str) -> None:
        raise ModuleNotFoundError("No module named 'transformers'", name="transformers")

    fake_hub.keep("us/twin", SAFE, own("face-clip.safetensors"))
    monkeypatch.setattr(open_clip, "get_tokenizer", missing)
    with pytest.raises(WeightsError, match=r"needs transformers.*pip install transformers"):
        OpenClipModel("twin/safe")


def test_a_released_model_is_as_its_tag_says(
    model: OpenClipModel, fake_hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    fake_hub.keep("us/twin", SAFE, own("face-clip.safetensors"))
    monkeypatch.setattr(torch, "load", None)
    twin = OpenClipModel("twin/safe")
    crops = np.full((1, 112, 112, 3), 200, np.uint8)
    assert np.array_equal(twin.encode_texts(["a man"]), model.encode_texts(["a man"]))
    assert (twin._mean, twin._std) == (MEAN, STD)
    assert not np.allclose(twin.encode_images(crops), model.encode_images(crops), atol=1e-3)
    model._mean, mean, model._std, std = MEAN, model._mean, STD, model._std
    assert np.array_equal(twin.encode_images(crops), model.encode_images(crops))
    model._mean, model._std = mean, std
    assert fake_hub.asked == []


def test_damaged_weights_of_others_are_named(fake_hub: Hub, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged"
    damaged.write_bytes(own("face-clip.safetensors").read_bytes()[:100_000])
    kept = fake_hub.keep("us/twin", SAFE, damaged)
    with pytest.raises(WeightsError, match="damaged; delete it") as caught:
        OpenClipModel("twin/safe")
    assert str(kept) in str(caught.value)


def test_bfloat16_moves_embeddings_hardly(model: OpenClipModel) -> None:
    """As a GPU computes them."""
    crops = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3), np.uint8)
    short = OpenClipModel(FACE_CLIP, bf16=True)
    for encode, given in (("encode_images", crops), ("encode_texts", ["a man", "a child"])):
        one, other = getattr(model, encode)(given), getattr(short, encode)(given)
        assert other.dtype == np.float32
        assert not np.array_equal(one, other)
        assert (np.sum(one * other, 1) > 0.99).all()

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceclust.embed import prompts
from faceclust.embed.attributes import DEFAULTS, Attribute
from faceclust.embed.clip import FACE_CLIP, Clip, model_id
from faceclust.errors import WeightsError
from faceclust.weights import own

MOOD = Attribute("mood", {"up": ("a happy man", "a glad man"), "down": ("a sad man",)})


def test_a_changed_prompt_has_another_digest() -> None:
    same = prompts.digest(("a", "b"))
    assert same == prompts.digest(["a", "b"])
    assert len({same, prompts.digest(("b", "a")), prompts.digest(("ab",)), prompts.digest(())}) == 4


def test_every_default_prompt_is_shipped() -> None:
    """Where this fails: python -m faceclust.train.prompts."""
    known = prompts.shipped(model_id(FACE_CLIP))
    wanted = {prompts.digest(p) for a in DEFAULTS for p in a.values.values()}
    assert known.keys() == wanted
    assert {w.shape for w in known.values()} == {(Clip().dim,)}


def test_what_is_shipped_is_what_the_text_tower_says() -> None:
    pytest.importorskip("open_clip", reason="needs faceclust[clip]")
    known, clip = prompts.shipped(model_id(FACE_CLIP)), Clip()
    for attribute in DEFAULTS[:3]:
        made = prompts.classifier(attribute, clip)
        assert np.linalg.norm(made, axis=1) == pytest.approx(clip.scale, rel=1e-4)
        for row, words in zip(made, attribute.values.values(), strict=True):
            assert known[prompts.digest(words)] == pytest.approx(row, abs=1e-3)


def test_other_models_have_nothing_shipped() -> None:
    assert prompts.shipped("face-clip@00000000") == {}
    assert prompts.shipped("ViT-B-32/laion2b_s34b_b79k") == {}


def test_a_damaged_file_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = own(prompts.SHIPPED).read_bytes()
    for content in (b"", b"PK\x03\x04 nothing", whole[:9000], whole[:-400]):
        (tmp_path / prompts.SHIPPED).write_bytes(content)
        monkeypatch.setattr("faceclust.weights.own", lambda name: tmp_path / name)
        with pytest.raises(WeightsError, match=r"face-clip-attributes\.npz is damaged"):
            prompts.shipped("any")


def test_what_is_saved_is_shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Words:
        scale = 10.0

        @staticmethod
        def encode_texts(texts: list[str]) -> np.ndarray:
            return np.array([[1, 0] if "sad" in text else [0, 1] for text in texts], np.float32)

    prompts.save(tmp_path / prompts.SHIPPED, "toy", [MOOD], Words())  # type: ignore[arg-type]
    monkeypatch.setattr("faceclust.weights.own", lambda name: tmp_path / name)
    found = prompts.shipped("toy")
    assert found[prompts.digest(MOOD.values["up"])].tolist() == [0, 10]
    assert found[prompts.digest(MOOD.values["down"])].tolist() == [10, 0]


def test_shipped_weights_need_no_torch() -> None:
    code = (
        "import sys; sys.modules['torch'] = sys.modules['open_clip'] = None\n"
        "from faceclust.embed.clip import model_id; from faceclust.embed.prompts import shipped\n"
        "print(len(shipped(model_id('face-clip'))))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) > 20

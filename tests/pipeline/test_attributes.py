"""Attributes of a made-up library: which values are kept, and what is guessed from them."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pytest

from faceclust.config import Config
from faceclust.embed.attributes import DEFAULTS, Attribute, zero_shot
from faceclust.embed.clip import FACE_CLIP, model_id
from faceclust.errors import WeightsError
from faceclust.pipeline import Library, faces_of, summaries
from faceclust.pipeline.attributes import prepare
from faceclust.pipeline.export import table_pieces
from faceclust.pipeline.export_request import ExportRequest
from faceclust.pipeline.guesses import Guesses
from faceclust.records import FloatArray
from faceclust.store import descriptions
from tests.synthetic import describe

SCARF = Attribute("scarf", {"yes": ("a woman with a scarf",), "no": ("a woman without a scarf",)})


def config(*attributes: Attribute, clip: str = FACE_CLIP) -> Config:
    return Config(attributes=attributes, scan=replace(Config().scan, clip=clip))


def kept(library: Library) -> list[str]:
    values = descriptions.attribute_values(library.db, model_id(FACE_CLIP))
    return list(dict.fromkeys(value.attribute for value in values))


@pytest.fixture
def without_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "open_clip", None)


@pytest.mark.usefixtures("without_torch")
def test_default_attributes_need_no_torch(album: Library) -> None:
    assert prepare(album, Config()) == model_id(FACE_CLIP)
    assert kept(album) == [attribute.name for attribute in DEFAULTS]


@pytest.mark.usefixtures("without_torch")
def test_another_attribute_without_torch_is_left_out_and_said_so(album: Library) -> None:
    said: list[str] = []
    prepare(album, config(*DEFAULTS[:1], SCARF), said.append)
    assert kept(album) == ["age"]
    (line,) = said
    assert "scarf" in line
    assert "pip install 'faceclust[clip]'" in line


@pytest.mark.usefixtures("without_torch")
def test_another_model_without_torch_is_an_error(album: Library) -> None:
    with pytest.raises(WeightsError, match=r"pip install 'faceclust\[clip\]'"):
        prepare(album, config(*DEFAULTS, clip="ViT-B-32/laion2b_s34b_b79k"))


def test_a_new_attribute_is_embedded_once(album: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("open_clip", reason="needs faceclust[clip]")
    prepare(album, config(*DEFAULTS, SCARF))
    assert kept(album)[-1] == "scarf"
    # Its weights are known now: no text tower is asked again, in whatever order they stand.
    monkeypatch.setitem(sys.modules, "open_clip", None)
    prepare(album, config(SCARF, DEFAULTS[0]))
    assert kept(album) == ["scarf", "age"]
    prepare(album, config(replace(SCARF, name="shawl")))
    assert kept(album) == ["shawl"]


def test_none_is_no_model(album: Library) -> None:
    assert prepare(album, config(*DEFAULTS, clip="none")) is None
    assert kept(album) == []


def test_guesses_follow_the_stored_embeddings(album: Library) -> None:
    describe(album.db, 1, 2)
    guesses = Guesses(album)
    assert guesses.attributes == ("gender", "hat")
    gender, hat = guesses.of(1)
    assert (gender.attribute, gender.value, hat.value) == ("gender", "female", "no")
    assert gender.probability == pytest.approx(1 / (1 + np.exp(-12)), abs=1e-4)
    assert guesses.of(3) == ()
    assert guesses.prevailing((1, 2, 3))[0].value == "female"


def test_most_faces_of_a_person_prevail(album: Library) -> None:
    describe(album.db, 1, 2, gender="male")
    describe(album.db, 3)
    (gender, _) = Guesses(album).prevailing((1, 2, 3))
    assert gender.value == "male"
    assert gender.probability == pytest.approx(2 / 3, abs=1e-3)
    assert [s.guesses[0].value for s in summaries(album) if s.guesses] == ["male"]


def test_nobody_was_described(album: Library) -> None:
    assert Guesses(album).of(1) == Guesses(album).prevailing((1, 2)) == ()
    describe(album.db)
    assert Guesses(album).of(1) == ()


def test_a_library_switched_off_shows_nothing(album: Library) -> None:
    describe(album.db, 1)
    album.db.set_setting("clip", "")
    assert Guesses(album).of(1) == ()


def test_for_one_person_no_other_face_is_read(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    describe(album.db, 1, 2, 5, 6)
    wanted = faces_of(album, "1")
    guessed: list[int] = []

    def count(i: FloatArray, weights: FloatArray, scale: float) -> FloatArray:
        guessed.append(len(i))
        return zero_shot(i, weights, scale)

    monkeypatch.setattr("faceclust.pipeline.guesses.zero_shot", count)
    with album.db.transaction() as sql:
        # Whoever reads this as an embedding fails.
        sql.execute("UPDATE embeddings SET vector = x'00' WHERE face_id NOT IN (1, 2, 3)")
    found = faces_of(album, "1")
    assert found == wanted
    assert [bool(face["attributes"]) for face in found] == [True, True, False]
    assert guessed == [2, 2]  # faces, for each of two attributes


def test_faces_and_tables_have_them(album: Library) -> None:
    describe(album.db, 1, 2, 3)
    assert faces_of(album, "1")[0]["attributes"]["gender"]["value"] == "female"
    first, second, *_ = b"".join(table_pieces(album, ExportRequest("csv"))).decode().splitlines()
    assert first.endswith("attribute_gender,attribute_hat")
    assert second.endswith("female,no")
    assert b'"probability": 1.0' in b"".join(table_pieces(album, ExportRequest("json")))

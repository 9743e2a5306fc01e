"""Attributes and search: the real command on real photos with the real weights."""

from __future__ import annotations

import csv
import io
import json
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest
from starlette.testclient import TestClient

from faceclust.pipeline import find_library
from faceclust.records import FloatArray
from faceclust.review.app import create_app
from faceclust.review.session import Session
from faceclust.store import catalogue
from tests.conftest import Run

pytestmark = pytest.mark.slow

# What the photos show, by eye; each shows one face only.
WOMEN = ("IMG_0004", "IMG_0009", "IMG_0012", "IMG_0014", "IMG_0015", "IMG_0017")
GLASSES = ("IMG_0001", "IMG_0002", "IMG_0003", "IMG_0018", "IMG_0020")
NEITHER = ("IMG_0005", "IMG_0006", "IMG_0008", "IMG_0016", "IMG_0019")
SMILES = ("IMG_0004", "IMG_0008", "IMG_0014", "IMG_0015", "IMG_0016", "IMG_0017")


@pytest.fixture
def album(photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for name in sorted({*WOMEN, *GLASSES, *NEITHER, *SMILES}):
        shutil.copy(photos / "album" / f"{name}.jpg", folder)
    return folder


@pytest.fixture
def no_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if faceclust had been installed without its extra `clip`."""
    for name in ("torch", "open_clip"):
        (tmp_path / "blocked").mkdir(exist_ok=True)
        module = tmp_path / "blocked" / f"{name}.py"
        module.write_text(f"raise ImportError('No module named {name}', name={name!r})\n")
    path = os.pathsep.join([str(tmp_path / "blocked"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)


def guessed(faceclust: Run, attribute: str) -> dict[str, str]:
    """Photo to the guessed value of its face."""
    table = faceclust("export", "--format", "csv").stdout
    rows = csv.DictReader(io.StringIO(table, newline=""))
    return {Path(row["file"]).stem: row[f"attribute_{attribute}"] for row in rows}


def found(faceclust: Run, text: str, *options: object) -> list[str]:
    matches = json.loads(faceclust("search", text, "--json", *options).stdout)
    return [Path(match["file"]).stem for match in matches]


def found_by_page(database: Path, text: str) -> list[str]:
    """The same, as the review page asks for it."""
    session = Session(database)
    origin = "http://127.0.0.1:8123"
    with (
        closing(session),
        TestClient(create_app(session, "token", 8123), base_url=origin) as client,
    ):
        assert client.get("/", params={"token": "token"}).status_code == 200
        faces = client.get("/api/search", params={"text": text}).json()
        return [Path(client.get(f"/api/photos/{f['photo']}").json()["file"]).stem for f in faces]


def embeddings(album: Path) -> tuple[list[int], FloatArray]:
    with find_library(album) as library:
        faces, i = catalogue.live_faces(library.db, library.db.setting("clip") or "none")
    return faces.tolist(), i


@pytest.mark.usefixtures("no_torch")
def test_without_torch_all_but_search_works(faceclust: Run, album: Path) -> None:
    faceclust("scan", album)
    gender, glasses, smiling = (
        guessed(faceclust, attribute) for attribute in ("gender", "glasses", "smiling")
    )
    assert {gender[name] for name in WOMEN} == {"female"}
    assert {gender[name] for name in (*GLASSES, *NEITHER)} == {"male"}
    assert {glasses[name] for name in GLASSES} == {"yes"}
    assert {glasses[name] for name in (*WOMEN, *NEITHER)} == {"no"}
    assert {smiling[name] for name in SMILES} == {"yes"}
    people = json.loads(faceclust("people", "--all", "--json").stdout)
    assert {person["attributes"]["gender"]["value"] for person in people} == {"male", "female"}
    listed = faceclust("people", people[0]["id"])
    assert "guesses of appearance" in listed.stderr
    assert "male" in listed.stdout
    error = faceclust("search", "a woman", code=2).stderr
    assert "pip install 'faceclust[clip]'" in error
    # Another attribute is no reason to stop: it is left out, and said to be.
    (album / "faceclust.toml").write_text('[attributes.scarf]\nyes = ["a scarf"]\nno = ["none"]\n')
    again = faceclust("scan", album)
    assert "Attribute scarf is left out" in again.stderr
    assert guessed(faceclust, "gender") == gender


def test_search_finds_what_was_asked_for(faceclust: Run, album: Path, tmp_path: Path) -> None:
    pytest.importorskip("open_clip", reason="needs faceclust[clip]")
    (album / "faceclust.toml").write_text(
        "[attributes]\npose = false\n"
        '[attributes.hair]\nblond = ["a woman with blond hair"]\n'
        'dark = ["a woman with dark hair"]\n'
    )
    faceclust("scan", album)
    assert set(found(faceclust, "a woman", "--limit", len(WOMEN))) == set(WOMEN)
    assert set(found(faceclust, "a man with glasses", "--limit", 4)) <= set(GLASSES)
    assert set(found(faceclust, "a smiling woman", "--limit", 4)) <= set(WOMEN) & set(SMILES)
    hair = guessed(faceclust, "hair")
    assert (hair["IMG_0017"], hair["IMG_0014"]) == ("blond", "dark")
    assert "attribute_pose" not in faceclust("export", "--format", "csv").stdout
    faceclust("search", "a woman", "--limit", 3, "--crops", tmp_path / "crops")
    assert len(list((tmp_path / "crops").glob("*.jpg"))) == 3
    with find_library(album) as library:
        path = library.db.path
    assert set(found_by_page(path, "a man with glasses")[:4]) <= set(GLASSES)


def test_an_older_library_is_described_from_its_crops(faceclust: Run, album: Path) -> None:
    faceclust("scan", album)
    before, i = embeddings(album)
    with find_library(album) as library:
        path = library.db.path
    # What the version before CLIP left.
    with sqlite3.connect(path) as sql:
        sql.execute("DELETE FROM embeddings WHERE model LIKE 'face-clip@%'")
        sql.execute("DELETE FROM library WHERE key = 'clip'")
        sql.execute("DROP TABLE attribute_values")
        sql.execute("DELETE FROM migrations WHERE name = 'm0002_attributes'")
    sql.close()
    assert "attribute_gender" not in faceclust("export", "--format", "csv").stdout
    scan = faceclust("scan", album)
    assert " 0 read" in scan.stdout
    assert f"{len(before)} faces of earlier scans described" in scan.stderr
    after, again = embeddings(album)
    assert after == before
    # The crops were stored as JPEG: nearly, not quite, the same pixels.
    assert np.sum(i * again, axis=1).min() > 0.95
    assert {guessed(faceclust, "gender")[name] for name in WOMEN} == {"female"}
    assert "described" not in faceclust("scan", album).stderr


def test_none_is_remembered_and_can_be_taken_back(faceclust: Run, album: Path) -> None:
    faceclust("scan", album, "--clip", "none")
    faceclust("scan", album)
    assert embeddings(album)[0] == []
    assert "attribute_" not in faceclust("export", "--format", "csv").stdout
    assert "--clip face-clip" in faceclust("search", "a woman", code=1).stderr
    assert "described by CLIP" in faceclust("scan", album, "--clip", "face-clip").stderr
    assert guessed(faceclust, "gender")["IMG_0004"] == "female"


def test_a_hub_out_of_reach_costs_nothing(
    faceclust: Run, album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("open_clip", reason="needs faceclust[clip]")
    faceclust("scan", album)
    before = faceclust("export", "--format", "csv").stdout
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hub"))
    error = faceclust("scan", album, "--clip", "ViT-B-32/laion2b_s34b_b79k", code=2).stderr
    assert "hub cannot be reached" in error
    assert "--clip face-clip" in error
    assert "knows no model" in faceclust("scan", album, "--clip", "clever", code=1).stderr
    assert faceclust("export", "--format", "csv").stdout == before
    # What did not go well is not remembered.
    assert "0 read" in faceclust("scan", album).stdout

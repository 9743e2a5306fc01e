"""scan --device cuda on a machine without a GPU; and with a GPU that is only made up."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import textwrap
from pathlib import Path

import pytest

from tests.conftest import Run

pytestmark = pytest.mark.slow
# Every process of the command, its workers among them, has an onnxruntime that knows of a GPU: what
# is asked of that is done by the CPU, and noted; with CARD_LASTS only so often. A torch knows of
# none.
CARD = """
import json, os, sys, time
import onnxruntime
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException

CUDA = "CUDAExecutionProvider"
real = onnxruntime.InferenceSession

class Session:
    def __init__(self, model, sess_options=None, providers=None, **more):
        (wanted,) = providers
        self._card = wanted[0] == CUDA
        on = ["CPUExecutionProvider"] if self._card else providers
        self._session = real(model, sess_options=sess_options, providers=on, **more)

    def get_providers(self):
        return [CUDA] if self._card else self._session.get_providers()

    def run(self, names, inputs):
        if self._card:
            sizes = [list(value.shape) for value in inputs.values()]
            with open(os.environ["CARD_JOURNAL"], "a+") as file:
                file.write(json.dumps([os.getpid(), sizes]) + "\\n")
                file.seek(0)
                if len(file.readlines()) > int(os.environ.get("CARD_LASTS", 1 << 30)):
                    raise RuntimeException("CUDA failure 2: out of memory ; GPU=0")
        return self._session.run(names, inputs)

    def __getattr__(self, name):
        return getattr(self._session, name)

onnxruntime.InferenceSession = Session
onnxruntime.get_available_providers = lambda: [CUDA, "CPUExecutionProvider"]
"""


@pytest.fixture
def album(photos: Path, tmp_path: Path) -> Path:
    folder = tmp_path / "album"
    folder.mkdir()
    for path in sorted((photos / "cast").rglob("*.jpg"))[:6]:
        shutil.copy(path, folder)
    return folder


def stored(db: Path) -> list[object]:
    with sqlite3.connect(db) as sql:
        faces = sql.execute(
            """SELECT content_hash, x, y, w, h, landmarks, model, vector FROM faces
            JOIN photos ON photos.id = photo_id JOIN embeddings ON face_id = faces.id"""
        ).fetchall()
        clusters = sql.execute("SELECT face_id, cluster_id FROM memberships").fetchall()
    sql.close()
    return [sorted(faces, key=repr), sorted(clusters)]


def people(faceclust: Run, db: Path) -> list[int]:
    listed = json.loads(faceclust("people", "--all", "--json", "--db", db).stdout)
    return sorted(person["faces"] for person in listed)


def test_without_a_gpu_one_sentence_says_so_and_the_library_is_the_cpu_s(
    faceclust: Run, album: Path, tmp_path: Path
) -> None:
    found = {}
    for device in ("cpu", "cuda"):
        db = tmp_path / f"{device}.db"
        done = faceclust("scan", album, "--device", device, "--workers", 1, "--db", db)
        fallen = [line for line in done.stderr.splitlines() if " on the CPU: " in line]
        assert len(fallen) == (device == "cuda")
        found[device] = stored(db)
    assert fallen[0].startswith("Running on the CPU: this onnxruntime has no CUDA support")
    assert len(found["cpu"][0]) > 5  # type: ignore[arg-type]
    assert found["cuda"] == found["cpu"]


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What runs on the made-up GPU that all commands have: a line for each run of a network."""
    journal = tmp_path / "journal"
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "sitecustomize.py").write_text(textwrap.dedent(CARD))
    path = os.pathsep.join([os.fspath(tmp_path / "card"), os.environ.get("PYTHONPATH", "")])
    monkeypatch.setenv("PYTHONPATH", path)
    monkeypatch.setenv("CARD_JOURNAL", os.fspath(journal))
    return journal


def test_networks_run_on_the_gpu_that_there_is(
    faceclust: Run, album: Path, tmp_path: Path, journal: Path
) -> None:
    db = tmp_path / "cpu.db"
    faceclust("scan", album, "--db", db)
    card = tmp_path / "cuda.db"
    done = faceclust("scan", album, "--device", "cuda", "--workers", 2, "--db", card)
    assert "Running on the CPU" not in done.stderr
    assert done.stderr.count(" on the CPU: ") == 1  # the neighbours, for want of a torch with a GPU
    runs = [json.loads(line) for line in journal.read_text().splitlines()]
    shapes = [(process, tuple(size[1:])) for process, sizes in runs for size in sizes]
    crops = [process for process, s in shapes if s in ((3, 112, 112), (112, 112, 3))]
    assert len(crops) >= 2 * 6
    assert len(set(crops)) == 2
    assert people(faceclust, card) == people(faceclust, db)


def test_a_gpu_that_fails_ends_the_scan_and_is_no_fault_of_the_photos(
    faceclust: Run, album: Path, tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db = tmp_path / "cuda.db"
    monkeypatch.setenv("CARD_LASTS", "14")  # of which a photo takes four and more
    options = ("scan", album, "--workers", 1, "--db", db, "--json", "--device")
    done = faceclust(*options, "cuda", code=2)
    (sentence,) = (line for line in done.stderr.splitlines() if "GPU failed" in line)
    assert ".jpg: the GPU failed (CUDA failure 2: out of memory ; GPU=0); " in sentence
    assert sentence.endswith("or use fewer --workers or --device cpu.")
    report = json.loads(faceclust(*options, "cpu").stdout)["scan"]
    assert (report["errors"], report["read"] + report["unchanged"]) == (0, 6)
    assert 0 < report["read"] < 6


def test_a_gpu_that_runs_nothing_is_not_tried_on_photos(
    faceclust: Run, album: Path, tmp_path: Path, journal: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CARD_LASTS", "0")
    done = faceclust("scan", album, "--device", "cuda", "--workers", 1, "--db", tmp_path / "a.db")
    (fallen,) = (line for line in done.stderr.splitlines() if " on the CPU: " in line)
    assert fallen.startswith("Running on the CPU: the GPU failed (CUDA failure 2: out of memory")
    assert len(journal.read_text().splitlines()) == 1

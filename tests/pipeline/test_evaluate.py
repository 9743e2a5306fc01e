from __future__ import annotations

import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from faceclust.errors import InputError, LibraryError, OptionError
from faceclust.pipeline import Library, evaluate, name, not_a_face
from faceclust.pipeline.identities import prominence
from faceclust.pipeline.labelled import prominent_faces
from faceclust.pipeline.memory import peak_rss_mb
from faceclust.records import Box
from tests.pipeline.test_identities import tar_of
from tests.synthetic import LEFT, MIDDLE, group, library, photo


def labels(path: Path, **people: str) -> Path:
    rows = [f"{name}.jpg,{person}" for name, person in people.items()]
    path.write_text("\n".join(["file,person", *rows]), encoding="utf-8")
    return path


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return labels(tmp_path / "labels.csv", a="x", b="x", c="x", d="y", e="y", f="z")


# --- a library against labels ---


def test_a_library_is_scored_as_it_stands(album: Library, truth: Path) -> None:
    report = evaluate(labels=truth, options={}, db=album.db.path)
    assert (report["faces"], report["people"], report["clusters"]) == (6, 3, 3)
    assert report["pairwise"] == report["bcubed"] == {"precision": 1, "recall": 1, "f": 1}
    assert report["method"] == "infomap"


def test_names_count_and_what_is_no_face_does_not(album: Library, truth: Path) -> None:
    group(album.db, (1, 2), (3,), (4, 5, 6))
    assert evaluate(labels=truth, options={}, db=album.db.path)["pairwise"]["recall"] == 0.5
    not_a_face(album, 6)
    report = evaluate(labels=truth, options={}, db=album.db.path)
    assert (report["faces"], report["pairwise"]["precision"]) == (5, 1)


def test_kmeans_is_told_how_many_people_have_names(album: Library) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    report = evaluate(options={"method": "kmeans"}, db=album.db.path)
    assert (report["people"], report["clusters"]) == (2, 2)


def test_another_method_can_be_tried_without_keeping_it(album: Library, truth: Path) -> None:
    options = {"method": "components", "threshold": 0.9, "k": None}
    report = evaluate(labels=truth, options=options, db=album.db.path)
    assert (report["clusters"], report["method"], report["threshold"]) == (3, "components", 0.9)
    merged = evaluate(labels=truth, options={"method": "kmeans", "num_people": 1}, db=album.db.path)
    assert merged["clusters"] == 1
    assert evaluate(labels=truth, options={}, db=album.db.path)["clusters"] == 3


def test_the_most_prominent_face_of_a_photo_has_its_label(tmp_path: Path) -> None:
    small = Box(0.45, 0.4, 0.1, 0.15)
    batch = [photo("a.jpg", 2, 1, boxes=(LEFT, MIDDLE)), photo("b.jpg", 3, 1, boxes=(LEFT, small))]
    with library(tmp_path / "album", *batch) as album:
        assert prominent_faces(album) == {"a.jpg": 2, "b.jpg": 4}


@given(st.floats(0.01, 0.9), st.floats(0.01, 0.9), st.floats(0.2, 5))
def test_the_middle_is_most_prominent_and_sides_are_alike(
    w: float, h: float, aspect: float
) -> None:
    def at(x: float, y: float) -> float:
        return prominence(Box(x, y, w, h), aspect)

    middle = at((1 - w) / 2, (1 - h) / 2)
    corners = [at(x, y) for x in (0, 1 - w) for y in (0, 1 - h)]
    assert all(corner <= middle for corner in corners)
    assert corners == pytest.approx([corners[0]] * 4)
    assert prominence(Box((1 - w / 2) / 2, (1 - h) / 2, w / 2, h), aspect) < middle


def test_the_labels_name_paths_in_any_spelling(album: Library, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    truth.write_text("person,file,more\nx,./a.jpg,1\nx,2019/../b.jpg,2\n", encoding="utf-8")
    assert evaluate(labels=truth, options={}, db=album.db.path)["faces"] == 2


def test_labels_of_other_files_get_a_sentence(album: Library, tmp_path: Path) -> None:
    truth = labels(tmp_path / "labels.csv", unknown="x")
    with pytest.raises(InputError, match=r"labels\.csv names no file of .*album"):
        evaluate(labels=truth, options={}, db=album.db.path)


def test_a_library_that_was_not_clustered_gets_a_sentence(tmp_path: Path, truth: Path) -> None:
    with library(tmp_path / "album", photo("a.jpg", 1)) as album:  # noqa: SIM117
        with pytest.raises(LibraryError, match="run `faceclust cluster`"):
            evaluate(labels=truth, options={}, db=album.db.path)


def test_options_that_do_not_go_together(truth: Path, tmp_path: Path) -> None:
    with pytest.raises(OptionError, match=r"--labels CSV.*--data"):
        evaluate(labels=truth, data=tmp_path, options={})
    for wrong in ({"aligned": True}, {"profile": "mobile"}):
        with pytest.raises(OptionError, match="go with --data only"):
            evaluate(labels=truth, options={}, **wrong)  # type: ignore[arg-type]
    with pytest.raises(OptionError, match="--method"):
        evaluate(data=tmp_path, options={"method": "magic"})


# --- folders and tars ---


@pytest.fixture
def face_folder(tmp_path: Path) -> Callable[[str], Path]:
    """Aligned crops that are nobody: two files of one picture each."""

    def make(name: str) -> Path:
        rng = np.random.default_rng(0)
        for person in ("ann", "bob"):
            folder = tmp_path / name / person
            folder.mkdir(parents=True)
            pixels = rng.integers(0, 255, (112, 112, 3), np.uint8)
            for i in range(2):
                Image.fromarray(pixels).save(folder / f"{i}.png")
        (tmp_path / name / "ann" / "broken.png").write_bytes(b"\x89PNG\r\n")
        Image.new("RGB", (50, 50)).save(tmp_path / name / "ann" / "small.png")
        return tmp_path / name

    return make


@pytest.mark.slow
def test_aligned_crops_in_a_tar_score_as_in_a_folder(
    tmp_path: Path, face_folder: Callable[[str], Path]
) -> None:
    folder = face_folder("faces")
    with tarfile.open(tmp_path / "faces.tar", "w") as tar:
        tar.add(folder, "faces")
    options = {"method": "components", "threshold": 0.99}
    for data in (folder, tmp_path / "faces.tar"):
        report = evaluate(data=data, aligned=True, options=options)
        assert (report["faces"], report["people"], report["clusters"]) == (4, 2, 2)
        assert report["bcubed"]["f"] == 1
        assert report["seconds"]["embed"] > 0


def test_data_is_embedded_on_the_cpu_where_there_is_no_gpu(
    tmp_path: Path, face_folder: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = tmp_path / "config" / "faceclust" / "faceclust.toml"
    settings.parent.mkdir(parents=True)
    settings.write_text('[scan]\ndevice = "cuda"\nworkers = 1\n')
    monkeypatch.setattr("onnxruntime.get_available_providers", lambda: ["CPUExecutionProvider"])
    said: list[str] = []
    report = evaluate(data=face_folder("faces"), aligned=True, options={"edges": "clip-cluster"},
                      notify=said.append)  # fmt: skip
    assert report["faces"] == 4
    (sentence,) = said
    assert sentence.startswith("Running on the CPU: this onnxruntime has no CUDA support")


@pytest.mark.slow
@pytest.mark.parametrize("packed", [False, True])
def test_data_without_faces_is_named_as_the_user_named_it(tmp_path: Path, packed: bool) -> None:
    folder = tmp_path / "empty"
    folder.mkdir()
    data = tar_of(tmp_path / "empty.tar") if packed else folder
    with pytest.raises(InputError, match=rf"^{data} holds no photo with a face"):
        evaluate(data=data, aligned=True, options={})


def test_memory_is_measured_in_megabytes() -> None:
    peak = peak_rss_mb()
    assert peak is None or 20 < peak < 100_000

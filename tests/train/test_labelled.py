from __future__ import annotations

import io
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from faceclust.errors import InputError
from faceclust.faces.detector import Detections
from faceclust.train import labelled
from faceclust.train.captions import NAMES, UNKNOWN, VALUES
from faceclust.train.labelled import TEST, TRAIN, VALIDATION
from tests.train.faces import pack, picture, write_data, write_yaws


def said(labels: np.ndarray) -> dict[str, str]:
    return {NAMES[g]: VALUES[g][v] for g, v in enumerate(labels) if v != UNKNOWN}


def nobody() -> labelled.Detector:
    raise AssertionError("the poses are known already")


def test_file_names_say_age_and_gender() -> None:
    child, woman = labelled.age_labels(["5_0_2_2017.webp", "30_1_0_2017.webp"])
    assert said(child)["age"] == "0-10"
    assert said(child)["life"] == "child"
    assert said(child)["No_Beard"] == "yes"
    assert said(woman) == {"age": "30-50", "gender": "female", "life": "adult"}


@pytest.mark.parametrize(
    ("age", "stage"), [(0, 0), (9, 0), (10, 1), (29, 1), (30, 2), (49, 2), (50, 3), (116, 3)]
)
def test_stages_begin_at_their_first_year(age: int, stage: int) -> None:
    assert labelled.age_labels([f"{age}_0_0_.webp"])[0, NAMES.index("age")] == stage


def test_folders_say_the_expression_and_what_follows() -> None:
    names = ["train/happy/1.webp", "anger/S010_1.png", "contempt/S010_2.png", "x/surprise/3.webp"]
    happy, anger, contempt, surprise = map(said, labelled.expression_labels(names))
    assert happy == {"expression": "happy", "Smiling": "yes"}
    assert anger == {"expression": "anger", "Smiling": "no"}
    assert contempt == {}
    assert surprise == {"expression": "surprise"}


def test_poses_between_frontal_and_profile_stay_unknown() -> None:
    labels = labelled.blank(5)
    labelled.put_pose(labels, np.array([-3, 25, -50, np.nan, 20], np.float32))
    pose = labels[:, NAMES.index("pose")].tolist()
    assert pose == [0, UNKNOWN, 1, UNKNOWN, 0]


def test_everything_is_read_and_split_by_person(tmp_path: Path) -> None:
    write_data(tmp_path, people=40)
    write_yaws(tmp_path / "cache", tmp_path)
    read: list[str] = []
    sets = labelled.load(tmp_path, tmp_path / "cache", nobody, read.append)
    assert read == list(sets)
    age, celeb, faces = sets["attr-age"], sets["train-celeb"], sets["attr-expression"]
    assert age.crops.shape == (40, 112, 112, 3)
    assert np.array_equal(age.crops[7], np.asarray(picture(7)))
    assert 0 < len(age.rows(TEST)) < 12
    assert len(age.rows(TRAIN)) + len(age.rows(TEST)) == 40
    assert (celeb.labels[:, NAMES.index("Bald")] != UNKNOWN).all()
    assert said(celeb.labels[0])["gender"] == "male"
    assert said(celeb.labels[1])["gender"] == "female"
    assert [len(faces.rows(split)) for split in (TRAIN, VALIDATION, TEST)] == [14, 14, 14]
    again = labelled.load(tmp_path, tmp_path / "cache", nobody)
    assert np.array_equal(again["attr-age"].crops, age.crops)


def tar_of_one(path: Path, name: str, content: bytes) -> Path:
    with tarfile.open(path, "w") as tar:
        member = tarfile.TarInfo(name)
        member.size = len(content)
        tar.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    ("form", "content", "says"),
    [
        ("BMP", b"", "cannot identify"),
        ("PNG", bytes(16 << 20), "over 16 MB"),
    ],
)
def test_what_is_no_crop_is_refused(tmp_path: Path, form: str, content: bytes, says: str) -> None:
    stream = io.BytesIO()
    picture(1).save(stream, form)
    path = tar_of_one(tmp_path / "a.tar", "ann/1.png", stream.getvalue() + content)
    with pytest.raises(InputError, match=rf"a\.tar cannot be read as a tar.*{says}"):
        labelled.read_crops(path, tmp_path / "cache")


def test_a_crop_of_many_pixels_in_few_bytes_is_refused(tmp_path: Path) -> None:
    stream = io.BytesIO()
    Image.new("1", (8_000, 8_000)).save(stream, "PNG")
    path = tar_of_one(tmp_path / "a.tar", "ann/1.png", stream.getvalue())
    with pytest.raises(InputError, match="suspicious"):
        labelled.read_crops(path, tmp_path / "cache")


def test_the_face_in_the_middle_gives_the_pose(tmp_path: Path) -> None:
    middle = np.array([[78, 91], [114, 91], [96, 111], [81, 132], [111, 132]], np.float32)
    turned = middle.copy()
    turned[2, 0] += 30

    class Two:
        def __call__(self, image: np.ndarray) -> Detections:
            assert image.shape == (192, 192, 3)
            boxes = np.array([[0, 0, 20, 20], [60, 60, 132, 132]], np.float32)
            points = np.stack([turned, middle]).astype(np.float32)
            return Detections(boxes, points, np.array([0.9, 0.8], np.float32))

    found = labelled.yaws(np.zeros((2, 112, 112, 3), np.uint8), tmp_path, "x", Two)  # type: ignore[arg-type]
    assert np.abs(found).max() < 5


def test_a_missing_or_damaged_archive_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.tar"):
        labelled.read_crops(tmp_path / "gone.tar", tmp_path)
    (tmp_path / "bad.tar").write_bytes(b"x" * 2000)
    with pytest.raises(InputError, match=r"bad\.tar"):
        labelled.read_crops(tmp_path / "bad.tar", tmp_path)
    pack(tmp_path / "empty.tar", [])
    with pytest.raises(InputError, match=r"empty\.tar"):
        labelled.read_crops(tmp_path / "empty.tar", tmp_path)
    assert not (tmp_path / "bad.names.npy").exists()


def test_a_wrong_table_is_named(tmp_path: Path) -> None:
    table = tmp_path / "table.csv"
    table.write_text("file,Bald\n000001,1\n")
    with pytest.raises(InputError, match=r"table\.csv"):
        labelled.celeba_labels(["a/000001.webp"], table)

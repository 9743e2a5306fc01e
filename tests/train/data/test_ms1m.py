from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest

from faceclust.errors import InputError, OptionError
from faceclust.train.data import ms1m
from faceclust.train.data.ms1m import D, layout_of, read_features, root_of
from faceclust.train.data.ms1m import read_keys as keys_of
from tests.train.data.records import faces_emore

LABELS = [3, 3, 3, 9, 9, 0]


def write(root: Path, part: str = "part0_train", labels: Sequence[int] = LABELS) -> np.ndarray:
    """A part in learn-to-cluster's layout; people look alike in all but a few dimensions."""
    rng = np.random.default_rng(0)
    centres, basis = rng.normal(size=(max(labels) + 1, 16)), rng.normal(size=(16, D))
    faces = centres[list(labels)] + 0.6 * rng.normal(size=(len(labels), 16))
    x = (faces @ basis).astype("<f4")
    for folder in ("features", "labels"):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "features" / f"{part}.bin").write_bytes(x.tobytes())
    (root / "labels" / f"{part}.meta").write_text("".join(f"{label}\n" for label in labels))
    return x


def test_features_and_labels(tmp_path: Path) -> None:
    x = write(tmp_path, "part1_test")
    found = read_features(tmp_path, "part1_test")
    assert isinstance(found.x, np.memmap)
    assert np.array_equal(found.x, x)
    assert found.label.tolist() == [1, 1, 1, 2, 2, 0]
    assert found.people == 3


def test_published_neighbours_are_of_no_use_and_not_read(tmp_path: Path) -> None:
    write(tmp_path)
    knns = tmp_path / "knns/part0_train/faiss_k_80.npz"
    knns.parent.mkdir(parents=True)
    knns.write_bytes(b"PK\3\4 what")
    assert len(read_features(tmp_path, "part0_train")) == len(LABELS)


def test_the_missing_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        layout_of(tmp_path, None)
    for name in ("features/part0_train.bin", "labels/part0_train.meta", "train.rec", "train.idx"):
        assert str(tmp_path / name) in str(caught.value)
    write(tmp_path)
    assert layout_of(tmp_path, None) == "features"
    with pytest.raises(InputError, match=r"features/part1_test\.bin.*labels/part1_test\.meta"):
        layout_of(tmp_path, "part1_test")


def test_recordio_alone(tmp_path: Path) -> None:
    faces_emore(tmp_path, [2, 2])
    assert layout_of(tmp_path, None) == "recordio"
    with pytest.raises(InputError):
        layout_of(tmp_path, "part0_train")


def test_the_folder_comes_from_the_option_or_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ms1m.ROOT, raising=False)
    with pytest.raises(OptionError, match=r"--root FOLDER, or FACECLUST_MS1M"):
        root_of(None)
    monkeypatch.setenv(ms1m.ROOT, str(tmp_path))
    assert root_of(None) == tmp_path
    assert root_of(tmp_path.parent) == tmp_path.parent
    with pytest.raises(InputError, match="is not a folder"):
        root_of(tmp_path / "nowhere")


@pytest.mark.parametrize("part", ["../../etc/passwd", "a/b", "", "x" * 99])
def test_a_part_is_a_name_and_no_path(tmp_path: Path, part: str) -> None:
    with pytest.raises(OptionError, match="--part"):
        read_features(tmp_path, part)


def test_the_images_of_a_part_are_known_by_their_keys(tmp_path: Path) -> None:
    write(tmp_path)
    assert keys_of(tmp_path, "part0_train", 6) is None
    faces_emore(tmp_path, [3, 2, 1])
    assert keys_of(tmp_path, "part0_train", 6) is None
    (tmp_path / "lists").mkdir()
    (tmp_path / "lists/part0_train.list").write_text("6\n5\n4\n3\n2\n1\n")
    keys = keys_of(tmp_path, "part0_train", 6)
    assert keys is not None
    assert keys.tolist() == [6, 5, 4, 3, 2, 1]
    with pytest.raises(InputError, match="6 images, but part0_train has 7"):
        keys_of(tmp_path, "part0_train", 7)


FEATURES, META = "features/part0_train.bin", "labels/part0_train.meta"
NAN = np.full((6, D), np.nan, "<f4").tobytes()
HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "cut off": (lambda r: (r / FEATURES).write_bytes(b"\0" * 1000), "holds 1000 bytes, but"),
    "no faces": (lambda r: (r / META).write_text(""), "names 0 faces"),
    "nan": (lambda r: (r / FEATURES).write_bytes(NAN), "not finite"),
    "words": (lambda r: (r / META).write_text("one\n"), "one whole number a line"),
    "negative": (lambda r: (r / META).write_text("-1\n"), "one whole number a line"),
    "huge": (lambda r: (r / META).write_text("9" * 20 + "\n"), "one whole number a line"),
    "one long line": (lambda r: (r / META).write_text("1" * 100_000), "one whole number a line"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_damaged_files_get_one_sentence(tmp_path: Path, what: str) -> None:
    write(tmp_path)
    damage, sentence = HOSTILE[what]
    damage(tmp_path)
    with pytest.raises(InputError, match=sentence):
        read_features(tmp_path, "part0_train")

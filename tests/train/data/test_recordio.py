from __future__ import annotations

import struct
import tracemalloc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from faceclust.errors import InputError
from faceclust.train.data import recordio
from faceclust.train.data.recordio import Range, crops_of, read_faces, read_index, read_record
from tests.train.data.records import MAGIC, Writer, faces_emore, header, im2rec, picture


def crops(folder: Path) -> dict[str, np.ndarray]:
    faces = read_faces(folder)
    images = tuple(zip(faces.key.tolist(), faces.offset.tolist(), strict=True))
    return dict(crops_of(Range(str(faces.path), images)))


def test_insightface_files_say_who_is_on_which_image(tmp_path: Path) -> None:
    faces_emore(tmp_path, [3, 1, 2])
    faces = read_faces(tmp_path)
    assert faces.key.tolist() == [1, 2, 3, 4, 5, 6]
    assert faces.label.tolist() == [0, 0, 0, 1, 2, 2]
    found = crops(tmp_path)
    assert list(found) == ["1", "2", "3", "4", "5", "6"]
    assert all(crop.shape == (112, 112, 3) for crop in found.values())
    own, other = (found[b].astype(int) - found["1"] for b in ("2", "4"))
    assert np.abs(own).mean() < 15 < np.abs(other).mean()


def test_im2rec_files_say_it_in_the_header(tmp_path: Path) -> None:
    im2rec(tmp_path, [7, 7, 3, 0])
    faces = read_faces(tmp_path)
    assert faces.key.tolist() == [0, 1, 2, 3]
    assert faces.label.tolist() == [2, 2, 1, 0]
    assert len(crops(tmp_path)) == 4


@given(st.lists(st.sampled_from([MAGIC, b"", b"a", b"ab", b"abcd", b"\0" * 7]), max_size=8))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_payload_comes_back(tmp_path: Path, pieces: list[bytes]) -> None:
    writer, image = Writer(tmp_path), b"".join(pieces)
    writer.add(0, header(0, 1.0, 0) + image)
    writer.add(1, header(2, [4.0, 5.0], 1) + image)
    writer.close()
    offsets = read_index(writer.idx)[1].tolist()
    with writer.rec.open("rb") as stream:
        records = [read_record(stream, offset, writer.rec) for offset in offsets]
    assert [record.image for record in records] == [image, image]
    assert [record.labels for record in records] == [(1.0,), (4.0, 5.0)]


def test_images_that_are_none_or_too_large_are_left_out(tmp_path: Path) -> None:
    writer = Writer(tmp_path)
    huge = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBBI", 13, b"IHDR", 60_000, 60_000, 8, 2,
                                              0, 0, 0, 0)  # fmt: skip
    for key, image in enumerate([picture(0, 0), b"", huge, picture(0, 1, 64), picture(0, 2)[:300]]):
        writer.add(key, header(0, 0.0, key) + image)
    writer.close()
    tracemalloc.start()
    assert list(crops(tmp_path)) == ["0"]
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()


def rewritten(path: Path, old: bytes, new: bytes) -> None:
    content = path.read_bytes()
    assert old in content
    path.write_bytes(content.replace(old, new, 1))


def word(flag: int, length: int) -> bytes:
    return (flag << 29 | length).to_bytes(4, "little")


def first_record(folder: Path, payload: bytes) -> None:
    """Replace the file by one in which record 0 is `payload`."""
    writer = Writer(folder)
    writer.add(0, payload)
    for key in range(1, 5):
        writer.add(key, header(2, [0, 0], key) + picture(0, key))
    writer.close()


HOSTILE: dict[str, tuple[Callable[[Path], object], str]] = {
    "no index": (lambda f: (f / "train.idx").unlink(), r"train\.idx is no RecordIO.*No such file"),
    "empty index": (lambda f: (f / "train.idx").write_text(""), "it is empty"),
    "words in the index": (lambda f: (f / "train.idx").write_text("a\tb\n"), "is not a key"),
    "negative": (lambda f: (f / "train.idx").write_text("0\t-5\n"), "is not a key"),
    "huge number": (lambda f: (f / "train.idx").write_text("0\t" + "9" * 30), "is no RecordIO"),
    "endless line": (lambda f: (f / "train.idx").write_text("1" * 10_000), "is not a key"),
    "a key twice": (lambda f: (f / "train.idx").write_text("0\t0\n0\t0\n"), "stands twice"),
    "no images": (lambda f: (f / "train.rec").unlink(), r"train\.rec is no RecordIO"),
    "a pointer beyond": (lambda f: (f / "train.idx").write_text("0\t999999\n"), "beyond its end"),
    "a pointer between": (lambda f: (f / "train.idx").write_text("0\t4\n"), "no record begins"),
    "cut off": (lambda f: rewritten(f / "train.rec", (f / "train.rec").read_bytes()[-12:], b""),
                "ends inside a record"),
    "huge length": (lambda f: rewritten(f / "train.rec", word(0, 32), word(0, (1 << 29) - 1)),
                    "more than 16 MB"),
    "a middle first": (lambda f: rewritten(f / "train.rec", word(0, 32), word(2, 32)),
                       "piece 2 of a record where it cannot be"),
    "piece 7": (lambda f: rewritten(f / "train.rec", word(0, 32), word(7, 32)), "piece 7"),
    "no header": (lambda f: first_record(f, b"abc"), "without a header"),
    "labels that do not fit": (lambda f: first_record(f, struct.pack("<IfQQ", 9, 0, 0, 0)),
                               "9 labels do not fit"),
    "a billion labels": (lambda f: first_record(f, struct.pack("<IfQQ", 1 << 31, 0, 0, 0)),
                         "labels do not fit"),
    "keys that are not there": (lambda f: first_record(f, header(2, [9.0, 99.0], 0)),
                                "identities from key 9 to 99"),
    "half a key": (lambda f: first_record(f, header(2, [1.5, 3.0], 0)), "1.5 is no label"),
    "not a number": (lambda f: first_record(f, header(2, [float("nan"), 3.0], 0)), "nan is no"),
    "inexact": (lambda f: first_record(f, header(2, [3.0, float(1 << 25)], 0)), "exactly"),
    "images of nobody": (lambda f: first_record(f, header(2, [4.0, 5.0], 0)), "its images are 0"),
    "property": (lambda f: (f / "property").write_bytes(b"\xff"), "people,height,width"),
    "too few people": (lambda f: (f / "property").write_text("1,112,112"), "1 people, but"),
}  # fmt: skip


@pytest.mark.parametrize("what", HOSTILE)
def test_damaged_files_get_one_sentence(tmp_path: Path, what: str) -> None:
    faces_emore(tmp_path, [2, 2])
    damage, sentence = HOSTILE[what]
    damage(tmp_path)
    with pytest.raises(InputError, match=sentence) as caught:
        read_faces(tmp_path)
    assert "fetch or copy it once more" in str(caught.value)


def test_two_identities_cannot_share_an_image(tmp_path: Path) -> None:
    faces_emore(tmp_path, [2, 2])
    rewritten(tmp_path / "train.rec", header(2, [3, 5], 6), header(2, [2, 5], 6))
    with pytest.raises(InputError, match="shares images"):
        read_faces(tmp_path)


def test_labels_are_exact_to_2_to_the_24(tmp_path: Path) -> None:
    assert recordio.exact(16_777_216.0, tmp_path) == 16_777_216
    with pytest.raises(InputError, match="exactly"):
        recordio.exact(16_777_218.0, tmp_path)


def test_a_record_of_endless_pieces_ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recordio, "LARGEST", 1 << 12)
    path = tmp_path / "train.rec"
    path.write_bytes(MAGIC + word(1, 0) + (MAGIC + word(2, 0)) * 5000)
    with path.open("rb") as stream, pytest.raises(InputError):
        read_record(stream, 0, path)


@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.dictionaries(st.floats(0, 0.999), st.integers(0, 255), min_size=1, max_size=6),
       st.booleans(), st.sampled_from(["train.rec", "train.idx", "property"]))  # fmt: skip
def test_any_file_is_read_or_refused(
    tmp_path: Path, changes: dict[float, int], insight: bool, name: str
) -> None:
    assume(insight or name != "property")  # which im2rec does not write
    faces_emore(tmp_path, [2, 1]) if insight else im2rec(tmp_path, [0, 0, 1])
    content = bytearray((tmp_path / name).read_bytes())
    for where, value in changes.items():
        content[int(where * len(content))] = value
    (tmp_path / name).write_bytes(content)
    with suppress(InputError):
        crops(tmp_path)

"""Search over made-up embeddings, with a text tower of two words."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from faceclust.errors import LibraryError, OptionError, PersonError, WriteError
from faceclust.pipeline import Library, ignore, name, not_a_face, save_crops, search
from faceclust.records import FloatArray
from tests.synthetic import describe


class Words:
    def __init__(self, model: str) -> None:
        assert model == "toy"

    def encode_texts(self, texts: list[str]) -> FloatArray:
        return np.array([[-1, 0] if " man" in text else [1, 0] for text in texts], np.float32)


@pytest.fixture
def described(album: Library, monkeypatch: pytest.MonkeyPatch) -> Library:
    """Faces 1, 2 and 6 are men, 3 and 4 women; 5 is not described."""
    # The package's attribute of this name is the function.
    monkeypatch.setattr(import_module("faceclust.pipeline.search"), "Clip", Words)
    describe(album.db, 1, 2, 6, gender="male")
    describe(album.db, 3, 4)
    return album


def test_faces_are_ranked(described: Library) -> None:
    name(described, "1", "Ann")
    found = search(described, "a man")
    assert [match.face for match in found] == [1, 2, 6, 3, 4]
    assert [match.rank for match in found] == [1, 2, 3, 4, 5]
    assert (found[0].person, found[0].name, found[0].file) == (1, "Ann", "a.jpg")
    assert found[0].score == pytest.approx(0.6, abs=1e-3)
    assert found[-1].score == pytest.approx(-0.6, abs=1e-3)
    assert [match.face for match in search(described, "a woman", limit=2)] == [3, 4]


def test_one_person_is_asked_for(described: Library) -> None:
    name(described, "1", "Ann")
    assert [match.face for match in search(described, "a man", who="Ann")] == [1, 2, 3]
    with pytest.raises(PersonError):
        search(described, "a man", who="Bob")


def test_who_is_hidden_is_not_found(described: Library) -> None:
    ignore(described, "1")
    not_a_face(described, 4)
    assert [match.face for match in search(described, "a man")] == [6]


def test_nobody_is_left_to_be_found(described: Library) -> None:
    for person in ("1", "2", "3"):
        ignore(described, person)
    assert search(described, "a man") == []


def test_nothing_to_search(album: Library) -> None:
    with pytest.raises(OptionError, match="empty"):
        search(album, " ")
    with pytest.raises(LibraryError, match=r"no CLIP embeddings.*--clip face-clip"):
        search(album, "a man")
    describe(album.db, 1, clip="face-clip@00000000")
    with pytest.raises(LibraryError, match=r"another version of face-clip.*faceclust scan"):
        search(album, "a man")


def test_crops_never_overwrite(described: Library, tmp_path: Path) -> None:
    found = search(described, "a man", limit=2)
    save_crops(described, found, tmp_path / "new" / "crops")
    assert {p.name for p in (tmp_path / "new" / "crops").iterdir()} == {
        "0001 face 1.jpg", "0002 face 2.jpg",
    }  # fmt: skip
    with pytest.raises(OptionError, match="not empty"):
        save_crops(described, found, tmp_path / "new" / "crops")
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="file"):
        save_crops(described, found, tmp_path / "file")


def test_crops_do_not_go_where_they_would_be_scanned(described: Library) -> None:
    with pytest.raises(OptionError, match=r"lies in the library.*outside of it"):
        save_crops(described, search(described, "a man"), described.root / "found")
    assert not (described.root / "found").exists()


@pytest.mark.usefixtures("everybody_reads")
def test_crops_are_the_owners_alone(described: Library, tmp_path: Path) -> None:
    save_crops(described, search(described, "a man", limit=2), tmp_path / "crops")
    assert {p.stat().st_mode & 0o777 for p in (tmp_path / "crops").iterdir()} == {0o600}
    assert (tmp_path / "crops").stat().st_mode & 0o777 == 0o700

"""A new library of photos that another library knows already."""

from __future__ import annotations

import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from faceclust.errors import LibraryError
from faceclust.pipeline import akin
from faceclust.pipeline.library import find_library, for_scan
from faceclust.pipeline.places import database_path
from faceclust.records import Decision
from faceclust.store import intake, ledger
from tests.synthetic import photo, put


def known(root: Path, *names: str, name: str | None = "Ann") -> Path:
    """A library with files on the disk, and a name unless that is None; its database."""
    root.mkdir(parents=True, exist_ok=True)
    with for_scan(root)[0] as library:
        for n, path in enumerate(names, 1):
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_bytes(b"x" * n)
            put(library.db, photo(path, n, size=n))
        if name is not None:
            ledger.put_decision(library.db, Decision(0, "name", (1,), 1, name=name))
        return library.db.path


def scanned_as(folder: Path, db: Path | None = None) -> tuple[Path, Path]:
    library, inside = for_scan(folder, db)
    with library:
        return library.root, inside


@pytest.mark.parametrize("part", ["", "2019/july"])
def test_a_scan_of_a_folder_that_has_moved_says_how_its_library_goes_on(
    tmp_path: Path, part: str
) -> None:
    db = known(tmp_path / "V", "a.jpg", "2019/july/b.jpg", "2019/c.jpg")
    moved = tmp_path / "W"
    (tmp_path / "V").rename(moved)
    (moved / "a.jpg").unlink()
    with pytest.raises(LibraryError, match=r"V, which is gone or not connected") as told:
        for_scan(moved / part)
    assert f'if they have moved, run `faceclust scan "{moved}" --db "{db}"`' in str(told.value)
    anew = database_path(moved / part)
    assert f'if these are copies, pass --db "{anew}" to begin a new library' in str(told.value)
    assert not anew.exists()
    assert scanned_as(moved, db) == (moved, moved)
    assert scanned_as(moved / part) == (moved, moved / part)


def test_a_folder_that_has_moved_can_be_begun_anew(tmp_path: Path) -> None:
    known(tmp_path / "V", "a.jpg")
    moved = (tmp_path / "V").rename(tmp_path / "W")
    assert scanned_as(moved, database_path(moved)) == (moved, moved)
    assert scanned_as(moved) == (moved, moved)


def test_a_copy_or_other_photos_under_the_same_names_are_a_new_library(tmp_path: Path) -> None:
    known(tmp_path / "V", "a.jpg", "b.jpg")
    copy = shutil.copytree(tmp_path / "V", tmp_path / "copy")
    assert scanned_as(copy) == (copy, copy)
    shutil.rmtree(tmp_path / "V")
    other = tmp_path / "other"
    other.mkdir()
    for name in ("a.jpg", "b.jpg"):
        (other / name).write_bytes(b"of another size")
    assert scanned_as(other) == (other, other)


def test_a_scan_of_a_folder_around_a_named_library_says_so(tmp_path: Path) -> None:
    known(tmp_path / "N" / "2019", "a.jpg")
    outer = tmp_path / "N"
    with pytest.raises(LibraryError, match=r"2019 inside .*N is a library of its own") as told:
        for_scan(outer)
    assert f'--db "{database_path(outer)}"' in str(told.value)
    assert scanned_as(outer, database_path(outer)) == (outer, outer)
    assert scanned_as(outer) == (outer, outer)
    assert scanned_as(outer / "2019")[0] == outer / "2019"


def test_a_library_without_answers_is_nothing_to_go_on_with(tmp_path: Path) -> None:
    """A trial copy that was deleted, say: its photos are those of the folder that is scanned."""
    known(tmp_path / "try", "a.jpg", name=None)
    photos = (tmp_path / "try").rename(tmp_path / "photos")
    assert scanned_as(photos) == (photos, photos)
    assert scanned_as(tmp_path) == (tmp_path, tmp_path)


def test_files_that_were_deleted_do_not_hide_where_the_others_went(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(akin, "SAMPLE", 2)
    db = known(tmp_path / "V", "a.jpg", "b.jpg", "deleted.jpg", "too.jpg")
    with find_library(db=db) as library, library.db.transaction() as sql:
        intake.mark_missing(sql, ["deleted.jpg", "too.jpg"])
    moved = (tmp_path / "V").rename(tmp_path / "W")
    for name in ("deleted.jpg", "too.jpg"):
        (moved / name).unlink()
    with pytest.raises(LibraryError, match="which is gone or not connected"):
        for_scan(moved)


def test_no_drive_is_waited_for_whose_photos_these_are_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    known(tmp_path / "drive", "a.jpg", "b.jpg")
    asked: list[Path] = []
    monkeypatch.setattr(akin, "_exists", lambda root: bool(asked.append(root)))
    (tmp_path / "other").mkdir()
    assert scanned_as(tmp_path / "other")[0] == tmp_path / "other"
    assert asked == []


@pytest.mark.parametrize("table", [None, "library", "decisions", "files"])
def test_damaged_libraries_elsewhere_do_not_stop_a_scan(tmp_path: Path, table: str | None) -> None:
    db = known(tmp_path / "V", "a.jpg")
    if table is None:
        db.write_bytes(os.urandom(5000))
    else:
        with closing(sqlite3.connect(db)) as sql:
            sql.execute(f"DROP TABLE {table}")
    moved = (tmp_path / "V").rename(tmp_path / "W")
    assert scanned_as(moved) == (moved, moved)

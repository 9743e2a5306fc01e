from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faceclust.store import Database, Scanned, catalogue, intake, open_database
from tests.synthetic import face_ids, photo, put

BROKEN = Scanned("a.jpg", 7, 2, error_kind="truncated", error="ends too early")


@pytest.fixture
def db(tmp_path: Path) -> Database:
    return open_database(tmp_path / "library.db", create=True)


def test_faces_keep_their_ids_across_a_scan_that_could_not_read_the_photo(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2), photo("b.jpg", 3))
    before = face_ids(db)
    for _ in range(2):  # it may take the other program a while to save it
        put(db, BROKEN)
        assert "a.jpg" not in face_ids(db)
    put(db, photo("a.jpg", 1, 2, content="edited"))
    assert face_ids(db) == before
    put(db, BROKEN, photo("a.jpg", 1, 2, content="edited"))  # and where nothing was edited
    assert face_ids(db) == before


def test_another_photo_under_the_name_of_one_that_could_not_be_read_is_another(
    db: Database,
) -> None:
    put(db, photo("a.jpg", 1), replace(BROKEN, path="a.jpg"))
    put(db, photo("a.jpg", 9, content="another"))
    assert face_ids(db) == {"a.jpg": [2]}


def test_a_copy_of_an_edited_photo_that_could_not_be_read_goes_on_as_the_photo(
    db: Database,
) -> None:
    put(db, photo("a.jpg", 1), BROKEN)
    put(db, photo("copy.jpg", 1, content="edited"))
    put(db, photo("a.jpg", 1, content="edited"))
    assert face_ids(db) == {"a.jpg": [1], "copy.jpg": [1]}


def test_a_moved_photo_that_could_not_be_read_meanwhile_is_forgotten_under_its_old_name(
    db: Database,
) -> None:
    put(db, photo("a.jpg", 1), BROKEN)
    with db.transaction() as sql:
        intake.link_file(sql, Scanned("b.jpg", 1000, 1), 1)
        intake.mark_missing(sql, ["a.jpg"])
    assert face_ids(db) == {"b.jpg": [1]}


def test_only_what_changes_something_is_a_new_revision(db: Database) -> None:
    put(db, photo("a.jpg", 1), photo("b.jpg", 2))

    def grown(gone: list[str]) -> tuple[bool, int]:
        before = catalogue.revision(db)
        with db.transaction() as sql:
            intake.mark_missing(sql, gone)
            moved = intake.forget_moved(sql)
        return catalogue.revision(db) > before, len(moved)

    assert grown([]) == grown(["no.jpg"]) == (False, 0)
    assert grown(["a.jpg"]) == (True, 0)
    assert grown(["a.jpg"]) == (False, 0)
    with db.transaction() as sql:
        intake.link_file(sql, Scanned("new.jpg", 1000, 1), 1)
    assert grown([]) == (True, 1)
    assert grown([]) == (False, 0)

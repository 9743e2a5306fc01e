from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceclust.records import Box, Decision
from faceclust.store import Database, Scanned, catalogue, intake, ledger, open_database
from tests.synthetic import (
    EXTRACTOR,
    INFO,
    LEFT,
    MIDDLE,
    MODEL,
    RIGHT,
    face_ids,
    looks,
    photo,
    put,
)

BELOW = Box(0.4, 0.7, 0.2, 0.2)
LATIN = os.fsdecode(b"\xe9t\xe9/caf\xe9.jpg")
BROKEN = Scanned("broken.jpg", 7, 1, error_kind="truncated", error="ends too early")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "library.db", create=True) as opened:
        yield opened


def test_photos_are_newer_where_every_file_is(db: Database) -> None:
    old = photo("old.jpg", 1)
    put(db, old, replace(old, path="copy.jpg", mtime_ns=9), replace(photo("b.jpg"), mtime_ns=9))
    assert catalogue.photos_since(db, 1) == {2}
    assert catalogue.photos_since(db, 0) == {1, 2}
    gone(db, "old.jpg")
    assert catalogue.photos_since(db, 8) == {1, 2}
    assert catalogue.photos_since(db, 9) == set()


def test_files_are_found_by_their_content_while_they_are_there(db: Database) -> None:
    old = photo("old.jpg", 1)
    put(db, old, replace(old, path="copy.jpg"), photo("b.jpg", 2))
    assert catalogue.paths_of_content(db, old.content_hash or "") == ["copy.jpg", "old.jpg"]
    gone(db, "old.jpg")
    assert catalogue.paths_of_content(db, old.content_hash or "") == ["copy.jpg"]
    assert catalogue.paths_of_content(db, "another") == []


def gone(db: Database, *paths: str) -> None:
    with db.transaction() as sql:
        intake.mark_missing(sql, paths)


def all_faces(db: Database) -> int:
    row = db.row("SELECT count(*) FROM faces")
    assert row is not None
    return int(row[0])


def test_the_largest_files_are_those_that_are_there(db: Database) -> None:
    put(db, *(photo(f"{n}.jpg", size=n) for n in range(1, 5)))
    with db.transaction() as sql:
        intake.mark_missing(sql, ["4.jpg"])
    assert catalogue.largest_files(db, 2) == [("3.jpg", 3), ("2.jpg", 2)]
    assert catalogue.largest_files(db, 9)[-1] == ("4.jpg", 4)


def test_names_that_are_no_text_are_among_the_others(db: Database) -> None:
    names = [
        "z.jpg",
        "caf\udce9.jpg",
        "caf\udcff.jpg",
        "caf\U0001f600.jpg",
        "cafe.jpg",
        "\udce9/a.jpg",
    ]
    put(db, *(photo(name, 1) for name in names))
    found = [path for path, *_ in catalogue.photos_by_code_points(db)]
    assert found == sorted(names)
    assert sorted(catalogue.photos_with_files(db)) == sorted(catalogue.photos_by_code_points(db))


def test_a_photo_comes_back_as_it_was_put(db: Database) -> None:
    put(db, photo("2019/a.jpg", 1, 2))
    assert list(catalogue.photos_with_files(db)) == [("2019/a.jpg", 1, INFO)]
    assert catalogue.live_boxes(db) == {1: [(1, MIDDLE), (2, LEFT)]}
    ids, x = catalogue.live_faces(db, MODEL)
    assert ids.tolist() == [1, 2]
    assert x.dtype == np.float32
    assert x == pytest.approx(np.stack([looks(1), looks(2)]), rel=2e-3)
    assert catalogue.thumbnail(db, 2) == b"jpeg of 2"
    assert catalogue.thumbnail(db, 3) is None
    assert catalogue.face_facts(db) == {
        1: ("2019/a.jpg", INFO.taken_at, pytest.approx(90)),
        2: ("2019/a.jpg", INFO.taken_at, pytest.approx(90)),
    }


def test_what_is_known_of_a_file(db: Database) -> None:
    put(db, photo("a.jpg", 1, size=1234), BROKEN)
    known = catalogue.file_state(db, "a.jpg")
    assert known == catalogue.FileState(1234, 1, 1, EXTRACTOR, None, None, False)
    broken = catalogue.file_state(db, "broken.jpg")
    assert broken == catalogue.FileState(7, 1, None, None, "truncated", "ends too early", False)
    assert catalogue.file_state(db, "b.jpg") is None
    assert catalogue.has_size(db, 1234)
    assert not catalogue.has_size(db, 1235)


def test_an_empty_library(db: Database) -> None:
    ids, x = catalogue.live_faces(db, MODEL)
    assert (ids.shape, x.shape[0]) == ((0,), 0)
    assert catalogue.live_boxes(db) == catalogue.face_facts(db) == {}
    assert set(catalogue.counts(db, None).values()) == {0}


def test_embeddings_of_two_models_stand_side_by_side(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    with db.transaction() as sql:
        intake.put_scanned(sql, [photo("a.jpg", 2)], EXTRACTOR, "model-b")
    assert catalogue.live_faces(db, MODEL)[1][0] == pytest.approx(looks(1), rel=2e-3)
    assert catalogue.live_faces(db, "model-b")[1][0] == pytest.approx(looks(2), rel=2e-3)
    assert catalogue.live_faces(db, "model-c")[0].tolist() == []


# --- ids of faces ---


def test_faces_keep_their_ids_when_photos_are_read_again(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2, 3))
    nearby = tuple(Box(b.x + 0.02, b.y, b.w, b.h) for b in (RIGHT, MIDDLE, LEFT))
    # In another order, a little to the side, by another extractor that sees them differently.
    put(db, photo("a.jpg", 7, 8, 9, boxes=nearby), extractor="extractor-2")
    assert dict(catalogue.live_boxes(db)[1]) == {
        1: nearby[1], 2: nearby[2], 3: nearby[0],
    }  # fmt: skip


def test_a_face_that_is_not_found_again_is_retired_and_can_come_back(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2))
    put(db, photo("a.jpg", 1), extractor="extractor-2")
    assert face_ids(db) == {"a.jpg": [1]}
    assert catalogue.live_face_ids(db) == {1}
    assert catalogue.live_faces(db, MODEL)[0].tolist() == [1]
    assert catalogue.face_facts(db).keys() == {1}
    put(db, photo("a.jpg", 1, 2), extractor="extractor-1")
    assert face_ids(db) == {"a.jpg": [1, 2]}


def test_two_faces_never_get_the_same_id(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    close = (MIDDLE, Box(MIDDLE.x + 0.01, MIDDLE.y, MIDDLE.w, MIDDLE.h))
    put(db, photo("a.jpg", 1, 2, boxes=close))
    assert face_ids(db) == {"a.jpg": [1, 2]}


BOXES = st.builds(
    Box, st.floats(0, 0.7), st.floats(0, 0.7), st.floats(0.05, 0.3), st.floats(0.05, 0.3)
)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(BOXES, st.integers(1, 5)), max_size=5), st.data())
def test_reading_again_what_did_not_change_changes_no_id(
    tmp_path: Path, found: list[tuple[Box, int]], data: st.DataObject
) -> None:
    boxes, people = tuple(b for b, _ in found), [p for _, p in found]
    if any(a.iou(b) >= 0.4 for i, a in enumerate(boxes) for b in boxes[:i]):
        return  # detections overlap less than this
    path = tmp_path / f"{os.urandom(8).hex()}.db"
    with open_database(path, create=True) as db:
        put(db, photo("a.jpg", *people, boxes=boxes))
        before = dict(catalogue.live_boxes(db).get(1, []))
        order = data.draw(st.permutations(range(len(found))))
        again = photo("a.jpg", *(people[i] for i in order), boxes=tuple(boxes[i] for i in order))
        put(db, again, extractor="extractor-2")
        assert dict(catalogue.live_boxes(db).get(1, [])) == before


# --- edited and exchanged photos ---


def test_an_edited_photo_keeps_its_faces(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2))
    put(db, photo("a.jpg", 1, 2, content="edited"))
    assert face_ids(db) == {"a.jpg": [1, 2]}
    assert all_faces(db) == 2
    assert catalogue.photo_by_hash(db, "edited") == (1, EXTRACTOR)
    assert catalogue.photo_by_hash(db, "content of b'a.jpg'") is None


def test_another_photo_under_an_old_name_has_faces_of_its_own(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    put(db, photo("a.jpg", 2, content="another photo"))
    assert face_ids(db) == {"a.jpg": [2]}


def test_a_photo_whose_name_another_took_comes_back_by_its_content(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2))
    put(db, photo("a.jpg", 3, content="another photo"))
    put(db, photo("album/a.jpg", 1, 2, content="content of b'a.jpg'"))
    assert face_ids(db) == {"a.jpg": [3], "album/a.jpg": [1, 2]}


def test_a_photo_of_the_same_person_at_another_time_is_another(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    later = replace(INFO, taken_at="2021-01-01T00:00:00")
    taken = photo("a.jpg", 1, content="later", boxes=(LEFT,), info=later)
    put(db, replace(taken, vectors=taken.vectors + looks(2)))
    assert face_ids(db) == {"a.jpg": [2]}
    put(db, photo("b.jpg", 1, content="content of b'a.jpg'"))
    assert face_ids(db) == {"a.jpg": [2], "b.jpg": [1]}


def test_a_cropped_photo_whose_only_date_is_that_of_the_edit_keeps_its_faces(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    later = replace(INFO, taken_at="2021-01-01T00:00:00")
    cropped = photo("a.jpg", 1, content="cropped", boxes=(LEFT,), info=later)
    put(db, replace(cropped, vectors=cropped.vectors + 0.2 * looks(2)))
    assert face_ids(db) == {"a.jpg": [1]}


def test_a_photo_that_was_cropped_or_turned_keeps_its_faces(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2, 3))  # in the middle, on the left, on the right
    put(db, photo("a.jpg", 1, 2, content="cropped", boxes=(LEFT, RIGHT)))
    assert face_ids(db) == {"a.jpg": [1, 2]}
    put(db, photo("a.jpg", 2, 3, 1, 4, content="restored", boxes=(LEFT, RIGHT, MIDDLE, BELOW)))
    assert face_ids(db) == {"a.jpg": [1, 2, 3, 4]}


def test_of_two_faces_alike_a_cropped_photo_keeps_the_one_most_alike(db: Database) -> None:
    twins = np.stack([looks(1), looks(1) + 0.6 * looks(2)])
    put(db, replace(photo("a.jpg", 1, 1), vectors=twins))
    cropped = photo("a.jpg", 1, content="cropped", boxes=(RIGHT,))
    put(db, replace(cropped, vectors=twins[1:] + 0.05 * looks(3)))
    assert face_ids(db) == {"a.jpg": [2]}


def test_a_photo_in_which_no_face_was_found_for_a_while_keeps_its_faces(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    for content in ("turned", "turned and lightened"):
        put(db, photo("a.jpg", content=content))
        assert face_ids(db) == {"a.jpg": []}
    put(db, photo("a.jpg", 1, content="turned back"))
    assert face_ids(db) == {"a.jpg": [1]}


def test_a_copy_keeps_the_old_content_when_the_other_is_edited(db: Database) -> None:
    put(db, photo("a.jpg", 1, content="same"), photo("copy.jpg", 1, content="same"))
    assert face_ids(db) == {"a.jpg": [1], "copy.jpg": [1]}
    put(db, photo("a.jpg", 1, content="edited"))
    assert face_ids(db) == {"a.jpg": [2], "copy.jpg": [1]}


def test_a_photo_that_was_moved_and_then_edited_keeps_its_faces(db: Database) -> None:
    put(db, photo("a.jpg", 1, content="same"))
    put(db, photo("moved/a.jpg", 1, content="same"))
    gone(db, "a.jpg")
    put(db, photo("moved/a.jpg", 1, content="tagged"))
    assert face_ids(db) == {"moved/a.jpg": [1]}
    # The old file comes back, from a backup.
    put(db, photo("a.jpg", 1, content="same"))
    assert face_ids(db) == {"a.jpg": [2], "moved/a.jpg": [1]}


@pytest.mark.parametrize("linked", [False, True])
def test_a_photo_that_was_edited_and_copied_keeps_its_faces(db: Database, linked: bool) -> None:
    put(db, photo("z.jpg", 1, 2), photo("other.jpg", 3))
    put(db, photo("a.jpg", 1, 2, content="edited"))
    assert face_ids(db)["a.jpg"] == [4, 5]
    edited = photo("z.jpg", 1, 2, content="edited")
    if linked:
        known = catalogue.photo_by_hash(db, "edited")
        assert known is not None
        with db.transaction() as sql:
            intake.link_file(sql, edited, known[0])
    else:
        put(db, edited)
    assert face_ids(db) == {"a.jpg": [1, 2], "z.jpg": [1, 2], "other.jpg": [3]}
    put(db, photo("later.jpg", 1, 2, content="edited"))
    assert face_ids(db)["later.jpg"] == [1, 2]


def test_a_copy_that_has_answers_keeps_its_own_faces(db: Database) -> None:
    put(db, photo("z.jpg", 1), photo("a.jpg", 1, content="edited"))
    ledger.put_decision(db, Decision(0, "reject", (2,), 1, against=(1,)))
    put(db, photo("z.jpg", 1, content="edited"))
    assert face_ids(db) == {"a.jpg": [2], "z.jpg": [2]}


def test_a_copy_that_lost_a_face_is_another_photo(db: Database) -> None:
    put(db, photo("z.jpg", 1, 2), photo("a.jpg", 1, content="cropped"))
    put(db, photo("z.jpg", 1, content="cropped"))
    assert face_ids(db) == {"a.jpg": [3], "z.jpg": [3]}


def test_a_photo_overwritten_with_known_content_joins_it(db: Database) -> None:
    put(db, photo("a.jpg", 1), photo("b.jpg", 2))
    put(db, photo("a.jpg", 2, content="content of b'b.jpg'"))
    assert face_ids(db) == {"a.jpg": [2], "b.jpg": [2]}
    assert catalogue.live_face_ids(db) == {2}


def test_edited_without_an_embedding_to_compare_is_another_face(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    with db.transaction() as sql:
        intake.put_scanned(sql, [photo("a.jpg", 1, content="edited")], EXTRACTOR, "model-b")
    assert face_ids(db) == {"a.jpg": [2]}


# --- files ---


def test_missing_files_take_their_faces_along_and_bring_them_back(db: Database) -> None:
    put(db, photo("a.jpg", 1), photo("b.jpg", 2), BROKEN)
    gone(db, "a.jpg", "broken.jpg", "never-known.jpg")
    assert list(catalogue.present_paths(db)) == ["b.jpg"]
    assert catalogue.live_face_ids(db) == {2}
    assert catalogue.unreadable(db) == []
    state = catalogue.file_state(db, "a.jpg")
    assert state is not None
    assert state.missing
    with db.transaction() as sql:
        intake.link_file(sql, photo("z/a.jpg"), 1)
    assert face_ids(db) == {"b.jpg": [2], "z/a.jpg": [1]}


def test_files_that_are_back_bring_their_faces(db: Database) -> None:
    put(db, photo("a.jpg", 1), photo("b.jpg", 2), photo("c.jpg", 3))
    before = face_ids(db)
    with db.transaction() as sql:
        intake.mark_missing(sql, ["a.jpg", "b.jpg"])
    assert [catalogue.has_file(db, number) for number in (1, 2, 3)] == [False, False, True]
    revision = catalogue.revision(db)
    with db.transaction() as sql:
        intake.put_back(sql, ["a.jpg", "b.jpg"])
    assert face_ids(db) == before
    assert catalogue.revision(db) == revision + 1


def test_a_photo_with_several_files_lives_while_one_of_them_does(db: Database) -> None:
    put(db, photo("a.jpg", 1, content="same"), photo("b.jpg", 1, content="same"))
    gone(db, "a.jpg")
    assert catalogue.face_facts(db)[1][0] == "b.jpg"
    assert catalogue.live_faces(db, MODEL)[0].tolist() == [1]
    gone(db, "b.jpg")
    assert catalogue.live_face_ids(db) == frozenset()


def test_a_file_that_can_be_read_at_last_has_no_error_any_more(db: Database) -> None:
    put(db, BROKEN)
    assert catalogue.unreadable(db) == [("broken.jpg", "truncated", "ends too early")]
    put(db, photo("broken.jpg", 1))
    assert catalogue.unreadable(db) == []
    assert face_ids(db) == {"broken.jpg": [1]}


def test_a_file_that_breaks_keeps_its_faces_for_when_it_is_restored(db: Database) -> None:
    put(db, photo("broken.jpg", 1))
    put(db, BROKEN)
    assert catalogue.live_face_ids(db) == frozenset()
    put(db, photo("broken.jpg", 1))
    assert face_ids(db) == {"broken.jpg": [1]}


def test_names_that_are_not_utf_8(db: Database) -> None:
    put(db, photo(LATIN, 1))
    assert catalogue.file_state(db, LATIN) is not None
    assert face_ids(db) == {LATIN: [1]}
    assert catalogue.face_facts(db)[1][0] == LATIN
    put(db, photo(LATIN, 1, content="edited"))
    assert face_ids(db) == {LATIN: [1]}
    gone(db, LATIN)
    assert list(catalogue.present_paths(db)) == []


def test_a_batch_that_fails_leaves_nothing(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    bad = Scanned("c.jpg", 1, 1, content_hash=None, info=None, error=None)
    with pytest.raises(sqlite3.IntegrityError):
        put(db, photo("b.jpg", 2), bad)
    assert face_ids(db) == {"a.jpg": [1]}


def test_counts(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2), photo("b.jpg", 3), photo("c.jpg"), BROKEN)
    put(db, photo("old.jpg", 4), photo("gone.jpg", 4), extractor="extractor-0")
    gone(db, "gone.jpg")
    assert catalogue.counts(db, EXTRACTOR) == {
        "files": 5, "photos": 4, "errors": 1, "missing": 1, "stale": 1,
    }  # fmt: skip


def test_nothing_is_stale_before_the_first_scan_is_through(db: Database) -> None:
    put(db, photo("a.jpg", 1))
    assert catalogue.counts(db, None)["stale"] == 0

from __future__ import annotations

import pytest

from faceclust.errors import PersonError
from faceclust.pipeline import (
    Library,
    faces_of,
    head_count,
    ignore,
    name,
    not_a_face,
    status,
    unreadable,
)
from faceclust.records import PhotoInfo
from faceclust.store import Scanned, intake
from tests.synthetic import MODEL, photo, put


def test_the_figures(album: Library) -> None:
    name(album, "3", "Cem")
    put(album.db, Scanned("x.jpg", 7, 1, error_kind="truncated", error="ends too early"))
    put(album.db, photo("new.jpg", 4), extractor="extractor-0")
    put(album.db, photo("gone.jpg", 4), extractor="extractor-0")
    with album.db.transaction() as sql:
        intake.mark_missing(sql, ["gone.jpg"])
    assert status(album) == {
        "library": str(album.root), "database": str(album.db.path), "files": 8, "photos": 7,
        "faces": 7, "people": 2, "seen_once": 1, "named": 1, "hidden": 0, "errors": 1, "missing": 1,
        "model": MODEL, "clip": "none", "clustered_by": "infomap", "stale_photos": 1,
        "unclustered_faces": 1,
    }  # fmt: skip
    assert unreadable(album) == [{"file": "x.jpg", "kind": "truncated", "reason": "ends too early"}]


def test_what_is_not_a_face_does_not_wait_for_a_clustering(album: Library) -> None:
    put(album.db, photo("new.jpg", 4))
    assert status(album)["unclustered_faces"] == 1
    not_a_face(album, 7)
    assert status(album)["unclustered_faces"] == 0


def test_ignored_people_are_not_counted(album: Library) -> None:
    ignore(album, "1")
    assert head_count(album) == {"faces": 3, "several": 1, "once": 1, "named": 0, "errors": 0}


def test_faces_come_oldest_first_and_undated_last(album: Library) -> None:
    old = PhotoInfo(4000, 3000, 1, "JPEG", "1999-01-01T00:00:00")
    undated = PhotoInfo(4000, 3000, 1, "JPEG")
    put(album.db, photo("a.jpg", 1, info=undated), photo("c.jpg", 1, info=old))
    found = faces_of(album, "1")
    assert [(face["face"], face["file"]) for face in found] == [
        (3, "c.jpg"), (2, "b.jpg"), (1, "a.jpg"),
    ]  # fmt: skip
    assert found[0] == {"face": 3, "file": "c.jpg", "taken_at": "1999-01-01T00:00:00",
                        "quality": 90.0, "attributes": {}}  # fmt: skip
    with pytest.raises(PersonError):
        faces_of(album, "99")

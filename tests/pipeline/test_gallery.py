from __future__ import annotations

import sys

import pytest

from faceclust.pipeline import Library, gallery, hide, mark, merge, name, undo
from faceclust.pipeline.library import Library as Opened
from faceclust.pipeline.memo import Memo
from faceclust.records import Person
from faceclust.store import intake
from tests.synthetic import group, photo, put


def test_the_same_while_nothing_changes_and_another_after(album: Library) -> None:
    first = gallery(album)
    assert gallery(album) is first
    name(album, "1", "Ann")
    second = gallery(album)
    assert second is not first
    assert second.people[1].person.name == "Ann"
    assert second.people[2] is first.people[2]  # nothing of it changed: not made again
    group(album.db, (1, 2, 3, 4, 5, 6))
    assert gallery(album).stamp.clustering > second.stamp.clustering
    put(album.db, photo("new.jpg", 9))
    assert len(gallery(album).facts) == 7


def test_a_scan_that_ends_meanwhile_spoils_nothing(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    late = [Person(1, "Ann", (1, 2, 99)), Person(50, None, (98,))]
    monkeypatch.setattr(sys.modules[gallery.__module__], "all_people", lambda _: late)
    found = gallery(album).people
    assert {number: each.person.faces for number, each in found.items()} == {1: (1, 2)}


def test_views_and_orders(album: Library) -> None:
    name(album, "2", "Ann")
    name(album, "3", "Bea")
    now = gallery(album)
    ids = {show: [s.person.id for s in now.listed(show)] for show in
           ("everyone", "named", "unnamed", "strangers", "hidden")}  # type: ignore[arg-type]  # fmt: skip
    # All photos are of one day: who has no name is a stranger.
    assert ids == {
        "everyone": [2, 3], "named": [2, 3], "unnamed": [], "strangers": [1], "hidden": [],
    }  # fmt: skip
    name(album, "3", "Aaron")
    assert [s.person.id for s in gallery(album).listed("everyone", "name")] == [3, 2]
    hide(album, "1")
    now = gallery(album)
    assert [s.person.id for s in now.listed("hidden")] == [1]
    assert now.counts == {
        "everyone": 2, "named": 2, "unnamed": 0, "strangers": 0, "hidden": 1, "faces": 6,
    }  # fmt: skip


def test_search_takes_the_beginnings_of_words(album: Library) -> None:
    name(album, "1", "Anna-Lena Müller")
    found = gallery(album).listed
    assert found("named", words="mull")
    assert found("named", words="MÜLLER anna")
    assert not found("named", words="lena")  # "Anna-Lena" is one word
    assert not found("named", words="ler")


def test_a_mark_tells_states_of_a_person_apart(album: Library) -> None:
    marks = [mark(gallery(album).people[1])]
    for change in (
        lambda: name(album, "1", "Ann"),
        lambda: merge(album, ["1", "2"]),
        lambda: hide(album, "1"),
    ):
        change()
        marks.append(mark(gallery(album).people[1]))
    assert len(set(marks)) == 4
    undo(album, 3)
    assert mark(gallery(album).people[1]) == marks[0]


def test_a_patient_memo_sees_decisions_at_once_and_files_later(album: Library) -> None:
    patient = Opened(album.root, album.db, Memo(patience=60.0))
    assert len(gallery(patient).people) == 3
    with album.db.transaction() as sql:
        intake.mark_missing(sql, ["f.jpg"])
    name(album, "1", "Ann")
    assert len(gallery(patient).people) == 3
    assert gallery(patient).people[1].person.name == "Ann"
    assert len(gallery(album).people) == 2


def test_every_change_of_the_catalogue_is_noticed(album: Library) -> None:
    seen = {gallery(album).stamp}
    with album.db.transaction() as sql:
        intake.mark_missing(sql, ["a.jpg"])
    seen.add(gallery(album).stamp)
    put(album.db, photo("again.jpg", 1, content="content of b'a.jpg'"))
    seen.add(gallery(album).stamp)
    with album.db.transaction() as sql:
        intake.forget_moved(sql)
    seen.add(gallery(album).stamp)
    assert len(seen) == 4


def test_faces_in_order_of_time(album: Library) -> None:
    assert gallery(album).dated_faces(1) == [1, 2, 3]

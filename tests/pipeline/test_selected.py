from __future__ import annotations

import pytest

from faceclust.errors import PersonError
from faceclust.pipeline import (
    Library,
    all_people,
    log,
    name,
    not_faces,
    reject_all,
    split_off,
    undo,
)
from tests.synthetic import group


def faces(library: Library) -> dict[str | int, tuple[int, ...]]:
    return {person.name or person.id: person.faces for person in all_people(library)}


def test_each_is_one_decision_and_one_undo(album: Library) -> None:
    before = faces(album)
    for act in (
        lambda: reject_all(album, [1, 2], "1"),
        lambda: split_off(album, [1, 2], "1"),
        lambda: not_faces(album, [1, 4]),
    ):
        act()
        assert faces(album) != before
        undo(album)
        assert faces(album) == before
    assert len(log(album)) == 6


def test_what_is_split_off_stays_apart(album: Library) -> None:
    name(album, "1", "Ann")
    new = split_off(album, [2, 3], "Ann")
    assert (new.name, new.faces) == (None, (2, 3))
    group(album.db, (1, 2, 3), (4, 5), (6,))
    assert faces(album)["Ann"] == (1,)
    assert faces(album)[new.id] == (2, 3)


def test_the_rejected_stay_away(album: Library) -> None:
    name(album, "1", "Ann")
    reject_all(album, [2, 3], "Ann")
    group(album.db, (1, 2, 3), (4, 5), (6,))
    assert faces(album)["Ann"] == (1,)
    assert {face for who, found in faces(album).items() if who != "Ann" for face in found} >= {2, 3}


def test_only_the_faces_of_that_person(album: Library) -> None:
    for act in (
        lambda: reject_all(album, [1, 4], "1"),
        lambda: reject_all(album, [], "1"),
        lambda: split_off(album, [1, 2, 3], "1"),
        lambda: split_off(album, [1], "nobody"),
        lambda: not_faces(album, [1, 99]),
    ):
        with pytest.raises(PersonError):
            act()
    assert log(album) == []

"""Dates of birth, through the real pipeline and store."""

from __future__ import annotations

import pytest

from faceclust.cluster.methods import ClusterOptions
from faceclust.errors import OptionError, PersonError
from faceclust.pipeline import Library, all_people, birth, cluster, merge, name, not_a_face
from faceclust.pipeline.people import find
from faceclust.records import Decision, PhotoInfo
from faceclust.store import Scanned, ledger
from tests.synthetic import group, photo, put


def faces(album: Library) -> dict[str | int, tuple[int, ...]]:
    return {person.name or person.id: person.faces for person in all_people(album)}


def of_year(path: str, person: int, year: int) -> Scanned:
    return photo(path, person, info=PhotoInfo(40, 30, 1, "JPEG", f"{year}-06-15T12:00:00"))


def test_nobody_is_in_a_photo_from_before_the_birth(album: Library) -> None:
    put(album.db, of_year("old.jpg", 1, 1990), of_year("late.jpg", 1, 2020))
    group(album.db, (1, 2, 3, 7, 8), (4, 5), (6,))
    name(album, "4", "Ann")
    person, left = birth(album, "Ann", "2000-02")
    assert (person.faces, person.birth, left) == ((1, 2, 3, 8), "2000-02", 1)
    put(album.db, of_year("older.jpg", 1, 1980))
    cluster(album, ClusterOptions("components", threshold=0.9))
    assert faces(album)["Ann"] == (1, 2, 3, 8)
    name(album, "Ann", "Anna")
    merge(album, ["Anna", "5"])
    assert find(all_people(album), "Anna").birth == "2000-02"
    person, _ = birth(album, "Anna", None)
    assert 7 in person.faces


@pytest.mark.parametrize("born", ["", "1990-13", "19900101", "1990-02-30", "now", "１９９０", "90"])
def test_what_is_no_date_of_birth(album: Library, born: str) -> None:
    name(album, "1", "Ann")
    with pytest.raises(OptionError, match="yet to come"):
        birth(album, "Ann", "3015")
    with pytest.raises(OptionError, match="no date"):
        birth(album, "Ann", born)


def test_only_a_named_person_has_a_date_of_birth(album: Library) -> None:
    with pytest.raises(PersonError, match="Name the person first"):
        birth(album, "1", "1990")


@pytest.mark.parametrize("born", ["2021", "2019-07-15"])
def test_a_birth_after_all_photos_is_refused_and_the_first_one_told(
    album: Library, born: str
) -> None:
    put(album.db, of_year("old.jpg", 1, 2014))
    group(album.db, (1, 2, 3, 7), (4, 5), (6,))
    name(album, "4", "Ann")
    before = ledger.decisions(album.db)
    with pytest.raises(OptionError, match=rf"{born} would leave Ann .* 2014-06-15; give that day"):
        birth(album, "Ann", born)
    assert ledger.decisions(album.db) == before
    assert birth(album, "Ann", "2014-06-15")[0].faces == (1, 2, 3, 7)


def trapped(album: Library) -> None:
    """Ann, whose photos are all from 2019, born in 2021: so it was stored without a word."""
    name(album, "1", "Ann")
    number = find(all_people(album), "Ann").id
    ledger.put_decision(album.db, Decision(0, "birth", (), number, name="Ann", date="2021"))
    assert "Ann" not in faces(album)


@pytest.mark.parametrize("born", ["2012", None])
def test_a_wrong_birth_is_corrected_though_no_face_is_left(
    album: Library, born: str | None
) -> None:
    trapped(album)
    with pytest.raises(OptionError, match=r"2020 would leave Ann .* 2019-07-14"):
        birth(album, "Ann", "2020")
    person, left = birth(album, "Ann", born)
    assert (person.faces, person.birth, left) == ((1, 2, 3), born, 0)


def test_somebody_of_whom_nothing_is_left_may_have_any_birth(album: Library) -> None:
    name(album, "3", "Ann")
    not_a_face(album, 6)
    person, left = birth(album, "Ann", "2021")
    assert (person.name, person.faces, person.birth, left) == ("Ann", (), "2021", 0)


def test_a_name_that_no_photo_can_show_is_refused_and_not_stored(album: Library) -> None:
    trapped(album)
    before = ledger.decisions(album.db)
    with pytest.raises(
        PersonError, match=r"photos of 2 are .* Ann was born \(2021\), .* 2019-07-14"
    ):
        name(album, "2", "Ann")
    assert ledger.decisions(album.db) == before
    put(album.db, of_year("late.jpg", 2, 2022))
    _, grown, _ = group(album.db, (1, 2, 3), (4, 5, 7), (6,))
    person, joined = name(album, str(grown), "Ann")
    assert (person.faces, joined) == ((7,), None)


def test_nobody_is_joined_with_one_who_was_not_yet_born(album: Library) -> None:
    put(album.db, of_year("late.jpg", 4, 2022))
    *_, late = group(album.db, (1, 2, 3), (4, 5), (6,), (7,))
    name(album, str(late), "Ann")
    birth(album, "Ann", "2021")
    two = next(person.id for person in all_people(album) if 4 in person.faces)
    before = ledger.decisions(album.db)
    with pytest.raises(PersonError, match="from before Ann was born"):
        merge(album, [str(two), "Ann"])
    name(album, str(two), "Bob")
    with pytest.raises(PersonError, match="photos of Bob are all from before Ann was born"):
        merge(album, ["Bob", "Ann"])
    assert ledger.decisions(album.db)[: len(before)] == before
    assert len(ledger.decisions(album.db)) == len(before) + 1

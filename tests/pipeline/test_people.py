from __future__ import annotations

import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from faceclust.errors import OptionError, PersonError
from faceclust.pipeline import (
    Library,
    all_people,
    ignore,
    merge,
    name,
    not_a_face,
    reject,
    summaries,
    undo,
)
from faceclust.pipeline.people import MAX_NAME, clean_name, find, find_all
from faceclust.records import Person, PhotoInfo
from faceclust.store import intake
from tests.synthetic import group, photo, put

# Persian and Hindi names need the zero-width non-joiner, emoji the joiner.
ALI = "علی\u200cرضا"
FAMILY = "👩\u200d👧"


def faces(library: Library) -> dict[str | int, tuple[int, ...]]:
    return {person.name or person.id: person.faces for person in all_people(library)}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("  Ann  ", "Ann"),
        ("Ann\n Marie\tLee", "Ann Marie Lee"),
        ("Cafe\u0301", "Café"),
        ("Ann\u00a0Lee\u3000", "Ann Lee"),
        ("\x1b[31mAnn\x07", "[31mAnn"),
        ("A\u202enn", "A nn"),
        ("Ann\udce9", "Ann"),
        ("\ufeffAnn\ufffe", "Ann"),
        (ALI, ALI),
        (FAMILY, FAMILY),
        ("2nd cousin", "2nd cousin"),
        ("x" * MAX_NAME, "x" * MAX_NAME),
    ],
)
def test_names_are_cleaned(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("", "is empty"),
        (" \n\u200b\x00", "is empty"),
        ("\u200d\u200c \u200d", "is empty"),
        ("12", "taken for a person's number"),
        (" ١٢ ", "taken for a person's number"),
        ("x" * (MAX_NAME + 1), "longer than"),
    ],
)
def test_names_that_cannot_be_used(given: str, message: str) -> None:
    with pytest.raises(OptionError, match=message):
        clean_name(given)


@given(st.text())
@example("a\u200d")
@example("\u1e9b\u0323")
@example(" \u0301")
@example("a \u0301b")
def test_a_cleaned_name_is_clean(given: str) -> None:
    try:
        kept = clean_name(given)
    except OptionError:
        return
    assert clean_name(kept) == kept
    assert unicodedata.is_normalized("NFC", kept)
    assert kept == kept.strip()
    assert len(kept.splitlines()) == 1
    kept.encode()


def test_people_are_found_by_number_and_by_name_in_any_composition() -> None:
    people = [Person(7, None, (1,)), Person(8, "Zoë", (2,)), Person(9, "9b", (3,))]
    assert find(people, "7").id == 7
    assert find(people, " Zoe\u0308 ").id == 8
    assert find(people, "8").id == 8
    assert find(people, "ZOË").id == 8
    people += [Person(10, "zoë", (4,))]
    assert (find(people, "Zoë").id, find(people, "zoë").id) == (8, 10)
    for nobody in ("11", "ZOË", "", "9" * 5000, "-7", "7.0"):
        with pytest.raises(PersonError, match="no person"):
            find(people, nobody)


def test_several_people_are_found_as_one_is() -> None:
    people = [
        Person(7, None, (1,)), Person(8, "Zoë", (2,)), Person(9, "9b", (3,)),
        Person(10, "zoë", (4,)), Person(11, "Bo", (5,)), Person(12, "BO", (6,)),
    ]  # fmt: skip
    wanted = ["7", " Zoe\u0308 ", "9B", "9", "zoë", "7", "BO", "12"]
    # An iterator can be gone through once only.
    found = find_all(iter(people), wanted)
    assert [person.id for person in found] == [7, 8, 9, 9, 10, 7, 12, 12]
    assert found == [find(people, each) for each in wanted]
    with pytest.raises(PersonError, match="no person 'bo'"):
        find_all(people, ["7", "bo", "nobody"])
    assert find_all(people, []) == []


def test_naming(album: Library) -> None:
    person, joined = name(album, "1", "Ann")
    assert (person, joined) == (Person(1, "Ann", (1, 2, 3)), None)
    person, joined = name(album, "Ann", "Anna")
    assert (person.name, joined) == ("Anna", None)
    assert faces(album) == {"Anna": (1, 2, 3), 2: (4, 5), 3: (6,)}


def test_a_name_that_is_taken_joins_two_people(album: Library) -> None:
    name(album, "1", "Ann")
    person, joined = name(album, "2", "Ann")
    assert person.faces == (1, 2, 3, 4, 5)
    assert joined == Person(1, "Ann", (1, 2, 3))
    undo(album)
    assert faces(album) == {"Ann": (1, 2, 3), 2: (4, 5), 3: (6,)}


def test_naming_again_with_the_same_name_changes_nothing(album: Library) -> None:
    name(album, "1", "Ann")
    person, joined = name(album, "1", "Ann")
    assert (person.faces, joined) == ((1, 2, 3), None)


def test_nothing_is_decided_about_nobody(album: Library) -> None:
    for act in (
        lambda: name(album, "99", "Ann"),
        lambda: merge(album, ["1", "99"]),
        lambda: reject(album, 1, "99"),
        lambda: reject(album, 4, "1"),
        lambda: not_a_face(album, 99),
        lambda: ignore(album, "99"),
        lambda: undo(album),
    ):
        with pytest.raises(PersonError):
            act()
    with pytest.raises(OptionError):
        name(album, "1", "12")
    assert faces(album) == {1: (1, 2, 3), 2: (4, 5), 3: (6,)}


def test_the_first_name_is_the_name_of_the_merged(album: Library) -> None:
    name(album, "2", "Bob")
    name(album, "3", "Cem")
    assert merge(album, ["1", "Bob", "Cem"]) == Person(2, "Bob", (1, 2, 3, 4, 5, 6))
    undo(album)
    assert set(faces(album)) == {1, "Bob", "Cem"}


def test_merging_the_unnamed_keeps_the_first_number(album: Library) -> None:
    assert merge(album, ["2", "1"]) == Person(2, None, (1, 2, 3, 4, 5))


@pytest.mark.parametrize("who", [["1"], ["1", "1"], []])
def test_merging_needs_two(album: Library, who: list[str]) -> None:
    with pytest.raises(PersonError, match="two different people"):
        merge(album, who)


def test_a_rejected_face_gets_a_number_of_its_own(album: Library) -> None:
    name(album, "1", "Ann")
    person = reject(album, 3, "Ann")
    assert person is not None
    assert (person.name, person.faces) == (None, (3,))
    assert faces(album)["Ann"] == (1, 2)


def test_a_face_that_is_in_no_cluster_can_be_rejected(album: Library) -> None:
    name(album, "1", "Ann")
    group(album.db, (1, 2), (4, 5), (6,))
    assert faces(album)["Ann"] == (1, 2, 3)
    assert reject(album, 3, "Ann") is None
    assert faces(album)["Ann"] == (1, 2)


def test_what_is_not_a_face_is_nowhere(album: Library) -> None:
    not_a_face(album, 6)
    assert faces(album) == {1: (1, 2, 3), 2: (4, 5)}
    undo(album)
    assert faces(album)[3] == (6,)


def test_ignored_people_are_in_no_list_and_come_back(album: Library) -> None:
    assert ignore(album, "1").faces == (1, 2, 3)
    assert [s.person.id for s in summaries(album)] == [2, 3]
    assert find(all_people(album), "1").ignored
    undo(album)
    assert [s.person.id for s in summaries(album)] == [1, 2, 3]


def test_undoing_goes_back_step_by_step(album: Library) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    assert [undo(album)[0].name for _ in range(2)] == ["Bob", "Ann"]
    with pytest.raises(PersonError, match="no decision"):
        undo(album)
    assert set(faces(album)) == {1, 2, 3}


def test_summaries_show_most_faces_first_with_dates_and_the_best_face(album: Library) -> None:
    old = PhotoInfo(4000, 3000, 1, "JPEG", "1999-01-01T00:00:00")
    undated = PhotoInfo(4000, 3000, 1, "JPEG")
    put(album.db, photo("a.jpg", 1, info=old), photo("b.jpg", 1, info=undated))
    first, *_ = summaries(album)
    assert (first.person.id, first.photos) == (1, 3)
    assert (first.first, first.last) == ("1999-01-01T00:00:00", "2019-07-14T18:03:22")
    assert first.best_face in first.person.faces
    assert [s.person.id for s in summaries(album)] == [1, 2, 3]


def test_people_whose_photos_are_gone_are_gone(album: Library) -> None:
    name(album, "3", "Cem")
    with album.db.transaction() as sql:
        intake.mark_missing(sql, ["f.jpg"])
    assert [s.person.id for s in summaries(album)] == [1, 2]
    with pytest.raises(PersonError):
        find(all_people(album), "Cem")
    put(album.db, photo("f.jpg", 3))
    assert find(all_people(album), "Cem").faces == (6,)

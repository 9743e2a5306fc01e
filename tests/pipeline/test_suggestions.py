from __future__ import annotations

import tempfile
import tracemalloc
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import numpy as np
from hypothesis import example, given, settings
from hypothesis import strategies as st

from faceclust import suggest
from faceclust.errors import OptionError
from faceclust.people import bonds
from faceclust.pipeline import (
    Library,
    all_people,
    birth,
    differ,
    hide,
    name,
    not_a_face,
    suggestions,
)
from faceclust.pipeline.arrive import same_photo
from faceclust.pipeline.people import is_hidden
from faceclust.store import catalogue, ledger, nearby
from faceclust.suggest import Likeness, Suggestion
from tests.synthetic import INFO, group, library, photo, put

FACES, PEOPLE = 12, 6
Pair = tuple[int, int]


def put_doubts(album: Library, doubts: dict[Pair, float]) -> None:
    with album.db.transaction() as sql:
        sql.executemany(
            "INSERT INTO doubts VALUES (?, ?, ?)", ((*pair, odds) for pair, odds in doubts.items())
        )


def plainly(album: Library) -> list[Suggestion]:
    """The questions, face by face and pair by pair."""
    people = [person for person in all_people(album) if not is_hidden(person)]
    row = {face: number for number, person in enumerate(people) for face in person.faces}
    doubts = [
        ((row[a], row[b]), odds)
        for a, b, odds in album.db.rows("SELECT * FROM doubts")
        if a in row and b in row
    ]
    faces, photo = sorted(row), catalogue.photo_of_faces(album.db)
    met = same_photo(np.array([photo[face] for face in faces], np.int64))
    size = np.array([len(person.faces) for person in people], np.int64)
    found = suggest.likeness(
        size,
        np.array([pair for pair, _ in doubts], np.int64).reshape(-1, 2).T,
        np.array([odds for _, odds in doubts], np.float32),
        np.array([row[face] for face in faces], np.int64)[met],
    )
    demanded = bonds(ledger.decisions(album.db), row, catalogue.taken_dates(album.db))
    apart = {frozenset((row[a], row[b])) for a, b in demanded.apart}
    apart |= {
        frozenset((row[face], number))
        for number, person in enumerate(people)
        if person.birth and not demanded.together.keys().isdisjoint(person.faces)
        for face, taken in catalogue.taken_dates(album.db).items()
        if face in row and taken < person.birth
    }
    keep = np.array([frozenset(pair) not in apart for pair in found.pairs.T.tolist()], np.bool_)
    named = np.array([person.name is not None for person in people], np.bool_)
    asked = suggest.rank(size, named, Likeness(found.pairs[:, keep], found.probability[keep]))
    return [
        replace(
            question,
            person=people[question.person].id,
            candidates=tuple(
                replace(box, person=people[box.person].id) for box in question.candidates
            ),
        )
        for question in asked
    ]


faces = st.integers(1, FACES + 2)  # the last ones are no faces any more
numbers = st.sets(st.integers(1, PEOPLE), max_size=3)


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(0, PEOPLE), min_size=FACES, max_size=FACES),
    st.dictionaries(
        st.tuples(faces, faces).filter(lambda pair: pair[0] < pair[1]),
        st.floats(-5, 5, width=32),
        max_size=30,
    ),
    numbers,
    numbers,
    st.lists(st.tuples(*[st.integers(1, PEOPLE)] * 2).filter(lambda p: p[0] != p[1]), max_size=3),
    st.sets(st.integers(1, FACES), max_size=2),
    st.lists(st.integers(2000, 2004), min_size=PEOPLE, max_size=PEOPLE),
)
@example([0, 0, 0, 0, 0, 6, 0, 0, 6, 1, 0, 0], {(6, 10): 0.0}, {1, 2, 6}, set(), [(1, 6)], set(),
         [2000, 2000, 2000, 2000, 2000, 2002])  # fmt: skip
def test_the_questions_are_those_of_going_through_all_faces_one_by_one(
    cluster: list[int],
    doubts: dict[Pair, float],
    named: set[int],
    hidden: set[int],
    parted: list[Pair],
    no_faces: set[int],
    births: list[int],
) -> None:
    clusters = [tuple(f + 1 for f, c in enumerate(cluster) if c == k) for k in range(1, PEOPLE + 1)]
    infos = [replace(INFO, taken_at=f"{2000 + n}-05-01T12:00:00") for n in range(FACES // 3)]
    batch = [photo(f"{n}.jpg", *[1] * 3, info=info) for n, info in enumerate(infos)]
    with (
        tempfile.TemporaryDirectory() as folder,
        library(Path(folder) / "album", *batch) as album,
    ):
        group(album.db, *clusters)
        put_doubts(album, doubts)
        there = {person.id for person in all_people(album)}
        for number in named & there:
            name(album, str(number), f"Person {number}")
            with suppress(OptionError):  # later than all photos
                birth(album, f"Person {number}", str(births[number - 1]))
        for number in hidden & there:
            hide(album, str(number))
        for one, two in parted:
            if {one, two} <= there:
                differ(album, str(one), str(two))
        for face in no_faces:
            not_a_face(album, face)
        assert suggestions(album) == plainly(album)


def test_nobody_is_asked_whether_a_child_is_in_a_photo_from_before_its_birth(
    album: Library,
) -> None:
    put_doubts(album, {(one, two): 4.0 for one in (1, 2, 3) for two in (4, 5)})
    name(album, "1", "Ann")
    birth(album, "Ann", "2019-07-14")  # the day of all photos
    assert [{q.person, *(box.person for box in q.candidates)} for q in suggestions(album)] == [
        {1, 2}
    ]
    put(album.db, photo("old.jpg", 2, info=replace(INFO, taken_at="2019-07-13T23:59:59")))
    group(album.db, (1, 2, 3), (4, 5, 7), (6,))
    put_doubts(album, {(one, two): 4.0 for one in (1, 2, 3) for two in (4, 5)})
    assert suggestions(album) == []


def test_doubts_are_read_into_arrays_and_nothing_else(album: Library) -> None:
    count = 30_000
    put_doubts(album, {(face, face + 1): face / count for face in range(1, count + 1)})
    tracemalloc.start()
    pairs, log_odds = nearby.doubts(album.db)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert pairs.T.tolist() == [[face, face + 1] for face in range(1, count + 1)]
    assert np.array_equal(log_odds, (np.arange(1, count + 1) / count).astype(np.float32))
    assert peak < 3 * count * (8 + 8 + 4)  # the arrays, and as they grow


def test_faces_are_found_by_arrays(album: Library) -> None:
    photos = catalogue.photo_of_faces(album.db)
    ids, photo = catalogue.face_photos(album.db)
    assert dict(zip(ids.tolist(), photo.tolist(), strict=True)) == photos
    assert ids.tolist() == sorted(photos)

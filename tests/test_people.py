from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.answers import add_up
from faceclust.people import bonds, not_faces, placed, resolve, standing
from faceclust.records import Decision, Person

CLUSTERS = {1: 101, 2: 101, 3: 101, 4: 102, 5: 102, 6: 103}


def people(
    decisions: Sequence[Decision] = (), clusters: dict[int, int] | None = None
) -> dict[int, Person]:
    membership = CLUSTERS if clusters is None else clusters
    live = range(1, 20) if clusters is None else clusters.keys()
    return {person.id: person for person in resolve(membership, decisions, set(live))}


def named(number: int, faces: tuple[int, ...], person: int, name: str, known: int = 6) -> Decision:
    return Decision(number, "name", faces, person, name=name, known=known, spare=900 + number)


ANN = named(1, (1, 2, 3), 101, "Ann")


def test_without_decisions_people_are_the_clusters() -> None:
    found = people()
    assert {person: p.faces for person, p in found.items()} == {
        101: (1, 2, 3),
        102: (4, 5),
        103: (6,),
    }
    assert all(p.name is None for p in found.values())


def test_a_named_person_keeps_name_and_number_when_the_cluster_is_renumbered() -> None:
    moved = {1: 7, 2: 7, 3: 7, 4: 102, 5: 102, 6: 103}
    assert people([ANN], moved)[101] == Person(101, "Ann", (1, 2, 3))


def test_new_faces_of_the_cluster_take_its_name() -> None:
    grown = CLUSTERS | {7: 101, 8: 101, 9: 101, 10: 101}
    assert people([ANN], grown)[101].faces == (1, 2, 3, 7, 8, 9, 10)


def test_a_cluster_the_user_saw_unnamed_does_not_follow_a_stray_named_face() -> None:
    # Face 3 was named with Ann's cluster by mistake of the clusterer; now it sits elsewhere.
    moved = {1: 101, 2: 101, 3: 102, 4: 102, 5: 102, 6: 102}
    found = people([ANN], moved)
    assert found[101].faces == (1, 2, 3)
    assert found[102].faces == (4, 5, 6)
    assert found[102].name is None


def test_a_cluster_that_mixes_two_named_people_is_taken_apart() -> None:
    bob = named(2, (4, 5), 102, "Bob")
    mixed = {1: 101, 2: 101, 3: 101, 4: 101, 5: 101, 6: 101, 7: 101}
    found = people([ANN, bob], mixed)
    assert found[101].faces == (1, 2, 3)
    assert found[102].faces == (4, 5)
    (rest,) = [p for p in found.values() if p.name is None]
    assert rest.faces == (6, 7)


def test_the_same_name_makes_one_person() -> None:
    found = people([ANN, named(2, (4, 5), 102, "Ann")])
    assert found[101].faces == (1, 2, 3, 4, 5)
    assert 102 not in found


def test_renaming_takes_faces_along_that_are_not_there_now() -> None:
    rename = named(2, (1, 2), 101, "Anna")
    found = people([ANN, rename])
    assert found[101] == Person(101, "Anna", (1, 2, 3))


def test_merge_joins_clusters_and_survives_reclustering() -> None:
    merge = Decision(1, "merge", (4, 5, 6), 102, others=(103,), known=6, spare=900)
    assert people([merge])[102].faces == (4, 5, 6)
    apart = {1: 101, 2: 101, 3: 101, 4: 1, 5: 2, 6: 3}
    assert people([merge], apart)[102].faces == (4, 5, 6)


def test_a_rejected_face_leaves_and_never_comes_back() -> None:
    reject = Decision(2, "reject", (3,), 101, known=6, spare=950)
    found = people([ANN, reject])
    assert found[101].faces == (1, 2)
    assert found[950].faces == (3,)


def test_a_face_rejected_from_an_unnamed_cluster_leaves_it() -> None:
    found = people([Decision(1, "reject", (3,), 101, known=6, spare=950)])
    assert found[101].faces == (1, 2)
    assert found[950].faces == (3,)


def test_not_a_face_is_in_no_person_and_hidden_from_the_clusterer() -> None:
    decision = Decision(1, "not-a-face", (6,))
    assert 103 not in people([decision])
    assert not_faces([decision]) == {6}


def test_ignored_people_are_marked() -> None:
    assert people([Decision(1, "ignore", (4, 5), 102, known=6, spare=9)])[102].ignored


def test_who_is_hidden_as_well_stays_ignored() -> None:
    aside = Decision(1, "ignore", (4, 5), 102, known=6, spare=9)
    hidden = Decision(2, "hide", (4, 5), 102, known=6, spare=10)
    person = people([aside, hidden])[102]
    assert (person.ignored, person.hidden) == (True, True)
    shown = Decision(3, "show", (4, 5), 102, known=6, spare=11)
    person = people([aside, hidden, shown])[102]
    assert (person.ignored, person.hidden) == (False, False)


def test_answers_about_a_name_outlive_the_number_that_it_had() -> None:
    imported = named(1, (1, 2), 900, "Ann")
    decisions = [
        imported,
        named(2, (3, 4, 5), 102, "Ann"),
        Decision(3, "reject", (4,), 900, name="Ann", spare=901),
        Decision(4, "birth", (), 900, name="Ann", date="2015"),
        Decision(5, "differ", (3,), 900, (103,), name="Ann", against=(6,), spare=902),
        Decision(6, "undo", undoes=1),
    ]
    ann = people(decisions)[102]
    assert (ann.name, ann.birth) == ("Ann", "2015")
    assert 4 not in ann.faces
    assert 4 not in people(decisions, {3: 102, 4: 102, 5: 102})[102].faces
    assert 6 not in people(decisions, {3: 102, 5: 102, 6: 102})[102].faces


def test_a_detection_is_a_face_after_all() -> None:
    none = Decision(1, "not-a-face", (4, 5))
    after_all = Decision(2, "a-face", (4,))
    assert not_faces([none, after_all]) == {5}
    assert not_faces([none, after_all, Decision(3, "undo", undoes=2)]) == {4, 5}


def test_undo_takes_back_and_can_itself_be_undone() -> None:
    undo = Decision(2, "undo", undoes=1)
    redo = Decision(3, "undo", undoes=2)
    assert people([ANN, undo])[101].name is None
    assert people([ANN, undo, redo])[101].name == "Ann"
    assert standing([ANN, undo, redo]) == [ANN]


FACES = st.integers(1, 15)
clusterings = st.dictionaries(FACES, st.integers(100, 105))
actions = st.lists(
    st.one_of(
        st.tuples(st.just("name"), st.integers(0, 9), st.sampled_from(["Ann", "Bob", "Cem"])),
        st.tuples(st.just("merge"), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.just("reject"), st.integers(0, 9), st.integers(0, 9)),
        st.tuples(st.just("not-a-face"), st.integers(0, 9), st.just(0)),
        st.tuples(st.just("ignore"), st.integers(0, 9), st.just(0)),
    ),
    max_size=12,
)


def decide(membership: dict[int, int], steps: list[tuple[str, int, object]]) -> list[Decision]:
    """Carry out steps as the command line would: each upon the people as they then are."""
    decisions: list[Decision] = []
    for step, (kind, pick, value) in enumerate(steps):
        found = resolve(membership, decisions, set(membership))
        if not found:
            break
        person = found[pick % len(found)]
        number, spare = step + 1, 1000 + step
        if kind == "name":
            made = Decision(number, "name", person.faces, person.id, name=str(value), known=15,
                            spare=spare)  # fmt: skip
        elif kind == "merge":
            other = found[int(str(value)) % len(found)]
            if other.id == person.id:
                continue
            made = Decision(number, "merge", tuple({*person.faces, *other.faces}), person.id,
                            (other.id,), person.name or other.name, 15, spare)  # fmt: skip
        elif kind == "reject":
            face = person.faces[int(str(value)) % len(person.faces)]
            made = Decision(number, "reject", (face,), person.id, known=15, spare=spare)
        elif kind == "ignore":
            made = Decision(number, "ignore", person.faces, person.id, name=person.name, known=15,
                            spare=spare)  # fmt: skip
        else:
            made = Decision(number, "not-a-face", (person.faces[0],), spare=spare)
        decisions.append(made)
    return decisions


@given(clusterings, actions, clusterings)
def test_every_live_face_is_in_one_person_whatever_was_decided(
    before: dict[int, int], steps: list[tuple[str, int, object]], after: dict[int, int]
) -> None:
    decisions = decide(before, steps)
    live = set(before) | set(after)
    found = resolve(after, decisions, live)
    faces = [face for person in found for face in person.faces]
    assert len(faces) == len(set(faces))
    assert set(after) - not_faces(decisions) <= set(faces) <= live - not_faces(decisions)
    assert len({person.id for person in found}) == len(found)
    names = [person.name for person in found if person.name]
    assert len(names) == len(set(names))


@given(clusterings, actions, clusterings)
def test_no_later_clustering_takes_a_name_from_a_face(
    before: dict[int, int], steps: list[tuple[str, int, object]], after: dict[int, int]
) -> None:
    decisions = decide(before, steps)
    live = set(before) | set(after)
    was = {
        face: person.name
        for person in resolve(before, decisions, live)
        for face in person.faces
        if person.name
    }
    confirmed = {face for d in decisions if d.kind in ("name", "merge") for face in d.faces}
    now = {f: p.name for p in resolve(after, decisions, live) for f in p.faces}
    for face in confirmed & set(was):
        assert now[face] == was[face]


@given(clusterings, actions, clusterings)
def test_a_rejected_face_is_never_with_the_person_it_was_rejected_from(
    before: dict[int, int], steps: list[tuple[str, int, object]], after: dict[int, int]
) -> None:
    decisions = decide(before, steps)
    last = decisions[-1] if decisions else None
    if last is None or last.kind != "reject":
        return
    for membership in (before, after):
        for person in resolve(membership, decisions, set(before) | set(after)):
            assert person.id != last.person or last.faces[0] not in person.faces


DAYS = ["2005", "2006-03", "2006-03-17", "2006-12-31", "2007"]
TIMES = ["2004-12-31T23:59:59", "2005-01-01T00:00:00", "2006-03-17T10:00:00", "2006-04", "2009"]
decided = st.lists(
    st.one_of(
        st.tuples(st.just("name"), st.sets(FACES, min_size=1), st.sampled_from(["Ann", "Bob"])),
        st.tuples(st.just("birth"), st.sampled_from(DAYS), st.sampled_from(["Ann", "Bob"])),
        st.tuples(st.just("reject"), st.sets(FACES, min_size=1), st.sampled_from(["Ann", "Bob"])),
    ),
    max_size=8,
)


def said(steps: list[tuple[str, set[int] | str, str]]) -> list[Decision]:
    number = {"Ann": 101, "Bob": 102}
    return [
        Decision(i, "birth", (), number[who], name=who, date=what)
        if isinstance(what, str)
        else Decision(i, "name" if kind == "name" else "reject", tuple(sorted(what)), number[who],
                      name=who, spare=900 + i)
        for i, (kind, what, who) in enumerate(steps, 1)
    ]  # fmt: skip


@given(decided, st.sets(FACES), st.dictionaries(FACES, st.sampled_from(TIMES)))
def test_a_birth_demands_what_a_pair_of_every_older_face_would(
    steps: list[tuple[str, set[int] | str, str]], live: set[int], taken: dict[int, str]
) -> None:
    decisions = said(steps)
    demanded, groups = bonds(decisions, live, taken), add_up(decisions).groups
    older = {
        (face, person)
        for person, group in groups.items()
        for face, date in taken.items()
        if group.birth is not None and date[: len(group.birth)] < group.birth
    }
    assert demanded.together == {
        f: p for p, g in groups.items() for f in g.faces & live if (f, p) not in older
    }
    births = demanded.births
    assert older == {(f, p) for f in range(1, 16) for p in groups if births.too_early(f, p)}
    assert placed(decisions, live, taken).births == births


@pytest.mark.parametrize("people", [5, 50])
def test_births_take_as_much_room_as_there_are_faces_and_people(people: int) -> None:
    faces = 40 * people
    decisions = [
        made
        for n in range(people)
        for made in (
            Decision(2 * n + 1, "name", (n + 1,), 1000 + n, name=f"P{n}", spare=2000 + n),
            Decision(2 * n + 2, "birth", (), 1000 + n, name=f"P{n}", date="2015"),
        )
    ]
    taken = {f: "2016" if f <= people else "1999" for f in range(1, faces + 1)}
    demanded = bonds(decisions, taken, taken)
    assert all(demanded.births.too_early(faces, 1000 + n) for n in range(people))
    births = demanded.births
    stored = (demanded.together, demanded.apart, births.born, births.taken)
    assert sum(map(len, stored)) <= 2 * people + faces
    assert not placed(decisions, taken, taken).apart

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from faceclust.records import Box, FaceNote, PersonNote, Placed
from faceclust.tags import Conflict, Heeded, Noted, Outcome, Seed, Told, barred, heed
from faceclust.tags.claims import ConflictKind

BOX = Box(0.1, 0.1, 0.1, 0.1)
NOBODY = Placed({}, {})
ANN = Outcome((Seed("Ann", (1, 2)),))
# Face 7 is Ann's by the user's word; 8 and 9 are one person without a name.
HERE = Placed({7: 70, 8: 80, 9: 80}, {70: "Ann"})


def noted(face: int, **said: Any) -> Noted:
    return Noted(face, FaceNote(BOX, **said), 1, "xmp", "a.xmp")


def told(name: str, birth: str | None = None, *, hidden: bool = False) -> Told:
    return Told(PersonNote(name, birth, hidden), 1, "xmp", "a.xmp")


def run(*said: Noted | Told, outcome: Outcome = ANN, placed: Placed = NOBODY,
        births: dict[str, str | None] | None = None) -> Heeded:  # fmt: skip
    faces = [each for each in said if isinstance(each, Noted)]
    people = [each for each in said if isinstance(each, Told)]
    return heed(faces, people, outcome, placed, births or {})


def kinds(heeded: Heeded) -> list[str]:
    return [conflict.kind for conflict in heeded.conflicts]


def test_whom_a_face_does_not_show() -> None:
    found = run(noted(3, is_not=("ANN", "Nobody here")), noted(3, is_not=("Ann",)))
    assert found == Heeded(rejected=((3, "Ann"),))
    known = Placed({7: 70}, {70: "Ann"}, rejected=frozenset({(3, 70)}))
    assert run(noted(3, is_not=("Ann",)), placed=known) == Heeded(known=1)


def test_what_the_user_said_here_stands_against_notes() -> None:
    assert kinds(run(noted(7, is_not=("Ann",)), placed=HERE)) == ["same-person"]
    assert kinds(run(noted(8, no_face=True), placed=HERE)) == ["a-face"]
    assert barred([noted(7, is_not=("Ann",)), noted(8, no_face=True)], HERE) == (set(), set())
    here = barred([noted(3, is_not=("Ann", "EVE")), noted(4, no_face=True)], HERE)
    assert here == ({(3, "ann"), (3, "eve")}, {4})


@pytest.mark.parametrize(
    ("kind", "note"),
    [
        ("rejected", {"is_not": ("ANN",)}),
        ("not-a-face", {"no_face": True}),
        ("two-names", {"is_not": ("ANN",)}),
        ("two-names", {"no_face": True}),
        ("not-a-face", {"no_face": True, "is_not": ("Ann",)}),
    ],
)
def test_what_another_program_disputes_is_left_to_the_user(
    kind: ConflictKind, note: dict[str, Any]
) -> None:
    conflict = Conflict(kind, ("Ann", "Eve"), 1, "xmp", "b.xmp", 3)
    outcome = replace(ANN, conflicts=(conflict,))
    assert run(noted(3, **note), outcome=outcome) == Heeded()
    assert run(noted(4, **note), outcome=outcome).count == len(note)


def test_what_is_no_face() -> None:
    assert run(noted(3, no_face=True)).no_faces == (3,)
    known = Placed({}, {}, not_faces=frozenset({3}))
    assert run(noted(3, no_face=True), placed=known) == Heeded(known=1)
    assert run(noted(1, no_face=True)) == Heeded()


def test_people_without_a_name() -> None:
    found = run(
        noted(3, group="x-1"), noted(4, group="x-1"), noted(5, group="y-1", ignored=True),
        noted(1, group="x-1"),
    )  # fmt: skip
    assert [(j.faces, j.ignored, j.person) for j in found.joined] == [
        ((3, 4), False, None), ((5,), True, None),
    ]  # fmt: skip
    assert found.count == 2


@pytest.mark.parametrize(
    ("faces", "joined"),
    [
        ((8, 9), []),
        ((3, 8), [((3,), 80)]),
        ((3, 7), []),
        ((3, 7, 8), []),
    ],
)
def test_people_without_a_name_join_those_here(
    faces: tuple[int, ...], joined: list[tuple[tuple[int, ...], int | None]]
) -> None:
    found = run(*(noted(face, group="x-1") for face in faces), placed=HERE)
    assert [(j.faces, j.person) for j in found.joined] == joined
    assert found.known == (faces == (8, 9))


def test_what_the_user_put_together_is_not_parted_by_a_note() -> None:
    outcome = Outcome((Seed("Eve", (8,), together=80),))
    found = run(noted(9, is_not=("Eve",)), outcome=outcome, placed=HERE)
    assert (found.rejected, kinds(found)) == ((), ["same-person"])


def test_births() -> None:
    assert run(told("ann", "2015"), told("Ann", "2015")).births == (("Ann", "2015"),)
    assert run(told("Bob", "2015")).births == ()
    assert run(told("Ann", "2015"), births={"ann": "2015"}) == Heeded(known=1)
    for found in (
        run(told("Ann", "2015"), told("Ann", "2016")),
        run(told("Ann", "2015"), births={"ann": "2016"}),
    ):
        assert (found.births, kinds(found)) == ((), ["two-births"])
        assert found.conflicts[0].names == ("Ann: 2015 / 2016",)


def test_hidden_people_come_hidden_and_those_here_stay_as_they_are() -> None:
    assert run(told("Ann", hidden=True), told("ann", hidden=True)).hidden == ("Ann",)
    assert run(told("Ann", hidden=True), placed=HERE).hidden == ()

from __future__ import annotations

from typing import Any

import pytest

from faceclust.records import Births, Placed
from faceclust.tags import Claim, Hint, Outcome, settle

# Photos 1 to 4 hold faces 11, 12 | 21 | 31, 32 | 41; clusters 100: 11 21 31 41, 200: 12 32.
FACES = {1: (11, 12), 2: (21,), 3: (31, 32), 4: (41,)}
CLUSTERS = {11: 100, 21: 100, 31: 100, 41: 100, 12: 200, 32: 200}
NOTHING = Placed({}, {})


def claim(face: int, name: str) -> Claim:
    return Claim(face, name, face // 10, "xmp", "a.xmp")


def hint(photo: int, name: str) -> Hint:
    return Hint(name, photo, "takeout", "a.json")


def run(
    claims: list[Claim] | None = None, hints: list[Hint] | None = None, **options: Any
) -> Outcome:
    placed = options.get("placed", NOTHING)
    return settle(claims or [], hints or [], FACES, options.get("clusters", CLUSTERS), placed)


def seeds(outcome: Outcome) -> dict[str, tuple[int, ...]]:
    return {seed.name: seed.faces for seed in outcome.seeds}


def kinds(outcome: Outcome) -> list[tuple[str, int | None]]:
    return [(each.kind, each.face) for each in outcome.conflicts]


def test_boxes_name_faces() -> None:
    outcome = run([claim(11, "Ann"), claim(12, "Bob"), claim(11, "ann"), claim(21, "Ann")])
    assert seeds(outcome) == {"Ann": (11, 21), "Bob": (12,)}
    assert outcome.conflicts == ()


def test_one_name_in_two_spellings_is_one_person() -> None:
    claims = [claim(41, "ANN"), claim(21, "Ann"), claim(31, "Ann")]
    assert seeds(run(claims)) == seeds(run(claims[::-1])) == {"Ann": (21, 31, 41)}
    here = Placed({12: 7}, {7: "aNN"})
    assert seeds(run(claims, placed=here)) == {"aNN": (21, 31, 41)}
    both = Placed({12: 7, 11: 8}, {7: "aNN", 8: "Ann"})
    claims[2] = claim(31, "aNN")
    assert seeds(run(claims, placed=both)) == {"Ann": (21, 41), "aNN": (31,)}


def test_two_names_for_one_face() -> None:
    outcome = run([claim(11, "Ann"), claim(11, "Anna"), claim(12, "Bob")])
    assert seeds(outcome) == {"Bob": (12,)}
    assert kinds(outcome) == [("two-names", 11)]
    assert outcome.conflicts[0].names == ("Ann", "Anna")


def test_one_name_on_two_faces_of_a_photo() -> None:
    outcome = run([claim(11, "Ann"), claim(12, "Ann"), claim(21, "Ann")])
    assert seeds(outcome) == {"Ann": (21,)}
    assert kinds(outcome) == [("twice", 11), ("twice", 12)]
    agreed = run([claim(11, "Ann"), claim(12, "Ann")], clusters={11: 100, 12: 100})
    assert seeds(agreed) == {"Ann": (11, 12)}
    here = run([claim(11, "Ann")], placed=Placed({12: 7}, {7: "Ann"}))
    assert kinds(here) == [("twice", 11)]


@pytest.mark.parametrize(
    ("placed", "kind"),
    [
        (Placed({11: 7}, {7: "Eve"}), "named-otherwise"),
        (Placed({11: 7}, {}, ignored=frozenset({7})), "hidden"),
        (Placed({12: 7}, {7: "Ann"}, rejected=frozenset({(11, 7)})), "rejected"),
        (Placed({}, {}, not_faces=frozenset({11})), "not-a-face"),
        (Placed({12: 7}, {7: "Ann"}, births=Births({7: "2015"}, {11: "2014-12-31"})), "too-early"),
        (Placed({21: 7}, {7: "Ann"}, frozenset({7})), "hidden"),
        (Placed({21: 7}, {7: "Ann"}, apart={11: frozenset({21})}), "parted"),
        (Placed({11: 8, 31: 8, 21: 7}, {7: "Ann"}, apart={31: frozenset({21})}), "parted"),
        (
            Placed({11: 8, 31: 8, 21: 7}, {7: "Ann"}, births=Births({7: "2015"}, {31: "2014"})),
            "parted",
        ),
    ],
)
def test_what_the_user_said_stands(placed: Placed, kind: str) -> None:
    outcome = run([claim(11, "Ann")], placed=placed)
    assert (seeds(outcome), kinds(outcome)) == ({}, [(kind, 11)])


def test_what_is_known_is_not_said_again() -> None:
    outcome = run([claim(11, "ann")], [hint(1, "ANN")], placed=Placed({11: 7}, {7: "Ann"}))
    assert (outcome.seeds, outcome.known, outcome.told) == ((), 1, 1)


def test_what_the_user_put_together_stays_together() -> None:
    placed = Placed({11: 7, 21: 7}, {})
    outcome = run([claim(11, "Ann")], placed=placed)
    assert [(s.name, s.faces, s.together) for s in outcome.seeds] == [("Ann", (11,), 7)]
    outcome = run([claim(11, "Ann"), claim(21, "Bob")], placed=placed)
    assert (seeds(outcome), kinds(outcome)) == ({}, [("put-together", 11), ("put-together", 21)])


def test_a_hint_for_the_only_face() -> None:
    outcome = run([], [hint(2, "Ann")])
    assert (seeds(outcome), outcome.used, outcome.hints) == ({"Ann": (21,)}, 1, ())


@pytest.mark.parametrize(
    "hints",
    [
        [hint(2, "Ann"), hint(2, "Bob")],  # two names, one face
        [hint(1, "Ann")],  # one name, two faces
        [hint(2, "Ann"), hint(4, "Bob")],  # one cluster, two names
    ],
)
def test_hints_that_leave_a_choice_are_kept(hints: list[Hint]) -> None:
    outcome = run([], hints)
    assert seeds(outcome) == {}
    assert sorted(h.name for h in outcome.hints) == sorted(h.name for h in hints)


def test_a_hint_for_the_only_face_that_is_left() -> None:
    outcome = run([claim(11, "Ann")], [hint(1, "Ann"), hint(1, "Bob")])
    assert seeds(outcome) == {"Ann": (11,), "Bob": (12,)}
    assert (outcome.used, outcome.told) == (1, 1)


def test_a_hint_for_the_face_in_the_persons_cluster() -> None:
    outcome = run([claim(21, "Ann")], [hint(3, "ann")])
    assert seeds(outcome) == {"Ann": (21, 31)}
    mixed = run([claim(21, "Ann"), claim(41, "Eve")], [hint(3, "Ann")])
    assert seeds(mixed) == {"Ann": (21,), "Eve": (41,)}
    assert [h.name for h in mixed.hints] == ["Ann"]


@pytest.mark.parametrize(
    "placed",
    [
        Placed({21: 7}, {}, ignored=frozenset({7})),
        Placed({}, {}, not_faces=frozenset({21})),
        Placed({32: 7}, {7: "Ann"}, rejected=frozenset({(21, 7)})),
        Placed({21: 7}, {7: "Eve"}),
    ],
)
def test_a_hint_never_goes_against_the_user(placed: Placed) -> None:
    outcome = run([], [hint(2, "Ann")], placed=placed)
    assert (seeds(outcome), [h.name for h in outcome.hints]) == ({}, ["Ann"])


def test_a_contested_face_takes_no_hint() -> None:
    outcome = run([claim(21, "Ann"), claim(21, "Bob")], [hint(2, "Cem")])
    assert (seeds(outcome), [h.name for h in outcome.hints]) == ({}, ["Cem"])


def test_a_hint_parts_no_less_than_a_box() -> None:
    placed = Placed({11: 7}, {7: "Ann"}, apart={21: frozenset({11}), 41: frozenset({31})})
    outcome = run([], [hint(2, "Ann")], placed=placed)
    assert (seeds(outcome), [each.name for each in outcome.hints]) == ({}, ["Ann"])

"""Dates of birth: nobody is in a photo from before they were born."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from dataclasses import replace
from datetime import date

from faceclust.answers import Answers, add_up
from faceclust.errors import OptionError, PersonError
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people, find, live_faces
from faceclust.records import Births, Decision, Person
from faceclust.store import catalogue, ledger


def birth(library: Library, who: str, born: str | None) -> tuple[Person, int]:
    """Say when a named person was born: no earlier photo will ever show that person.

    Args:
        who: also somebody of whom no face is left, so that a wrong date can be corrected.
        born: ISO 8601, "2015-07-14", "2015-07" or "2015"; None forgets what was said.

    Returns:
        The person as it is now, and how many faces were too early and have left.

    Raises:
        PersonError: there is no such person, or it has no name.
        OptionError: `born` is no date, or would leave the person without a face.
    """
    if born is not None and not _is_date(born):
        raise OptionError(f"{born!r} is no date; give YYYY-MM-DD, YYYY-MM or YYYY.")
    if born is not None and not is_birth(born):
        raise OptionError(f"{born} is yet to come; give a date that has passed.")
    people, answers = all_people(library), add_up(ledger.decisions(library.db))
    person = find([*people, *_faceless(people, answers)], who)
    if person.name is None:
        raise PersonError(f'Name the person first: `faceclust name {who} "NAME"`.')
    if born is not None:
        placed = answers.groups[person.id].faces & live_faces(library) - answers.not_faces
        _check_some_left(library, replace(person, birth=born), placed)
    if born != person.birth:
        made = Decision(0, "birth", (), person.id, name=person.name, date=born)
        ledger.put_decision(library.db, made)
    gone = replace(person, faces=(), birth=born)
    now = next((p for p in all_people(library) if p.id == person.id), gone)
    return now, len(set(person.faces) - set(now.faces))


def is_birth(text: str) -> bool:
    """Whether a text is a date, ISO 8601 or its beginning, on which somebody can have been born."""
    return _is_date(text) and text <= date.today().isoformat()


def check_one(library: Library, people: Sequence[Person]) -> None:
    """Refuse to make people one where that would leave out one of them, by the date of birth.

    Args:
        people: the first one's date of birth counts, or else the next one's.

    Raises:
        PersonError: all photos of one of them are from before another one was born.
    """
    born = next((person for person in people if person.birth is not None), None)
    if born is None:
        return
    births = Births({born.id: str(born.birth)}, catalogue.taken_dates(library.db))
    for person in people:
        if person.faces and all(births.too_early(face, born.id) for face in person.faces):
            newest = max(births.taken[face] for face in person.faces)
            raise PersonError(
                f"The photos of {person.name or person.id} are all from before {born.name} was "
                f"born ({born.birth}), the newest one of {newest[:10]}; if they are one person, "
                f'correct that first: `faceclust birth "{born.name}" DATE`.'
            )


def faceless(library: Library) -> list[Person]:
    """Everyone with a name of whom no face is left: each is gone, or from before the birth."""
    return list(_faceless(all_people(library), add_up(ledger.decisions(library.db))))


def _faceless(people: Sequence[Person], answers: Answers) -> Iterator[Person]:
    seen = {person.id for person in people}
    for group in answers.groups.values():
        if group.name is not None and group.id not in seen:
            yield Person(group.id, group.name, (), group.ignored, group.hidden, group.birth)


def _check_some_left(library: Library, person: Person, placed: Collection[int]) -> None:
    """Refuse a date of birth that takes from a person all faces that the user placed there.

    With them the person would be gone: the others follow these.
    """
    births = Births({person.id: str(person.birth)}, catalogue.taken_dates(library.db))
    if placed and all(births.too_early(face, person.id) for face in placed):
        first = min(births.taken[face] for face in {*placed, *person.faces} & births.taken.keys())
        raise OptionError(
            f"{person.birth} would leave {person.name} without a face: the first photo is of "
            f"{first[:10]}; give that day or an earlier one."
        )


def _is_date(text: str) -> bool:
    if not re.fullmatch(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", text):
        return False
    try:
        date.fromisoformat(text + "-01-01"[len(text) - 4 :] if len(text) < 10 else text)
    except ValueError:
        return False
    return True

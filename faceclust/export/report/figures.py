"""What a report shows of each person, counted once for page and pictures alike."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from faceclust.records import Person


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """How much a report holds, so that a library of any size gives a file that opens.

    Attributes:
        faces_each: most faces on one person's contact sheet.
        sheets: people who get a contact sheet, those with the most faces.
        portraits: people after them who get one face.
        seen_once: list unnamed people who were seen only once, too.
    """

    faces_each: int = 12
    sheets: int = 150
    portraits: int = 1000
    seen_once: bool = False


@dataclass(frozen=True, slots=True)
class PersonFigures:
    """One person.

    Attributes:
        label: the name, or "Person 12".
        faces, photos: how many.
        first, last: days (ISO 8601) of the oldest and newest photo, "" where none has a date.
        months: faces by month, "2019-07".
        best: ids of the best faces, at most one of a photo, the best first.
    """

    id: int
    label: str
    named: bool
    faces: int
    photos: int
    first: str
    last: str
    months: Mapping[str, int]
    best: tuple[int, ...]


def figures(
    people: Iterable[Person],
    facts: Mapping[int, tuple[str, str | None, float]],
    options: ReportOptions,
) -> list[PersonFigures]:
    """Everyone who is to be shown: the named first, then by number of faces.

    Args:
        people: hidden ones are left out.
        facts: each face's file, capture date and quality.
        options: how much to show.
    """
    shown = [
        person
        for person in people
        if not (person.ignored or person.hidden)
        and (person.name or len(person.faces) > 1 or options.seen_once)
    ]
    shown.sort(key=lambda person: (person.name is None, -len(person.faces), person.id))
    return [_figures(person, facts, options.faces_each) for person in shown]


def months_of(people: Iterable[PersonFigures]) -> Counter[str]:
    """Faces by month, of all people together."""
    total: Counter[str] = Counter()
    for person in people:
        total.update(person.months)
    return total


def _figures(
    person: Person, facts: Mapping[int, tuple[str, str | None, float]], faces_each: int
) -> PersonFigures:
    dates = sorted(date for date in (facts[face][1] for face in person.faces) if date)
    best: dict[str, int] = {}
    for face in sorted(person.faces, key=lambda face: -facts[face][2]):
        best.setdefault(facts[face][0], face)
    return PersonFigures(
        id=person.id,
        label=person.name or f"Person {person.id}",
        named=person.name is not None,
        faces=len(person.faces),
        photos=len(best),
        first=dates[0][:10] if dates else "",
        last=dates[-1][:10] if dates else "",
        months=Counter(date[:7] for date in dates),
        best=tuple(best.values())[:faces_each],
    )

"""The people of a library, and the user's decisions about them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from faceclust.errors import OptionError, PersonError
from faceclust.people import not_faces, resolve, standing
from faceclust.pipeline.library import Library
from faceclust.records import Decision, DecisionKind, Person
from faceclust.store import catalogue, ledger

MAX_NAME = 300
# Format characters that belong to names: in Persian and Hindi, and in joined emoji.
JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person as `faceclust people` shows it.

    Attributes:
        photos: files the person is in.
        first, last: capture dates (ISO 8601) of the oldest and newest of them, or None.
        best_face: the face with the most detector confidence times pixels; `best_photo` its file.
    """

    person: Person
    photos: int
    first: str | None
    last: str | None
    best_face: int
    best_photo: str


def all_people(library: Library) -> list[Person]:
    """Every person and unnamed cluster, in order of id."""
    return people_of(library, catalogue.live_face_ids(library.db))


def people_of(library: Library, live: Collection[int]) -> list[Person]:
    """As `all_people`, of the faces in `live`: those whose facts the caller has read already."""
    newest = ledger.newest_clustering(library.db)
    return resolve(newest.membership if newest else {}, ledger.decisions(library.db), live)


def summaries(library: Library, *, ignored: bool = False) -> list[PersonSummary]:
    """People with what is worth showing of them, most faces first; the ignored ones if asked."""
    facts = catalogue.face_facts(library.db)
    people = people_of(library, facts)
    shown = [summary(person, facts) for person in people if person.ignored == ignored]
    return sorted(shown, key=lambda s: (-len(s.person.faces), s.person.id))


def summary(person: Person, facts: Mapping[int, tuple[str, str | None, float]]) -> PersonSummary:
    """What is worth showing of a person, from `catalogue.face_facts`."""
    mine = {face: facts[face] for face in person.faces}
    dates = sorted(date for _, date, _ in mine.values() if date)
    best = max(mine, key=lambda face: mine[face][2])
    return PersonSummary(
        person=person,
        photos=len({photo for photo, _, _ in mine.values()}),
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        best_face=best,
        best_photo=mine[best][0],
    )


def find(people: Sequence[Person], who: str) -> Person:
    """The person with this id or name.

    Raises:
        PersonError: there is none.
    """
    wanted = unicodedata.normalize("NFC", who).strip()
    named = [person for person in people if person.name == wanted]
    if not named:
        named = [person for person in people if str(person.id) == wanted]
    if not named:
        raise PersonError(
            f"There is no person {who!r} in this library; `faceclust people` lists them."
        )
    return named[0]


def clean_name(name: str) -> str:
    """A name fit to be stored: NFC, one line, no control characters.

    Raises:
        OptionError: nothing is left of it, it is too long, or it is a number.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join(c if unicodedata.category(c)[0] != "C" or c in JOINERS else " " for c in text)
    text = " ".join(text.split())
    if not text.strip(JOINERS + " "):
        raise OptionError("The name is empty; give one, for example `faceclust name 12 Ann`.")
    if text.isdecimal():
        raise OptionError(f"The name {text} would be taken for a person's number; add a letter.")
    if len(text) > MAX_NAME:
        raise OptionError(f"The name is longer than {MAX_NAME} characters; shorten it.")
    return text


def name(library: Library, who: str, new_name: str) -> tuple[Person, Person | None]:
    """Name a person; a name that another person has makes the two one.

    Returns:
        The person as it is now, and the one it was joined with, or None.

    Raises:
        PersonError: there is no person `who`.
        OptionError: the name cannot be used.
    """
    text = clean_name(new_name)
    people = all_people(library)
    person = find(people, who)
    same = [other for other in people if other.name == text and other.id != person.id]
    if person.name != text or person.ignored:
        _decide(library, Decision(0, "name", person.faces, person.id, name=text))
    return find(all_people(library), text), same[0] if same else None


def merge(library: Library, who: Sequence[str]) -> Person:
    """Make several people one; the first named one gives the name.

    Raises:
        PersonError: someone does not exist, or fewer than two different people are given.
    """
    people = all_people(library)
    merged = list({person.id: person for person in (find(people, w) for w in who)}.values())
    if len(merged) < 2:
        raise PersonError("Give two different people to merge, for example `faceclust merge 3 8`.")
    names = [person.name for person in merged if person.name]
    first = next((person for person in merged if person.name), merged[0])
    faces = tuple(sorted(face for person in merged for face in person.faces))
    others = tuple(person.id for person in merged if person.id != first.id)
    name = names[0] if names else None
    _decide(library, Decision(0, "merge", faces, first.id, others=others, name=name))
    return find(all_people(library), str(first.id) if name is None else name)


def reject(library: Library, face: int, who: str) -> Person | None:
    """Say that a face is not this person.

    Returns:
        Where the face is now; None where it waits for the next clustering.

    Raises:
        PersonError: there is no such person, or the face is not among its faces.
    """
    person = find(all_people(library), who)
    if face not in person.faces:
        raise PersonError(f"Face {face} is not among the faces of {who}; `faceclust people {who}`.")
    _decide(library, Decision(0, "reject", (face,), person.id))
    return next((p for p in all_people(library) if face in p.faces), None)


def not_a_face(library: Library, face: int) -> None:
    """Say that a detection shows no face.

    Raises:
        PersonError: there is no such face.
    """
    if face not in catalogue.live_face_ids(library.db):
        raise PersonError(f"There is no face {face}; `faceclust people WHO` lists faces.")
    if face not in not_faces(ledger.decisions(library.db)):
        _decide(library, Decision(0, "not-a-face", (face,)))


def ignore(library: Library, who: str, *, show: bool = False) -> Person:
    """Hide a person from lists and exports, or show one again.

    Args:
        show: take back the hiding.

    Raises:
        PersonError: there is no such person.
    """
    person = find(all_people(library), who)
    if person.ignored == show:
        kind: DecisionKind = "merge" if show else "ignore"
        _decide(library, Decision(0, kind, person.faces, person.id, name=person.name))
    return person


def undo(library: Library, *, dry_run: bool = False) -> Decision:
    """Take back the newest decision that still holds; itself only an addition.

    Args:
        dry_run: only tell which one that is.

    Raises:
        PersonError: there is nothing to take back.
    """
    holding = standing(ledger.decisions(library.db))
    if not holding:
        raise PersonError("There is no decision to take back.")
    if not dry_run:
        ledger.put_decisions(library.db, [Decision(0, "undo", undoes=holding[-1].id)])
    return holding[-1]


def _decide(library: Library, decision: Decision) -> None:
    (spare,) = ledger.new_ids(library.db, 1)
    ledger.put_decisions(library.db, [replace(decision, spare=spare)])

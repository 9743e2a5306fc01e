"""Answers about several selected faces at once: one decision, so that one undo takes it back."""

from __future__ import annotations

from collections.abc import Collection

from faceclust.errors import PersonError
from faceclust.people import bonds
from faceclust.pipeline.decide import some
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people, find
from faceclust.records import Decision, Person
from faceclust.store import catalogue, ledger


def reject_all(library: Library, faces: Collection[int], who: str) -> None:
    """Say that faces are not this person; each goes where it may.

    Raises:
        PersonError: there is no such person, or a face is not among its faces.
    """
    person = _with(library, faces, who)
    decided = person.id in bonds(ledger.decisions(library.db), person.faces).together.values()
    others = () if decided else some(tuple(f for f in person.faces if f not in set(faces)))
    ledger.put_decision(
        library.db,
        Decision(0, "reject", tuple(sorted(faces)), person.id, name=person.name, against=others),
    )


def split_off(library: Library, faces: Collection[int], who: str) -> Person:
    """Make another person of some faces of one.

    Returns:
        The new person.

    Raises:
        PersonError: there is no such person, or the faces are not some of its faces.
    """
    person = _with(library, faces, who)
    stay = tuple(face for face in person.faces if face not in set(faces))
    if not stay:
        raise PersonError(f"All faces of {who} were given; leave at least one.")
    new, spare = ledger.new_ids(library.db, 2)
    leave = tuple(sorted(faces))
    ledger.put_decision(
        library.db, Decision(0, "split", stay, person.id, (new, spare), against=leave)
    )
    return find(all_people(library), str(new))


def not_faces(library: Library, faces: Collection[int]) -> None:
    """Say that detections show no faces.

    Raises:
        PersonError: one of them is not there.
    """
    if missing := set(faces) - catalogue.live_face_ids(library.db):
        raise PersonError(f"There is no face {min(missing)}.")
    ledger.put_decision(library.db, Decision(0, "not-a-face", tuple(sorted(faces))))


def _with(library: Library, faces: Collection[int], who: str) -> Person:
    person = find(all_people(library), who)
    if not faces or not set(faces) <= set(person.faces):
        raise PersonError(f"These faces are not all among those of {who}.")
    return person

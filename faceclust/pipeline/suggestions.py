"""The queue of questions, and its answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from faceclust import suggest
from faceclust.people import bonds
from faceclust.pipeline.arrive import same_photo
from faceclust.pipeline.decide import differing, merged, merging
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people, dates, find, find_all, is_hidden
from faceclust.records import FloatArray, IntArray, Person
from faceclust.store import catalogue, ledger, nearby
from faceclust.suggest import Likeness, Suggestion


def suggestions(library: Library, limit: int | None = None) -> list[Suggestion]:
    """Which people may be one, those first whose answer settles the most faces for a click.

    Pairs that the user parted are not asked about, nor is anybody who is hidden or ignored. The
    questions come from the pairs that the newest clustering left apart; there are none where its
    method was not "partition".

    Args:
        limit: how many at most; None for all.
    """
    people = [person for person in all_people(library) if not is_hidden(person)]
    size = np.array([len(person.faces) for person in people], np.int64)
    named = np.array([person.name is not None for person in people], np.bool_)
    row_of = {face: row for row, person in enumerate(people) for face in person.faces}
    faces, log_odds = nearby.doubts(library.db)
    found = suggest.likeness(size, *_known(_rows(faces, row_of), log_odds), _met(library, row_of))
    asked = suggest.rank(size, named, _askable(library, found, row_of), limit)
    return [_by_id(question, people) for question in asked]


def answer(
    library: Library, who: str, yes: Collection[str] = (), no: Collection[str] = ()
) -> Person:
    """Answer a question: those of `yes` are `who`, too, those of `no` are not.

    All of that is one step of `undo`.

    Raises:
        PersonError: somebody does not exist; then nothing is decided.
    """
    person, *others = find_all(all_people(library), [who, *yes, *no])
    same, not_same = others[: len(yes)], others[len(yes) :]
    made = differing(library, person, not_same) if no else []
    if yes:
        made.append(merging([person, *same]))
    ledger.put_steps(library.db, [made])
    return merged(library, made[-1]) if yes else find(all_people(library), who)


def _rows(faces: IntArray, row_of: dict[int, int]) -> IntArray:
    """(2, M) rows of the people of faces, -1 for faces that are nobody's."""
    flat = [row_of.get(face, -1) for face in faces.ravel().tolist()]
    return np.array(flat, np.int64).reshape(faces.shape)


def _known(rows: IntArray, log_odds: FloatArray) -> tuple[IntArray, FloatArray]:
    there = (rows >= 0).all(0)
    return rows[:, there], log_odds[there]


def _met(library: Library, row_of: dict[int, int]) -> IntArray:
    """(2, Q) people who were seen in one photo."""
    photo = catalogue.photo_of_faces(library.db)
    faces = np.array(sorted(row_of), np.int64)
    pairs = same_photo(np.array([photo[face] for face in faces.tolist()], np.int64))
    return _rows(faces[pairs], row_of)


def _askable(library: Library, found: Likeness, row_of: dict[int, int]) -> Likeness:
    """Without the pairs of people that the user's answers keep apart."""
    decisions = ledger.decisions(library.db)
    apart = bonds(decisions, row_of.keys(), dates(library, decisions)).apart
    parted = {tuple(sorted((row_of[a], row_of[b]))) for a, b in apart}
    keep = np.array([tuple(pair) not in parted for pair in found.pairs.T.tolist()], np.bool_)
    return Likeness(found.pairs[:, keep], found.probability[keep])


def _by_id(question: Suggestion, people: Sequence[Person]) -> Suggestion:
    boxes = (replace(box, person=people[box.person].id) for box in question.candidates)
    return replace(question, person=people[question.person].id, candidates=tuple(boxes))

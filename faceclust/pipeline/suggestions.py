"""The queue of questions, and its answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from itertools import chain

import numpy as np

from faceclust import suggest
from faceclust.people import bonds
from faceclust.pipeline.arrive import constraints_of, same_photo
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
    method scored no pairs.

    Args:
        limit: how many at most; None for all.
    """
    people = [person for person in all_people(library) if not is_hidden(person)]
    size = np.array([len(person.faces) for person in people], np.int64)
    named = np.array([person.name is not None for person in people], np.bool_)
    rows = _Rows(people, size)
    faces, log_odds = nearby.doubts(library.db)
    found = suggest.likeness(size, *_known(rows.of(faces), log_odds), _met(library, rows))
    asked = suggest.rank(size, named, _askable(library, found, rows), limit)
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


class _Rows:
    """In which row of a list of people, of known sizes, each face's person is.

    Attributes:
        faces: ids of all of their faces.
    """

    def __init__(self, people: Sequence[Person], size: IntArray) -> None:
        self.faces = np.fromiter(chain.from_iterable(p.faces for p in people), np.int64)
        # The last one stands for all later faces: they are nobody's.
        self._row = np.full(self.faces.max(initial=-1) + 2, -1, np.int64)
        self._row[self.faces] = np.repeat(np.arange(len(people)), size)

    def of(self, faces: IntArray) -> IntArray:
        """The rows of faces by their ids, of any shape; -1 for faces that are nobody's."""
        row: IntArray = self._row[np.minimum(faces, len(self._row) - 1)]
        return row


def _known(rows: IntArray, log_odds: FloatArray) -> tuple[IntArray, FloatArray]:
    there = (rows >= 0).all(0)
    return rows[:, there], log_odds[there]


def _met(library: Library, rows: _Rows) -> IntArray:
    """(2, Q) people who were seen in one photo."""
    faces, photo = catalogue.face_photos(library.db)
    row = rows.of(faces)
    photo, row = photo[row >= 0], row[row >= 0]
    met: IntArray = row[same_photo(photo)]
    return met


def _askable(library: Library, found: Likeness, rows: _Rows) -> Likeness:
    """Without the pairs of people that the user's answers keep apart."""
    decisions, faces = ledger.decisions(library.db), np.sort(rows.faces)
    demanded = bonds(decisions, faces.tolist(), dates(library, decisions))
    decided, row = constraints_of(demanded, faces), rows.of(faces)
    K = row.max(initial=-1) + 1
    a, b = np.sort(row[decided.barred], axis=0)
    keep = ~np.isin(found.pairs[0] * K + found.pairs[1], a * K + b)
    keep &= ~decided.ages.of_clusters(row, K).clash(*found.pairs)
    return Likeness(found.pairs[:, keep], found.probability[keep])


def _by_id(question: Suggestion, people: Sequence[Person]) -> Suggestion:
    boxes = (replace(box, person=people[box.person].id) for box in question.candidates)
    return replace(question, person=people[question.person].id, candidates=tuple(boxes))

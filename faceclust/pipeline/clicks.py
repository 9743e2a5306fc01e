"""Clicks until a library is named, simulated on known people: by questions, or by size alone."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np

from faceclust import suggest
from faceclust.pipeline.arrive import same_photo
from faceclust.records import Graph, IntArray
from faceclust.suggest import Likeness, Suggestion

SHARES = (0.8, 0.95)
NAME = 3  # clicks to name a person: open it, type or choose the name, confirm
ROUND = 20  # names and answers after which the questions are ranked anew

Reached = dict[float, int | None]


@dataclass(frozen=True, slots=True)
class Clicks:
    """Clicks after which a share of all faces has the right name; None where it never does.

    Attributes:
        by_size: naming people in order of size.
        by_questions: naming them or answering a question, whichever settles more for a click.
    """

    by_size: Reached
    by_questions: Reached


def simulate(labels: IntArray, truth: IntArray, doubts: Graph, photo: IntArray) -> Clicks:
    """Let a user who knows everybody name the clusters of N faces.

    A cluster gets the name of most of its faces. A name costs `NAME` clicks; a question one, and
    one more for each tick that is to be changed.

    Args:
        labels: (N,) int64 the clusters.
        truth: (N,) int64 the people.
        doubts: log-odds of pairs of faces in two clusters.
        photo: (N,) int64 the photo of each face.
    """
    by_size, by_questions = (_Evening(labels, truth, doubts, photo) for _ in range(2))
    return Clicks(by_size.spend(questions=False), by_questions.spend(questions=True))


class _Evening:
    """People are rows: `faces` counts each one's faces by true person."""

    def __init__(self, labels: IntArray, truth: IntArray, doubts: Graph, photo: IntArray) -> None:
        _, row = np.unique(labels, return_inverse=True)
        self.faces = [Counter[int]() for _ in range(int(row.max(initial=-1)) + 1)]
        for person, who in zip(row.tolist(), truth.tolist(), strict=True):
            self.faces[person][who] += 1
        self.now = np.arange(len(self.faces))  # the row that each row has become part of
        self.name: dict[int, int] = {}
        self.bearer: dict[int, int] = {}
        self.parted: set[tuple[int, int]] = set()
        self.total, self.covered, self.clicks = len(labels), 0, 0
        self.pairs, self.log_odds = row[doubts.edge_index], doubts.edge_weight
        self.met = row[same_photo(photo)]

    def spend(self, *, questions: bool) -> Reached:
        """Clicks by share."""
        reached: Reached = dict.fromkeys(SHARES)
        while any(clicks is None for clicks in reached.values()):
            acts = self._acts(questions)
            if not acts:
                break
            for act in acts[:ROUND]:
                self._act(act)
                for share, clicks in reached.items():
                    if clicks is None and self.covered >= share * self.total:
                        reached[share] = self.clicks
        return reached

    def _acts(self, questions: bool) -> list[int | Suggestion]:
        """People to be named, and questions, most faces a click first."""
        size = np.array([faces.total() for faces in self.faces], np.int64)
        worth: list[tuple[float, int | Suggestion]] = [
            (size[row] / NAME, row) for row in np.flatnonzero(size).tolist() if row not in self.name
        ]
        if questions:
            found = suggest.likeness(size, self.now[self.pairs], self.log_odds, self.now[self.met])
            open_ = [tuple(pair) not in self.parted for pair in found.pairs.T.tolist()]
            found = Likeness(found.pairs[:, open_], found.probability[open_])
            named = np.isin(np.arange(len(size)), list(self.name))
            worth += [(each.value, each) for each in suggest.rank(size, named, found)]
        worth.sort(key=lambda item: -item[0])
        return [act for _, act in worth]

    def _act(self, act: int | Suggestion) -> None:
        if isinstance(act, Suggestion):
            if self.now[act.person] == act.person:
                self._answer(act)
        elif self._is_open(act):
            self.clicks += NAME
            who = self._who(act)
            if who in self.bearer:
                self._join(self.bearer[who], act)
            else:
                self.bearer[who], self.name[act] = act, who
                self.covered += self.faces[act][who]

    def _answer(self, question: Suggestion) -> None:
        boxes = [b for b in question.candidates if self._is_open(b.person)]
        self.clicks += bool(boxes)
        for box in boxes:
            same = self._who(box.person) == self._who(question.person)
            self.clicks += same != box.ticked
            if same:
                self._join(question.person, box.person)
            else:
                ends = box.person, question.person
                self.parted.add((min(ends), max(ends)))

    def _is_open(self, row: int) -> bool:
        return bool(self.now[row] == row) and row not in self.name

    def _who(self, row: int) -> int:
        given = self.name.get(row)
        if given is not None:
            return given
        return min(self.faces[row], key=lambda who: (-self.faces[row][who], who))

    def _join(self, row: int, other: int) -> None:
        if row in self.name:
            self.covered += self.faces[other][self.name[row]]
        self.faces[row] += self.faces[other]
        self.faces[other] = Counter()
        self.now[self.now == other] = row
        # Who is not one of two that became one is not the other.
        parted = [tuple(row if end == other else end for end in pair) for pair in self.parted]
        self.parted = {(min(pair), max(pair)) for pair in parted}

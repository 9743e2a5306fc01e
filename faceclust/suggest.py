"""Questions for the user, those first whose answer settles the most faces for a click.

A question is about one person: which of these are that person, too? Candidates that probably are
come ticked; a click changes a tick, and one more confirms all.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from faceclust.records import FloatArray, IntArray

DoubleArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

# A pair of faces outside the neighbour lists counts as FLOOR, and a face of the smaller of two
# people is expected to know REACH of the larger: as in the partition of the same log-odds.
FLOOR = -4.0
REACH = 20
# Logistic regression on pairs of clusters of train-family and train-celeb together:
# `python -m tests.benchmarks.suggest --fit train-family.tar train-celeb.tar`.
MEAN, BEST, SAME_PHOTO, INTERCEPT = 1.37, 0.03, -3.1, 1.02
LEAST = 0.05  # a candidate that is less probable is not worth a look
TICKED = 0.5
MOST = 12  # candidates in one question
UNNAMED = 0.5  # worth of putting two unnamed people together: they still want a name


@dataclass(frozen=True, slots=True)
class Candidate:
    """One box to tick in a question.

    Attributes:
        person: who may be the same.
        faces: how many faces that would settle.
        probability: calibrated, that it is.
    """

    person: int
    faces: int
    probability: float

    @property
    def ticked(self) -> bool:
        """Whether the box is ticked at first."""
        return self.probability >= TICKED


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One question: which of the candidates are this person, too?

    Attributes:
        person: whom it is about.
        candidates: most probable first; at least one.
        value: expected number of faces settled for a click.
    """

    person: int
    candidates: tuple[Candidate, ...]
    value: float


@dataclass(frozen=True, slots=True, eq=False)
class Likeness:
    """Pairs of people that may be one.

    Attributes:
        pairs: (2, E) int64, a < b, rows of people, each pair once.
        probability: (E,) calibrated, that both are one person.
    """

    pairs: IntArray
    probability: DoubleArray


def likeness(
    size: IntArray, faces: IntArray, log_odds: FloatArray, photos: IntArray | None = None
) -> Likeness:
    """How probable it is that two people are one, from the pairs of their faces.

    Args: as of `evidence`.
    """
    pairs, features = evidence(size, faces, log_odds, photos)
    z = features @ np.array([MEAN, BEST, SAME_PHOTO]) + INTERCEPT
    return Likeness(pairs, 1 / (1 + np.exp(-z)))


def evidence(
    size: IntArray, faces: IntArray, log_odds: FloatArray, photos: IntArray | None = None
) -> tuple[IntArray, DoubleArray]:
    """What speaks for two people being one.

    Args:
        size: (K,) number of faces of each person.
        faces: (2, M) the people of pairs of faces; pairs of one person do not count.
        log_odds: (M,) of these pairs.
        photos: (2, Q) pairs of people that were seen in one photo.

    Returns:
        (2, E) pairs of people, a < b, and (E, 3): the mean log-odds of their pairs of faces, the
        best, and whether they were seen in one photo.
    """
    K = max(len(size), 1)
    a, b = np.sort(faces, axis=0)
    two = a != b
    key, pair, count = np.unique(a[two] * K + b[two], return_inverse=True, return_counts=True)
    total = np.bincount(pair, log_odds[two], len(key))
    best = np.full(len(key), FLOOR)
    np.maximum.at(best, pair, log_odds[two])
    ends = np.stack(np.divmod(key, K))
    small, large = size[ends].min(0), size[ends].max(0)
    possible = np.minimum(small * large, np.maximum(count, REACH * small))
    mean = (total + FLOOR * (possible - count)) / np.maximum(possible, 1)
    met = np.zeros(len(key), np.bool_)
    if photos is not None:
        met = np.isin(key, np.sort(photos, axis=0)[0] * K + np.sort(photos, axis=0)[1])
    return ends, np.stack([mean, best, met], axis=1)


def rank(
    size: IntArray, named: BoolArray, found: Likeness, limit: int | None = None
) -> list[Suggestion]:
    """The questions worth asking, best first; people are called by their rows.

    Each person is a candidate once: with the most probable other one. Of two unnamed people the
    smaller one is the candidate; two named ones are never asked about.

    Args:
        size: (K,) number of faces of each person.
        named: (K,) who has a name.
        found: pairs that may be asked about.
        limit: how many questions; None for all.
    """
    worth = (found.probability >= LEAST) & ~named[found.pairs].all(0)
    (a, b), p = found.pairs[:, worth], found.probability[worth]
    # The candidate is the one without a name, else the smaller, else the later one.
    swap = (named[b] & ~named[a]) | ((named[a] == named[b]) & (size[b] > size[a]))
    anchor, candidate = np.where(swap, b, a), np.where(swap, a, b)
    asked: defaultdict[int, list[Candidate]] = defaultdict(list)
    taken: set[int] = set()
    for row in np.lexsort((candidate, anchor, -p)).tolist():
        person, other = int(anchor[row]), int(candidate[row])
        # A chain (a like b, b like c) is asked link by link: b cannot be asked about twice.
        if other in taken or person in taken or other in asked:
            continue
        taken.add(other)
        asked[person].append(Candidate(other, int(size[other]), float(p[row])))
    found_ = [_best(person, boxes, bool(named[person])) for person, boxes in asked.items()]
    return sorted(found_, key=lambda s: (-s.value, s.person))[:limit]


def _best(person: int, boxes: list[Candidate], named: bool) -> Suggestion:
    """The question with as many of the candidates as make a click worth most."""
    best = Suggestion(person, (), -1.0)
    settled, clicks = 0.0, 1.0
    for number, box in enumerate(boxes[:MOST], 1):
        settled += box.probability * box.faces
        clicks += min(box.probability, 1 - box.probability)
        value = settled / clicks * (1 if named else UNNAMED)
        if value > best.value:
            best = Suggestion(person, tuple(boxes[:number]), value)
    return best

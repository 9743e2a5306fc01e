"""Questions for the user, those first whose answer settles the most faces for a click."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

SuggestionKind: TypeAlias = Literal["same", "member"]


@dataclass(frozen=True, slots=True)
class Candidate:
    """One box to tick in a question.

    Attributes:
        id: of another person ("same"), or of one of the person's faces ("member").
        faces: how many faces the answer settles.
        probability: calibrated, that the answer is yes.
    """

    id: int
    faces: int
    probability: float


@dataclass(frozen=True, slots=True)
class Suggestion:
    """One question: "same": which of these are this person, too? "member": which faces stay?

    All candidates are ticked at first; one click confirms, and one more takes out each that is
    not that person.

    Attributes:
        person: id of the person it is about.
        candidates: most probable first; at least one.
        value: expected number of faces settled for a click.
    """

    kind: SuggestionKind
    person: int
    candidates: tuple[Candidate, ...]
    value: float

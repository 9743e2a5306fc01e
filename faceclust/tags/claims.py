"""What files say of faces and photos, and what comes of it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from faceclust.tags.found import Source

ConflictKind: TypeAlias = Literal[
    "two-names", "named-otherwise", "rejected", "not-a-face", "hidden", "twice", "no-face",
    "ambiguous", "bad-name", "put-together", "parted", "too-early", "same-person", "a-face",
    "two-births",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Claim:
    """A file says that a face is a person's.

    Attributes:
        whole: we wrote it, and so all faces that were that person's then.
    """

    face: int
    name: str
    photo: int
    source: Source
    file: str
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Hint:
    """A file says that a person is in a photo, not where."""

    name: str
    photo: int
    source: Source
    file: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """What was not taken over.

    Attributes:
        names: who it is about: the new name first, then who the face is already.
        face: the face, where there is one.
        photo: id of the photo.
    """

    kind: ConflictKind
    names: tuple[str, ...]
    photo: int
    source: Source
    file: str
    face: int | None = None


@dataclass(frozen=True, slots=True)
class Seed:
    """Faces that get a name.

    Attributes:
        together: the person that the user had made of them, unnamed.
        whole: these are all faces of that person, not a few of many.
    """

    name: str
    faces: tuple[int, ...]
    together: int | None = None
    whole: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an import does.

    Attributes:
        seeds: names for faces, each name once for every `together`.
        known: how many claims say what the user has said already.
        used: how many hints told whose face it is, `told`: how many told nothing new.
        hints: those that did not.
        conflicts: what was not taken over.
    """

    seeds: tuple[Seed, ...] = ()
    known: int = 0
    used: int = 0
    told: int = 0
    hints: tuple[Hint, ...] = ()
    conflicts: tuple[Conflict, ...] = ()

"""Which answers of the user's names alone do not carry: written beside them, for a new library."""

from __future__ import annotations

import secrets
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from faceclust.people import placed
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import dates, live_faces
from faceclust.records import Box, FaceNote, Notes, Person, PersonNote, Placed
from faceclust.store import ledger

_AUTHOR = "author"


@dataclass(frozen=True, slots=True)
class Notebook:
    """What is to be noted of a library's faces and people.

    Attributes:
        author: a random word that tells this library's notes from others'.
        people: those who are named in exports, by name.
        owner: face id to the name of one of them.
        is_not: face id to names of people that it does not show.
        group: face id to the number of a person without a name that the user made.
        ignored: numbers of people that the user does not want to know.
        no_faces: ids of what shows no face.
    """

    author: str
    people: dict[str, PersonNote]
    owner: dict[int, str]
    is_not: dict[int, set[str]]
    group: dict[int, int]
    ignored: frozenset[int]
    no_faces: frozenset[int]

    def of(self, faces: Iterable[tuple[int, Box]]) -> Notes:
        """The notes for one photo.

        Args:
            faces: everything that was found in it: face id and box.
        """
        faces = list(faces)
        noted = [note for face, box in faces if (note := self._face(face, box)) is not None]
        names = dict.fromkeys(self.owner[face] for face, _ in faces if face in self.owner)
        return Notes(self.author, tuple(noted), tuple(self.people[name] for name in names))

    def _face(self, face: int, box: Box) -> FaceNote | None:
        if face in self.owner:
            return None
        person = self.group.get(face)
        note = FaceNote(
            box,
            is_not=tuple(sorted(self.is_not.get(face, ()))),
            group=None if person is None else f"{self.author}-{person}",
            ignored=person in self.ignored,
            no_face=face in self.no_faces,
        )
        return None if note == FaceNote(box) else note


def notebook(library: Library, people: Sequence[Person], *, dry_run: bool = False) -> Notebook:
    """Collect what is to be noted.

    Args:
        people: all of the library's.
        dry_run: leave the database as it is.
    """
    decisions = ledger.decisions(library.db)
    where = placed(decisions, live_faces(library), dates(library, decisions))
    shown = [person for person in people if person.name is not None and not person.ignored]
    owner = {face: person.name or "" for person in shown for face in person.faces}
    return Notebook(
        author=_author(library, dry_run),
        people={p.name or "": PersonNote(p.name or "", p.birth, p.hidden) for p in shown},
        owner=owner,
        is_not=_is_not(where, owner, shown),
        group={f: p for f, p in where.group.items() if p not in where.names or p in where.ignored},
        ignored=where.ignored,
        no_faces=where.not_faces,
    )


def _author(library: Library, dry_run: bool) -> str:
    known = library.db.setting(_AUTHOR)
    author = known or secrets.token_hex(8)
    if known is None and not dry_run:
        library.db.set_setting(_AUTHOR, author)
    return author


def _is_not(where: Placed, owner: dict[int, str], shown: Sequence[Person]) -> dict[int, set[str]]:
    """Whom a face does not show, by the user's word; dates of birth say their part themselves."""
    names = {person.id: person.name or "" for person in shown}
    number = {name: person for person, name in names.items()}
    found: defaultdict[int, set[str]] = defaultdict(set)
    for face, person in where.rejected:
        if person in names:
            found[face].add(names[person])
    for face, others in where.apart.items():
        for other in others & owner.keys():
            if not where.births.too_early(face, number[owner[other]]):
                found[face].add(owner[other])
    return dict(found)

"""Everyone in a library at one moment, read once and kept while nothing changes."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal, TypeAlias

from faceclust.people import standing
from faceclust.pipeline.library import Library
from faceclust.pipeline.memo import Stamp
from faceclust.pipeline.people import PersonSummary, all_people, is_hidden, summary
from faceclust.records import Decision, Person
from faceclust.store import catalogue, ledger

Facts: TypeAlias = Mapping[int, tuple[str, str | None, float]]
Show: TypeAlias = Literal["everyone", "named", "unnamed", "strangers", "hidden"]
Order: TypeAlias = Literal["faces", "name", "newest"]


@dataclass(frozen=True)
class Gallery:
    """People and faces of a library as they were at `stamp`.

    Attributes:
        facts: file, capture date and quality of each live face; see `catalogue.face_facts`.
        photo_of: photo id of each face.
        people: every person by id, hidden ones too, most faces first.
        standing: the decisions that hold, oldest first.
    """

    stamp: Stamp
    facts: Facts
    photo_of: Mapping[int, int]
    people: Mapping[int, PersonSummary]
    standing: Sequence[Decision]

    @cached_property
    def person_of(self) -> dict[int, int]:
        """The person of each face."""
        return {face: who for who, found in self.people.items() for face in found.person.faces}

    @cached_property
    def counts(self) -> dict[str, int]:
        """How many people each view of the list shows, and how many faces there are."""
        people = list(self.people.values())
        shown: dict[str, int] = {show: sum(map(rule, people)) for show, rule in _SHOWN.items()}
        return {**shown, "faces": len(self.facts)}

    def listed(self, show: Show, order: Order = "faces", words: str = "") -> list[PersonSummary]:
        """The people of one view; with `words`, those whose names have words that begin so."""
        wanted = _words(words)
        found = [
            each
            for each in self.people.values()
            if _SHOWN[show](each) and (not wanted or _matches(each.person.name, wanted))
        ]
        match order:
            case "faces":
                return found
            case "name":
                return sorted(found, key=lambda each: (not each.person.name, folded(each)))
            case "newest":
                return sorted(found, key=lambda each: each.last or "", reverse=True)

    def dated_faces(self, who: int) -> list[int]:
        """The faces of a person in order of capture date; those without a date come last."""
        faces = self.people[who].person.faces
        return sorted(faces, key=lambda face: (self.facts[face][1] or "9999", face))


_SHOWN: dict[Show, Callable[[PersonSummary], bool]] = {
    "everyone": lambda s: not is_hidden(s.person) and not s.stranger,
    "named": lambda s: not is_hidden(s.person) and s.person.name is not None,
    "unnamed": lambda s: not is_hidden(s.person) and s.person.name is None and not s.stranger,
    "strangers": lambda s: not is_hidden(s.person) and s.stranger,
    "hidden": lambda s: is_hidden(s.person),
}


def gallery(library: Library) -> Gallery:
    """The library as it is now; the same object while nothing changes."""
    memo, db = library.memo, library.db
    stamp = memo.stamp(db)

    def read() -> Gallery:
        facts = memo.get("facts", stamp.revision, lambda: catalogue.face_facts(db))
        photo_of = memo.get("photos", stamp.revision, lambda: catalogue.photo_of_faces(db))
        before: Gallery | None = memo.last("gallery")
        known = before.people if before is not None and before.facts is facts else {}
        found = list(_summaries(all_people(library), facts, known))
        found.sort(key=lambda each: (-len(each.person.faces), each.person.id))
        holding = standing(ledger.decisions(db))
        return Gallery(stamp, facts, photo_of, {s.person.id: s for s in found}, holding)

    return memo.get("gallery", stamp, read)


def _summaries(
    people: Iterable[Person], facts: Facts, known: Mapping[int, PersonSummary]
) -> Iterator[PersonSummary]:
    for person in people:
        before = known.get(person.id)
        if before is not None and before.person == person:
            yield before
            continue
        # A scan may have ended since the facts were read: its faces come with the next ones.
        faces = tuple(face for face in person.faces if face in facts)
        if faces:
            yield summary(replace(person, faces=faces), facts)


def mark(found: PersonSummary) -> str:
    """What tells this state of a person from a later one: a digest of name, faces and hiding."""
    person = found.person
    state = repr((person.name, person.faces, person.ignored, person.hidden, person.birth))
    return hashlib.blake2b(state.encode("utf-8", "surrogatepass"), digest_size=6).hexdigest()


def folded(found: PersonSummary) -> str:
    """A person's name as it is sorted and searched: no case, no accents."""
    return _fold(found.person.name or "")


def _fold(text: str) -> str:
    apart = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in apart if not unicodedata.combining(c))


def _words(text: str) -> list[str]:
    return _fold(text).split()


def _matches(name: str | None, wanted: list[str]) -> bool:
    words = _words(name or "")
    return all(any(word.startswith(start) for word in words) for start in wanted)

"""Everyone in a library at one moment, read once and kept while nothing changes."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, TypeAlias

from faceclust.people import resolve, standing
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import PersonSummary, summary
from faceclust.records import Decision
from faceclust.store import StoredClustering, catalogue, ledger

Facts: TypeAlias = Mapping[int, tuple[str, str | None, float]]
Show: TypeAlias = Literal["several", "named", "unnamed", "once", "hidden"]
Order: TypeAlias = Literal["faces", "name", "newest"]


@dataclass(frozen=True)
class Gallery:
    """People and faces of a library as they were at `stamp`.

    Attributes:
        stamp: revision of the catalogue, newest clustering, newest decision.
        facts: file, capture date and quality of each live face; see `catalogue.face_facts`.
        photo_of: photo id of each face.
        clustering: the newest one, or None.
        people: every person by id, hidden ones too, most faces first.
        standing: the decisions that hold, oldest first.
    """

    stamp: tuple[int, int, int]
    facts: Facts
    photo_of: Mapping[int, int]
    clustering: StoredClustering | None
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
    "several": lambda s: not s.person.ignored and (bool(s.person.name) or len(s.person.faces) > 1),
    "named": lambda s: not s.person.ignored and bool(s.person.name),
    "unnamed": lambda s: not s.person.ignored and not s.person.name and len(s.person.faces) > 1,
    "once": lambda s: not s.person.ignored and not s.person.name and len(s.person.faces) == 1,
    "hidden": lambda s: s.person.ignored,
}


def gallery(
    library: Library, before: Gallery | None = None, *, catalogue_too: bool = True
) -> Gallery:
    """The library as it is now.

    Args:
        before: what was read earlier: returned itself where nothing changed since, and what did
            not change is taken from it.
        catalogue_too: False: the files and faces of `before` are new enough.
    """
    revision = catalogue.revision(library.db)
    if before is not None and not catalogue_too:
        revision = before.stamp[0]
    clustering_id, decision_id = ledger.newest_ids(library.db)
    stamp = (revision, clustering_id, decision_id)
    if before is not None and before.stamp == stamp:
        return before
    if before is not None and before.stamp[0] == revision:
        facts, photo_of = before.facts, before.photo_of
    else:
        facts, photo_of = catalogue.face_facts(library.db), catalogue.photo_of_faces(library.db)
    if before is not None and before.stamp[1] == clustering_id:
        clustering = before.clustering
    else:
        clustering = ledger.newest_clustering(library.db)
    decisions = ledger.decisions(library.db)
    people = resolve(clustering.membership if clustering else {}, decisions, facts.keys())
    found = sorted((summary(each, facts) for each in people), key=lambda s: -len(s.person.faces))
    return Gallery(
        stamp, facts, photo_of, clustering, {s.person.id: s for s in found}, standing(decisions)
    )


def mark(found: PersonSummary) -> str:
    """What tells this state of a person from a later one: a digest of name, faces and hiding."""
    person = found.person
    state = repr((person.name, person.faces, person.ignored))
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

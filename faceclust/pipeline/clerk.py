"""What an import brings, worded as decisions of the user's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people
from faceclust.records import Decision, DecisionKind, Placed
from faceclust.store import ledger
from faceclust.tags import Heeded, Seed


@dataclass(slots=True)
class Clerk:
    """Words what an import brings as decisions.

    Attributes:
        where: what the user has decided.
        whole: numbers of people who are new here, and of whom we ourselves wrote all faces.
        numbers: of people by name, those of this import included.
        owner: face id to the number of the unnamed person that it is in, by the clustering.
        taken: numbers that stand for someone.
    """

    library: Library
    where: Placed
    numbers: dict[str, int] = field(default_factory=dict)
    owner: dict[int, int] = field(default_factory=dict)
    taken: set[int] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.numbers = {name: number for number, name in self.where.names.items()}
        self.taken = set(self.where.group.values())
        self.owner = {
            face: person.id
            for person in all_people(self.library)
            if person.name is None and not person.ignored
            for face in person.faces
            if face not in self.where.group
        }

    def named(self, seeds: Iterable[Seed]) -> Iterator[Decision]:
        """The decision for each seed; a cluster that is named keeps its number."""
        for seed in seeds:
            faces = set(seed.faces)
            if seed.together is not None:
                faces |= {f for f, group in self.where.group.items() if group == seed.together}
            person = seed.together if seed.together is not None else self.numbers.get(seed.name)
            if person is None:
                person = self._number(seed.faces)
                # Who was here already keeps what the library knows of them beside.
                if seed.whole:
                    self.whole.add(person)
            self.numbers.setdefault(seed.name, person)
            self.taken.add(person)
            yield Decision(0, "name", tuple(sorted(faces)), person, name=seed.name)

    def heeded(self, heeded: Heeded) -> Iterator[Decision]:
        """The decisions for what notes say; after those for names, whose numbers they use."""
        for group in heeded.joined:
            person = group.person
            if person is None:
                person = self._number(group.faces)
                self.whole.add(person)
            self.taken.add(person)
            kind: DecisionKind = "ignore" if group.ignored else "merge"
            yield Decision(0, kind, group.faces, person)
        for face, name in heeded.rejected:
            yield Decision(0, "reject", (face,), self.numbers[name], name=name)
        for face in heeded.no_faces:
            yield Decision(0, "not-a-face", (face,))
        for name, date in heeded.births:
            yield Decision(0, "birth", (), self.numbers[name], name=name, date=date)
        for name in heeded.hidden:
            yield Decision(0, "hide", (), self.numbers[name], name=name)

    def _number(self, faces: Iterable[int]) -> int:
        owners = (self.owner[face] for face in faces if face in self.owner)
        votes = Counter(owner for owner in owners if owner not in self.taken)
        return votes.most_common(1)[0][0] if votes else ledger.new_ids(self.library.db, 1)[0]

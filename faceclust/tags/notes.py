"""What notes of another library of the same photos add to the names that it gave."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from faceclust.records import FaceNote, PersonNote, Placed
from faceclust.tags.claims import Conflict, ConflictKind, Outcome
from faceclust.tags.found import Source
from faceclust.xmp.packet import fold


@dataclass(frozen=True, slots=True)
class Noted:
    """A file notes something of a face."""

    face: int
    note: FaceNote
    photo: int
    source: Source
    file: str


@dataclass(frozen=True, slots=True)
class Told:
    """A file notes something of a person who is in the photo."""

    note: PersonNote
    photo: int
    source: Source
    file: str


@dataclass(frozen=True, slots=True)
class Joined:
    """Faces of one person without a name; `person` is the one here that they join, if any."""

    faces: tuple[int, ...]
    ignored: bool
    person: int | None = None


@dataclass(frozen=True, slots=True)
class Heeded:
    """What is taken over of notes.

    Attributes:
        rejected: a face and the name of someone who it is not.
        no_faces: what shows no face.
        joined: faces that are one person without a name.
        births: name and date of birth.
        hidden: names of people to be hidden.
        known: how many notes say what the user has said already.
        conflicts: what was not taken over.
    """

    rejected: tuple[tuple[int, str], ...] = ()
    no_faces: tuple[int, ...] = ()
    joined: tuple[Joined, ...] = ()
    births: tuple[tuple[str, str], ...] = ()
    hidden: tuple[str, ...] = ()
    known: int = 0
    conflicts: tuple[Conflict, ...] = ()

    @property
    def count(self) -> int:
        """How many answers that makes."""
        return sum(map(len, (self.rejected, self.no_faces, self.joined, self.births, self.hidden)))


def barred(noted: Iterable[Noted], placed: Placed) -> tuple[set[tuple[int, str]], set[int]]:
    """What notes forbid: faces with folded names of people that they are not, and no faces at all.

    What the user said here of a face stands against them.
    """
    free = [each for each in noted if each.face not in placed.group]
    names = {(each.face, fold(name)) for each in free for name in each.note.is_not}
    return names, {each.face for each in free if each.note.no_face}


def heed(
    noted: Sequence[Noted],
    told: Sequence[Told],
    outcome: Outcome,
    placed: Placed,
    births: Mapping[str, str | None],
) -> Heeded:
    """Settle what notes say beside the names.

    Args:
        noted, told: the notes.
        outcome: what becomes of the names of the same import.
        placed: what the user has decided here.
        births: date of birth, if given, of everyone who is named here, by folded name.
    """
    desk = _Desk(outcome, placed, births)
    for each in noted:
        desk.take(each)
    return Heeded(
        rejected=tuple(dict.fromkeys(desk.rejected)),
        no_faces=tuple(dict.fromkeys(desk.no_faces)),
        joined=tuple(desk.joined()),
        births=tuple(desk.births_of(told)),
        hidden=tuple(desk.hidden_of(told)),
        known=desk.known,
        conflicts=tuple(desk.conflicts),
    )


@dataclass(slots=True)
class _Desk:
    """The state of `heed`.

    Attributes:
        names: of all people, those that the import brings included, by folded name.
        given: faces that the import names.
        becoming: person whom the user made without a name, by number, to the name that it gets.
        denied: faces and folded names of people that they are not, by the user's word here.
        disputed: faces, with folded names of people or "" for no face, of which other programs say
            the contrary of a note: the user is told, and neither is taken over.
        groups: faces and whether they are ignored, by the word that the notes give a person.
    """

    outcome: Outcome
    placed: Placed
    births: Mapping[str, str | None]
    names: dict[str, str] = field(default_factory=dict)
    given: set[int] = field(default_factory=set)
    becoming: dict[int, str] = field(default_factory=dict)
    denied: set[tuple[int, str]] = field(default_factory=set)
    disputed: set[tuple[int | None, str]] = field(default_factory=set)
    rejected: list[tuple[int, str]] = field(default_factory=list)
    no_faces: list[int] = field(default_factory=list)
    groups: dict[str, dict[int, bool]] = field(default_factory=lambda: defaultdict(dict))
    known: int = 0
    conflicts: list[Conflict] = field(default_factory=list)

    def __post_init__(self) -> None:
        names = self.placed.names
        self.names = {fold(name): name for name in names.values()}
        self.denied = {(f, fold(names[p])) for f, p in self.placed.rejected if p in names}
        for conflict in self.outcome.conflicts:
            if conflict.kind in ("rejected", "not-a-face", "two-names"):
                said = ("", *map(fold, conflict.names))
                self.disputed |= {(conflict.face, name) for name in said}
        for seed in self.outcome.seeds:
            self.names.setdefault(fold(seed.name), seed.name)
            self.given |= set(seed.faces)
            if seed.together is not None:
                self.becoming[seed.together] = seed.name

    def take(self, each: Noted) -> None:
        """Sort what is said of one face."""
        own = self.placed.group.get(each.face)
        named = None if own is None else self.placed.names.get(own, self.becoming.get(own))
        for name in each.note.is_not:
            self._reject(each, name, named)
        if each.note.no_face and each.face not in self.given:
            if each.face in self.placed.not_faces:
                self.known += 1
            elif (each.face, "") in self.disputed:
                pass
            elif own is None:
                self.no_faces.append(each.face)
            else:
                self._refuse("a-face", each, named or "")
        if each.note.group is not None and each.face not in self.given:
            self.groups[each.note.group][each.face] = each.note.ignored

    def _reject(self, each: Noted, name: str, named: str | None) -> None:
        key = fold(name)
        if named is not None and fold(named) == key:
            self._refuse("same-person", each, name)
        elif (each.face, key) in self.denied:
            self.known += 1
        elif key in self.names and (each.face, key) not in self.disputed:
            self.rejected.append((each.face, self.names[key]))

    def joined(self) -> Iterator[Joined]:
        """Faces that become one person, or a part of one that the user made here of some."""
        for faces in self.groups.values():
            free = [face for face in faces if face not in self.placed.group]
            owners = {self.placed.group[face] for face in faces if face in self.placed.group}
            if not free:
                self.known += 1
                continue
            if not owners.isdisjoint(self.placed.names) or len(owners) > 1:
                continue  # the user knows by now who some of them are: that says more
            person = next(iter(owners), None)
            ignored = all(faces.values()) if person is None else person in self.placed.ignored
            yield Joined(tuple(sorted(free)), ignored, person)

    def births_of(self, told: Sequence[Told]) -> Iterator[tuple[str, str]]:
        """Dates of birth of people who had none, where all notes agree."""
        dates: defaultdict[str, dict[str, Told]] = defaultdict(dict)
        for each in told:
            if each.note.birth is not None and fold(each.note.name) in self.names:
                dates[fold(each.note.name)].setdefault(each.note.birth, each)
        for key, found in sorted(dates.items()):
            here, (first, each) = self.births.get(key), next(iter(found.items()))
            if len(found) > 1 or here not in (None, first):
                self._dispute(each, tuple(found), here)
            elif here == first:
                self.known += 1
            else:
                yield self.names[key], first

    def hidden_of(self, told: Sequence[Told]) -> Iterator[str]:
        """Those that come with this import and were hidden; who was here already stays as is."""
        hidden = dict.fromkeys(fold(each.note.name) for each in told if each.note.hidden)
        here = {fold(name) for name in self.placed.names.values()}
        return (self.names[key] for key in hidden if key in self.names and key not in here)

    def _refuse(self, kind: ConflictKind, each: Noted, name: str) -> None:
        self.conflicts.append(
            Conflict(kind, (name,), each.photo, each.source, each.file, each.face)
        )

    def _dispute(self, each: Told, dates: tuple[str, ...], here: str | None) -> None:
        said = dict.fromkeys((*dates, here) if here else dates)
        names = (f"{each.note.name}: {' / '.join(said)}",)
        self.conflicts.append(Conflict("two-births", names, each.photo, each.source, each.file))

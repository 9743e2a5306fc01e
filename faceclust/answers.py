"""What the user's standing decisions add up to, before any clustering is looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from faceclust.records import Births, Decision


@dataclass(slots=True)
class Group:
    """Faces that the user put together, by naming, merging, splitting or hiding them."""

    id: int
    spare: int | None
    name: str | None = None
    faces: set[int] = field(default_factory=set)
    known: int = 0
    ignored: bool = False
    hidden: bool = False
    birth: str | None = None


@dataclass(slots=True)
class Answers:
    """All standing decisions.

    Attributes:
        groups: by person id; no face is in two, no name has two.
        owner: face to the group that holds it.
        called: name to the group that has it.
        rejected: person id to the faces that must never be that person's.
        apart: face to the faces that must never be with it; symmetric.
        spares: face to person ids that wait for it where it is not wanted, newest last.
        not_faces: what shows no face.
    """

    groups: dict[int, Group] = field(default_factory=dict)
    owner: dict[int, int] = field(default_factory=dict)
    called: dict[str, int] = field(default_factory=dict)
    rejected: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    apart: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))
    spares: defaultdict[int, list[int]] = field(default_factory=lambda: defaultdict(list))
    not_faces: set[int] = field(default_factory=set)

    def meant(self, decision: Decision) -> int:
        """The person that a decision is about.

        A number may be gone: an import, once taken back, takes along the numbers that it gave. The
        name that the person had when it was decided on still tells who is meant.
        """
        assert decision.person is not None
        if decision.person in self.groups or decision.name is None:
            return decision.person
        return self.called.get(decision.name, decision.person)

    def rest(self, cluster: int) -> int:
        """The id of what is left of a cluster: its own, or a spare one where that is taken."""
        person = cluster
        while person in self.groups:
            spare = self.groups[person].spare
            if spare is None:
                break
            person = spare
        return person

    def births(self, taken: Mapping[int, str] | None) -> Births:
        """Who was born when; `taken` is the capture date by face, where it is known."""
        groups = self.groups.values()
        return Births({g.id: g.birth for g in groups if g.birth is not None}, taken or {})


def standing(decisions: Sequence[Decision]) -> list[Decision]:
    """The decisions that hold: not undone, and not undo themselves, oldest first."""
    undone: set[int] = set()
    kept = []
    for decision in sorted(decisions, key=lambda d: d.id, reverse=True):
        if decision.id in undone:
            continue
        if decision.kind == "undo":
            if decision.undoes is not None:
                undone.add(decision.undoes)
        else:
            kept.append(decision)
    return kept[::-1]


def add_up(decisions: Sequence[Decision]) -> Answers:
    """Carry out all decisions that stand, oldest first."""
    answers = Answers()
    for decision in standing(decisions):
        match decision.kind:
            case "name" | "merge" | "ignore" | "hide" | "show":
                _gather(answers, decision)
            case "split":
                _split(answers, decision)
            case "reject":
                _reject(answers, decision)
            case "differ":
                _differ(answers, decision)
            case "not-a-face":
                answers.not_faces.update(decision.faces)
            case "a-face":
                answers.not_faces.difference_update(decision.faces)
            case "birth":
                if group := answers.groups.get(answers.meant(decision)):
                    group.birth = decision.date
            case "hint" | "undo":
                pass
    return answers


def _gather(answers: Answers, decision: Decision) -> None:
    """Put the decision's faces, and those of the groups it absorbs, into one group."""
    assert decision.person is not None
    person = answers.called.get(decision.name or "", decision.person)
    group = answers.groups.get(person) or Group(person, decision.spare)
    moved = set(decision.faces)
    absorbed = [other for other in (decision.person, *decision.others) if other != person]
    for other in absorbed:
        if other in answers.groups:
            gone = answers.groups.pop(other)
            if gone.name is not None:
                del answers.called[gone.name]
            moved |= gone.faces
            group.birth = group.birth or gone.birth
    _move(answers, group, moved)
    if decision.name and decision.name != group.name:
        if group.name is not None:
            del answers.called[group.name]
        group.name = decision.name
        answers.called[group.name] = person
    group.known = max(group.known, decision.known)
    if decision.kind != "hide":  # who is hidden as well stays ignored
        group.ignored = decision.kind == "ignore"
    if decision.kind in ("hide", "show"):
        group.hidden = decision.kind == "hide"
    for other in absorbed:
        # Who is not the absorbed person is not the one that it became part of.
        answers.rejected[person] |= answers.rejected.pop(other, set()) - group.faces


def _move(answers: Answers, group: Group, faces: set[int]) -> None:
    """Put faces into a group, out of all others; older answers that say otherwise fall."""
    for face in faces - group.faces:
        if holder := answers.groups.get(answers.owner.get(face, group.id)):
            holder.faces.discard(face)
        answers.owner[face] = group.id
    group.faces |= faces
    answers.groups[group.id] = group
    answers.not_faces -= faces
    answers.rejected[group.id] = {f for f in answers.rejected[group.id] if f not in group.faces}
    for face in group.faces & answers.apart.keys():
        answers.apart[face] -= group.faces


def _split(answers: Answers, decision: Decision) -> None:
    assert decision.person is not None
    new, spare = decision.others
    old = answers.groups.get(decision.person) or Group(decision.person, decision.spare)
    for group, faces in ((old, decision.faces), (Group(new, spare), decision.against)):
        _move(answers, group, set(faces))
        group.known = max(group.known, decision.known)
    answers.rejected[old.id].update(decision.against)
    answers.rejected[new].update(decision.faces)


def _reject(answers: Answers, decision: Decision) -> None:
    person = answers.meant(decision)
    _bar(answers, decision.faces, person, decision.spare)
    _part(answers, decision.faces, decision.against)
    for face in decision.faces:
        if answers.owner.get(face) == person:
            answers.groups[person].faces.discard(face)
            del answers.owner[face]


def _differ(answers: Answers, decision: Decision) -> None:
    person = answers.meant(decision)
    (other,) = decision.others
    _bar(answers, decision.against, person, decision.spare)
    _bar(answers, decision.faces, other, None)
    if person not in answers.groups and other not in answers.groups:
        _part(answers, decision.against, decision.faces)


def _bar(answers: Answers, faces: Iterable[int], person: int, spare: int | None) -> None:
    for face in faces:
        answers.rejected[person].add(face)
        if spare is not None:
            answers.spares[face].append(spare)


def _part(answers: Answers, faces: Iterable[int], others: Iterable[int]) -> None:
    one, two = set(faces), set(others)
    for face in one:
        answers.apart[face] |= two - one
    for face in two:
        answers.apart[face] |= one - two

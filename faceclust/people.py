"""Who is who: the newest clustering and everything the user ever decided, as a pure function.

The clustering proposes; decisions dispose. A face that the user named stays with that name
whatever a later clustering says. A face that nobody spoke of goes with its cluster, and a cluster
goes with the name that its members already have, unless the user has seen more of it unnamed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from faceclust.records import Decision, Person, Placed

# A cluster that holds a second named person with at least this share of the first one's named
# faces is a mixture; its other faces are left unnamed rather than given to the larger of the two.
MIXTURE_SHARE = 0.5


@dataclass(slots=True)
class _Group:
    """Faces that the user put together, by naming, merging or ignoring them."""

    id: int
    spare: int | None
    name: str | None = None
    faces: set[int] = field(default_factory=set)
    known: int = 0
    ignored: bool = False


@dataclass(slots=True)
class _Answers:
    """What all standing decisions add up to."""

    groups: dict[int, _Group] = field(default_factory=dict)
    rejected: dict[tuple[int, int], int] = field(default_factory=dict)
    not_faces: set[int] = field(default_factory=set)


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


def resolve(
    membership: Mapping[int, int], decisions: Sequence[Decision], live: Collection[int]
) -> list[Person]:
    """Combine a clustering and the user's decisions.

    Args:
        membership: face id to cluster id, of the newest clustering.
        decisions: all of them, in any order.
        live: ids of the faces that are there; all others appear in no person.

    Returns:
        People in order of id. Every live face that is clustered or was decided on, and is not
        "not a face", is in exactly one.
    """
    answers = _add_up(standing(decisions))
    owner = {face: group.id for group in answers.groups.values() for face in group.faces}
    here = set(live) - answers.not_faces
    faces: defaultdict[int, set[int]] = defaultdict(set)
    for face, person in owner.items():
        if face in here:
            faces[person].add(face)
    for cluster, members in _clusters(membership, here).items():
        for face, person in _place(cluster, members, owner, answers):
            faces[person].add(face)
    return [_person(person, faces[person], answers) for person in sorted(faces)]


def not_faces(decisions: Sequence[Decision]) -> frozenset[int]:
    """Faces that the user said are none; the clusterer must not see them."""
    return frozenset(_add_up(standing(decisions)).not_faces)


def steps(decisions: Sequence[Decision]) -> list[list[Decision]]:
    """The standing decisions by what one undo takes back, oldest first: an import is one step."""
    found: dict[tuple[str, int], list[Decision]] = {}
    for decision in standing(decisions):
        key = ("one", decision.id) if decision.batch is None else ("batch", decision.batch)
        found.setdefault(key, []).append(decision)
    return sorted(found.values(), key=lambda step: step[-1].id)


def placed(decisions: Sequence[Decision]) -> Placed:
    """What the user's answers say of single faces; clusters have no say in it."""
    answers = _add_up(standing(decisions))
    groups = answers.groups
    return Placed(
        group={face: group.id for group in groups.values() for face in group.faces},
        names={group.id: group.name for group in groups.values() if group.name},
        ignored=frozenset(group.id for group in groups.values() if group.ignored),
        rejected=frozenset(answers.rejected),
        not_faces=frozenset(answers.not_faces),
    )


def _person(person: int, faces: Iterable[int], answers: _Answers) -> Person:
    group = answers.groups.get(person)
    name, ignored = (group.name, group.ignored) if group else (None, False)
    return Person(person, name, tuple(sorted(faces)), ignored)


def _clusters(membership: Mapping[int, int], here: Collection[int]) -> dict[int, list[int]]:
    clusters: defaultdict[int, list[int]] = defaultdict(list)
    for face, cluster in membership.items():
        if face in here:
            clusters[cluster].append(face)
    return clusters


def _add_up(decisions: Sequence[Decision]) -> _Answers:
    answers = _Answers()
    for decision in decisions:
        match decision.kind:
            case "name" | "merge" | "ignore":
                _gather(answers, decision)
            case "reject":
                _reject(answers, decision)
            case "not-a-face":
                answers.not_faces.update(decision.faces)
            case "hint" | "undo":
                pass
    return answers


def _gather(answers: _Answers, decision: Decision) -> None:
    """Put the decision's faces, and those of the groups it absorbs, into one group."""
    assert decision.person is not None
    named = [g for g in answers.groups.values() if decision.name and g.name == decision.name]
    person = named[0].id if named else decision.person
    group = answers.groups.get(person) or _Group(person, decision.spare)
    moved = set(decision.faces)
    for other in (decision.person, *decision.others):
        if other != person and other in answers.groups:
            moved |= answers.groups.pop(other).faces
    for other_group in answers.groups.values():
        other_group.faces -= moved
    for face in moved:
        answers.rejected.pop((face, person), None)
    answers.not_faces -= moved
    group.faces |= moved
    group.name = decision.name or group.name
    group.known = max(group.known, decision.known)
    group.ignored = decision.kind == "ignore"
    answers.groups[person] = group


def _reject(answers: _Answers, decision: Decision) -> None:
    assert decision.person is not None
    assert decision.spare is not None
    for face in decision.faces:
        answers.rejected[face, decision.person] = decision.spare
        if group := answers.groups.get(decision.person):
            group.faces.discard(face)


def _place(
    cluster: int, members: list[int], owner: Mapping[int, int], answers: _Answers
) -> list[tuple[int, int]]:
    """(face, person) for the cluster's members that the user has not placed himself."""
    undecided = [face for face in members if face not in owner]
    heir = _heir(members, undecided, owner, answers)
    # The id of a person that began as this cluster is taken; what is left of it has a spare one.
    taken = answers.groups.get(cluster)
    rest = taken.spare if taken is not None and taken.spare is not None else cluster
    placed = []
    for face in undecided:
        person = rest if heir is None else heir
        while (face, person) in answers.rejected:
            person = answers.rejected[face, person]
        placed.append((face, person))
    return placed


def _heir(
    members: list[int], undecided: list[int], owner: Mapping[int, int], answers: _Answers
) -> int | None:
    """The person to whom the cluster's undecided faces go, or None."""
    votes = Counter(owner[face] for face in members if face in owner)
    if not votes:
        return None
    (person, most), *others = votes.most_common()
    if others and others[0][1] >= MIXTURE_SHARE * most:
        return None
    known = answers.groups[person].known
    seen_unnamed = sum(
        1 for face in undecided if face <= known and (face, person) not in answers.rejected
    )
    return person if most > seen_unnamed else None

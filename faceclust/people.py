"""Who is who: the newest clustering and everything the user ever decided, as a pure function.

The clustering proposes; decisions dispose. A face that the user named stays with that name
whatever a later clustering says. A face that nobody spoke of goes with its cluster, and a cluster
goes with the name that its members already have, unless the user has seen more of it unnamed.
No face goes to a person, or with a face, that the user said it is not, nor to one who was not
born when the photo was taken.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from faceclust.answers import Answers, add_up, standing
from faceclust.records import Births, Bonds, Decision, Person, Placed

__all__ = ["bonds", "not_faces", "placed", "resolve", "standing", "steps"]

# A cluster that holds a second named person with at least this share of the first one's named
# faces is a mixture; its other faces are left unnamed rather than given to the larger of the two.
MIXTURE_SHARE = 0.5


def resolve(
    membership: Mapping[int, int],
    decisions: Sequence[Decision],
    live: Collection[int],
    taken: Mapping[int, str] | None = None,
) -> list[Person]:
    """Combine a clustering and the user's decisions.

    Args:
        membership: face id to cluster id, of the newest clustering.
        decisions: all of them, in any order.
        live: ids of the faces that are there; all others appear in no person.
        taken: face id to the photo's capture date, ISO 8601, where it is known; needed where a
            date of birth was given.

    Returns:
        People in order of id. No live face is in two; every one that is clustered is in one,
        unless it is "not a face".
    """
    answers = add_up(decisions)
    births, here = answers.births(taken), set(live) - answers.not_faces
    places = _Places(answers, births, _owners(answers, births, here))
    for cluster, members in sorted(_clusters(membership, here).items()):
        places.take(cluster, members)
    return [_person(person, faces, answers) for person, faces in sorted(places.faces.items())]


def not_faces(decisions: Sequence[Decision]) -> frozenset[int]:
    """Faces that the user said are none; the clusterer must not see them."""
    return frozenset(add_up(decisions).not_faces)


def bonds(
    decisions: Sequence[Decision], live: Collection[int], taken: Mapping[int, str] | None = None
) -> Bonds:
    """What the decisions demand of every clustering; arguments as in `resolve`."""
    return _bonds(add_up(decisions), live, taken)


def _bonds(answers: Answers, live: Collection[int], taken: Mapping[int, str] | None) -> Bonds:
    births, here = answers.births(taken), set(live) - answers.not_faces
    together = _owners(answers, births, here)
    # One face stands for a person: all of that person's are one cluster.
    anchor: dict[int, int] = {}
    for face, person in together.items():
        anchor[person] = min(face, anchor.get(person, face))
    apart = {
        (min(face, other), max(face, other))
        for face, others in answers.apart.items()
        for other in others
        if face in here and other in here
    }
    for person, first in anchor.items():
        barred = here & answers.rejected[person]
        apart.update((min(f, first), max(f, first)) for f in barred)
    return Bonds(together, tuple(sorted(apart)), births)


def placed(
    decisions: Sequence[Decision], live: Collection[int], taken: Mapping[int, str] | None = None
) -> Placed:
    """What the user's answers say of single faces, whatever clusters; arguments as in `resolve`."""
    answers = add_up(decisions)
    groups, bound = answers.groups, _bonds(answers, live, taken)
    apart: defaultdict[int, set[int]] = defaultdict(set)
    for face, other in bound.apart:
        apart[face].add(other)
        apart[other].add(face)
    return Placed(
        group=bound.together,
        names={group.id: group.name for group in groups.values() if group.name},
        ignored=frozenset(group.id for group in groups.values() if group.ignored),
        rejected=frozenset((f, person) for person, fs in answers.rejected.items() for f in fs),
        apart={face: frozenset(others) for face, others in apart.items()},
        not_faces=frozenset(answers.not_faces),
        births=bound.births,
    )


def steps(decisions: Sequence[Decision]) -> list[list[Decision]]:
    """The standing decisions by what one undo takes back, oldest first: an import is one step."""
    found: dict[tuple[str, int], list[Decision]] = {}
    for decision in standing(decisions):
        key = ("one", decision.id) if decision.batch is None else ("batch", decision.batch)
        found.setdefault(key, []).append(decision)
    return sorted(found.values(), key=lambda step: step[-1].id)


def _owners(answers: Answers, births: Births, here: Collection[int]) -> dict[int, int]:
    """The person of each face that the user placed."""
    return {
        face: person
        for person, group in answers.groups.items()
        for face in group.faces
        if face in here and not births.too_early(face, person)
    }


def _person(person: int, faces: Iterable[int], answers: Answers) -> Person:
    group, ids = answers.groups.get(person), tuple(sorted(faces))
    if group is None:
        return Person(person, None, ids)
    return Person(person, group.name, ids, group.ignored, group.hidden, group.birth)


def _clusters(membership: Mapping[int, int], here: Collection[int]) -> dict[int, list[int]]:
    clusters: defaultdict[int, list[int]] = defaultdict(list)
    for face, cluster in membership.items():
        if face in here:
            clusters[cluster].append(face)
    return clusters


@dataclass(slots=True)
class _Places:
    """Where faces are, cluster after cluster.

    Attributes:
        owner: the person of each face that the user placed himself.
        faces: the faces of each person so far.
    """

    answers: Answers
    births: Births
    owner: Mapping[int, int]
    faces: defaultdict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        for face, person in self.owner.items():
            self.faces[person].add(face)

    def take(self, cluster: int, members: list[int]) -> None:
        """Place the cluster's members that the user has not placed himself."""
        if self.owner.keys().isdisjoint(members) and self.answers.spares.keys().isdisjoint(members):
            # Most clusters of most libraries.
            self.faces[self.answers.rest(cluster)].update(members)
            return
        undecided = [face for face in members if face not in self.owner]
        heir, rest = self._heir(members, undecided), self.answers.rest(cluster)
        if heir is None and (plain := [f for f in undecided if f not in self.answers.spares]):
            # Most faces of most libraries: they stay with their cluster, whoever else is there.
            self.faces[rest].update(plain)
            undecided = [face for face in undecided if face in self.answers.spares]
        # Those that were sent away before come last: they are the ones to make room.
        for face in sorted(undecided, key=lambda f: (f in self.answers.spares, f)):
            homes = self._homes(face, heir, rest)
            home = next((home for home in homes if self._may(face, home)), rest)
            self.faces[home].add(face)

    def _homes(self, face: int, heir: int | None, rest: int) -> Iterator[int]:
        """Where a face may go, best first."""
        sent_away = self.answers.spares.get(face, ())[::-1]
        if heir is not None:
            yield heir
        if heir is None or face not in self.answers.rejected.get(heir, ()):
            yield rest
        yield from sent_away

    def _may(self, face: int, person: int) -> bool:
        return not (
            face in self.answers.rejected.get(person, ())
            or self.births.too_early(face, person)
            or self.answers.apart.get(face, frozenset()) & self.faces.get(person, frozenset())
        )

    def _heir(self, members: list[int], undecided: list[int]) -> int | None:
        """The person to whom the cluster's undecided faces go, or None."""
        votes = Counter(self.owner[face] for face in members if face in self.owner)
        if not votes:
            return None
        (person, most), *others = votes.most_common()
        if others and others[0][1] >= MIXTURE_SHARE * most:
            return None
        known = self.answers.groups[person].known
        seen_unnamed = sum(1 for face in undecided if face <= known and self._may(face, person))
        return person if most > seen_unnamed else None

"""What all tags of a library add up to: names for faces, hints for photos, contradictions.

Nothing is guessed. Where two answers are possible, neither is taken and both are listed.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import takewhile

from faceclust.records import Placed
from faceclust.tags.claims import Claim, Conflict, ConflictKind, Hint, Outcome, Seed
from faceclust.xmp.packet import fold


def settle(
    claims: Sequence[Claim],
    hints: Sequence[Hint],
    faces: Mapping[int, Collection[int]],
    membership: Mapping[int, int],
    placed: Placed,
    barred: Collection[tuple[int, str]] = (),
) -> Outcome:
    """Settle what all sources say.

    Args:
        claims: names for faces.
        hints: names for photos.
        faces: photo id to the ids of its faces.
        membership: face id to cluster id, of the newest clustering.
        placed: what the user has decided.
        barred: faces and folded names of people that they are not, by our own earlier notes.
    """
    desk = _Desk(faces, membership, placed)
    desk.rejected |= set(barred)
    desk.take_claims(claims)
    desk.take_hints(hints)
    return desk.outcome()


@dataclass(slots=True)
class _Desk:
    """The state of `settle`.

    Attributes:
        given: the new name of each face.
        contested: faces that are in a conflict.
        rejected: faces and folded names of people that they are not, for the user said so.
        born: folded name to the people so called whose date of birth is known.
        youngest: all people whose date of birth is known and who have a face here, the last born
            first, with one face each.
        unwanted: folded names of people that the user does not want to know.
        whole: faces whose names we wrote ourselves.
        mates: person without a name, by number, to the faces that the user put together as it.
        at_home: cluster id to the names of its faces, the user's and new ones, by `fold`.
    """

    faces: Mapping[int, Collection[int]]
    membership: Mapping[int, int]
    placed: Placed
    given: dict[int, str] = field(default_factory=dict)
    contested: set[int] = field(default_factory=set)
    at_home: dict[int, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    conflicts: list[Conflict] = field(default_factory=list)
    open: list[Hint] = field(default_factory=list)
    known: int = 0
    used: int = 0
    told: int = 0
    rejected: set[tuple[int, str]] = field(default_factory=set)
    born: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    youngest: dict[int, int] = field(default_factory=dict)
    unwanted: set[str] = field(default_factory=set)
    whole: set[int] = field(default_factory=set)
    mates: dict[int, set[int]] = field(default_factory=lambda: defaultdict(set))

    def __post_init__(self) -> None:
        names = self.placed.names
        self.rejected = {(f, fold(names[n])) for f, n in self.placed.rejected if n in names}
        self.unwanted = {fold(names[n]) for n in self.placed.ignored if n in names}
        for face, person in self.placed.group.items():
            if person not in names:
                self.mates[person].add(face)
        born = self.placed.births.born
        for person in born.keys() & names.keys():
            self.born[fold(names[person])].append(person)
        first = {p: f for f, p in self.placed.group.items() if p in born}
        self.youngest = {p: first[p] for p in sorted(first, key=lambda p: born[p], reverse=True)}

    def take_claims(self, claims: Sequence[Claim]) -> None:
        """Give faces the names that nothing speaks against."""
        by_face: defaultdict[int, list[Claim]] = defaultdict(list)
        for claim in claims:
            by_face[claim.face].append(claim)
        self.whole = {face for face, group in by_face.items() if all(c.whole for c in group)}
        good = [group[0] for group in by_face.values() if self._agreed(group)]
        seen: defaultdict[tuple[int, str], list[Claim]] = defaultdict(list)
        for claim in good:
            seen[claim.photo, fold(claim.name)].append(claim)
        for group in seen.values():
            self._give(group)
        claimed = {claim.face: claim for claim in good}
        self._keep_together(claimed)
        self._keep_apart(claimed)
        for face, cluster in self.membership.items():
            if name := self._name_of(face):
                self.at_home[cluster].setdefault(fold(name), name)

    def _agreed(self, claims: list[Claim]) -> bool:
        """Whether all claims about a face give one name, and the user has not said otherwise."""
        first = claims[0]
        names = list({fold(claim.name): claim.name for claim in claims[::-1]}.values())[::-1]
        if len(names) > 1:
            self._refuse("two-names", first, *names)
            return False
        group = self.placed.group.get(first.face)
        named = None if group is None else self.placed.names.get(group)
        if named is not None and fold(named) == fold(first.name):
            self.known += 1
        elif first.face in self.placed.not_faces:
            self._refuse("not-a-face", first, first.name)
        elif (first.face, fold(first.name)) in self.rejected:
            self._refuse("rejected", first, first.name)
        elif self._too_early(first.face, fold(first.name)):
            self._refuse("too-early", first, first.name)
        elif group in self.placed.ignored or fold(first.name) in self.unwanted:
            self._refuse("hidden", first, first.name)
        elif named is not None:
            self._refuse("named-otherwise", first, first.name, named)
        else:
            return True
        return False

    def _give(self, claims: list[Claim]) -> None:
        """Name faces of one photo alike; several only where the clustering too finds them one."""
        photo, key = claims[0].photo, fold(claims[0].name)
        theirs = {f for f in self.faces.get(photo, ()) if fold(self._name_of(f) or "") == key}
        theirs |= {claim.face for claim in claims}
        clusters = {self.membership.get(face) for face in theirs}
        if len(theirs) > 1 and (len(clusters) > 1 or None in clusters):
            for claim in claims:
                self._refuse("twice", claim, claim.name)
            return
        for claim in claims:
            self.given[claim.face] = claim.name

    def _keep_together(self, claims: Mapping[int, Claim]) -> None:
        """Refuse two names for faces that the user had made one, unnamed person."""
        names: defaultdict[int, set[str]] = defaultdict(set)
        for face in self.given:
            if (own := self.placed.group.get(face)) is not None:
                names[own].add(fold(self.given[face]))
        for face in list(self.given):
            own = self.placed.group.get(face)
            if own is not None and len(names[own]) > 1:
                self._refuse("put-together", claims[face], self.given.pop(face))

    def _keep_apart(self, claims: Mapping[int, Claim]) -> None:
        """Refuse a name that would make one person of faces that the user parted."""
        for face in [f for f, name in self.given.items() if self._parted(f, fold(name))]:
            self._refuse("parted", claims[face], self.given.pop(face))

    def _parted(self, face: int, key: str) -> bool:
        """Whether a face, or one put together with it, is not one person with one so called."""
        others = {other for mine in self._kin(face) for other in self._apart(mine)}
        names = (self._name_of(their) for other in others for their in self._kin(other))
        return any(name is not None and fold(name) == key for name in names)

    def _apart(self, face: int) -> Iterator[int]:
        """The faces that one is not one person with; one face stands for a person."""
        births, own = self.placed.births, self.placed.group.get(face)
        yield from self.placed.apart.get(face, ())
        for person in takewhile(lambda p: births.too_early(face, p), self.youngest):
            yield self.youngest[person]
        if own is not None and self.youngest.get(own) == face:
            yield from (other for other in births.taken if births.too_early(other, own))

    def _too_early(self, face: int, key: str) -> bool:
        """Whether a face is older than somebody with this folded name."""
        return any(self.placed.births.too_early(face, p) for p in self.born.get(key, ()))

    def _kin(self, face: int) -> Collection[int]:
        """The faces that get a name together with this one."""
        own = self.placed.group.get(face)
        return (own is not None and self.mates.get(own)) or (face,)

    def _refuse(self, kind: ConflictKind, claim: Claim, *names: str) -> None:
        self.contested.add(claim.face)
        self.conflicts.append(
            Conflict(kind, names, claim.photo, claim.source, claim.file, claim.face)
        )

    def take_hints(self, hints: Sequence[Hint]) -> None:
        """Use the hints that leave one possibility."""
        by_photo: defaultdict[int, dict[str, Hint]] = defaultdict(dict)
        for hint in hints:
            by_photo[hint.photo].setdefault(fold(hint.name), hint)
        # All photos first by what boxes and the user said: what is used later is weaker evidence.
        for photo, wanted in by_photo.items():
            for key, hint in list(wanted.items()):
                if self._is_there(photo, key):
                    self.told += 1
                    del wanted[key]
                elif (face := self._by_cluster(hint)) is not None:
                    self._use(face, hint)
                    del wanted[key]
        self._use_last(by_photo)

    def _use_last(self, by_photo: Mapping[int, Mapping[str, Hint]]) -> None:
        """One hint and one face left of a photo, unless photos then disagree about a cluster."""
        offers: dict[int, Hint] = {}
        for photo, wanted in by_photo.items():
            left = [f for f in self.faces.get(photo, ()) if self._may_be(f, wanted)]
            if (
                len(wanted) == len(left) == 1
                and self._may(left[0], *wanted)
                and not self._near(left[0])
            ):
                offers[left[0]] = next(iter(wanted.values()))
            else:
                self.open += wanted.values()
        names: defaultdict[int | None, set[str]] = defaultdict(set)
        for face, hint in offers.items():
            names[self.membership.get(face)].add(fold(hint.name))
        for face, hint in offers.items():
            cluster = self.membership.get(face)
            disputed = cluster is not None and len(names[cluster]) > 1
            # What was used a moment ago may speak against this one.
            if disputed or not self._may(face, fold(hint.name)):
                self.open.append(hint)
            else:
                self._use(face, hint)

    def _use(self, face: int, hint: Hint) -> None:
        self.used += 1
        self.given[face] = self._near(face).get(fold(hint.name), hint.name)

    def _is_there(self, photo: int, folded: str) -> bool:
        names = map(self._name_of, self.faces.get(photo, ()))
        return any(name is not None and fold(name) == folded for name in names)

    def _by_cluster(self, hint: Hint) -> int | None:
        """The photo's only face in a cluster that is this person's and nobody else's."""
        key = fold(hint.name)
        found = [f for f in self.faces.get(hint.photo, ()) if set(self._near(f)) == {key}]
        if len(found) != 1 or self._name_of(found[0]) or not self._may(found[0], key):
            return None
        return found[0]

    def _may_be(self, face: int, keys: Collection[str]) -> bool:
        """Whether a face is nobody's yet and, by its cluster, may be one of these people's."""
        near = self._near(face)
        return (
            face not in self.placed.not_faces
            and self._name_of(face) is None
            and (not near or not near.keys().isdisjoint(keys))
        )

    def _may(self, face: int, key: str) -> bool:
        """Whether nothing speaks against a face being that of the person with this folded name."""
        return (
            face not in self.contested
            and face not in self.placed.not_faces
            and self.placed.group.get(face) not in self.placed.ignored
            and key not in self.unwanted
            and (face, key) not in self.rejected
            and not self._too_early(face, key)
            and not self._parted(face, key)
        )

    def _near(self, face: int) -> Mapping[str, str]:
        """The names in a face's cluster."""
        cluster = self.membership.get(face)
        return {} if cluster is None else self.at_home.get(cluster, {})

    def _name_of(self, face: int) -> str | None:
        group = self.placed.group.get(face)
        named = None if group is None else self.placed.names.get(group)
        return self.given.get(face) or named

    def _spellings(self) -> dict[str, str]:
        """How each name is spelled here, or else by most: two spellings are one person."""
        here: defaultdict[str, list[str]] = defaultdict(list)
        for name in sorted(self.placed.names.values()):
            here[fold(name)].append(name)
        said = Counter(self.given.values())
        for name in sorted(said, key=lambda name: (-said[name], name)):
            here[fold(name)] = here.get(fold(name)) or [name]
        return {name: name if name in here[fold(name)] else here[fold(name)][0] for name in said}

    def outcome(self) -> Outcome:
        """The sum, in an order that does not depend on the order of files."""
        groups: defaultdict[int | None, defaultdict[str, list[int]]]
        groups = defaultdict(lambda: defaultdict(list))
        spelled = self._spellings()
        for face, name in self.given.items():
            groups[self.placed.group.get(face)][spelled[name]].append(face)
        return Outcome(
            seeds=tuple(
                Seed(name, tuple(sorted(faces)), own, self.whole.issuperset(faces))
                for own, named in groups.items()
                for name, faces in sorted(named.items())
            ),
            known=self.known,
            used=self.used,
            told=self.told,
            hints=tuple(self.open),
            conflicts=tuple(sorted(self.conflicts, key=lambda c: (c.photo, c.face or 0))),
        )

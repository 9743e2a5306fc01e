"""New faces find their place among those that are grouped already; what they do not touch stays.

The neighbour lists of the last clustering are brought up to date exactly. Then the edge model
scores the pairs of the new faces and of the people around them, and the same signed partition as
ever decides. Whoever the user has decided on is one cluster from the start, takes new faces in,
and no others: that is asked (`suggestions`), not done. The unnamed people whom new faces are not
unlike are grouped anew with them, so that it matters little which of them came first.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from faceclust import people
from faceclust.cluster.constraints import Ages, Constraints
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.cluster.partition import partition
from faceclust.cluster.stable import stable_ids
from faceclust.embed.arcface import Unit
from faceclust.graph import edges, structure
from faceclust.graph.knn import extend
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import Space
from faceclust.pipeline.people import dates
from faceclust.records import Births, Bonds, Decision, FloatArray, Graph, IntArray, Neighbours
from faceclust.store import Nearby, StoredClustering, ledger, nearby

# New faces that make all be grouped anew, as a share of those last grouped anew: to read so many
# takes longer than to group all. And the fewest that do so.
GROWTH = 0.02
FEW = 50
LOOSE = 2000  # faces of unnamed people that are grouped anew with new ones


@dataclass(frozen=True)
class Crowd:
    """All N faces that are to be grouped.

    Attributes:
        faces: (N,) ids, ascending.
        unit: their embeddings.
        photo: (N,) the photo of each.
        space: of the embeddings.
        model: the structural edge model; None where the method scores no pairs.
    """

    faces: IntArray
    unit: Unit
    photo: IntArray
    space: Space
    model: Path | None

    @cached_property
    def quality(self) -> FloatArray:
        """(N,) how recognisable each face is."""
        return structure.quality(self.unit.lengths)

    @cached_property
    def scale(self) -> structure.Scale:
        """Of the cosine between strangers."""
        return structure.strangers(self.unit.whole)

    def score(self, neighbours: Neighbours, faces: IntArray, label: IntArray) -> Graph:
        """Log-odds of the pairs of some faces that do not have one label; see `edges.Part`.

        By structure alone, which CLIP-Cluster, where it is asked for, would add to.
        """
        assert self.model is not None
        part = edges.Part(faces, label, self.scale)
        model = edges.load(self.model)
        return edges.score(model, self.unit.whole, neighbours, self.quality, part=part)


def same_photo(photo: IntArray) -> IntArray:
    """All pairs of faces that share a photo: (2, M), i < j, from (N,) photos."""
    _, shown, count = np.unique(photo, return_inverse=True, return_counts=True)
    several = np.flatnonzero(count[shown] > 1)
    order = several[np.argsort(photo[several], kind="stable")]
    groups = np.split(order, np.flatnonzero(np.diff(photo[order])) + 1)
    pairs = [np.stack(np.triu_indices(len(group), 1)) for group in groups]
    found = [group[pair] for group, pair in zip(groups, pairs, strict=True) if pair.size]
    return np.concatenate(found, axis=1) if found else np.zeros((2, 0), np.int64)


def constraints_of(demanded: Bonds, faces: IntArray) -> Constraints:
    """What was decided about the given faces: (N,) ids, ascending."""
    person = np.array([demanded.together.get(face, -1) for face in faces.tolist()], np.int64)
    pairs = np.array(demanded.apart, np.int64).reshape(-1, 2)
    pairs = pairs[np.isin(pairs, faces).all(1)]
    barred = np.searchsorted(faces, pairs.T)
    return Constraints(person, person, barred, _ages(demanded.births, faces, person))


def _ages(births: Births, faces: IntArray, person: IntArray) -> Ages:
    """When (N,) faces were photographed, and when the (N,) people were born whom they show."""
    days = sorted(set(births.born.values()))
    if not days:
        return Ages.none(len(faces))
    place = {day: number for number, day in enumerate(days, 1)}
    at = {who: place[day] for who, day in births.born.items()}
    dates = map(births.taken.get, faces.tolist())
    taken = [len(days) if date is None else bisect_right(days, date) for date in dates]
    born = [at.get(who, 0) for who in person.tolist()]
    return Ages(np.array(taken, np.int64), np.array(born, np.int64))


def between(graph: Graph, labels: IntArray) -> Graph:
    """The pairs of a graph of which the two faces are in two clusters."""
    i, j = graph.edge_index
    keep = labels[i] != labels[j]
    return Graph(graph.edge_index[:, keep], graph.edge_weight[keep], graph.num_nodes)


def can_arrive(newest: StoredClustering, faces: int) -> bool:
    """Whether the newest clustering is one that new faces can join, `faces` then being there."""
    anew = int(newest.options.get("anew") or 0)
    return newest.method == "partition" and faces <= anew + _most(newest)


def _most(newest: StoredClustering) -> float:
    """How many faces may find their place in a clustering before all are grouped anew."""
    return max(FEW, GROWTH * int(newest.options.get("anew") or 0))


def arrive(
    library: Library, crowd: Crowd, newest: StoredClustering, decisions: Sequence[Decision]
) -> tuple[dict[int, int], Nearby] | None:
    """Group the faces that the newest clustering does not know.

    Args:
        crowd: all faces that count now.
        newest: made with the same networks and options.
        decisions: all of them.

    Returns:
        Face id to cluster id of all faces, and what to keep beside; None where all should be
        grouped anew: the method is another, or too much is new.
    """
    faces = crowd.faces
    if crowd.model is None or not can_arrive(newest, len(faces)):
        return None
    new = np.flatnonzero([face not in newest.membership for face in faces.tolist()])
    lists, unknown = nearby.neighbours(library.db, faces, EDGE_LISTS)
    search = np.union1d(new, unknown)
    if len(search) > _most(newest):
        return None
    neighbours, changed = extend(crowd.unit.whole, lists, search)
    membership = {f: newest.membership[f] for f in faces.tolist() if f in newest.membership}
    town = _Town.of(library, faces, membership, decisions)
    loose = town.loose(new, _pairs_of(crowd, neighbours, new))
    graph = _pairs_of(crowd, neighbours, loose)
    touched = town.person[graph.edge_index]
    touched = np.union1d(touched, [town.bonds.together.get(f, -1) for f in faces[new].tolist()])
    local = np.union1d(loose, np.flatnonzero(np.isin(town.person, touched[touched >= 0])))
    labels = _settle(town, graph, crowd.photo, local, loose)
    membership |= town.clusters(local, labels, lambda count: ledger.new_ids(library.db, count))
    everyone = np.array([membership[face] for face in faces.tolist()], np.int64)
    return membership, Nearby(faces, neighbours, between(graph, everyone), changed)


def unasked(
    library: Library,
    crowd: Crowd,
    labels: IntArray,
    newest: StoredClustering,
    decisions: Sequence[Decision],
) -> IntArray:
    """What a grouping of all faces gives to people whom the user has decided on, taken back.

    Only new faces join them, and none of theirs leaves; those that were somebody else's become
    clusters of their own, of which `suggestions` can ask.

    Args:
        labels: (N,) of the crowd, by any method.
        newest: the clustering before.
        decisions: all of them.

    Returns:
        labels (N,) int64, 0..K-1.
    """
    kept = crowd.faces.tolist()
    membership = {face: newest.membership[face] for face in kept if face in newest.membership}
    town = _Town.of(library, crowd.faces, membership, decisions)
    owner = np.array([town.bonds.together.get(face, -1) for face in kept], np.int64)
    home = dict(zip(owner.tolist(), labels.tolist(), strict=True))
    stays = np.isin(town.person, town.decided) & (owner < 0)
    labels = labels.copy()
    for row in np.flatnonzero(stays).tolist():
        labels[row] = home.get(int(town.person[row]), labels[row])
    host = np.full(labels.max(initial=-1) + 1, -1)
    host[labels[owner >= 0]] = owner[owner >= 0]
    taken = (host[labels] >= 0) & (town.person >= 0) & (town.person != host[labels])
    parts = np.stack([labels, np.where(taken, town.person, -1)], axis=1)
    return np.unique(parts, axis=0, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _pairs_of(crowd: Crowd, neighbours: Neighbours, some: IntArray) -> Graph:
    """The pairs of some faces with one another and with all others, if they are not unlike."""
    listing = np.flatnonzero(np.isin(neighbours.index, some).any(1))
    near = np.unique(np.concatenate([some, listing, neighbours.index[some].ravel()]))
    label = np.full(len(crowd.faces), -1, np.int64)
    label[some] = some
    return crowd.score(neighbours, near[near >= 0], label)


@dataclass(frozen=True, eq=False)
class _Town:
    """Who the faces are before the new ones are looked at.

    Attributes:
        faces: (N,) ids.
        person: (N,) id of the person of each; -1 for the new.
        membership: face id to cluster id, of the old ones.
        bonds: what the user decided.
    """

    faces: IntArray
    person: IntArray
    membership: Mapping[int, int]
    bonds: Bonds

    @classmethod
    def of(
        cls,
        library: Library,
        faces: IntArray,
        membership: Mapping[int, int],
        decisions: Sequence[Decision],
    ) -> _Town:
        """The people of a clustering, `membership`, as the user's decisions have it."""
        taken = dates(library, decisions)
        known = people.resolve(membership, decisions, membership.keys(), taken)
        person = {face: each.id for each in known for face in each.faces}
        return cls(
            faces,
            np.array([person.get(face, -1) for face in faces.tolist()], np.int64),
            membership,
            people.bonds(decisions, faces.tolist(), taken),
        )

    @cached_property
    def decided(self) -> IntArray:
        """Ids of the people whom the user has decided on, ascending."""
        return np.unique(np.array([*self.bonds.together.values()], np.int64))

    def loose(self, new: IntArray, pairs: Graph) -> IntArray:
        """Rows of the new faces and of the unnamed people most like them, to be grouped anew.

        At most `LOOSE` faces of such people, so that a large library costs no more than a small
        one; and none with more faces than a list has room for: few of their pairs are listed.
        """
        ids, place, count = np.unique(self.person, return_inverse=True, return_counts=True)
        best = np.full(len(ids), -np.inf)
        for end in pairs.edge_index:
            np.maximum.at(best, place[end], pairs.edge_weight)
        free = (ids >= 0) & (count <= EDGE_LISTS) & np.isfinite(best) & ~np.isin(ids, self.decided)
        likest = np.flatnonzero(free)[np.argsort(-best[free], kind="stable")]
        likest = likest[np.cumsum(count[likest]) <= LOOSE]
        return np.union1d(new, np.flatnonzero(np.isin(place, likest)))

    def clusters(
        self, local: IntArray, labels: IntArray, new_ids: Callable[[int], list[int]]
    ) -> dict[int, int]:
        """Cluster ids of local faces: the id of the person who is in them most, where it is free.

        Whoever shared a cluster with one of them gets one for himself, and so stays who he is.
        """
        cluster = np.array([self.membership.get(f, -1) for f in self.faces.tolist()], np.int64)
        left = np.isin(cluster, cluster[local][cluster[local] >= 0])
        left[local] = False
        rows = np.concatenate([local, np.flatnonzero(left)])
        _, others = np.unique(self.person[left], return_inverse=True)
        unit = np.concatenate([labels, labels.max(initial=-1) + 1 + others])
        faces, person = self.faces[rows], self.person[rows]
        free = (person >= 0) & ~np.isin(person, np.delete(cluster, rows))
        were = dict(zip(faces[free].tolist(), person[free].tolist(), strict=True))
        return dict(
            zip(faces.tolist(), stable_ids(faces, unit, were, new_ids).tolist(), strict=True)
        )


def _settle(
    town: _Town, graph: Graph, photo: IntArray, local: IntArray, loose: IntArray
) -> IntArray:
    """Labels of the local faces: loose ones, and the people around them as they are."""
    place = np.full(len(photo), -1, np.int64)
    place[local] = np.arange(len(local))
    decided = constraints_of(town.bonds, town.faces[local])
    person, free = town.person[local], np.isin(local, loose)
    together = np.where(free, decided.person, person)
    owned = np.isin(together, town.decided)
    # Those who were unnamed count as one more person: they may join one another, and nobody named.
    unnamed = together.max(initial=-1) + 1
    kind = np.where(owned, together, np.where(person >= 0, unnamed, -1))
    constraints = Constraints(together, kind, decided.barred, decided.ages)
    inside = Graph(place[graph.edge_index], graph.edge_weight, len(local))
    return partition(inside, apart=same_photo(photo[local]), constraints=constraints)

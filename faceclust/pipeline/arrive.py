"""New faces find their place among those that are grouped already; what they do not touch stays.

The neighbour lists of the last clustering are brought up to date exactly. Then the edge model
scores the pairs of the new faces and of the people that they are linked to, and the same signed
partition as ever decides, with each of these people as one cluster from the start. So a person
can grow, and two unnamed ones can become one; none is taken apart, and no unnamed one joins one
that the user has decided on: that is asked (`suggestions`), not done.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from faceclust import people, weights
from faceclust.cluster.constraints import Constraints
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.cluster.partition import partition
from faceclust.embed.arcface import lengths, normalise
from faceclust.graph import edges, structure
from faceclust.graph.knn import extend
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import EDGES, Space
from faceclust.pipeline.people import dates
from faceclust.records import Bonds, Decision, FloatArray, Graph, IntArray, Neighbours
from faceclust.store import Nearby, StoredClustering, ledger, nearby

GROWTH = 0.25  # new faces, as a share of those last grouped anew, that make all be grouped anew


@dataclass(frozen=True)
class Crowd:
    """All N faces that are to be grouped.

    Attributes:
        faces: (N,) ids, ascending.
        x: (N, D) embeddings, of any length.
        photo: (N,) the photo of each.
        space: of the embeddings.
    """

    faces: IntArray
    x: FloatArray
    photo: IntArray
    space: Space

    @cached_property
    def unit(self) -> FloatArray:
        """(N, D) L2-normalised."""
        return normalise(self.x, self.space.parts)

    @cached_property
    def quality(self) -> FloatArray:
        """(N,) how recognisable each face is."""
        return structure.quality(lengths(self.x, self.space.parts))

    @cached_property
    def scale(self) -> structure.Scale:
        """Of the cosine between strangers."""
        return structure.strangers(self.unit)

    def score(self, neighbours: Neighbours, faces: IntArray, label: IntArray) -> Graph:
        """Log-odds of the pairs of some faces that do not have one label; see `edges.Part`."""
        part = edges.Part(faces, label, self.scale)
        model = edges.load(weights.own(EDGES))
        return edges.score(model, self.unit, neighbours, self.quality, part=part)


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
    return Constraints(person, person, np.searchsorted(faces, pairs.T))


def between(graph: Graph, labels: IntArray) -> Graph:
    """The pairs of a graph of which the two faces are in two clusters."""
    i, j = graph.edge_index
    keep = labels[i] != labels[j]
    return Graph(graph.edge_index[:, keep], graph.edge_weight[keep], graph.num_nodes)


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
    new = np.flatnonzero([face not in newest.membership for face in faces.tolist()])
    anew = int(newest.options.get("anew") or 0)
    if newest.method != "partition" or len(faces) > (1 + GROWTH) * anew:
        return None
    lists, unknown = nearby.neighbours(library.db, faces, EDGE_LISTS)
    search = np.union1d(new, unknown)
    if len(search) > GROWTH * anew:
        return None
    neighbours, changed = extend(crowd.unit, lists, search)
    membership = {f: newest.membership[f] for f in faces.tolist() if f in newest.membership}
    town = _Town.of(library, faces, membership, decisions)
    touched = town.person[_linked(crowd, neighbours, new)]
    touched = np.union1d(touched, [town.bonds.together.get(f, -1) for f in faces[new].tolist()])
    local = np.union1d(new, np.flatnonzero(np.isin(town.person, touched[touched >= 0])))
    graph = crowd.score(neighbours, local, town.alone(new))
    labels = _settle(town, graph, crowd.photo, local)
    membership |= town.clusters(local, labels, lambda count: ledger.new_ids(library.db, count))
    everyone = np.array([membership[face] for face in faces.tolist()], np.int64)
    return membership, Nearby(faces, neighbours, between(graph, everyone), changed)


def _linked(crowd: Crowd, neighbours: Neighbours, new: IntArray) -> IntArray:
    """Rows of the older faces of which any is not unlike a new one."""
    listing = np.flatnonzero(np.isin(neighbours.index, new).any(1))
    near = np.unique(np.concatenate([new, listing, neighbours.index[new].ravel()]))
    label = np.full(len(crowd.faces), -1, np.int64)
    label[new] = new
    graph = crowd.score(neighbours, near[near >= 0], label)
    return np.asarray(np.setdiff1d(graph.edge_index, new), np.int64)


@dataclass(frozen=True, slots=True, eq=False)
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
        taken = dates(library, decisions)
        known = people.resolve(membership, decisions, membership.keys(), taken)
        person = {face: each.id for each in known for face in each.faces}
        return cls(
            faces,
            np.array([person.get(face, -1) for face in faces.tolist()], np.int64),
            membership,
            people.bonds(decisions, faces.tolist(), taken),
        )

    def alone(self, new: IntArray) -> IntArray:
        """(N,) the person of each, of a new face a number that nobody else has."""
        label: IntArray = self.person.copy()
        label[new] = -1 - new
        return label

    def clusters(
        self, local: IntArray, labels: IntArray, new_ids: Callable[[int], list[int]]
    ) -> dict[int, int]:
        """Cluster ids of local faces: the id of the person that they are, where it is free.

        Whoever shared a cluster with one of them gets one for himself, and so stays who he is.
        """
        cluster = np.array([self.membership.get(f, -1) for f in self.faces.tolist()], np.int64)
        left = np.isin(cluster, cluster[local][cluster[local] >= 0])
        left[local] = False
        rows = np.concatenate([local, np.flatnonzero(left)])
        _, others = np.unique(self.person[left], return_inverse=True)
        unit = np.concatenate([labels, labels.max(initial=-1) + 1 + others])
        outside = set(np.delete(cluster, rows).tolist())
        members: defaultdict[int, list[int]] = defaultdict(list)
        for row, number in zip(rows.tolist(), unit.tolist(), strict=True):
            members[number].append(row)
        wanted = {number: self._leader(rows) for number, rows in members.items()}
        homeless = [number for number, who in wanted.items() if who < 0 or who in outside]
        wanted |= dict(zip(homeless, new_ids(len(homeless)), strict=True))
        return {int(self.faces[row]): wanted[n] for n, rows in members.items() for row in rows}

    def _leader(self, rows: list[int]) -> int:
        """The person who gives a cluster its id: decided on, else with the most faces; or -1."""
        ids, count = np.unique(self.person[rows][self.person[rows] >= 0], return_counts=True)
        decided = np.isin(ids, list({*self.bonds.together.values()}))
        return int(ids[np.lexsort((-ids, count, decided))[-1]]) if len(ids) else -1


def _settle(town: _Town, graph: Graph, photo: IntArray, local: IntArray) -> IntArray:
    """Labels of the local faces: new ones and people that they are linked to."""
    place = np.full(len(photo), -1, np.int64)
    place[local] = np.arange(len(local))
    decided = constraints_of(town.bonds, town.faces[local])
    together = np.where(town.person[local] >= 0, town.person[local], decided.person)
    owned = np.isin(together, list({*town.bonds.together.values()}))
    ids, first = np.unique(together, return_index=True)
    first = first[ids >= 0]
    named, unnamed = first[owned[first]], first[~owned[first]]
    kept_apart = np.stack(np.meshgrid(named, unnamed)).reshape(2, -1)
    constraints = Constraints(
        together,
        np.where(owned, together, -1),
        np.concatenate([decided.barred, kept_apart], axis=1),
    )
    inside = Graph(place[graph.edge_index], graph.edge_weight, len(local))
    return partition(inside, apart=same_photo(photo[local]), constraints=constraints)

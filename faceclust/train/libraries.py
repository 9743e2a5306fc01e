"""Sampled photo libraries: what the edge model learns on has to look like what it will meet.

Public sets of faces hold either a few people with many photos or thousands of people with one.
A personal library holds both, and families beside them. So every training library is drawn
anew: families whole, a long tail of people, strangers seen once, a few people seen hundreds of
times.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceclust.records import BoolArray, FloatArray, IntArray
from faceclust.train.crowds import BABY, LARGEST, SETS, Crowd, Kind, Shape, cuts, normalise

BABIES = 0.12
THIRD = 1 / 3


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """A sampled library: `faces`, `norms`, `person`, `clip` as in `Crowd`."""

    faces: FloatArray
    norms: FloatArray
    person: IntArray
    clip: FloatArray


def held_out(crowd: Crowd, share: float, seed: int) -> BoolArray:
    """(N,) True for a random share of the families and people; at least two are on either side."""
    groups = np.unique(crowd.group)
    drawn, least = np.random.default_rng(seed).random(len(groups)), min(2, len(groups) // 2)
    count = int(np.clip((drawn < share).sum(), least, len(groups) - least))
    return np.isin(crowd.group, groups[np.argsort(drawn)[:count]])


def sample(crowd: Crowd, mask: BoolArray, shape: Shape, rng: np.random.Generator) -> Library:
    """Draw a library from the faces under a mask.

    Shapes: "tail" has thousands of people, most of them seen once or twice; "family" is families
    and few others; "clan" is families in which some are seen hundreds of times; "mixed" has all;
    "heavy" has people with dozens of varied photos; "small" has some hundred faces. "any" is
    whatever a crowd without kinds can make: a neighbourhood of it, whole or thinned.
    """
    pool = _Pool(crowd, mask, rng)
    U = rng.uniform
    grown, least = 0, 25
    match shape:
        case "tail":
            tail = pool.thin(pool.people("tail", U(0.5, 1)), pool.long_tail(1.0, 10))
            famous = pool.thin(pool.people("famous", 1), pool.long_tail(0.8, 50))
            parts = [tail, famous, pool.strangers(U(0, 0.8))]
            grown = int(rng.integers(0, 5))
        case "family":
            parts = [pool.families(U(0.15, 1)), pool.strangers(U(0, 0.5) ** 2)]
            if rng.random() < 0.4:
                parts = [pool.thin(np.concatenate(parts), pool.long_tail(0.9, 30))]
        case "clan":
            parts = [pool.families(U(0.2, 1)), pool.strangers(U(0, 0.4) ** 2)]
            grown, least = int(rng.integers(3, 16)), 9
        case "mixed":
            parts = [
                pool.families(U(0.1, 0.7)),
                pool.strangers(U(0.1, 0.6)),
                pool.people("famous", U(0.05, 0.5)),
                pool.people("tail", U(0.1, 0.8)),
            ]
            grown = int(rng.integers(0, 6))
        case "heavy":
            famous = pool.people("famous", U(0.3, 1))
            parts = [
                pool.thin(famous, pool.at_most(10, 51)),
                pool.strangers(U(0, 0.1)),
            ]
        case "small":
            famous = pool.thin(pool.people("famous", U(0, 0.1)), pool.at_most(3, 51))
            parts = [pool.families(U(0.005, 0.04)), pool.strangers(U(0, 0.03)), famous]
        case "any":
            parts = [pool.neighbourhood()]
            grown = int(rng.integers(0, 4))
    chosen = rng.permutation(np.unique(np.concatenate(parts)))
    library = Library(
        crowd.faces[chosen], crowd.norms[chosen], crowd.person[chosen], crowd.clip[chosen]
    )
    return _grow(library, crowd.widths, grown, least, rng)


class _Pool:
    """Draws face ids of each kind from the faces under a mask."""

    def __init__(self, crowd: Crowd, mask: BoolArray, rng: np.random.Generator) -> None:
        self._crowd, self._mask, self._rng = crowd, mask, rng

    def _of(self, kind: Kind) -> IntArray:
        sources = [number for number, k in enumerate(SETS.values()) if k == kind]
        return np.flatnonzero(self._mask & np.isin(self._crowd.source, sources))

    def _share(self, ids: IntArray, share: float) -> IntArray:
        chosen = self._rng.choice(ids, int(np.ceil(share * len(ids))), replace=False)
        return np.asarray(chosen, np.int64)

    def neighbourhood(self) -> IntArray:
        """Most people under the mask, or of a sub-graph: all their photos, a long tail, or few."""
        ids = np.flatnonzero(self._mask)
        if self._crowd.subgraphs is not None:
            ids = ids[np.isin(ids, self._crowd.subgraphs(int(self._rng.integers(1 << 31))))]
        how = self._rng.random()
        if how < THIRD:
            ids = self.thin(ids, self.long_tail(self._rng.uniform(0.6, 1), 50))
        elif how < 2 * THIRD:
            ids = self.thin(ids, self.at_most(3, 31))
        who = self._rng.permutation(np.unique(self._crowd.person[ids]))
        who = who[: int(np.ceil(len(who) * self._rng.uniform(0.5, 1)))]
        count = np.bincount(self._crowd.person[ids], minlength=int(who.max(initial=0)) + 1)
        fits = np.cumsum(count[who]) <= LARGEST
        return ids[np.isin(self._crowd.person[ids], who[fits])]

    def people(self, kind: Kind, share: float) -> IntArray:
        ids = self._of(kind)
        who = self._share(np.unique(self._crowd.person[ids]), share)
        return ids[np.isin(self._crowd.person[ids], who)]

    def families(self, share: float) -> IntArray:
        ids = self._of("family")
        which = self._share(np.unique(self._crowd.group[ids]), share)
        return ids[np.isin(self._crowd.group[ids], which)]

    def strangers(self, share: float) -> IntArray:
        ids = self._of("strangers")
        grown_up = self._crowd.age[ids] >= BABY
        return self._share(ids[grown_up | (self._rng.random(len(ids)) < BABIES)], share)

    def long_tail(self, exponent: float, most: int) -> IntArray:
        """(P,) how many photos there may be of each person, Pareto-distributed."""
        u = 1 - self._rng.random(self._crowd.person.max() + 1)
        return np.asarray(np.clip(u ** (-1 / exponent), 1, most), np.int64)

    def at_most(self, low: int, high: int) -> IntArray:
        most = int(self._rng.integers(low, high))
        return np.full(int(self._crowd.person.max()) + 1, most)

    def thin(self, ids: IntArray, most: IntArray) -> IntArray:
        """Keep at most `most[person]` random faces of each person."""
        ids = self._rng.permutation(ids)
        ids = ids[np.argsort(self._crowd.person[ids], kind="stable")]
        person = self._crowd.person[ids]
        _, start, count = np.unique(person, return_index=True, return_counts=True)
        return ids[np.arange(len(ids)) - np.repeat(start, count) < most[person]]


def _grow(
    library: Library, widths: tuple[int, int], people: int, least: int, rng: np.random.Generator
) -> Library:
    """Give some people who have at least `least` faces 50 to 450 more, but no more than all had.

    A new face is the person's mean plus a random rotation of four of the person's own deviations
    from it, which keeps their covariance; between people it differs how tight they are. Its CLIP
    embedding is made of the same photos.
    """
    faces, norms, person = [library.faces], [library.norms], [library.person]
    clip = [library.clip]
    who, count = np.unique(library.person, return_counts=True)
    who = who[count >= least]
    for p in rng.choice(who, min(people, len(who)), replace=False):
        own = np.flatnonzero(library.person == p)
        room = 2 * len(library.person) - sum(map(len, person))
        n, k = min(int(rng.uniform(50, 450)), room), len(own)
        centre = library.faces[own].mean(0)
        deviation = (library.faces[own] - centre) * np.float32(rng.uniform(0.6, 1.05))
        mixture = np.zeros((n, k), np.float32)
        for row in mixture:
            row[rng.choice(k, 4, replace=False)] = rng.normal(size=4)
        mixture *= np.sqrt(k / (k - 1)) / np.linalg.norm(mixture, axis=1, keepdims=True)
        grown = np.split(centre + mixture @ deviation, cuts(centre[None], widths), axis=1)
        faces.append(np.hstack([normalise(part) for part in grown]))
        norms.append(library.norms[rng.choice(own, n)])
        person.append(np.full(n, p))
        middle = library.clip[own].mean(0)
        clip.append(normalise(middle + mixture @ (library.clip[own] - middle)))
    return Library(np.vstack(faces), np.vstack(norms), np.concatenate(person), np.vstack(clip))

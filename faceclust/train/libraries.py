"""Sampled photo libraries: what the edge model learns on has to look like what it will meet.

Public sets of faces hold either a few people with many photos or thousands of people with one.
A personal library holds both, and families beside them. So every training library is drawn
anew: families whole, a long tail of people, strangers seen once, a few people seen hundreds of
times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal, TypeAlias, get_args
from zipfile import BadZipFile

import numpy as np

from faceclust.errors import InputError
from faceclust.records import BoolArray, FloatArray, IntArray
from faceclust.train.data.identities import Identities
from faceclust.train.relabel import unify
from faceclust.train.sampling import Subgraphs

Kind: TypeAlias = Literal["famous", "tail", "family", "strangers"]
Shape: TypeAlias = Literal["tail", "family", "mixed", "heavy", "small", "clan", "any"]
View: TypeAlias = Literal["first", "second", "both", "mirrored"]
VIEWS: tuple[View, ...] = get_args(View)
# In turn; of the sets that are there, those shapes that they can make.
SHAPES: tuple[Shape, ...] = ("tail", "family", "mixed", "heavy", "small", "clan", "tail", "clan")
NEEDS: Mapping[Shape, tuple[Kind, ...]] = {
    "tail": ("tail", "famous"), "family": ("family",), "clan": ("family",),
    "mixed": ("tail", "famous", "family"), "heavy": ("famous",), "small": ("family", "famous"),
}  # fmt: skip

SETS: Mapping[str, Kind] = {
    "train-pins": "famous",
    "train-pubfig": "famous",
    "train-celeb": "tail",
    "train-family": "family",
    "attr-age": "strangers",
}
STRANGERS = tuple(SETS.values()).index("strangers")
BABY = 5  # younger faces all look alike to the networks: a few of them are enough
BABIES = 0.12
THIRD = 1 / 3
LARGEST = 20_000  # faces of a library drawn from a crowd in which nobody's kind is known


@dataclass(frozen=True, slots=True, eq=False)
class Crowd:
    """All labelled faces.

    Attributes:
        faces: (N, D) float32, the embeddings of two networks of a face and, where they are known,
            of its mirror image, side by side, each L2-normalised.
        widths: D of the two networks; the second is 0 where there is one.
        norms: (N, 2) float32 lengths before normalisation; (N, 1) of one network.
        person: (N,) who it is, across the sets; those from `known` on are labelled by nobody.
        group: (N,) what must not be torn apart by a split: families.
        source: (N,) which of `SETS` it is from.
        age: (N,) years, 99 where unknown.
        unsure: (U,) sorted codes `lower * P + higher` of two people who may be one.
        known: how many people are labelled.
        shapes: of the libraries that can be drawn, in turn.
        subgraphs: neighbourhoods of a crowd too large for one library.
        clip: (N, E) CLIP embeddings, L2-normalised, or (N, 0).
    """

    faces: FloatArray
    widths: tuple[int, int]
    norms: FloatArray
    person: IntArray
    group: IntArray
    source: IntArray
    age: IntArray
    unsure: IntArray
    known: int
    shapes: tuple[Shape, ...] = SHAPES
    subgraphs: Subgraphs | None = None
    clip: FloatArray = field(default_factory=lambda: np.zeros((0, 0), np.float32))

    def __post_init__(self) -> None:
        if not len(self.clip):
            object.__setattr__(self, "clip", np.zeros((len(self.faces), 0), np.float32))

    def is_unsure(self, a: IntArray, b: IntArray) -> BoolArray:
        """Whether persons a and b, (E,) each, may be one person without the labels saying so."""
        code = np.minimum(a, b) * (self.person.max() + 1) + np.maximum(a, b)
        return np.isin(code, self.unsure) | (np.maximum(a, b) >= self.known)

    @property
    def views(self) -> tuple[View, ...]:
        """Which of `VIEWS` there are of these faces."""
        views: tuple[View, ...] = ("first", "second", "both") if self.widths[1] else ("first",)
        mirrored = self.faces.shape[1] == 2 * sum(self.widths)
        return (*views, "mirrored") if mirrored else views


@dataclass(frozen=True, slots=True, eq=False)
class Library:
    """A sampled library: `faces`, `norms`, `person`, `clip` as in `Crowd`."""

    faces: FloatArray
    norms: FloatArray
    person: IntArray
    clip: FloatArray


def read(folder: Path, sets: Sequence[str] = tuple(SETS)) -> Crowd:
    """Read sets of those in `SETS` from `<set>.npz`, which `faceclust train` makes.

    Each file holds x (N, D1) and y (N, D2), the raw embeddings of two networks, xm and ym of the
    mirrored crops, and names "person/file"; names of strangers start with the age and "_".

    Raises:
        InputError: a file is missing or holds something else.
    """
    blocks, norms, people, groups, sources, ages = [], [], [], [], [], []
    widths = (0, 0)
    for number, (name, kind) in enumerate(SETS.items()):
        if name not in sets:
            continue
        path = folder / f"{name}.npz"
        try:
            with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
                parts = [file[key] for key in ("x", "y", "xm", "ym")]
                names = [str(entry) for entry in file["names"]]
        except (OSError, ValueError, KeyError, BadZipFile) as error:
            raise InputError(
                f"{path} holds no embeddings ({error}); embed the set first."
            ) from error
        widths = (parts[0].shape[1], parts[1].shape[1])
        lengths = [np.linalg.norm(part, axis=1, keepdims=True) for part in parts]
        blocks.append(np.hstack([p / n for p, n in zip(parts, lengths, strict=True)]))
        norms.append(np.hstack(lengths[:2]))
        who = names if kind == "strangers" else [entry.split("/")[0] for entry in names]
        people += [f"{number}/{person}" for person in who]
        groups += [f"{number}/{p.split('_')[0] if kind == 'family' else p}" for p in who]
        sources += [number] * len(who)
        ages += [int(p.split("_")[0]) if kind == "strangers" else 99 for p in who]
    faces, source, age = np.vstack(blocks).astype(np.float32), np.array(sources), np.array(ages)
    found = unify(
        view(faces, widths, "mirrored"),
        np.unique(people, return_inverse=True)[1],
        np.unique(groups, return_inverse=True)[1],
        source,
        age < 2 * BABY,
        STRANGERS,
    )
    crowd = Crowd(
        faces, widths, np.vstack(norms).astype(np.float32), found.person, found.group, source, age,
        found.unsure, int(found.person.max()) + 1,
    )  # fmt: skip
    kinds = {SETS[name] for name in sets}
    return replace(crowd, shapes=tuple(s for s in SHAPES if kinds & set(NEEDS[s])) or ("any",))


def crowd_of(identities: Identities) -> Crowd:
    """The crowd of any labelled faces, of whom it is not known what kind of people they are."""
    parts = identities.parts or (identities.x.shape[1],)
    blocks = [identities.x] + ([] if identities.mirrored is None else [identities.mirrored])
    cuts = np.cumsum(parts)[:-1]
    split = [piece for block in blocks for piece in np.split(block, cuts, axis=1)]
    P, labelled = identities.people, identities.labelled
    person = identities.label.copy()
    person[~labelled] = P + np.unique(identities.group[~labelled], return_inverse=True)[1]
    N, large = len(identities), len(identities) > LARGEST
    return Crowd(
        np.hstack([_normalise(piece) for piece in split]),
        (parts[0], sum(parts[1:])),
        identities.norms(),
        person,
        identities.group,
        np.zeros(N, np.int64),
        np.full(N, 99),
        np.zeros(0, np.int64),
        P,
        ("any",),
        Subgraphs(identities.x, identities.label, parts=identities.parts) if large else None,
    )


def view(faces: FloatArray, widths: tuple[int, int], which: View) -> FloatArray:
    """One embedding of each face: a network alone, or both, with the mirror images averaged in.

    Returns:
        (N, D) float32, L2-normalised.
    """
    x, y, *mirror = np.split(faces, _cuts(faces, widths), axis=1)
    match which:
        case "first":
            chosen = [x]
        case "second":
            chosen = [y]
        case "both":
            chosen = [x, y]
        case "mirrored":
            chosen = [_normalise(a + b) for a, b in zip((x, y), mirror, strict=True)]
    return _normalise(np.hstack(chosen))


def _cuts(faces: FloatArray, widths: tuple[int, int]) -> IntArray:
    """Where the columns of one embedding end and those of the next begin."""
    return np.cumsum(widths * (faces.shape[1] // sum(widths)))[:-1]


def held_out(crowd: Crowd, share: float, seed: int) -> BoolArray:
    """(N,) True for a random share of the families and people."""
    groups = np.unique(crowd.group)
    chosen = groups[np.random.default_rng(seed).random(len(groups)) < share]
    return np.isin(crowd.group, chosen)


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
        grown = np.split(centre + mixture @ deviation, _cuts(centre[None], widths), axis=1)
        faces.append(np.hstack([_normalise(part) for part in grown]))
        norms.append(library.norms[rng.choice(own, n)])
        person.append(np.full(n, p))
        middle = library.clip[own].mean(0)
        clip.append(_normalise(middle + mixture @ (library.clip[own] - middle)))
    return Library(np.vstack(faces), np.vstack(norms), np.concatenate(person), np.vstack(clip))


def _normalise(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9), np.float32)

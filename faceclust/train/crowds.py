"""All labelled faces of a training, whatever data they are from."""

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
        np.hstack([normalise(piece) for piece in split]),
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
    x, y, *mirror = np.split(faces, cuts(faces, widths), axis=1)
    match which:
        case "first":
            chosen = [x]
        case "second":
            chosen = [y]
        case "both":
            chosen = [x, y]
        case "mirrored":
            chosen = [normalise(a + b) for a, b in zip((x, y), mirror, strict=True)]
    return normalise(np.hstack(chosen))


def cuts(faces: FloatArray, widths: tuple[int, int]) -> IntArray:
    """Where the columns of one embedding end and those of the next begin."""
    return np.cumsum(widths * (faces.shape[1] // sum(widths)))[:-1]


def normalise(x: FloatArray) -> FloatArray:
    """Each row of (N, D) at length 1."""
    return np.asarray(x / np.maximum(np.linalg.norm(x, axis=1, keepdims=True), 1e-9), np.float32)

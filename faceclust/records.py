"""The shared vocabulary: frozen records for photos, faces and people, arrays for embeddings.

Boxes and points are normalised to the *displayed* photo (EXIF orientation applied): x and w by
its width, y and h by its height, origin at the top left. Only `xmp` and its users know of
stored pixels.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

FloatArray: TypeAlias = NDArray[np.float32]
IntArray: TypeAlias = NDArray[np.int64]
BoolArray: TypeAlias = NDArray[np.bool_]
ImageArray: TypeAlias = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in the displayed photo, top-left corner and size, each in [0, 1]."""

    x: float
    y: float
    w: float
    h: float

    def iou(self, other: Box) -> float:
        """Intersection over union with `other`, in [0, 1]."""
        width = min(self.x + self.w, other.x + other.w) - max(self.x, other.x)
        height = min(self.y + self.h, other.y + other.h) - max(self.y, other.y)
        if width <= 0 or height <= 0:
            return 0.0
        both = width * height
        return both / (self.w * self.h + other.w * other.h - both)


@dataclass(frozen=True, slots=True)
class PhotoInfo:
    """What is known of a photo beside its pixels.

    Attributes:
        width, height: pixels of the displayed photo at full resolution.
        orientation: EXIF orientation 1-8 of the stored pixels (what a reader must apply).
        format: "JPEG", "PNG", "HEIF", "AVIF", "RAW", ...
        taken_at: local capture time, ISO 8601 without a zone ("2019-07-14T18:03:22"), or None.
        camera: "Make Model", or None.
    """

    width: int
    height: int
    orientation: int
    format: str
    taken_at: str | None = None
    camera: str | None = None


@dataclass(frozen=True, slots=True)
class DecodedPhoto:
    """A photo in memory: upright RGB pixels (H, W, 3) uint8, possibly reduced, and its facts."""

    pixels: ImageArray
    info: PhotoInfo

    def __post_init__(self) -> None:
        if self.pixels.ndim != 3 or self.pixels.shape[2] != 3 or self.pixels.dtype != np.uint8:
            raise ValueError(
                f"pixels must be (H, W, 3) uint8, got {self.pixels.shape} {self.pixels.dtype}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One detected face.

    Attributes:
        box: where, in the displayed photo.
        landmarks: (5, 2) float32 left eye, right eye, nose, mouth corners; normalised like `box`.
        score: detector confidence in [0, 1].
        size: shorter side of the box in pixels of the full-resolution photo.
        blur: variance of the Laplacian of the aligned crop (higher is sharper).
        yaw: degrees, positive when the nose points to the image's right; from the landmarks.
    """

    box: Box
    landmarks: FloatArray
    score: float
    size: float
    blur: float
    yaw: float

    def __post_init__(self) -> None:
        if self.landmarks.shape != (5, 2):
            raise ValueError(f"landmarks must be (5, 2), got {self.landmarks.shape}")


@dataclass(frozen=True, slots=True, eq=False)
class Neighbours:
    """The k nearest neighbours of N faces, best first, the face itself left out.

    Attributes:
        index: (N, k) int64, -1 where there are fewer than k.
        similarity: (N, k) float32 cosine similarity, -1 beside index -1.
    """

    index: IntArray
    similarity: FloatArray

    def __post_init__(self) -> None:
        if self.index.ndim != 2 or self.index.shape != self.similarity.shape:
            raise ValueError(
                f"index {self.index.shape} and similarity {self.similarity.shape} must be (N, k)"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """An undirected weighted graph over N faces; each pair stands once, i < j.

    Attributes:
        edge_index: (2, E) int64.
        edge_weight: (E,) float32.
        num_nodes: N.
    """

    edge_index: IntArray
    edge_weight: FloatArray
    num_nodes: int

    def __post_init__(self) -> None:
        if self.edge_index.ndim != 2 or self.edge_index.shape[0] != 2:
            raise ValueError(f"edge_index must be (2, E), got {self.edge_index.shape}")
        if self.edge_weight.shape != (self.edge_index.shape[1],):
            raise ValueError(f"edge_weight must be (E,), got {self.edge_weight.shape}")


DecisionKind: TypeAlias = Literal[
    "name",
    "merge",
    "split",
    "reject",
    "differ",
    "not-a-face",
    "a-face",
    "birth",
    "ignore",
    "hide",
    "show",
    "hint",
    "undo",
]


@dataclass(frozen=True, slots=True)
class Decision:
    """One answer of the user's, kept for ever; `people.resolve` says what they add up to.

    Attributes:
        id: grows with time.
        faces: what the answer is about. "name", "merge", "ignore", "hide", "show": all faces the
            person had then; "split": those that stay; "differ": faces of `person`.
        person: id of the person it is about; for "merge" of the one that stays.
        others: "merge": ids of the people that become part of `person`. "differ": the other
            person. "split": id of the new person, and an unused one for it.
        against: "split": the faces that go to the new person. "reject", "differ": faces that those
            of `faces` are not one person with, where these make up no decided person.
        name: the person's name, NFC; for "name" and "merge" the one that is given.
        date: "birth": ISO 8601, whole or its beginning ("2015-07"); None takes it away.
        known: newest face id that was grouped at that time: what the user could have seen and did
            not include.
        spare: an unused person id, for what is left behind (the rest of the cluster that was
            named, or the face that was rejected).
        undoes: "undo": id of the decision that no longer holds.
        made_at, made_by: when (UTC, ISO 8601) and by which user of the system.
        photos: "hint": ids of the photos that someone called `name` is in, nobody knows where.
        batch: the same number for all decisions of one import or one answer to a question, which
            `undo` takes back together, and for the "undo"s that did.
        source: "import" where other programs' tags were taken over; None: the user said it here.
    """

    id: int
    kind: DecisionKind
    faces: tuple[int, ...] = ()
    person: int | None = None
    others: tuple[int, ...] = ()
    name: str | None = None
    known: int = 0
    spare: int | None = None
    undoes: int | None = None
    made_at: str = ""
    made_by: str = ""
    photos: tuple[int, ...] = ()
    batch: int | None = None
    source: str | None = None
    against: tuple[int, ...] = ()
    date: str | None = None


@dataclass(frozen=True, slots=True)
class Person:
    """One person (or unnamed cluster) of the library.

    Attributes:
        id: stable across runs; what `faceclust people` shows.
        name: None while unnamed.
        faces: ids of the faces, ascending.
        ignored: the user does not want to know this person: in no list and no export.
        hidden: the user does not want to see this person: in no list, but exported.
        birth: date of birth, ISO 8601, or None; no face of an earlier photo is among `faces`.
    """

    id: int
    name: str | None
    faces: tuple[int, ...]
    ignored: bool = False
    hidden: bool = False
    birth: str | None = None


@dataclass(frozen=True, slots=True)
class Births:
    """Who cannot be in which photo: nobody is in one that was taken before the birth.

    Attributes:
        born: person id to date of birth, ISO 8601, whole or its beginning ("2015-07").
        taken: face id to capture date of its photo, ISO 8601, where it is known.
    """

    born: Mapping[int, str] = field(default_factory=dict)
    taken: Mapping[int, str] = field(default_factory=dict)

    def too_early(self, face: int, person: int) -> bool:
        """Whether a face was photographed before the person was born."""
        born, taken = self.born.get(person), self.taken.get(face)
        # All of a month comes after its beginning, as text, too: "2015-07-14" after "2015-07".
        return born is not None and taken is not None and taken < born


@dataclass(frozen=True, slots=True)
class Bonds:
    """What the user's decisions demand of every clustering.

    Attributes:
        together: face id to the person that the user put it with. Faces of one person stay in
            one cluster, faces of two never share one.
        apart: pairs of face ids that never share a cluster.
        births: no face shares a cluster with those of a person for whom it is too early.
    """

    together: Mapping[int, int]
    apart: tuple[tuple[int, int], ...] = ()
    births: Births = field(default_factory=Births)


@dataclass(frozen=True, slots=True)
class Guess:
    """What a face seems to show: a model's guess of appearance, often wrong for one face.

    Attributes:
        attribute, value: "glasses", "yes".
        probability: of the value, by the model's own reckoning.
    """

    attribute: str
    value: str
    probability: float


def by_attribute(guesses: Iterable[Guess]) -> dict[str, dict[str, object]]:
    """Guesses as JSON has them: attribute to value and probability."""
    return {
        guess.attribute: {"value": guess.value, "probability": round(guess.probability, 3)}
        for guess in guesses
    }


@dataclass(frozen=True, slots=True)
class Placed:
    """Where the user himself put faces, whatever clusters they are in.

    Attributes:
        group: face id to the id of the person it was put to.
        names: the names of those people, by id; unnamed ones are left out.
        ignored: ids of the people that the user does not want to know.
        rejected: (face id, person id): not this person.
        apart: face id to faces that it is not one person with; one face stands for a person.
        not_faces: ids of what is no face.
        births: which faces are too early for which people.
    """

    group: Mapping[int, int]
    names: Mapping[int, str]
    ignored: frozenset[int] = frozenset()
    rejected: frozenset[tuple[int, int]] = frozenset()
    apart: Mapping[int, frozenset[int]] = field(default_factory=dict)
    not_faces: frozenset[int] = frozenset()
    births: Births = field(default_factory=Births)


@dataclass(frozen=True, slots=True)
class PersonRegion:
    """A person's face in one photo, ready for export; `name` is what is written.

    Attributes:
        guesses: one for each attribute; none where faces were not described.
    """

    person_id: int
    face_id: int
    name: str
    box: Box
    named: bool = True
    guesses: tuple[Guess, ...] = ()


@dataclass(frozen=True, slots=True)
class FaceNote:
    """What the user said of a face that has no name: what no program's face region can say.

    Attributes:
        is_not: names of people that it does not show.
        group: the same for all faces that the user made one person without a name; None for none.
        ignored: the user does not want to know that person.
        no_face: nothing but a false detection.
    """

    box: Box
    is_not: tuple[str, ...] = ()
    group: str | None = None
    ignored: bool = False
    no_face: bool = False


@dataclass(frozen=True, slots=True)
class PersonNote:
    """What the user said of a person beside the name.

    Attributes:
        birth: date of birth, ISO 8601, or None.
        hidden: the user does not want to see this person in lists.
    """

    name: str
    birth: str | None = None
    hidden: bool = False


@dataclass(frozen=True, slots=True)
class Notes:
    """What the user said about a photo's faces and people, for the next library of these photos.

    Attributes:
        author: the library whose user said so; empty where nobody said anything.
        faces: faces without a name.
        people: everyone whose name is written.
    """

    author: str = ""
    faces: tuple[FaceNote, ...] = ()
    people: tuple[PersonNote, ...] = ()


@dataclass(frozen=True, slots=True)
class TaggedPhoto:
    """A photo and the people in it, as the exporters take them.

    Attributes:
        path: absolute path of the file.
        relative: path relative to the library's root.
        regions: one for each face to be written, in order of face id.
        notes: what regions and names cannot say.
    """

    path: Path
    relative: Path
    info: PhotoInfo
    regions: tuple[PersonRegion, ...]
    notes: Notes = Notes()

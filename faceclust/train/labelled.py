"""Labelled face crops: attribute data sets read from tar files into arrays, once.

Decoded crops are kept as `.npy` in a cache folder and mapped into memory, so that a second
start takes seconds and the machine's memory stays free.
"""

from __future__ import annotations

import csv
import hashlib
import io
import lzma
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceclust.errors import InputError, PhotoError
from faceclust.faces.align import CROP, yaw
from faceclust.faces.detector import Detector
from faceclust.photos import MAX_PIXELS, tars
from faceclust.photos.limits import DECODER_ERRORS, check_pixels
from faceclust.records import FloatArray, ImageArray
from faceclust.train.captions import NAMES, UNKNOWN, VALUES, Labels

FRONTAL, PROFILE = 20.0, 35.0
TRAIN, VALIDATION, TEST = 0, 1, 2
HOLD_OUT = 10
MAX_CROP_BYTES = 16 << 20
_LIFE = (3, 13, 20, 65)
_FOLDERS = {
    "angry": "anger", "anger": "anger", "disgust": "disgust", "fear": "fear", "happy": "happy",
    "neutral": "neutral", "sad": "sad", "sadness": "sad", "surprise": "surprise",
}  # fmt: skip
_BROKEN: tuple[type[Exception], ...] = (
    *DECODER_ERRORS, tarfile.TarError, lzma.LZMAError, PhotoError,
)  # fmt: skip
# A face of a few pixels more around the detector's view than the crop has of its own.
_MARGIN = 40


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """N labelled faces of one data set.

    Attributes:
        crops: (N, 112, 112, 3) uint8 RGB, mapped from disk.
        labels: (N, G) int8, the value of each group of `captions.NAMES`, -1 unknown.
        split: (N,) TRAIN, VALIDATION or TEST; nobody is in two of them.
    """

    crops: ImageArray
    labels: Labels
    split: NDArray[np.int8]

    def rows(self, split: int) -> NDArray[np.intp]:
        """Indices of the faces of one split."""
        return np.flatnonzero(self.split == split)


def read_crops(archive: Path, cache: Path) -> tuple[ImageArray, list[str]]:
    """Crops and member names of a tar of faces; other sizes are scaled to 112 x 112.

    Raises:
        InputError: the archive is missing, damaged or without images.
    """
    pixels, listing = cache / f"{archive.stem}.npy", cache / f"{archive.stem}.names.npy"
    if not listing.is_file():
        names, crops = _decode(archive)
        cache.mkdir(parents=True, exist_ok=True)
        np.save(pixels, crops)
        np.save(listing, np.array(names))
    loaded = np.load(pixels, mmap_mode="r", allow_pickle=False)
    return loaded, [str(name) for name in np.load(listing, allow_pickle=False)]


def _decode(archive: Path) -> tuple[list[str], ImageArray]:
    names, crops = [], []
    try:
        with tars.open_tar(archive) as tar:
            for name, crop in _images(tar):
                names.append(name)
                crops.append(crop)
    except _BROKEN as error:
        raise InputError(f"{archive} cannot be read as a tar of face crops: {error}.") from error
    if not crops:
        raise InputError(f"{archive} holds no face crops; give a tar of WebP or PNG files.")
    return names, np.stack(crops)


def _images(tar: tarfile.TarFile) -> Iterator[tuple[str, ImageArray]]:
    for member in tars.members(tar):
        if not (member.isfile() and member.name.endswith((".webp", ".png"))):
            continue
        if member.size > MAX_CROP_BYTES:
            raise PhotoError(f"{member.name} is over {MAX_CROP_BYTES >> 20} MB, which no crop is")
        stream = tar.extractfile(member)
        assert stream is not None
        yield member.name, _crop(stream.read())


def _crop(content: bytes) -> ImageArray:
    with Image.open(io.BytesIO(content), formats=["WEBP", "PNG"]) as image:
        width, height = image.size
        check_pixels(width, height, MAX_PIXELS, len(content))
        crop = image.convert("RGB")
    if crop.size != (CROP, CROP):
        crop = crop.resize((CROP, CROP), Image.Resampling.BICUBIC)
    return np.asarray(crop, np.uint8)


def is_held_out(key: str) -> bool:
    """Whether a person or file, by name, is among the tenth that training never sees."""
    return int(hashlib.sha256(key.encode()).hexdigest(), 16) % HOLD_OUT == 0


def split_of(people: list[str]) -> NDArray[np.int8]:
    """(N,) split of each face by the name of its person."""
    return np.array([TEST if is_held_out(person) else TRAIN for person in people], np.int8)


def yaws(crops: ImageArray, cache: Path, name: str, detector: Callable[[], Detector]) -> FloatArray:
    """(N,) yaw in degrees of aligned crops, NaN where no face is found in them.

    Crops are framed in black first: a face that fills the picture is easily missed.
    """
    path = cache / f"{name}.yaw.npy"
    if not path.is_file():
        detect = detector()
        np.save(path, np.array([_yaw(crop, detect) for crop in crops], np.float32))
    return np.asarray(np.load(path, allow_pickle=False), np.float32)


def _yaw(crop: ImageArray, detect: Detector) -> float:
    found = detect(np.pad(crop, ((_MARGIN, _MARGIN), (_MARGIN, _MARGIN), (0, 0))))
    if not len(found):
        return float("nan")
    centres = (found.boxes[:, :2] + found.boxes[:, 2:]) / 2
    nearest = int(np.abs(centres - (_MARGIN + CROP / 2)).sum(1).argmin())
    return yaw(found.landmarks[nearest])


def blank(count: int) -> Labels:
    """(count, G) labels of which nothing is known."""
    return np.full((count, len(NAMES)), UNKNOWN, np.int8)


def put(labels: Labels, rows: NDArray[np.bool_], group: str, value: str) -> None:
    """State in place that `rows` have `value`."""
    g = NAMES.index(group)
    labels[rows, g] = VALUES[g].index(value)


def put_pose(labels: Labels, degrees: FloatArray) -> None:
    """State the pose of clearly frontal and clearly turned faces; the rest stays unknown."""
    put(labels, np.abs(degrees) <= FRONTAL, "pose", "frontal")
    put(labels, np.abs(degrees) > PROFILE, "pose", "profile")


def age_labels(names: list[str]) -> Labels:
    """Labels from file names `age_gender_...`: age stage, life stage, gender.

    A child has no beard, no grey hair and no make-up: said here, since no data set with those
    labels shows children.
    """
    labels = blank(len(names))
    fields = [name.rsplit("/", 1)[-1].split("_") for name in names]
    age = np.array([int(field[0]) for field in fields])
    labels[:, NAMES.index("age")] = np.digitize(age, (10, 30, 50))
    labels[:, NAMES.index("life")] = np.digitize(age, _LIFE)
    labels[:, NAMES.index("gender")] = [int(field[1]) for field in fields]
    child = age < 11
    put(labels, child, "No_Beard", "yes")
    for group in ("Mustache", "Goatee", "Sideburns", "5_o_Clock_Shadow", "Gray_Hair",
                  "Heavy_Makeup", "Wearing_Lipstick"):  # fmt: skip
        put(labels, child, group, "no")
    return labels


def expression_labels(names: list[str]) -> Labels:
    """Labels from folder names; an expression says whether there is a smile, too."""
    labels = blank(len(names))
    words = np.array([_FOLDERS.get(name.split("/")[-2], "") for name in names])
    for word in sorted(set(_FOLDERS.values())):
        put(labels, words == word, "expression", word)
        if word not in ("surprise", "disgust"):
            put(labels, words == word, "Smiling", "yes" if word == "happy" else "no")
    return labels


def celeba_labels(names: list[str], table: Path) -> Labels:
    """Labels from CelebA's 40 columns, by file number; `Male` becomes the gender.

    Raises:
        InputError: the table is missing or is not CelebA's.
    """
    labels = blank(len(names))
    try:
        with table.open(newline="", encoding="ascii") as stream:
            rows = {row["file"]: row for row in csv.DictReader(stream)}
        found = [rows[Path(name).stem] for name in names]
        for group in NAMES[NAMES.index("life") + 1 :]:
            column = np.array([row[group] == "1" for row in found])
            put(labels, column, group, "yes")
            put(labels, ~column, group, "no")
        male = np.array([row["Male"] == "1" for row in found])
    except (OSError, KeyError, UnicodeDecodeError) as error:
        raise InputError(f"{table} is not a table of CelebA attributes: {error}.") from error
    put(labels, male, "gender", "male")
    put(labels, ~male, "gender", "female")
    return labels


def load(
    folder: Path,
    cache: Path,
    detector: Callable[[], Detector],
    reading: Callable[[str], None] = lambda name: None,
) -> dict[str, Faces]:
    """All labelled sets of `folder`, by name.

    The expression set comes with its own splits; elsewhere a tenth of the people, or of the
    files where nobody is named, is held out as TEST.

    Args:
        folder: of the tar files.
        cache: where crops are kept once they are decoded, which takes minutes.
        detector: whose landmarks say how far a face is turned.
        reading: told the name of each set before it is read.

    Raises:
        InputError: a file is missing or malformed.
    """
    sets: dict[str, Faces] = {}
    for name in ("attr-age", "train-celeb", "train-pins", "train-pubfig", "train-family"):
        reading(name)
        crops, names = read_crops(folder / f"{name}.tar", cache)
        labels, people = blank(len(names)), [Path(n).parent.name for n in names]
        if name == "attr-age":
            labels, people = age_labels(names), names
        elif name == "train-celeb":
            labels = celeba_labels(names, folder / "train-celeb-attributes.csv")
        put_pose(labels, yaws(crops, cache, name, detector))
        sets[name] = Faces(crops, labels, split_of(people))
    reading("attr-ckplus")
    crops, names = read_crops(folder / "attr-ckplus.tar", cache)
    people = [Path(n).name.split("_")[0] for n in names]
    sets["attr-ckplus"] = Faces(crops, expression_labels(names), split_of(people))
    reading("attr-expression")
    crops, names = read_crops(folder / "attr-expression.tar", cache)
    splits = {"train": TRAIN, "validation": VALIDATION, "test": TEST}
    split = np.array([splits[Path(n).parts[-3]] for n in names], np.int8)
    sets["attr-expression"] = Faces(crops, expression_labels(names), split)
    return sets

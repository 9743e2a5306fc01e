"""InsightFace's RecordIO: faces_emore and the like (train.rec, train.idx, property), sought into.

A record is the magic number, a word of 3 bits "which piece of a record this is" and 29 bits
length, and the payload, padded to 4 bytes. The payload begins with an IRHeader (flag, label, id,
id2); with flag > 0 that many float32 labels follow, and then the image. In InsightFace's files
record 0 says (first identity key, end key); images have the keys before the first identity; the
record of an identity says at which keys its images begin and end. Files that im2rec made have
flag 0 and no such records.

Nothing of a file is trusted: no length is read that the file or `LARGEST` does not allow.
"""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from faceclust.errors import InputError
from faceclust.faces.align import CROP
from faceclust.records import ImageArray, IntArray

MAGIC = 0xCED7230A
WHOLE, FIRST, MIDDLE, LAST = range(4)
HEADER = struct.Struct("<IfQQ")
WORDS = struct.Struct("<II")
LARGEST = 16 << 20  # bytes of one record; an aligned face takes some thousand
MOST_LABELS = 64
MOST_RECORDS = 50_000_000
EXACT = 1 << 24  # from here on float32 skips whole numbers
IDENTITY_LABELS = 2
_DAMAGE = (OSError, ValueError, SyntaxError, EOFError, TypeError, LookupError, ArithmeticError,
           RuntimeError, SystemError, AttributeError, MemoryError, struct.error,
           Image.DecompressionBombError)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Record:
    """One record: its flag and labels, and the bytes of its image."""

    flag: int
    labels: tuple[float, ...]
    image: bytes


@dataclass(frozen=True, slots=True, eq=False)
class Faces:
    """Which records are images of whom.

    Attributes:
        path: the .rec file.
        offset: (N,) where each image's record begins.
        key: (N,) its key.
        label: (N,) who it is, 0..P-1.
    """

    path: Path
    offset: IntArray
    key: IntArray
    label: IntArray

    def select(self, rows: NDArray[np.bool_]) -> Faces:
        """Some of the images; labels stay as they are."""
        return Faces(self.path, self.offset[rows], self.key[rows], self.label[rows])


def damaged(path: Path, why: str) -> InputError:
    """The one way in which a RecordIO fails."""
    return InputError(f"{path} is no RecordIO of faces ({why}); fetch or copy it once more.")


def read_index(path: Path) -> tuple[IntArray, IntArray]:
    """Keys and offsets (N,) of a `train.idx`, text "key<TAB>offset", ascending by key.

    Raises:
        InputError: it is missing, empty, or anything else.
    """
    try:
        if path.stat().st_size > MOST_RECORDS * 32:
            raise ValueError(f"more than {MOST_RECORDS} lines")
        with path.open("rb") as stream:
            rows = np.fromiter(_numbers(stream), np.dtype((np.int64, 2)))
    except (OSError, ValueError, OverflowError) as error:
        raise damaged(path, str(error)) from error
    if not len(rows):
        raise damaged(path, "it is empty")
    rows = rows[np.argsort(rows[:, 0], kind="stable")]
    if rows.min() < 0 or (np.diff(rows[:, 0]) == 0).any():
        raise damaged(path, "a key stands twice, or a number is negative")
    return rows[:, 0].copy(), rows[:, 1].copy()


def _numbers(stream: BinaryIO) -> Iterator[tuple[int, int]]:
    while line := stream.readline(64):
        key, _, offset = line.partition(b"\t")
        if not key.isdigit() or not offset.strip().isdigit() or len(line) == 64:
            raise ValueError(f"{line[:40]!r} is not a key, a tab and an offset")
        yield int(key), int(offset)


def read_record(stream: BinaryIO, offset: int, path: Path) -> Record:
    """The record at `offset`, put together from its pieces.

    Raises:
        InputError: there is no whole record.
    """
    payload = bytearray()
    try:
        stream.seek(offset)
        wanted = (WHOLE, FIRST)
        while True:
            piece, data = _piece(stream, len(payload))
            if piece not in wanted:
                raise ValueError(f"piece {piece} of a record where it cannot be")
            # A payload that holds the magic number is cut there; the number itself is left out.
            payload += WORDS.pack(MAGIC, 0)[:4] if payload or piece in (MIDDLE, LAST) else b""
            payload += data
            if piece in (WHOLE, LAST):
                return _parse(bytes(payload))
            wanted = (MIDDLE, LAST)
    except (OSError, ValueError, OverflowError, struct.error) as error:
        raise damaged(path, f"at byte {offset}: {error}") from error


def _piece(stream: BinaryIO, before: int) -> tuple[int, bytes]:
    magic, word = WORDS.unpack(stream.read(WORDS.size).ljust(WORDS.size, b"\0"))
    if magic != MAGIC:
        raise ValueError("no record begins here")
    length = word & ((1 << 29) - 1)
    if before + length > LARGEST:
        raise ValueError(f"a record of more than {LARGEST >> 20} MB")
    data = stream.read(length)
    if len(data) < length:
        raise ValueError("the file ends inside a record")
    stream.seek(-length % 4, os.SEEK_CUR)
    return word >> 29, data


def _parse(payload: bytes) -> Record:
    if len(payload) < HEADER.size:
        raise ValueError("a record without a header")
    flag, label, _, _ = HEADER.unpack_from(payload)
    if not flag:
        return Record(0, (label,), payload[HEADER.size :])
    end = HEADER.size + 4 * flag
    if flag > MOST_LABELS or end > len(payload):
        raise ValueError(f"{flag} labels do not fit in the record")
    return Record(flag, struct.unpack_from(f"<{flag}f", payload, HEADER.size), payload[end:])


def read_faces(folder: Path) -> Faces:
    """Who is on which record, without reading the images of an InsightFace file.

    Args:
        folder: with train.rec and train.idx; `property` ("people,height,width") is checked
            against them where it is there.

    Raises:
        InputError: a file is missing or damaged.
    """
    path, index = folder / "train.rec", folder / "train.idx"
    keys, offsets = read_index(index)
    try:
        with path.open("rb") as stream:
            size = stream.seek(0, os.SEEK_END)
            if offsets.max() + WORDS.size > size:
                raise damaged(path, f"{index.name} points beyond its end")
            first = read_record(stream, int(offsets[0]), path)
            if keys[0] == 0 and first.flag >= IDENTITY_LABELS and not first.image:
                rows, label = _by_identity(stream, path, keys, offsets, first)
            else:
                rows, label = _by_image(stream, path, offsets)
    except OSError as error:
        raise damaged(path, error.strerror or "it cannot be read") from error
    _check_property(folder / "property", int(label.max(initial=-1)) + 1)
    return Faces(path, offsets[rows], keys[rows], np.unique(label, return_inverse=True)[1])


def _by_identity(
    stream: BinaryIO, path: Path, keys: IntArray, offsets: IntArray, first: Record
) -> tuple[IntArray, IntArray]:
    """Rows of the index that are images, and whose: from the records of the identities."""
    begin, end = (exact(value, path) for value in first.labels[:2])
    if not 0 < begin <= end <= keys[-1] + 1:
        raise damaged(path, f"identities from key {begin} to {end}, but the last key is {keys[-1]}")
    label = np.full(len(keys), -1, np.int64)
    for person, row in enumerate(np.flatnonzero((keys >= begin) & (keys < end))):
        record = read_record(stream, int(offsets[row]), path)
        if record.flag < IDENTITY_LABELS:
            raise damaged(path, f"key {keys[row]} is no identity")
        start, stop = (exact(value, path) for value in record.labels[:2])
        if not 0 < start <= stop <= begin:
            raise damaged(path, f"key {keys[row]} says its images are {start} to {stop}")
        own = slice(*np.searchsorted(keys, [start, stop]))
        if (label[own] != -1).any():
            raise damaged(path, f"key {keys[row]} shares images with another identity")
        label[own] = person
    rows = np.flatnonzero(label >= 0)
    if not len(rows):
        raise damaged(path, "no identity has an image")
    return rows, label[rows]


def _by_image(stream: BinaryIO, path: Path, offsets: IntArray) -> tuple[IntArray, IntArray]:
    """All rows, and the label that each image carries."""
    label = np.empty(len(offsets), np.int64)
    for row, offset in enumerate(offsets.tolist()):
        label[row] = exact(read_record(stream, offset, path).labels[0], path)
    return np.arange(len(offsets)), label


def exact(value: float, path: Path) -> int:
    """A label or key as a whole number; float32 holds them exactly up to 2^24 only.

    Raises:
        InputError: it is none, or may be another one.
    """
    if not 0 <= value <= EXACT or value != int(value):
        raise damaged(path, f"{value} is no label or key that float32 holds exactly")
    return int(value)


def _check_property(path: Path, people: int) -> None:
    if not path.is_file():
        return
    try:
        with path.open("rb") as stream:
            declared = int(stream.read(64).split(b",")[0])
    except (OSError, ValueError) as error:
        raise damaged(path, "it must say people,height,width") from error
    if declared < people:
        raise damaged(path, f"it says {declared} people, but there are {people}")


@dataclass(frozen=True, slots=True)
class Range:
    """Some images of a .rec file, for a worker to read: (key, offset) of each."""

    path: str
    images: tuple[tuple[int, int], ...]


def crops_of(task: Range) -> Iterator[tuple[str, ImageArray]]:
    """Keys and crops (112, 112, 3) of the images that can be decoded and have that size."""
    with Path(task.path).open("rb") as stream:
        for key, offset in task.images:
            crop = decode(read_record(stream, offset, Path(task.path)).image)
            if crop is not None:
                yield str(key), crop


def decode(image: bytes) -> ImageArray | None:
    """A JPEG or PNG of 112 x 112 pixels as RGB; None for anything else. Larger ones stay packed."""
    try:
        with Image.open(io.BytesIO(image), formats=("JPEG", "PNG")) as opened:
            if opened.size != (CROP, CROP):
                return None
            return np.asarray(opened.convert("RGB"), np.uint8)
    except _DAMAGE:
        return None

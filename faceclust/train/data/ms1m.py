"""MS1M: the layout of learn-to-cluster (Yang et al., 2019), or InsightFace's RecordIO alone.

    features/part0_train.bin        N x 256 raw float32, not normalised
    labels/part0_train.meta         N lines, one whole number each
    lists/part0_train.list          N lines, the RecordIO key of each face's image; may be missing
    train.rec, train.idx, property  the images; may be missing

The published features do not say which image each was made from; only with `lists/` (this
project's own addition) can CLIP embeddings stand beside them. The published neighbour lists
(`knns/`) are not read: a training draws libraries from the faces, and searches each by itself.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from faceclust.errors import InputError, OptionError
from faceclust.records import IntArray
from faceclust.train.data.identities import Identities

ROOT = "FACECLUST_MS1M"
PART = "part0_train"
D = 256
RECORDIO = ("train.rec", "train.idx")
LONGEST_LINE = 20
BLOCK = 65_536


def root_of(given: Path | None) -> Path:
    """The folder of MS1M: `--root`, or what the environment says.

    Raises:
        OptionError: neither does.
        InputError: it is no folder.
    """
    where = given or (Path(os.environ[ROOT]).expanduser() if os.environ.get(ROOT) else None)
    if where is None:
        raise OptionError(f"--data ms1m needs --root FOLDER, or {ROOT} in the environment.")
    if not where.is_dir():
        raise InputError(f"{where} is not a folder; give --root the folder that holds MS1M.")
    return where


def files_of(root: Path, part: str) -> tuple[Path, Path, Path]:
    """Where features, labels and keys of a part are, if they are there.

    Raises:
        OptionError: the name of the part is no plain name.
    """
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,64}", part):
        raise OptionError(f"--part {part!r} is no name of a part, such as {PART}.")
    return (
        root / "features" / f"{part}.bin",
        root / "labels" / f"{part}.meta",
        root / "lists" / f"{part}.list",
    )


def layout_of(root: Path, part: str | None) -> str:
    """Which layout `root` has: "features" or "recordio".

    Raises:
        InputError: neither is whole; the message names every file that was looked for.
    """
    features, labels, _ = files_of(root, part or PART)
    if features.is_file() and labels.is_file():
        return "features"
    if part is None and all((root / name).is_file() for name in RECORDIO):
        return "recordio"
    looked = [features, labels, *([root / name for name in RECORDIO] if part is None else [])]
    missing = ", ".join(str(path) for path in looked if not path.is_file())
    raise InputError(
        f"MS1M is not whole in {root}: {missing} not found. It takes features/PART.bin with "
        f"labels/PART.meta (learn-to-cluster), or train.rec with train.idx (InsightFace)."
    )


def read_features(root: Path, part: str) -> Identities:
    """A part of the learn-to-cluster layout; the features stay on disk.

    Raises:
        InputError: a file is missing, damaged, or does not fit the others.
    """
    features, labels, _ = files_of(root, part)
    layout_of(root, part)
    label = np.unique(read_numbers(labels), return_inverse=True)[1]
    N, size = len(label), features.stat().st_size
    if not N or size != 4 * N * D:
        raise InputError(
            f"{features} holds {size} bytes, but {labels} names {N} faces of {4 * D} bytes each; "
            "fetch both once more."
        )
    x = np.memmap(features, np.dtype("<f4"), "r", shape=(N, D))
    for start in range(0, N, BLOCK):
        if not np.isfinite(x[start : start + BLOCK]).all():
            raise InputError(f"{features} holds numbers that are not finite; fetch it once more.")
    nowhere = np.full(N, -1, np.int64)
    return Identities(x, label, label, nowhere, "ms1m-256", (D,))


def has_images(root: Path, part: str) -> bool:
    """Whether the images of a part are there, and a list of their keys."""
    needed = (files_of(root, part)[2], *(root / name for name in RECORDIO))
    return all(path.is_file() for path in needed)


def read_keys(root: Path, part: str, count: int) -> IntArray | None:
    """The RecordIO key of the image of each face (N,), or None where that is not known.

    Raises:
        InputError: there is a list, but of another number of faces.
    """
    if not has_images(root, part):
        return None
    path = files_of(root, part)[2]
    keys = read_numbers(path)
    if len(keys) != count:
        raise InputError(f"{path} names {len(keys)} images, but {part} has {count} faces.")
    return keys


def read_numbers(path: Path) -> IntArray:
    """A file of one whole number a line, (N,).

    Raises:
        InputError: it holds anything else.
    """

    def numbers() -> Iterator[int]:
        with path.open("rb") as stream:
            while line := stream.readline(LONGEST_LINE + 1):
                if len(line) > LONGEST_LINE or not line.strip().isdigit():
                    raise ValueError(f"{line[:20]!r} is no whole number")
                yield int(line)

    try:
        return np.fromiter(numbers(), np.int64)
    except (OSError, ValueError, OverflowError) as error:
        raise InputError(
            f"{path} must hold one whole number a line ({error}); fetch it once more."
        ) from error

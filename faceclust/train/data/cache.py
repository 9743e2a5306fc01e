"""Embeddings of data sets, kept on disk: made once, resumed after a kill, mapped when read.

`<name>.npz` holds x and y, the raw embeddings of the first network and of the others, xm and ym
those of the mirrored crops, i the CLIP embeddings, names, the space's model id, and the digest of
all that they were made from. What is found on the way lies in `.<name>/`, `PART` faces a file.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import ZIP_STORED, BadZipFile, ZipFile

import numpy as np
from numpy.lib import format as npy

from faceclust.errors import InputError, WriteError
from faceclust.export import disk
from faceclust.photos import content_hash
from faceclust.pipeline.identities import Embedded, Extras
from faceclust.pipeline.models import Models
from faceclust.records import FloatArray
from faceclust.weights import own

PART = 4096  # faces that a kill can cost
LOCAL_HEADER = 30  # bytes of a zip member's header before its name

Embed = Callable[[frozenset[str]], Iterable[Embedded]]
Count = Callable[[int], None]


def recipe(source: str, models: Models, extras: Extras) -> str:
    """Digest of a data set, the networks and what else is embedded: equal digests, equal files."""
    digest = hashlib.sha256(f"{source} {extras}".encode())
    for network in models.embedders:
        digest.update(f"{content_hash(network.path)} {network.scale}".encode())
    if extras.clip == "face-clip":
        digest.update(content_hash(own("face-clip-image.onnx")).encode())
    return digest.hexdigest()


@dataclass(frozen=True, slots=True)
class What:
    """What a file of embeddings holds.

    Attributes:
        name: of the data set.
        digest: from `recipe`; a file with another one is made anew.
        space: model id of the networks.
        width: columns of the first network; those of the others are kept apart, as y.
    """

    name: str
    digest: str
    space: str
    width: int


def embed(cache: Path, what: What, run: Embed, count: Count) -> Path:
    """Bring `<name>.npz` about, from where the last attempt was stopped.

    Args:
        cache: the folder.
        what: see there.
        run: embeds all faces but those whose names it is given.
        count: told how many faces there are by now.

    Raises:
        InputError: there is no face in the data.
        WriteError: the folder cannot be written.
    """
    path, scratch = cache / f"{what.name}.npz", cache / f".{what.name}" / what.digest
    if path.is_file() and stored_digest(path) == what.digest:
        return path
    try:
        cache.mkdir(mode=disk.PRIVATE_FOLDER, parents=True, exist_ok=True)
        scratch.parent.mkdir(mode=disk.PRIVATE_FOLDER, exist_ok=True)
        scratch.mkdir(exist_ok=True)
        parts = sorted(scratch.glob("*.npz"))
        done = [str(entry) for part in parts for entry in _read(part)["names"]]
        _collect(scratch, len(parts), run(frozenset(done)), len(done), count)
        _join(path, sorted(scratch.glob("*.npz")), what)
        shutil.rmtree(scratch.parent)
    except OSError as error:
        raise WriteError(
            f"{cache} cannot be written ({error.strerror}); free some space, or pass another --out."
        ) from error
    return path


def _collect(
    scratch: Path, number: int, found: Iterable[Embedded], done: int, count: Count
) -> None:
    """Write what is found, `PART` faces a file."""
    waiting: list[Embedded] = []
    for piece in found:
        waiting.append(piece)
        count(done + sum(len(item.names) for item in waiting))
        if sum(len(item.names) for item in waiting) >= PART:
            done += _put(scratch / f"{number:06}.npz", waiting)
            number, waiting = number + 1, []
    if waiting:
        _put(scratch / f"{number:06}.npz", waiting)


def _put(path: Path, found: list[Embedded]) -> int:
    names = [name for piece in found for name in piece.names]
    arrays = {key: np.concatenate([getattr(piece, key) for piece in found])
              for key in ("x", "mirrored", "clip")}  # fmt: skip
    _save(path, {"names": np.array(names), **arrays})
    return len(names)


def _save(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write an .npz whole or not at all; embeddings tell people apart, so it is its owner's."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with disk.create(part) as stream:
        np.savez(stream, **arrays)
    part.replace(path)


def _read(path: Path) -> dict[str, Any]:
    with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
        return {key: file[key] for key in file.files}


def _join(path: Path, parts: list[Path], what: What) -> None:
    """One file of all parts in the order of the names; only a part at a time is in memory."""
    names = [str(name) for part in parts for name in _read(part)["names"]]
    if not names:
        raise InputError(f"{path.stem} holds no face that can be embedded; give other data.")
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names), np.int64)
    place[order] = np.arange(len(names))
    columns: dict[str, FloatArray] = {}
    start, width = 0, what.width
    for part in parts:
        rows = _read(part)
        into = place[start : start + len(rows["names"])]
        start += len(into)
        pieces = {"x": rows["x"][:, :width], "y": rows["x"][:, width:],
                  "xm": rows["mirrored"][:, :width], "ym": rows["mirrored"][:, width:],
                  "i": rows["clip"]}  # fmt: skip
        for key, piece in pieces.items():
            if key not in columns:
                shape = (len(names), piece.shape[1])
                columns[key] = _empty(part.with_name(f"{key}.npy"), shape)
            columns[key][into] = piece
    kept = {key: column for key, column in columns.items() if column.shape[1] or key == "y"}
    ordered = np.array([names[i] for i in order])
    about = {"digest": np.array(what.digest), "space": np.array(what.space)}
    _save(path, {**kept, "names": ordered, **about})


def _empty(path: Path, shape: tuple[int, int]) -> FloatArray:
    if not shape[1]:
        return np.zeros(shape, np.float32)
    path.unlink(missing_ok=True)
    disk.create(path).close()
    return npy.open_memmap(path, "w+", np.float32, shape)


def stored_digest(path: Path) -> str:
    """The digest that `embed` left in a file; "" where there is none."""
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            return str(file["digest"])
    except (OSError, ValueError, KeyError, EOFError, BadZipFile):
        return ""


def mapped(path: Path) -> dict[str, Any]:
    """The arrays of an .npz file that `embed` wrote, mapped from disk where they are large.

    Raises:
        InputError: it is damaged, compressed or pickled.
    """
    try:
        with ZipFile(path) as archive, path.open("rb") as stream:
            return {
                info.filename.removesuffix(".npy"): _map(path, stream, info)
                for info in archive.infolist()
                if info.compress_type == ZIP_STORED
            }
    except (OSError, ValueError, EOFError, BadZipFile) as error:
        raise InputError(f"{path} is damaged ({error}); remove it: it is made anew.") from error


def _map(path: Path, stream: Any, info: Any) -> Any:
    """Members of np.savez are stored as they are, so that they can be mapped where they lie."""
    stream.seek(info.header_offset)
    header = stream.read(LOCAL_HEADER)
    stream.seek(
        int.from_bytes(header[26:28], "little") + int.from_bytes(header[28:30], "little"), 1
    )
    begin = stream.tell()
    version = npy.read_magic(stream)
    read = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read(stream)
    length = int(np.prod(shape, dtype=np.float64)) * dtype.itemsize
    if dtype.hasobject or stream.tell() - begin + length != info.file_size:
        raise ValueError(f"{info.filename} is {shape} {dtype}, in {info.file_size} bytes")
    if not length or not shape:
        return np.frombuffer(stream.read(length), dtype).reshape(shape)
    return np.memmap(path, dtype, "r", stream.tell(), tuple(shape))

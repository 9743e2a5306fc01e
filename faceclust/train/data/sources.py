"""Which data a `--data` means, read into one record and one crowd."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceclust.errors import InputError, OptionError
from faceclust.train import crowds
from faceclust.train.crowds import Crowd
from faceclust.train.data import cache, folders, ms1m
from faceclust.train.data.folders import Embedding
from faceclust.train.data.identities import Identities
from faceclust.train.data.library import read_library

MS1M, LIBRARY = "ms1m", "library"
__all__ = ["LIBRARY", "MS1M", "Corpus", "check", "has_clip", "members", "read", "read_library"]


@dataclass(frozen=True, slots=True, eq=False)
class Corpus:
    """All the data of a training: the raw faces, and the crowd that libraries are drawn from."""

    identities: Identities
    crowd: Crowd


def read(
    data: Sequence[str],
    using: Callable[[], Embedding],
    *,
    root: Path | None = None,
    part: str | None = None,
) -> Corpus:
    """Read the data that one or more `--data` name.

    Args:
        data: "ms1m", or folders and tars of identities, of crops or photos. A folder that holds
            tars stands for these tars, of this project's own only for the training sets; one
            that holds embeddings (`embeddings/` of another run) for all of these.
        using: opens what embeds them.
        root, part: of MS1M.

    Raises:
        OptionError: options that do not go together.
        InputError: the data are missing or damaged.
        WriteError: the embeddings cannot be kept.
    """
    check(data, root, part)
    if data[0] == MS1M:
        identities = _read_ms1m(ms1m.root_of(root), part, using)
        return _corpus(identities, crowds.crowd_of(identities))
    if not (paths := _embedded(data)):
        found = _in_order([each for entry in data for each in members(Path(entry))])
        embedding = using()
        paths = [folders.embed_set(each, embedding) for each in found]
    identities = folders.join([folders.read_set(path) for path in paths])
    sets = [path.stem for path in paths]
    if set(sets) <= set(crowds.SETS) and len(identities.parts) > 1:
        crowd = crowds.read(paths[0].parent, sets)
    else:
        crowd = crowds.crowd_of(identities)
    return _corpus(identities, crowd)


def check(data: Sequence[str], root: Path | None, part: str | None) -> None:
    """Refuse what does not go together, or is not there, see `read`.

    Raises:
        OptionError: something does not go together.
        InputError: a folder or tar does not exist.
    """
    if len(data) > 1 and {MS1M, LIBRARY} & set(data):
        raise OptionError("--data ms1m and --data library cannot be joined with other data.")
    if data[0] != MS1M and (root or part):
        raise OptionError("--root and --part go with --data ms1m only.")
    for entry in {*data} - {MS1M, LIBRARY}:
        members(Path(entry))


def has_clip(data: Sequence[str], root: Path | None, part: str | None) -> bool:
    """Whether `read` gives CLIP embeddings, if asked to: there are some, or images.

    Raises:
        OptionError, InputError: as `read`, of what is missing.
    """
    if data[0] == MS1M:
        folder = ms1m.root_of(root)
        recordio = ms1m.layout_of(folder, part) == "recordio"
        return recordio or ms1m.has_images(folder, part or ms1m.PART)
    return all("i" in cache.mapped(path) for path in _embedded(data))


def _in_order(data: list[Path]) -> list[Path]:
    """Data that are to be joined: this project's own sets as `crowds.read` goes through them.

    Raises:
        OptionError: two have one name, under which their embeddings are kept.
    """
    names = [folders.name_of(each) for each in data]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise OptionError(f"--data was given two that are called {twice!r}; rename one of them.")
    if set(names) <= set(crowds.SETS):
        return sorted(data, key=lambda each: list(crowds.SETS).index(folders.name_of(each)))
    return data


def _corpus(identities: Identities, crowd: Crowd) -> Corpus:
    if identities.clip is not None:
        crowd = replace(crowd, clip=np.asarray(identities.clip))
    return Corpus(identities, crowd)


def _embedded(data: Sequence[str]) -> list[Path]:
    """The embedded sets in the one folder that is given, in the order of `crowds.SETS` and names.

    Raises:
        InputError: there are images of MS1M among them, whose people are told elsewhere.
    """
    if len(data) > 1:
        return []
    folder = Path(data[0])
    ours = [folder / f"{name}.npz" for name in crowds.SETS]
    others = [path for path in sorted(folder.glob("*.npz")) if path not in ours]
    kept = [path for path in others if cache.stored_digest(path)]
    if records := next((path for path in kept if folders.is_of_records(path)), None):
        raise InputError(
            f"{records} holds images of MS1M without their labels; give --data ms1m and the --out "
            "of that run, which embeds nothing twice."
        )
    return [path for path in ours if path.is_file()] + kept


def members(entry: Path) -> list[Path]:
    """`entry` itself, or the tars that lie in it, those of this project's training alone.

    Raises:
        InputError: it does not exist.
    """
    if not entry.exists():
        raise InputError(
            f"{entry} does not exist; --data takes ms1m, library, or a folder or tar with one "
            "folder a person."
        )
    tars = [p for p in sorted(entry.glob("*.tar")) if p.is_file()] if entry.is_dir() else []
    ours = [entry / f"{name}.tar" for name in crowds.SETS]
    return [tar for tar in ours if tar in tars] or tars or [entry]


def _read_ms1m(root: Path, part: str | None, using: Callable[[], Embedding]) -> Identities:
    if ms1m.layout_of(root, part) == "features":
        identities = ms1m.read_features(root, part or ms1m.PART)
        keys = ms1m.read_keys(root, part or ms1m.PART, len(identities))
        if keys is None or not (embedding := using()).extras.clip:
            return identities
        path, _ = folders.embed_records(root, embedding, keys)
        return folders.with_clip(identities, keys, path)
    path, faces = folders.embed_records(root, using())
    return folders.read_records(path, faces)

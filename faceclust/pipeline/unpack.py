"""A labelled folder, or a tar of one, unpacked for the time being."""

from __future__ import annotations

import lzma
import tarfile
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from faceclust.errors import InputError

MAX_TAR_BYTES = 64 << 30
# All that tarfile and the decompressors raise for what is damaged; ValueError for impossible names.
_UNPACKING = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)


@contextmanager
def as_folder(data: Path) -> Iterator[Path]:
    """`data` itself, or what a tar holds, unpacked for the time being."""
    if data.is_dir():
        yield data
        return
    if not data.is_file():
        raise InputError(f"{data} does not exist; give a folder or a tar with one folder a person.")
    with tempfile.TemporaryDirectory(prefix="faceclust-") as scratch:
        try:
            with tarfile.open(data) as tar:
                _unpack(tar, data, Path(scratch))
        except _UNPACKING as error:
            reason = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
            raise InputError(
                f"{data} cannot be unpacked as a tar ({reason}); mend it, or give a folder."
            ) from error
        yield Path(scratch)


def _unpack(tar: tarfile.TarFile, data: Path, folder: Path) -> None:
    total = 0
    for member in tar:
        total += member.size
        if total > MAX_TAR_BYTES:
            raise InputError(
                f"{data} holds more than {MAX_TAR_BYTES >> 30} GB; unpack it yourself."
            )
        if member.isfile():
            tar.extract(member, folder, filter="data")

"""Embeddings that lie in a file, in half precision: read by rows, never all at once."""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Protocol

import numpy as np

from faceclust.records import FloatArray, IntArray

BUFFER = 1 << 20
# What is left of the disk is to hold the clustering as well, which is kept once it is made.
ROOM = 2


class Rows(Protocol):
    """(N, D) float32 of which some rows are read at a time: an array, or what stands for one.

    `x[:]` is all of it as an array; of one, a view.
    """

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""
        ...

    def __len__(self) -> int:
        """N."""
        ...

    def __getitem__(self, rows: slice | IntArray, /) -> FloatArray:
        """Some of the rows, (n, D) float32."""
        ...


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """(N, D) float16 in a file without a name, mapped; what is read of it becomes float32.

    The file is its owner's alone, and gone with this object or with the process.
    """

    _map: mmap.mmap
    _values: np.ndarray[Any, np.dtype[np.float16]]

    @classmethod
    def written(cls, vectors: Iterable[bytes], most: int, folder: Path) -> Halves | None:
        """Put vectors, each D float16 as SQLite holds them, into a file; None where there are none.

        Args:
            most: how many may come.
            folder: whose disk is to hold them.

        Raises:
            OSError: the folder cannot be written, or its disk has not twice the room.
        """
        N, size = 0, 0
        with _nameless(folder) as file:
            for vector in vectors:
                if not N:
                    size = len(vector)
                    _require(folder, ROOM * most * size)
                if len(vector) != size:
                    raise ValueError(f"a vector of {len(vector)} bytes among those of {size}")
                file.write(vector)
                N += 1
            file.flush()
            mapped = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) if N else None
        if mapped is None:
            return None
        return cls(mapped, np.frombuffer(mapped, "<f2").reshape(N, -1))

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, D)."""
        N, D = self._values.shape
        return N, D

    def __len__(self) -> int:
        """N."""
        return len(self._values)

    def __getitem__(self, rows: slice | IntArray, /) -> FloatArray:
        """Some of the rows, (n, D) float32, new."""
        found = self._values[rows].astype(np.float32)
        # Pages that were read would count as this process's memory until the system wants them.
        if hasattr(mmap, "MADV_DONTNEED"):
            self._map.madvise(mmap.MADV_DONTNEED)
        return found


@contextmanager
def _nameless(folder: Path) -> Iterator[IO[bytes]]:
    """A file that nobody else finds, closed whatever happens; a mapping of it outlives that."""
    file = tempfile.TemporaryFile(buffering=BUFFER, dir=folder)  # noqa: SIM115 - see below
    try:
        yield file
    finally:
        # What a full disk has not taken is tried again here, and no longer wanted.
        with suppress(OSError):
            file.close()


def _require(folder: Path, size: int) -> None:
    """See beforehand that a disk has room: who fills it up harms others."""
    if shutil.disk_usage(folder).free < size:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(folder))

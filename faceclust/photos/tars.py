"""Tars of photos that may be hostile: what stands between two members is read within bounds.

A member's name, if it is long, and what else a header has no room for stand in extension headers,
which `tarfile` reads whole at whatever size they declare, one calling for the next, and the maps of
sparse files as far as they go. A compressed tar of a few kilobytes can declare gigabytes of either.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

MAX_HEADER_BYTES = 1 << 20
"""Bytes of a member's headers, all of its extension headers and sparse maps included."""

MAX_MEMBERS = 5_000_000


class BoundedInfo(tarfile.TarInfo):
    """A member whose headers are refused once they are longer than any real one's."""

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> BoundedInfo:
        """The next member of `tar`.

        Raises:
            tarfile.ReadError: its headers are too long, or it has no size that can be.
        """
        whole = tar.fileobj
        if isinstance(whole, _Headers):  # what an extension header is about: within its bounds
            return super().fromtarfile(tar)
        tar.fileobj = _Headers(whole)
        try:
            found = super().fromtarfile(tar)
        except RecursionError as error:
            raise tarfile.ReadError("endless extension headers") from error
        finally:
            tar.fileobj = whole
        if found.size < 0:
            raise tarfile.ReadError("a member of a negative size")
        return found


class _Headers:
    """A tar's file as long as headers are read from it."""

    def __init__(self, file: Any) -> None:
        self._file, self._left = file, MAX_HEADER_BYTES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def read(self, size: int) -> bytes:
        """Read as files do, unless that is more than headers may have."""
        if not 0 <= size <= self._left:
            raise tarfile.ReadError(f"a member's headers are over {MAX_HEADER_BYTES >> 20} MB")
        self._left -= size
        content: bytes = self._file.read(size)
        return content


def open_tar(path: Path) -> tarfile.TarFile:
    """Open a tar, compressed or not, for `members`.

    Raises:
        tarfile.TarError, OSError, EOFError, ValueError, zlib.error, lzma.LZMAError: as `tarfile`.
    """
    return tarfile.open(path, tarinfo=BoundedInfo)


def members(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """The members of a tar in their order, none of them remembered.

    Raises:
        tarfile.ReadError: there are too many, or one has headers that no real tar has.
    """
    for count, member in enumerate(iter(tar.next, None)):
        if count >= MAX_MEMBERS:
            raise tarfile.ReadError(f"over {MAX_MEMBERS} members")
        tar.members.clear()  # type: ignore[attr-defined]
        yield member

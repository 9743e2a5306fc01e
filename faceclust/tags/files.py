"""Reading files that anyone may have put beside the photos."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import BinaryIO

from faceclust.errors import InputError

MAX_BYTES = 8 << 20
_FLAGS = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_BINARY", 0)
)


def open_plain(path: Path) -> BinaryIO:
    """Open a regular file for reading; never a link, folder, pipe or device.

    Raises:
        InputError: it is one of these, or cannot be read.
    """
    try:
        if not stat.S_ISREG(path.lstat().st_mode):
            raise InputError("not a regular file")
        file = os.fdopen(os.open(path, _FLAGS), "rb")
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})") from error
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise InputError("not a regular file")
    return file


def read_bounded(path: Path, limit: int = MAX_BYTES) -> bytes:
    """The content of a regular file of at most `limit` bytes.

    Raises:
        InputError: it is larger, or as `open_plain` says.
    """
    with open_plain(path) as file:
        try:
            content = file.read(limit + 1)
        except OSError as error:
            raise InputError(f"cannot be read ({error.strerror})") from error
    if len(content) > limit:
        raise InputError(f"over {limit >> 20} MB")
    return content


def listing(folder: Path) -> dict[str, str]:
    """The names in a folder, by their case-folded form; none where it cannot be read.

    Of two names that differ in case only, the first in order stands.
    """
    try:
        with os.scandir(folder) as entries:
            names = sorted(entry.name for entry in entries)
    except OSError:
        return {}
    found: dict[str, str] = {}
    for name in names:
        found.setdefault(name.casefold(), name)
    return found

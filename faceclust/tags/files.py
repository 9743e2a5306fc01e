"""Reading files that anyone may have put beside the photos."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Iterator
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


class Names:
    """File names, found as they are, or else by the only one that reads the same.

    Programs and file systems change capitals and the Unicode form of letters (one character, or a
    letter and its accent); where files differ in nothing else, each has its own name alone.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._alike: defaultdict[str, list[str]] = defaultdict(list)
        self._names = sorted(set(names))
        for name in self._names:
            self._alike[alike(name)].append(name)

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and name in self._alike.get(alike(name), ())

    def find(self, wanted: str, owner: str | None = None) -> str | None:
        """The file that is meant by a name; None where there is none or more than one.

        Args:
            wanted: the name.
            owner: the photo that it is made of; of two that read the same either may be meant.
        """
        found = self._alike.get(alike(wanted), [])
        if wanted in found:
            return wanted
        shared = owner is not None and len(self._alike.get(alike(owner), ())) > 1
        return found[0] if len(found) == 1 and not shared else None


def alike(name: str) -> str:
    """What names that read the same have in common: small letters, one Unicode form."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", name).casefold())


def listing(folder: Path) -> Names:
    """The names in a folder; none where it cannot be read."""
    try:
        with os.scandir(folder) as entries:
            return Names(entry.name for entry in entries)
    except OSError:
        return Names(())

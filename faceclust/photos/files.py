"""Find the photos below a folder, and tell files apart by content."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeAlias

from faceclust.errors import InputError
from faceclust.photos.formats import EXTENSIONS
from faceclust.photos.limits import open_regular, photo_errors
from faceclust.photos.patterns import matcher

OnError: TypeAlias = Callable[[str, str], None]

_SYSTEM_FOLDERS = frozenset(
    {
        "@eadir",  # Synology's thumbnails
        "#recycle",
        "#snapshot",
        "@recycle",  # QNAP
        "@recently-snapshot",
        "$recycle.bin",
        "system volume information",
        "lost+found",
        "__macosx",
    }
)
_SUFFIXES = tuple(EXTENSIONS)
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file that looks like a photo by its name.

    Attributes:
        path: relative to the root, with "/" on every system; bytes that are not UTF-8 stand as
            surrogate escapes, so `root / path` opens the file but `path` may not be encodable.
        size: bytes.
        mtime_ns: time of last modification, nanoseconds since 1970.
    """

    path: str
    size: int
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class WalkOptions:
    """Which files `walk` finds.

    Attributes:
        recursive: descend into subfolders.
        exclude: patterns in the manner of .gitignore, in any case of letters: "*.gif" or
            "Screenshots" anywhere, "/2019/raw" or "2019/*" from the root, "trash/" folders only.
            Wildcards are *, ** (across folders) and ?.
        limit: stop after so many files; None finds all.
    """

    recursive: bool = True
    exclude: tuple[str, ...] = ()
    limit: int | None = None


def walk(
    root: Path,
    options: WalkOptions | None = None,
    on_error: OnError | None = None,
    *,
    below: str = "",
) -> Iterator[FoundFile]:
    """Find the photos below `root`: folder by folder, names sorted, files before subfolders.

    Hidden files and folders, recycle bins and thumbnail stores of NAS systems are left out, and
    so is every symbolic link and junction: its target is found itself, or is not part of the
    library.

    Args:
        root: the library's folder; may itself be a link.
        options: which files are wanted; all by default.
        on_error: called with the relative path and the reason where a folder or file cannot be
            read; the walk goes on.
        below: a folder inside `root`, with "/", to look in alone; paths and patterns stay those
            of `root`.

    Raises:
        InputError: `root` is not a folder that can be read.
    """
    options = options or WalkOptions()
    try:
        os.scandir(root / below).close()
    except OSError as error:
        raise InputError(
            f"{str(root)!r} cannot be read as a folder ({error.strerror}): name the folder that"
            " holds your photos."
        ) from error
    start = f"{below}/" if below else ""
    return islice(_walk(root, start, options, on_error or _ignore), options.limit)


def leaves_out(options: WalkOptions, below: str = "") -> Callable[[str], bool]:
    """Which paths, relative to the root, a walk passes over because of its options alone.

    Args:
        below: where the walk begins, as in `walk`; asked only of paths in there.
    """
    excluded = matcher(options.exclude)
    start = len(below) + 1 if below else 0

    def left_out(path: str) -> bool:
        ends = [at for at in range(start, len(path)) if path[at] == "/"]
        if ends and not options.recursive:
            return True
        return excluded(path) or any(excluded(path[: end + 1]) for end in ends)

    return left_out


def content_hash(path: Path) -> str:
    """BLAKE2b of the file's bytes, 128 bits in hexadecimal: equal files, equal hash.

    Raises:
        PhotoError: kind "permission" or "unreadable"; "unsupported" for what is no file.
    """
    digest = hashlib.blake2b(digest_size=16)
    with photo_errors(), open_regular(path) as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def _ignore(path: str, reason: str) -> None:
    """Stand in for a caller that does not want to hear of errors."""


def _walk(root: Path, start: str, options: WalkOptions, on_error: OnError) -> Iterator[FoundFile]:
    excluded = matcher(options.exclude)
    folders = [start]
    while folders:
        folder = folders.pop()
        subfolders = []
        for entry in _entries(root, folder, on_error):
            path = folder + entry.name
            try:
                if entry.is_symlink():
                    continue
                if entry.is_dir(follow_symlinks=False):
                    if not excluded(path + "/") and not _is_junction(entry):
                        subfolders.append(path + "/")
                elif _is_photo(entry) and not excluded(path):
                    facts = entry.stat(follow_symlinks=False)
                    yield FoundFile(path, facts.st_size, facts.st_mtime_ns)
            except OSError as error:
                on_error(path, error.strerror or "cannot be read")
        if options.recursive:
            folders.extend(reversed(subfolders))


def _entries(root: Path, folder: str, on_error: OnError) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(root / folder) as entries:
            wanted = (entry for entry in entries if is_wanted(entry.name))
            return sorted(wanted, key=lambda entry: entry.name)
    except OSError as error:
        on_error(folder.rstrip("/") or ".", error.strerror or "cannot be read")
        return []


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is another one by a second name, as only Windows has them."""
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    if junction is None:
        return False
    facts = entry.stat(follow_symlinks=False)
    return bool(getattr(facts, "st_reparse_tag", None) == junction)


def is_wanted(name: str) -> bool:
    """Whether a file or folder of this name is neither hidden nor a system's own."""
    return not name.startswith(".") and name.lower() not in _SYSTEM_FOLDERS


def is_photo(name: str) -> bool:
    """Whether a file looks like a photo by its name."""
    return name.lower().endswith(_SUFFIXES)


def _is_photo(entry: os.DirEntry[str]) -> bool:
    return is_photo(entry.name) and entry.is_file(follow_symlinks=False)

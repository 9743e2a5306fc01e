"""What stands at a path, in one word: by it the journal knows our files again. Only reads."""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterable
from pathlib import Path

from faceclust.export import disk

_VERBATIM = "\\\\?\\"
_CHUNK = 1 << 20


def fingerprint(path: Path) -> str | None:
    """What stands at `path`: SHA-256 of a file, "link:...", "dir", "other", or None."""
    try:
        mode = path.lstat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        return None
    if stat.S_ISLNK(mode):
        return link_digest(target_of(path))
    if stat.S_ISREG(mode):
        return _sha256(path)
    return "dir" if stat.S_ISDIR(mode) else "other"


def sha256(content: bytes) -> str:
    """The `fingerprint` of a file with this content."""
    return hashlib.sha256(content).hexdigest()


def sha256_of(pieces: Iterable[bytes]) -> str:
    """As `sha256`, of a content that comes in pieces."""
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.hexdigest()


def stands(path: Path, digest: str | None) -> bool:
    """Whether `path` is still what a journalled `digest` says.

    None is nothing there, "hard:..." an inode with its size and time, "<sha>+<packet sha>" an
    embedded photo, and everything else a `fingerprint`.
    """
    if digest is not None and digest.startswith("hard:"):
        return path.is_file() and inode_digest(path) == digest
    return fingerprint(path) == plain(digest)


def plain(digest: str | None) -> str | None:
    """`digest` without the packet's."""
    return None if digest is None else digest.partition("+")[0]


def target_of(path: Path) -> Path:
    """The target of the symbolic link `path`, as it was given when the link was made."""
    target = str(path.readlink())
    if disk.ON_WINDOWS and target.startswith(_VERBATIM):
        # Windows puts this before every target in full.
        target = target.removeprefix(_VERBATIM)
        target = f"\\\\{target[4:]}" if target.startswith("UNC\\") else target
    return Path(target)


def link_digest(target: Path) -> str:
    """The digest of a symbolic link to `target`."""
    return "link:" + sha256(os.fsencode(target))


def inode_digest(path: Path) -> str:
    """The digest of a hard link: cheap, and changed by every program that edits the file."""
    info = path.lstat()
    return f"hard:{info.st_ino}:{info.st_size}:{info.st_mtime_ns}"


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()

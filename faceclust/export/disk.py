"""The few ways in which an export touches the disk, each all or nothing.

New bytes go into a scratch file in the target's folder, reach the disk, and are then moved into
place, so that a crash leaves at most a scratch file behind; `sweep` removes those.
"""

from __future__ import annotations

import errno
import hashlib
import os
import re
import secrets
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from faceclust.errors import WriteError
from faceclust.export.plan import LinkKind

FOREIGN = "a file we did not write is there"
CHANGED = "changed meanwhile"
READ_ONLY = "read-only folder"
VANISHED = "source vanished"

ON_WINDOWS = os.name == "nt"
PRIVATE, PRIVATE_FOLDER = 0o600, 0o700
"""Modes of what shows or names people: its owner's alone."""

_NO_PROGRAM = 0o666
_SCRATCH = re.compile(r"\.faceclust-[0-9a-f]{16}\.\w+")
_CHUNK = 1 << 20
_FICLONE = 0x40049409  # linux/fs.h
_FULL = {errno.ENOSPC, errno.EDQUOT}
_IN_USE = {32, 33}  # ERROR_SHARING_VIOLATION and ERROR_LOCK_VIOLATION of Windows
# macOS says ENOTSUP, which is another number there than EOPNOTSUPP; Windows, of exFAT, EINVAL.
_NO_HARD_LINKS = {
    errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS, errno.EMLINK,
    errno.EXDEV,
}  # fmt: skip


_NO_SYMLINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS}


class RefusedError(Exception):
    """One file is not written; the text is the reason to show."""


@contextmanager
def scratch(folder: Path, suffix: str = ".tmp") -> Iterator[Path]:
    """A name in `folder` for a file in the making; whatever is left under it is removed."""
    path = folder / f".faceclust-{secrets.token_hex(8)}{suffix}"
    try:
        yield path
    finally:
        _discard(path)


def is_scratch(path: Path) -> bool:
    """Whether `path` is a scratch file."""
    return _SCRATCH.fullmatch(path.name) is not None and not path.is_dir()


def sweep(folder: Path) -> None:
    """Remove the scratch files that a crash left in `folder`."""
    with suppress(OSError):
        for path in filter(is_scratch, folder.iterdir()):
            _discard(path)


def _discard(path: Path) -> None:
    with suppress(OSError):
        # It may be a second name of a write-protected photo, which has to stay protected.
        if ON_WINDOWS and path.lstat().st_nlink > 1:
            path.unlink()
        else:
            remove(path)


def remove(path: Path, twin: Path | None = None) -> None:
    """Remove the file `path`, write-protected or not.

    Args:
        twin: another file, which stays as it is if it is the same one by a second name.
    """
    try:
        path.unlink()
    except PermissionError:
        mode = stat.S_IMODE(path.lstat().st_mode)
        if not ON_WINDOWS or mode & stat.S_IWRITE:
            raise
        shared = twin is not None and path.samefile(twin)
        path.chmod(stat.S_IWRITE)  # else Windows removes nothing
        try:
            path.unlink()
        except OSError:
            path.chmod(mode)
            raise
        if twin is not None and shared:
            twin.chmod(mode)


def private(name: str, flags: int) -> int:
    """An opener for `open`: a file that it makes is its owner's alone from the first byte."""
    return os.open(name, flags, PRIVATE)


def create(path: Path) -> BinaryIO:
    """Open the new file `path` for writing; it is its owner's alone."""
    return open(path, "xb", opener=private)


def write(path: Path, content: bytes) -> None:
    """Make the new file `path` with `content`, its owner's, on the disk when this returns."""
    write_pieces(path, (content,))


def write_pieces(path: Path, pieces: Iterable[bytes]) -> str:
    """As `write`, a content that comes in pieces; returns its digest."""
    digest = hashlib.sha256()
    with create(path) as file:
        for piece in pieces:
            digest.update(piece)
            file.write(piece)
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def clone(source: Path, path: Path, link: LinkKind) -> str:
    """Make the new file `path` a copy or reflink of `source`, times and all; returns its digest.

    Until it has the permissions of `source` it is its owner's alone.

    Raises:
        RefusedError: the file system has no reflinks.
        OSError: as from `open`, `read`, `write`.
    """
    digest = hashlib.sha256()
    with source.open("rb") as photo, create(path) as file:
        if link == "reflink":
            _reflink(photo.fileno(), file.fileno())
        while chunk := photo.read(_CHUNK):
            digest.update(chunk)
            if link != "reflink":
                file.write(chunk)
        file.flush()
        os.fsync(file.fileno())
    # Not before: NTFS sets the time anew as a file is closed.
    shutil.copystat(source, path)
    return digest.hexdigest()


def hard_link(source: Path, path: Path) -> None:
    """Make the new name `path` for the file `source`.

    Raises:
        RefusedError: not possible between these folders.
    """
    try:
        path.hardlink_to(source)
    except OSError as error:
        if error.errno in _NO_HARD_LINKS:
            raise RefusedError("no hard link is possible here, use --link copy") from error
        raise


def symlink(target: Path, path: Path) -> None:
    """Make the new symbolic link `path` to `target`.

    Raises:
        RefusedError: the file system has none (FAT, exFAT), or Windows allows none.
    """
    try:
        path.symlink_to(target)
    except OSError as error:
        if error.errno in _NO_SYMLINKS:
            raise RefusedError(
                "no symbolic link is possible here, use --format folders --link copy"
            ) from error
        raise


def check_source(path: Path, *, read: bool) -> None:
    """Refuse a photo that cannot be taken into an export.

    Args:
        read: whether its bytes are needed, too.

    Raises:
        RefusedError: it is gone, no file, or may not be read.
    """
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise RefusedError(VANISHED)
        if read and not os.access(path, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    except (FileNotFoundError, NotADirectoryError) as error:
        raise RefusedError(VANISHED) from error
    except OSError as error:
        raise RefusedError(f"{path} cannot be read ({error.strerror})") from error


def install(new: Path, path: Path) -> None:
    """Move `new` to `path` in the same folder, never over another file.

    Raises:
        FileExistsError: something stands at `path`.
    """
    if ON_WINDOWS:
        new.rename(path)  # there never over another file
        return
    try:
        path.hardlink_to(new)
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        # FAT and exFAT have no exclusive rename that Python reaches; a moment's race remains.
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from error
        new.rename(path)


def keep(path: Path, backup: Path) -> None:
    """Keep the file `path` under the new name `backup` as well, sharing its bytes if possible."""
    try:
        hard_link(path, backup)
    except RefusedError:
        with scratch(path.parent) as copy:
            clone(path, copy, "copy")
            install(copy, backup)
    with suppress(OSError):  # not every system can flush a folder
        flush(path.parent)


def flush(path: Path) -> None:
    """Bring the file or folder `path` to the disk."""
    # Windows flushes only what may be written.
    descriptor = os.open(path, os.O_RDWR if ON_WINDOWS else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def take_after(path: Path, model: Path) -> None:
    """Give `path` the permissions and, where allowed, the owner of `model`."""
    path.chmod(stat.S_IMODE(_own_as(path, model).st_mode))


def sit_beside(path: Path, photo: Path) -> None:
    """Let those read and write the sidecar `path` who may the photo; its owner may in any case.

    A sidecar of a photo that is write-protected is no photo: the next export has to update it.
    """
    info = _own_as(path, photo)
    mode = stat.S_IMODE(info.st_mode) & _NO_PROGRAM
    if path.stat().st_gid != info.st_gid:
        # Another group than the photo's may do what everybody may.
        mode = mode & ~stat.S_IRWXG | (mode & stat.S_IRWXO) << 3
    with suppress(OSError):  # file systems without permissions
        path.chmod(mode | PRIVATE)


def _own_as(path: Path, model: Path) -> os.stat_result:
    """Give `path` the owner and group of `model`, or at least the group, where that is allowed."""
    info = model.stat()
    for owner in (info.st_uid, -1) if hasattr(os, "chown") else ():
        with suppress(OSError):
            os.chown(path, owner, info.st_gid)
            break
    return info


def reason(error: OSError, path: Path) -> str:
    """Why `path` is skipped, from what the system said.

    Raises:
        WriteError: the disk is full, so that nothing else can be written either.
    """
    if error.errno in _FULL:
        raise WriteError(
            f"{path} cannot be written, the disk is full: free some space and run it again "
            "(nothing is half-written)."
        ) from error
    if getattr(error, "winerror", None) in _IN_USE:
        return "open in another program"
    match error.errno:
        case errno.EACCES | errno.EPERM | errno.EROFS:
            return READ_ONLY
        case errno.EEXIST:
            return FOREIGN
        case errno.ENAMETOOLONG:
            return "the name is too long for this file system"
        case _:
            return error.strerror or str(error)


def _reflink(source: int, target: int) -> None:
    try:
        import fcntl  # not on Windows

        fcntl.ioctl(target, _FICLONE, source)
    except (ImportError, OSError) as error:
        if isinstance(error, OSError) and error.errno in _FULL:
            raise
        raise RefusedError("no reflink is possible here, use --link copy") from error

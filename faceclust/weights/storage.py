"""The folder the weights are kept in: scratch space, failures of the disk, licences shown."""

from __future__ import annotations

import contextlib
import errno
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from faceclust.weights.sources import Notify, cache_dir

_PREFIX = ".fetch-"
_STALE_SECONDS = 3600
_SHOWN = "licences_shown"


@contextlib.contextmanager
def scratch() -> Iterator[Path]:
    """A folder inside the cache, on its disk, that is gone afterwards whatever happens."""
    cache = cache_dir()
    cache.mkdir(parents=True, exist_ok=True)
    _sweep(cache)
    with tempfile.TemporaryDirectory(
        prefix=_PREFIX, dir=cache, ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


def disk_reason(error: OSError) -> str:
    """What an error of the cache's disk means and what to do about it."""
    match error.errno:
        case errno.ENOSPC | errno.EDQUOT:
            return f"the disk of {cache_dir()} is full; free some space and try again"
        case errno.EACCES | errno.EPERM | errno.EROFS:
            problem = "cannot be written"
        case _:
            problem = f"cannot be used ({error.strerror})"
    return f"{cache_dir()} {problem}; set FACECLUST_MODELS to a folder of your own and try again"


def show_licence(subject: str, licence: str, notify: Notify | None) -> None:
    """Tell the user the terms of `subject`, unless this cache remembers that it was done."""
    if notify is None:
        return
    marker = cache_dir() / _SHOWN
    # Weights placed in a read-only folder are fine; their terms are then shown each time.
    with contextlib.suppress(OSError):
        marker.parent.mkdir(parents=True, exist_ok=True)
        with marker.open("a+", encoding="utf-8", errors="replace") as file:
            file.seek(0)
            if subject in file.read().splitlines():
                return
            file.write(f"{subject}\n")
    notify(f"{subject}: {licence}")


def _sweep(cache: Path) -> None:
    """Remove what killed processes left behind."""
    for left in cache.glob(f"{_PREFIX}*"):
        with contextlib.suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _STALE_SECONDS:
                shutil.rmtree(left, ignore_errors=True)

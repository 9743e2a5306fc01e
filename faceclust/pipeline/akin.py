"""Libraries that a scan of a folder without one may mean: one that moved here, one inside."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path

from faceclust.errors import FaceclustError, LibraryError
from faceclust.pipeline.places import database_path, databases
from faceclust.store import Database, catalogue, open_database

# Files that are looked for where a library may have moved to: the largest, whose sizes are the
# least likely to be found by chance. Some may have been deleted since.
SAMPLE = 16
ENOUGH = 0.5


def refuse_known(folder: Path) -> None:
    """Refuse to begin a library of photos about which another one has answers, unseen from there.

    Raises:
        LibraryError: the photos are those of a library whose own folder is not there, or a
            library lies inside `folder`.
    """
    for path in reversed(databases()):
        reason = None
        # One that is damaged, locked or of a newer version must not stop a scan of other photos.
        with suppress(FaceclustError), open_database(path) as db:
            reason = _reason(folder, db)
        if reason is not None:
            raise LibraryError(reason)


def _reason(folder: Path, db: Database) -> str | None:
    """Why no library of a folder should begin unseen of one in the usual place."""
    kept = db.setting("root")
    if kept is None or db.setting("address") is not None or not _has_answers(db):
        return None
    root, begin = Path(kept), f'pass --db "{database_path(folder)}"'
    if folder in root.parents and _exists(root):
        return (
            f"{root} inside {folder} is a library of its own, whose names another one "
            f'would not have; scan "{root}" to go on with it, or {begin} to begin one of '
            f"all of {folder} (`faceclust export --format xmp` and `faceclust import` "
            "take names along)."
        )
    place = _found_at(folder, db)
    # Asked last: a network drive that is not there may let everybody wait for minutes.
    if place is None or _exists(root):
        return None
    return (
        f"{folder} holds the photos of the library of {root}, which is gone or not connected; if "
        f'they have moved, run `faceclust scan "{place}" --db "{db.path}"` and it goes on here '
        f"with its names; if these are copies, {begin} to begin a new library."
    )


def _exists(root: Path) -> bool:
    return os.path.exists(root)  # noqa: PTH110 - Path.exists raises where it may not look


def _has_answers(db: Database) -> bool:
    return db.row("SELECT 1 FROM decisions LIMIT 1") is not None


def _found_at(folder: Path, db: Database) -> Path | None:
    """The folder, or the one above it, that holds the photos of a library."""
    files = catalogue.largest_files(db, SAMPLE)
    return next((place for place in (folder, *folder.parents) if _holds(place, files)), None)


def _holds(place: Path, files: list[tuple[str, int]]) -> bool:
    """Whether most files of a sample, by path and size, are in a folder."""
    found = sum(_size(place / path) == size for path, size in files)
    return found > 0 and found >= ENOUGH * len(files)


def _size(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except OSError:
        return None

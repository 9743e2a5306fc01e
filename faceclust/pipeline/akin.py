"""Libraries that a scan of a folder without one may mean: one that moved here, one inside."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import closing, suppress
from pathlib import Path

from faceclust.errors import FaceclustError, LibraryError
from faceclust.pipeline.places import database_path, databases
from faceclust.store import Database, catalogue, open_database

# Files that are looked for where a library may have moved to: the largest, whose sizes are the
# least likely to be found by chance. Some may have been deleted since.
SAMPLE = 16
ENOUGH = 0.5


def refuse_known(folder: Path) -> None:
    """Refuse to begin a library of photos whose names are in another one, unseen from there.

    Raises:
        LibraryError: the photos are those of a library whose own folder is gone, or a library
            with answers lies inside `folder`.
    """
    begin = f'pass --db "{database_path(folder)}"'
    with closing(_libraries()) as libraries:
        for root, db in libraries:
            if folder in root.parents and _exists(root) and _has_answers(db):
                raise LibraryError(
                    f"{root} inside {folder} is a library of its own, whose names another one "
                    f'would not have; scan "{root}" to go on with it, or {begin} to begin one of '
                    f"all of {folder} (`faceclust export --format xmp` and `faceclust import` "
                    "take names along)."
                )
            if (place := _moved_to(folder, root, db)) is not None:
                raise LibraryError(
                    f"{folder} holds the photos of the library of {root}, which is gone; run "
                    f'`faceclust scan "{place}" --db "{db.path}"` to go on with it and its names, '
                    f"or {begin} to begin anew."
                )


def _libraries() -> Generator[tuple[Path, Database], None, None]:
    """Root and open database of each library in the usual place that can be opened."""
    for path in reversed(databases()):
        with suppress(FaceclustError), open_database(path) as db:
            root = db.setting("root")
            if root is not None and db.setting("address") is None:
                yield Path(root), db


def _exists(root: Path) -> bool:
    return os.path.exists(root)  # noqa: PTH110 - Path.exists raises where it may not look


def _has_answers(db: Database) -> bool:
    return db.row("SELECT 1 FROM decisions LIMIT 1") is not None


def _moved_to(folder: Path, root: Path, db: Database) -> Path | None:
    """Where at or above a folder the photos of a library lie whose own folder is gone."""
    if _exists(root):
        return None
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

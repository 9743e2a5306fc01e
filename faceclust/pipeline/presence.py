"""Which files of a library are there, which are gone, and which somebody wants left out."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from faceclust import photos
from faceclust.config import Config
from faceclust.photos import FoundFile
from faceclust.pipeline.library import Library
from faceclust.store import catalogue, intake


def find_photos(
    library: Library,
    folder: Path,
    config: Config,
    on_error: Callable[[str, str], None] | None = None,
) -> Iterator[FoundFile]:
    """The photo files that a scan of `folder`, in the library, looks at; see `photos.walk`."""
    below = _below(library, folder)
    # The limit is for photos that must be read: those already known cost nothing.
    options = replace(config.walk, limit=None)
    if library.address is not None:
        ignore = on_error or (lambda path, reason: None)
        return photos.walk_address(library.address, options, ignore, below=below)
    return photos.walk(library.root, options, on_error, below=below)


def count_photos(library: Library, folder: Path, config: Config) -> int:
    """How many photo files a scan of `folder` will see."""
    return sum(1 for _ in find_photos(library, folder, config))


def mark_missing(
    library: Library, folder: Path, config: Config, closed: Iterable[str]
) -> tuple[int, int]:
    """Mark the files of the scanned folder that count no longer; forget old names of moved ones.

    Args:
        closed: folders, relative to the library's root, that could not be entered: what was in
            them may be there.

    Returns:
        How many files are gone, and how many are left out now by exclusions. Those come back
        with their faces when nothing leaves them out any more.
    """
    below = _below(library, folder)
    left_out = photos.leaves_out(config.walk, below)
    known = [
        path
        for path in catalogue.present_paths(library.db)
        if not below or path.startswith(f"{below}/")
    ]
    excluded = {path for path in known if left_out(path)}
    gone = set(_gone(library, folder, config, known, closed)) - excluded
    with library.db.transaction() as sql:
        intake.mark_missing(sql, gone | excluded)
        moved = intake.forget_moved(sql)
    return len(gone - moved), len(excluded - moved)


def _below(library: Library, folder: Path) -> str:
    """A folder as its path in the library, with "/"; empty for all of it."""
    inside = folder.relative_to(library.root).as_posix()
    return "" if inside == "." else inside


def _gone(
    library: Library, folder: Path, config: Config, known: list[str], closed: Iterable[str]
) -> list[str]:
    unseen = [*closed]
    if library.address is None:
        missing = [path for path in known if not os.path.lexists(library.root / path)]
    else:
        # One listing in place of a question for each file.
        found = find_photos(library, folder, config, lambda path, _: unseen.append(path))
        there = {file.path for file in found}
        missing = [path for path in known if path not in there]
    inside = tuple("" if path == "." else f"{path}/" for path in unseen)
    return [path for path in missing if not path.startswith(inside)]

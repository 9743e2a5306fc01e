"""Libraries: which database belongs to which folder, and which one a command means."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import platformdirs

from faceclust import config as configuration
from faceclust.config import Config
from faceclust.errors import FaceclustError, InputError, LibraryError
from faceclust.store import Database, open_database

DATABASE = "library.db"


@dataclass(frozen=True, slots=True)
class Library:
    """A folder of photos and its open database; a context manager that closes it."""

    root: Path
    db: Database

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()


def libraries_folder() -> Path:
    """Where databases are kept unless --db says otherwise; `FACECLUST_DATA` moves the folder."""
    moved = os.environ.get("FACECLUST_DATA")
    folder = Path(moved).expanduser() if moved else platformdirs.user_data_path("faceclust")
    return folder / "libraries"


def database_path(root: Path) -> Path:
    """The database of the library at `root`: a folder named after it, unique by its full path."""
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in root.name)[:40]
    return libraries_folder() / f"{name}-{digest}" / DATABASE


def known_libraries() -> Iterator[tuple[Path, Path]]:
    """(root, database) of every library kept in the usual place, most recently used first."""
    databases = list(libraries_folder().glob(f"*/{DATABASE}"))
    for path in sorted(databases, key=lambda p: p.stat().st_mtime, reverse=True):
        try:
            with open_database(path) as db:
                root = db.setting("root")
        except FaceclustError:
            continue
        if root is not None:
            yield Path(root), path


def for_scan(folder: Path, db: Path | None = None) -> tuple[Library, Path]:
    """Open the library that `folder` belongs to, or make one with `folder` as its root.

    Returns:
        The library, and `folder` resolved: the library's root or a folder inside it.

    Raises:
        InputError: `folder` is not a folder that can be read.
        LibraryError: `db` belongs to another folder.
        StoreError: the database cannot be used.
    """
    try:
        folder = folder.expanduser().resolve(strict=True)
    except OSError as error:
        raise InputError(f"{folder} does not exist; give the folder that holds photos.") from error
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that holds photos.")
    owners = [(root, path) for root, path in known_libraries() if folder.is_relative_to(root)]
    root, path = max(owners, key=lambda o: len(o[0].parts), default=(folder, None))
    if db is not None:
        root, path = _root_of(db, folder), db
    library = Library(root, open_database(path or database_path(root), create=True))
    if library.db.setting("root") is None:
        library.db.set_setting("root", str(root))
    return library, folder


def _root_of(db: Path, folder: Path) -> Path:
    """The root that the database `db` was made for; `folder` itself where it is new."""
    if not db.exists():
        return folder
    with open_database(db) as opened:
        root = Path(opened.setting("root") or folder)
    if not folder.is_relative_to(root):
        raise LibraryError(
            f"{db} is the library of {root}, which does not hold {folder}; "
            "pass --db another file, or leave it out."
        )
    return root


def find(folder: Path | None = None, db: Path | None = None) -> Library:
    """Open the library that a command means.

    `db` if given; else the library that holds `folder`; else the one that holds the current
    folder; else the one used last.

    Raises:
        LibraryError: there is none.
    """
    if db is not None:
        opened = open_database(db)
        return Library(Path(opened.setting("root") or db.parent), opened)
    wanted = (folder or Path.cwd()).expanduser().resolve()
    known = list(known_libraries())
    holders = [(root, path) for root, path in known if wanted.is_relative_to(root)]
    if holders:
        root, path = max(holders, key=lambda holder: len(holder[0].parts))
    elif folder is None and known:
        root, path = known[0]
    else:
        where = f" that holds {wanted}" if folder else ""
        raise LibraryError(f"There is no library{where}; run `faceclust scan FOLDER` first.")
    return Library(root, open_database(path))


REMEMBERED = "flags"
Flags = Mapping[str, Mapping[str, Any]]


def settings(library: Library, flags: Flags, **once: Any) -> Config:
    """The settings of a run: defaults < faceclust.toml < the library's own < `flags`.

    The flags that are given (not None) become the library's own, so that a later run without
    them does the same; those in `once` (limit, retry_errors) hold for this run alone.

    Raises:
        OptionError: a setting does not exist or has a wrong value.
    """
    kept: dict[str, dict[str, Any]] = json.loads(library.db.setting(REMEMBERED) or "{}")
    for table, values in flags.items():
        given = {key: value for key, value in values.items() if value is not None}
        kept[table] = {**kept.get(table, {}), **given}
    config = configuration.load(library.root)
    for table, values in kept.items():
        section = configuration.override(getattr(config, table), "option", **values)
        config = replace(config, **{table: section})
    library.db.set_setting(REMEMBERED, json.dumps(kept))
    return replace(
        config,
        walk=configuration.override(config.walk, limit=once.get("limit")),
        scan=configuration.override(config.scan, retry_errors=once.get("retry_errors")),
    )

"""Libraries: which database belongs to which folder, and which one a command means."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from faceclust.errors import UNREACHABLE, InputError, LibraryError
from faceclust.pipeline.akin import refuse_known
from faceclust.pipeline.memo import Memo
from faceclust.pipeline.places import (
    database_path,
    databases,
    holder,
    libraries_folder,
    note_use,
)
from faceclust.store import Database, open_database

_ADDRESS = "address"


@dataclass(frozen=True, slots=True)
class Library:
    """A folder of photos and its open database; a context manager that closes it.

    Attributes:
        root: the folder; of photos at an address, one that does not exist.
        memo: what was read of it so far; libraries that are opened one after the other may share
            it.
    """

    root: Path
    db: Database
    memo: Memo = field(default_factory=Memo, compare=False, repr=False)

    @property
    def address(self) -> str | None:
        """Where fsspec finds the photos; None where they lie in `root`."""
        return self.db.setting(_ADDRESS)

    @property
    def place(self) -> str:
        """The folder or the address of the photos."""
        return self.address or os.fspath(self.root)

    def may_pass(self, error_kind: str | None) -> bool:
        """Whether a photo could not be read for what may be the network's fault.

        The next scan tries again. At an address, what takes too long may well be the line.
        """
        slow = error_kind == "timeout" and self.address is not None
        return slow or error_kind == UNREACHABLE

    def holds(self, folder: Path) -> bool:
        """Whether a folder, there or yet to be made, lies in `root`."""
        real = Path(os.path.realpath(folder.expanduser()))
        return real.is_relative_to(os.path.realpath(self.root))

    def __enter__(self) -> Library:
        return self

    def __exit__(self, *_: object) -> None:
        self.db.close()


def for_scan(place: Path | str, db: Path | None = None) -> tuple[Library, Path]:
    """Open the library that a folder belongs to, or make one with it as its root.

    Args:
        place: the folder, or an address that fsspec opens.

    Returns:
        The library, and the folder resolved: the library's root or a folder inside it.

    Raises:
        InputError: it is not a folder that can be read.
        LibraryError: `db` belongs to another folder, or without it a new library would begin of
            photos whose names are in another one.
        StoreError: the database cannot be used.
    """
    place, address = _place(place)
    if address is not None:
        return _at(address, db)
    folder = Path(place)
    try:
        folder = folder.expanduser().resolve(strict=True)
    except OSError as error:
        raise InputError(f"{folder} does not exist; give the folder that holds photos.") from error
    if not folder.is_dir():
        raise InputError(f"{folder} is not a folder; give the folder that holds photos.")
    if db is not None:
        root, path = _root_of(db, folder), db
        if db.exists() and not _lives(db):
            path = _moved(db, root)
    elif found := holder(folder):
        root, path = found
    else:
        refuse_known(folder)
        root, path = folder, database_path(folder)
    library = Library(root, open_database(path, create=True))
    if library.db.setting("root") is None:
        library.db.set_setting("root", str(root))
    return library, folder


def _place(place: Path | str) -> tuple[str, str | None]:
    """A place as text, and the address that it is, if it is one."""
    text = str(place)
    if "://" not in text:
        return text, None
    # Loads all that decodes photos, which most commands do without.
    from faceclust import photos

    text = photos.local_path(text)
    return text, text.rstrip("/") if photos.is_address(text) else None


def _at(address: str, db: Path | None) -> tuple[Library, Path]:
    """The library of photos at an address or above it, and its folder that they would lie in."""
    top = next((a for a in _above(address) if database_path(a).exists()), address)
    path = db or database_path(top)
    opened = open_database(path, create=True)
    if opened.setting("root") is None:
        opened.set_setting("root", str(path.with_name("remote")))
        opened.set_setting(_ADDRESS, address if db else top)
    library = Library(Path(opened.setting("root") or ""), opened)
    root = library.place
    if address != root and not address.startswith(f"{root}/"):
        library.db.close()
        raise LibraryError(
            f"{path} is the library of {root}, which does not hold {address}; "
            "pass --db another file, or leave it out."
        )
    return library, library.root / address[len(root) + 1 :]


def _above(address: str) -> Iterator[str]:
    """An address and those of the folders that it lies in."""
    while not address.endswith(("/", ":")):
        yield address
        address = address.rpartition("/")[0]


@contextmanager
def kept_if_used(library: Library) -> Iterator[None]:
    """Remove a library's database in the end if nothing came into it.

    A mistyped place would else be the library used last. To be entered where nobody else can be
    working on it: another scan's first photos may not have been kept yet.
    """
    try:
        yield
    finally:
        path = library.db.path
        if _is_used(library.db):
            note_use(path)
        elif path.parent.parent == libraries_folder():
            library.db.close()
            _remove(path)


def _is_used(db: Database) -> bool:
    return db.row("SELECT 1 FROM files UNION ALL SELECT 1 FROM decisions LIMIT 1") is not None


def _remove(path: Path) -> None:
    for end in ("", "-wal", "-shm", ".lock"):
        with suppress(OSError):
            path.with_name(path.name + end).unlink()
    with suppress(OSError):
        path.parent.rmdir()


def _lives(db: Path) -> bool:
    """Whether the folder of a library is there, or was never said, or is an address."""
    with open_database(db) as opened:
        root = opened.setting("root")
        return root is None or opened.setting(_ADDRESS) is not None or Path(root).exists()


def _moved(db: Path, folder: Path) -> Path:
    """Let a library whose folder is gone go on in another; its database, which goes along.

    Where it cannot, because answers are there or a program holds it, it stays where it is.
    """
    home = database_path(folder)
    with open_database(db) as opened:
        opened.set_setting("root", str(folder))
    if db.parent.parent != libraries_folder() or db == home:
        return db
    if home.exists():
        with open_database(home) as other:
            if other.row("SELECT 1 FROM decisions LIMIT 1") is not None:
                return db
        _remove(home)
    with suppress(OSError):
        home.parent.rmdir()  # Windows renames to none that is there, be it empty
    try:
        db.parent.rename(home.parent)
    except OSError:
        return db
    return home


def _root_of(db: Path, folder: Path) -> Path:
    """The root that the database `db` was made for; `folder` itself where it is new."""
    if not db.exists():
        return folder
    with open_database(db) as opened:
        root = Path(opened.setting("root") or folder)
        place = opened.setting(_ADDRESS) or root
    if place == root and not root.exists():
        return folder
    if not folder.is_relative_to(root):
        raise LibraryError(
            f"{db} is the library of {place}, which does not hold {folder}; "
            "pass --db another file, or leave it out."
        )
    return root


def find_library(folder: Path | str | None = None, db: Path | None = None) -> Library:
    """Open the library that a command means.

    `db` if given; else the library that holds `folder`; else the one that holds the current
    folder; else the one used last.

    Raises:
        LibraryError: there is none.
    """
    if db is not None:
        return _opened(db, db.parent)
    if folder is not None:
        folder, address = _place(folder)
        if address is not None:
            return _known(address)
    wanted = Path(folder or Path.cwd()).expanduser().resolve()
    if not wanted.is_dir() and not database_path(wanted).exists():
        raise InputError(f"{folder} is not a folder; give --library the folder of a library.")
    if found := holder(wanted):
        path = found[1]
    elif folder is None and (kept := databases()):
        path = kept[-1]
    else:
        where = f" that holds {wanted}" if folder else ""
        raise LibraryError(f"There is no library{where}; run `faceclust scan FOLDER` first.")
    return _opened(path, wanted)


def _known(address: str) -> Library:
    path = next((p for a in _above(address) if (p := database_path(a)).exists()), None)
    if path is None:
        raise LibraryError(
            f"There is no library of {address}; run `faceclust scan {address}` first."
        )
    return _opened(path, path.with_name("remote"))


def _opened(path: Path, root: Path) -> Library:
    """The library of a database, noted as the one used last; `root` where it says none."""
    opened = open_database(path)
    note_use(path)
    return Library(Path(opened.setting("root") or root), opened)

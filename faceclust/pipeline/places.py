"""Where the databases of libraries are kept, and which of them was used last."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path, PurePath

import platformdirs

DATABASE = "library.db"
_NOTE = "used-last"


def libraries_folder() -> Path:
    """Where databases are kept unless --db says otherwise; `FACECLUST_DATA` moves the folder."""
    moved = os.environ.get("FACECLUST_DATA")
    folder = Path(moved).expanduser() if moved else platformdirs.user_data_path("faceclust")
    return folder / "libraries"


def database_path(root: Path | str) -> Path:
    """The database of the library at `root`: a folder named after it, unique by its full path.

    Args:
        root: a folder, or an address as text.
    """
    digest = hashlib.sha256(str(root).encode("utf-8", "surrogateescape")).hexdigest()[:12]
    name = "".join(c if c.isalnum() or c in "-_." else "_" for c in PurePath(root).name)[:40]
    return libraries_folder() / f"{name}-{digest}" / DATABASE


def holder(folder: Path) -> tuple[Path, Path] | None:
    """(root, database) of the innermost library that holds `folder`, in the usual place."""
    for root in (folder, *folder.parents):
        if (path := database_path(root)).exists():
            return root, path
    return None


def note_use(database: Path) -> None:
    """Note that a library in the usual place is used: who only reads it leaves no trace else."""
    if database.parent.parent != libraries_folder():
        return
    note = database.parent.with_name(_NOTE)
    with suppress(OSError):  # no reason to refuse what was asked for
        note.touch(mode=0o600)
        note.write_text(database.parent.name, encoding="utf-8", errors="surrogateescape")


def databases() -> list[Path]:
    """All databases in the usual place, the one used last at the end."""
    folder = libraries_folder()
    name, noted = "", 0
    with suppress(OSError):
        name = (folder / _NOTE).read_text(encoding="utf-8", errors="surrogateescape")
        noted = (folder / _NOTE).stat().st_mtime_ns

    def used(path: Path) -> tuple[int, bool]:
        changed, is_noted = path.stat().st_mtime_ns, path.parent.name == name
        return max(changed, noted) if is_noted else changed, is_noted

    return sorted(folder.glob(f"*/{DATABASE}"), key=used)

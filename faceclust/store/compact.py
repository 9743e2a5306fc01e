"""A library's database written anew: in pages of today's size, without what was deleted."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from faceclust.errors import StoreError
from faceclust.store.database import APPLICATION_ID, PAGE, Database, translated

_STEPS = (
    10_000  # of SQLite's virtual machine, some milliseconds, after each of which Ctrl-C is heard
)
_GB = 10**9


def page_of(path: Path) -> int | None:
    """Bytes of a page of a library's database, by its first bytes; None if it is none.

    Raises:
        OSError: it cannot be read.
    """
    with path.open("rb") as file:
        head = file.read(72)
    if head[:16] != b"SQLite format 3\0" or head[68:] != APPLICATION_ID.to_bytes(4, "big"):
        return None
    return int.from_bytes(head[16:18], "big")


def compact(db: Database) -> tuple[int, int]:
    """Write a library's database anew in the same file, and what it says, its owner and mode stay.

    All in one transaction: whatever stops it (Ctrl-C, a full disk, a power cut) leaves everything
    as it was. Call it where the library is held (`Database.exclusive`).

    Returns:
        Bytes of the file before and after.

    Raises:
        StoreError: another program has it open, there is not enough space for the while, or it
            cannot be written.
    """
    with translated(db.path):
        db.sql.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = db.path.stat().st_size
    free = shutil.disk_usage(db.path.parent).free
    # The new one beside the old one, and a journal that can undo the exchange.
    if free < 2 * before:
        raise StoreError(
            f"To write {db.path} anew takes {2 * before / _GB:.1f} GB for the while, and "
            f"{free / _GB:.1f} are free on its disk; free some space and run the command again."
        )
    with translated(db.path), _alone(db.sql), _beside(db), _interruptible(db.sql):
        db.sql.execute(f"PRAGMA page_size = {PAGE}")
        db.sql.execute("VACUUM")
    return before, db.path.stat().st_size


@contextmanager
def _alone(sql: sqlite3.Connection) -> Iterator[None]:
    """Keep everyone else out, and do without the write-ahead log, in which pages keep their size.

    SQLite leaves the log only where nobody else has the database open.
    """
    sql.execute("PRAGMA journal_mode = DELETE")
    sql.execute("PRAGMA locking_mode = EXCLUSIVE")
    try:
        sql.execute("BEGIN EXCLUSIVE")
        sql.execute("COMMIT")
        yield
    finally:
        sql.execute("PRAGMA locking_mode = NORMAL")
        sql.execute("SELECT 1 FROM sqlite_master").fetchone()  # lets go of the lock
        with suppress(sqlite3.OperationalError):  # whoever was waiting; it is opened with the log
            sql.execute("PRAGMA journal_mode = WAL")


@contextmanager
def _beside(db: Database) -> Iterator[None]:
    """Keep SQLite's temporary file on the library's disk: faces are nobody else's business."""
    folder = str(db.path.absolute().parent).replace("'", "''")
    # No longer in SQLite's manual, and left out of some builds, which use the system's folder.
    with suppress(sqlite3.Error, UnicodeError):
        db.sql.execute(f"PRAGMA temp_store_directory = '{folder}'")
    try:
        yield
    finally:
        db.sql.execute("PRAGMA temp_store_directory = ''")


@contextmanager
def _interruptible(sql: sqlite3.Connection) -> Iterator[None]:
    """Hear Ctrl-C while SQLite works; Python otherwise waits until a statement has ended."""
    stopped: list[BaseException] = []

    def heed() -> int:
        try:
            _heed()
        except (KeyboardInterrupt, SystemExit) as reason:  # sqlite3 would forget which
            stopped.append(reason)
            return 1
        return 0

    sql.set_progress_handler(heed, _STEPS)
    try:
        yield
    except sqlite3.OperationalError:
        if stopped:
            raise stopped[0] from None
        raise
    finally:
        sql.set_progress_handler(None, 0)


def _heed() -> None:
    """Let Python raise what signals have asked for."""

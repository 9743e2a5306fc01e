"""Opening a library's database: permissions, migrations, locks and clear refusals."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import chain
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from faceclust.errors import LibraryError, StoreError
from faceclust.store import migrations

APPLICATION_ID = 0x66636C75  # "fclu" in the SQLite header: tells our files from other programs'
BUSY_SECONDS = 30.0
# An embedding of 1.4 kB lies in its row; in pages of 4,096 bytes each takes a page beside.
PAGE = 16_384


def now() -> str:
    """This moment in UTC, ISO 8601 to the second."""
    return datetime.now(timezone.utc).isoformat(timespec="seconds")


def path_to_db(path: str) -> str | bytes:
    """A path as SQLite can hold it: text, or bytes where the name is not valid UTF-8."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return os.fsencode(path)
    return path


def path_from_db(value: str | bytes) -> str:
    """The inverse of `path_to_db`."""
    return os.fsdecode(value) if isinstance(value, bytes) else value


class Database:
    """An open library database. Made by `open_database`; a context manager that closes it."""

    def __init__(self, connection: sqlite3.Connection, path: Path) -> None:
        self.sql = connection
        self.path = path

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connection; everything committed stays."""
        self.sql.close()

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """All or nothing: commits at the end, rolls back on any error.

        Raises:
            StoreError: the database is locked for too long, damaged, or cannot be written.
        """
        with translated(self.path), _atomic(self.sql):
            yield self.sql

    @contextmanager
    def exclusive(self, wait: float = 0.0) -> Iterator[None]:
        """Hold the library for a scan, a clustering or an export; one process at a time.

        Naming people needs no such hold: it is one short transaction.

        Args:
            wait: seconds to wait for another process to finish.

        Raises:
            StoreError: another process still holds it, or the lock file cannot be made.
        """
        lock = FileLock(f"{self.path}.lock", timeout=wait, mode=0o600)
        try:
            held = lock.acquire()
        except Timeout as error:
            raise StoreError(
                f"Another faceclust is working on {self.path}; wait until it has finished, "
                "or pass --wait SECONDS."
            ) from error
        except OSError as error:
            raise StoreError(
                f"{lock.lock_file} cannot be made ({error.strerror}); check that its folder is "
                "yours, or pass --db elsewhere."
            ) from error
        with held:
            yield

    def rows(self, query: str, arguments: Sequence[object] = ()) -> Iterator[tuple[Any, ...]]:
        """Run a query and yield its rows.

        Raises:
            StoreError: the database is locked for too long or damaged.
        """
        with translated(self.path):
            yield from self.sql.execute(query, arguments)

    def pairs(self, query: str, arguments: Sequence[object] = ()) -> dict[Any, Any]:
        """The rows of a query of two columns, faster than by `rows`; raises as it does."""
        with translated(self.path):
            return dict(self.sql.execute(query, arguments))

    def column(self, query: str, arguments: Sequence[object] = ()) -> frozenset[Any]:
        """The values of a query of one column, faster than by `rows`; raises as it does."""
        with translated(self.path):
            return frozenset(chain.from_iterable(self.sql.execute(query, arguments)))

    def row(self, query: str, arguments: Sequence[object] = ()) -> tuple[Any, ...] | None:
        """The first row of a query, or None; raises as `rows` does."""
        return next(self.rows(query, arguments), None)

    def setting(self, key: str) -> str | None:
        """A value kept with the library (its root, for instance), or None."""
        row = self.row("SELECT value FROM library WHERE key = ?", (key,))
        return None if row is None else path_from_db(row[0])

    def set_setting(self, key: str, value: str) -> None:
        """Keep a value with the library; it may hold a path that is not UTF-8."""
        with self.transaction() as sql:
            sql.execute("INSERT OR REPLACE INTO library VALUES (?, ?)", (key, path_to_db(value)))


@contextmanager
def _atomic(sql: sqlite3.Connection) -> Iterator[None]:
    sql.execute("BEGIN IMMEDIATE")
    try:
        yield
        sql.execute("COMMIT")
    except BaseException:
        # After some errors, a full disk for one, SQLite has rolled back by itself.
        if sql.in_transaction:
            sql.execute("ROLLBACK")
        raise


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn SQLite's errors into one sentence that says what to do."""
    try:
        yield
    except sqlite3.OperationalError as error:
        raise StoreError(_operational(path, str(error))) from error
    except sqlite3.DatabaseError as error:
        if isinstance(error, sqlite3.IntegrityError | sqlite3.ProgrammingError):
            raise
        raise StoreError(
            f"{path} is damaged or no faceclust database ({error}); move it away and scan again, "
            "or restore it from a backup."
        ) from error


def _operational(path: Path, message: str) -> str:
    if "locked" in message or "busy" in message:
        return f"{path} is in use by another faceclust; try again when it has finished."
    if "readonly" in message:
        return f"{path} is read-only; give yourself write permission or pass --db elsewhere."
    if "full" in message:
        return f"The disk that holds {path} is full; free some space and run the command again."
    if "unable to open" in message:
        return f"{path} cannot be opened; check that its folder exists and is yours, or pass --db."
    return f"{path} cannot be used ({message}); run `faceclust doctor`."


def open_database(path: Path, *, create: bool = False) -> Database:
    """Open, and where needed create or migrate, a library's database.

    The file and its folder are made readable by their owner only: faces are sensitive.

    Raises:
        LibraryError: there is no database at `path` and `create` is False.
        StoreError: it is damaged, from a newer faceclust, another program's, or not accessible.
    """
    if not create and not path.exists():
        raise LibraryError(f"There is no library at {path}; run `faceclust scan FOLDER` first.")
    if path.is_dir():
        raise StoreError(f"{path} is a folder; pass --db a file, such as {path / 'library.db'}.")
    try:
        for folder in reversed(path.absolute().parents):
            # Not parents=True: that would give only the last folder this mode.
            if not folder.exists():
                folder.mkdir(mode=0o700, exist_ok=True)
        if not path.exists():
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreError(
            f"{path} cannot be created ({error.strerror}); pass --db a place you can write to."
        ) from error
    with translated(path):
        connection = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
        try:
            _prepare(connection, path)
        except BaseException:
            connection.close()
            raise
    return Database(connection, path)


def _prepare(sql: sqlite3.Connection, path: Path) -> None:
    sql.execute("PRAGMA foreign_keys = ON")
    # Both at one moment: another process may be creating the database right now.
    sql.execute("BEGIN")
    application = sql.execute("PRAGMA application_id").fetchone()[0]
    tables = sql.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    sql.execute("COMMIT")
    if application != APPLICATION_ID and tables:
        raise StoreError(f"{path} is another program's database; pass --db a different file.")
    if not tables:
        sql.execute(f"PRAGMA page_size = {PAGE}")
    _use_wal(sql)
    sql.execute("PRAGMA synchronous = NORMAL")
    migrate(sql, path)


def _use_wal(sql: sqlite3.Connection) -> None:
    """Switch to the write-ahead log; SQLite itself does not wait for others when doing that."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            sql.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.01)


def migrate(sql: sqlite3.Connection, path: Path) -> None:
    """Bring the schema up to date, all pending migrations in one transaction.

    Raises:
        StoreError: the database has migrations that this version does not know.
    """
    if not _pending(sql, path):
        return
    with _atomic(sql):
        sql.execute(
            "CREATE TABLE IF NOT EXISTS migrations "
            "(name TEXT PRIMARY KEY, applied_at TEXT NOT NULL)"
        )
        # Asked again under the lock: another process may have migrated in the meantime.
        for migration in _pending(sql, path):
            migration(sql)
            sql.execute("INSERT INTO migrations VALUES (?, ?)", (migration.__name__, now()))
        sql.execute(f"PRAGMA application_id = {APPLICATION_ID}")


def _pending(sql: sqlite3.Connection, path: Path) -> list[migrations.Migration]:
    begun = sql.execute("SELECT 1 FROM sqlite_master WHERE name = 'migrations'").fetchone()
    rows = sql.execute("SELECT name FROM migrations").fetchall() if begun else []
    applied = {str(row[0]) for row in rows}
    unknown = applied - {migration.__name__ for migration in migrations.MIGRATIONS}
    if unknown:
        raise StoreError(
            f"{path} was written by a newer faceclust ({min(unknown)}); "
            "run `pip install -U faceclust`."
        )
    return [m for m in migrations.MIGRATIONS if m.__name__ not in applied]

from __future__ import annotations

import os
import shutil
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from faceclust.errors import StoreError
from faceclust.store import Database, database, open_database
from faceclust.store import compact as module
from faceclust.store.compact import compact, page_of
from tests.synthetic import photo, put


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A library of an earlier version, in pages of 4,096 bytes."""
    folder = tmp_path / "Ann's"
    with monkeypatch.context() as patch:
        patch.setattr(database, "PAGE", 4096)
        with open_database(folder / "library.db", create=True) as db:
            put(db, *(photo(f"{k}.jpg", k) for k in range(300)))
            with db.transaction() as sql:
                for (face,) in sql.execute("SELECT id FROM faces").fetchall():
                    sql.execute("INSERT INTO embeddings VALUES ('two', ?, ?)", (face, bytes(1408)))
    return folder / "library.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with open_database(path) as opened:
        yield opened


def content(db: Database) -> list[str]:
    return list(db.sql.iterdump())


def as_it_was(db: Database, before: list[str], page: int = 4096) -> bool:
    assert db.row("PRAGMA integrity_check") == ("ok",)
    assert db.row("PRAGMA journal_mode") == ("wal",)
    assert sorted(p.name for p in db.path.parent.iterdir() if "-" not in p.name) == ["library.db"]
    return db.row("PRAGMA page_size") == (page,) and content(db) == before


def test_it_says_the_same_in_less_space(db: Database) -> None:
    before = content(db)
    old, new = compact(db)
    assert new < 0.7 * old
    assert new == db.path.stat().st_size
    assert as_it_was(db, before, 16_384)
    with open_database(db.path) as other:  # nobody is kept out any more
        other.set_setting("root", "/a")
    assert db.setting("root") == "/a"
    db.set_setting("root", "/b")


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_it_stays_its_owner_s_alone(db: Database) -> None:
    inode = db.path.stat().st_ino
    umask = os.umask(0)
    try:
        compact(db)
    finally:
        os.umask(umask)
    assert (db.path.stat().st_mode & 0o777, db.path.stat().st_ino) == (0o600, inode)


def test_ctrl_c_leaves_it_as_it_was(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt() -> None:
        raise KeyboardInterrupt

    before = content(db)
    monkeypatch.setattr(module, "_STEPS", 500)
    monkeypatch.setattr(module, "_heed", interrupt)
    with pytest.raises(KeyboardInterrupt):
        compact(db)
    assert as_it_was(db, before)


def test_too_little_space_is_said_beforehand(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    before = content(db)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: SimpleNamespace(free=1 << 20))
    with pytest.raises(StoreError, match=r"takes 0\.0 GB for the while, and 0\.0 are free"):
        compact(db)
    assert as_it_was(db, before)


def test_whoever_has_it_open_is_not_disturbed(db: Database, path: Path) -> None:
    before = content(db)
    db.sql.execute("PRAGMA busy_timeout = 20")
    with open_database(path) as review:
        with pytest.raises(StoreError, match="in use by another faceclust"):
            compact(db)
        review.set_setting("root", "/a")
    db.set_setting("root", "/")
    with db.transaction() as sql:
        sql.execute("DELETE FROM library WHERE key = 'root'")
    assert as_it_was(db, before)


def test_nobody_comes_in_meanwhile(
    db: Database, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused: list[str] = []

    def come_in() -> None:
        other = sqlite3.connect(path, timeout=0)
        try:
            other.execute("INSERT INTO library VALUES ('lost', 'answer')")
        except sqlite3.OperationalError as error:
            refused.append(str(error))
        finally:
            other.close()

    monkeypatch.setattr(module, "_STEPS", 500)
    monkeypatch.setattr(module, "_heed", come_in)
    compact(db)
    assert set(refused) == {"database is locked"}


def test_pages_are_known_from_the_first_bytes(path: Path, tmp_path: Path) -> None:
    assert page_of(path) == 4096
    with open_database(path) as db:
        compact(db)
    assert page_of(path) == 16_384
    sqlite3.connect(tmp_path / "other.db").execute("CREATE TABLE a (b)").connection.close()
    (tmp_path / "text.db").write_text("text")
    assert [page_of(tmp_path / name) for name in ("other.db", "text.db")] == [None, None]

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
import stat
import tempfile
from collections.abc import Iterator
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.errors import LibraryError, StoreError
from faceclust.store import Database, migrations, open_database
from faceclust.store.database import now, path_from_db, path_to_db
from tests.synthetic import face_ids, photo, put


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "library.db"


@pytest.fixture
def db(path: Path) -> Iterator[Database]:
    with open_database(path, create=True) as opened:
        yield opened


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_and_every_new_folder_are_the_owners_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        path = tmp_path / "a" / "b" / "library.db"
        with open_database(path, create=True) as db, db.exclusive():
            db.set_setting("root", "/photos")
            files = list(path.parent.iterdir())
            assert {p.name for p in files} >= {"library.db", "library.db-wal", "library.db.lock"}
            assert all(mode(p) & 0o077 == 0 for p in files)
        assert [mode(folder) for folder in path.parents[:2]] == [0o700, 0o700]
    finally:
        os.umask(before)


def test_an_embedding_lies_in_its_row(db: Database) -> None:
    """What outgrows a quarter of a page lies in pages of its own: over twice the file."""
    put(db, *(photo(f"{k}.jpg", k) for k in range(400)))
    before = size_of(db)
    with db.transaction() as sql:
        for (face,) in sql.execute("SELECT id FROM faces").fetchall():
            sql.execute("INSERT INTO embeddings VALUES ('two', ?, ?)", (face, bytes(1408)))
    assert size_of(db) - before < 1.5 * 400 * 1408


def size_of(db: Database) -> int:
    pages, size = (db.row(f"PRAGMA {name}")[0] for name in ("page_count", "page_size"))
    return int(pages * size)


def test_without_create_a_missing_database_is_no_library(path: Path) -> None:
    with pytest.raises(LibraryError, match="faceclust scan"):
        open_database(path)
    assert not path.exists()


def test_foreign_keys_are_enforced(db: Database) -> None:
    with pytest.raises(sqlite3.IntegrityError), db.transaction() as sql:
        sql.execute("INSERT INTO crops VALUES (99, x'00')")


def test_settings_are_kept(path: Path, db: Database) -> None:
    assert db.setting("root") is None
    db.set_setting("root", "/a")
    db.set_setting("root", "/b")
    with open_database(path) as again:
        assert again.setting("root") == "/b"


def test_a_transaction_is_all_or_nothing(db: Database) -> None:
    def fail() -> None:
        with db.transaction() as sql:
            sql.execute("INSERT INTO library VALUES ('root', '/a')")
            raise KeyError

    with pytest.raises(KeyError):
        fail()
    assert db.setting("root") is None


@pytest.mark.parametrize("at_commit", [False, True])
def test_a_full_disk_gets_a_sentence_and_leaves_the_database_usable(
    db: Database, at_commit: bool
) -> None:
    put(db, photo("a.jpg", 1))
    pages = db.row("PRAGMA page_count")
    assert pages is not None
    if at_commit:
        # Nothing is written before the commit, which is then the one that fails.
        db.sql.execute("PRAGMA cache_spill = OFF")
    db.sql.execute(f"PRAGMA max_page_count = {pages[0]}")
    with pytest.raises(StoreError, match="is full; free some space"):
        put(db, *(photo(f"{i}.jpg", i) for i in range(500)))
    assert list(face_ids(db)) == ["a.jpg"]
    db.sql.execute("PRAGMA max_page_count = 100000")
    put(db, photo("b.jpg", 2))
    assert list(face_ids(db)) == ["a.jpg", "b.jpg"]


def test_a_commit_that_fails_is_rolled_back(db: Database) -> None:
    def fail() -> None:
        with db.transaction() as sql:
            sql.execute("PRAGMA defer_foreign_keys = ON")
            sql.execute("INSERT INTO crops VALUES (99, x'00')")

    with pytest.raises(sqlite3.IntegrityError):
        fail()
    db.set_setting("root", "/a")
    assert db.row("SELECT count(*) FROM crops") == (0,)


def test_one_process_at_a_time_works_on_a_library(path: Path, db: Database) -> None:
    with (
        db.exclusive(),
        open_database(path) as other,
        pytest.raises(StoreError, match="--wait"),
        other.exclusive(),
    ):
        pytest.fail("two at once")
    with db.exclusive():
        pass


def test_a_lock_that_cannot_be_made_gets_a_sentence(path: Path, db: Database) -> None:
    Path(f"{path}.lock").mkdir()
    with pytest.raises(StoreError, match=r"library\.db\.lock"), db.exclusive():
        pass


def test_a_writer_that_waits_too_long_is_told_so(path: Path, db: Database) -> None:
    with open_database(path) as other, db.transaction():
        other.sql.execute("PRAGMA busy_timeout = 20")
        with pytest.raises(StoreError, match="in use by another faceclust"):
            other.set_setting("root", "/a")


def fill(path: Path) -> int:
    """Some hundred photos, all in the file itself; the size of a page."""
    with open_database(path, create=True) as db:
        put(db, *(photo(f"{i}.jpg", i, i + 1) for i in range(300)))
        size = db.row("PRAGMA page_size")
    assert size is not None
    return int(size[0])


def read_everything(path: Path) -> None:
    with open_database(path) as db:
        for table in ("photos", "files", "faces", "crops", "embeddings"):
            list(db.rows(f"SELECT * FROM {table}"))
            list(db.rows(f"SELECT count(*) FROM {table}"))


def test_a_truncated_database_is_called_damaged(path: Path) -> None:
    fill(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(StoreError, match=r"damaged.*scan again, or restore"):
        read_everything(path)


def test_overwritten_pages_are_called_damaged(path: Path) -> None:
    page = fill(path)
    whole = path.read_bytes()
    noticed = 0
    numbers = range(1, len(whole) // page)
    for number in numbers:
        path.write_bytes(whole[: number * page] + b"\xa5" * page + whole[(number + 1) * page :])
        try:
            read_everything(path)
        except StoreError as error:
            assert "damaged" in str(error)  # noqa: PT017 - pages of indices are not read here
            noticed += 1
    assert noticed >= len(numbers) / 3


def test_an_overwritten_header_is_called_damaged(path: Path) -> None:
    page = fill(path)
    with path.open("r+b") as file:
        file.write(os.urandom(page))
    with pytest.raises(StoreError, match="damaged or no faceclust database"):
        open_database(path)


def test_the_database_of_another_program_is_left_alone(path: Path) -> None:
    with sqlite3.connect(path) as foreign:
        foreign.execute("CREATE TABLE albums (id)")
    foreign.close()
    before = path.read_bytes()
    with pytest.raises(StoreError, match="another program's database; pass --db"):
        open_database(path, create=True)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.glob("library*")] == ["library.db"]


def test_an_empty_file_becomes_a_library(path: Path) -> None:
    path.touch()
    with open_database(path) as db:
        assert db.setting("root") is None


def test_a_folder_in_place_of_the_file_gets_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match="is a folder"):
        open_database(tmp_path, create=True)


def test_a_file_in_place_of_the_folder_gets_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StoreError, match="cannot be created"):
        open_database(tmp_path / "file" / "library.db", create=True)


@pytest.fixture
def powerless() -> Iterator[Path]:
    """A folder, and a process that has no more rights than its owner."""
    folder = Path(tempfile.mkdtemp(prefix="faceclust-test-"))
    root = os.geteuid() == 0
    if root:
        os.chown(folder, 65534, 65534)
        os.seteuid(65534)
    try:
        yield folder
    finally:
        folder.chmod(0o700)
        if root:
            os.seteuid(0)
        shutil.rmtree(folder)


def test_a_read_only_folder_gets_a_sentence(powerless: Path) -> None:
    powerless.chmod(0o500)
    with pytest.raises(StoreError, match=r"cannot be created.*--db"):
        open_database(powerless / "library.db", create=True)


def test_a_database_in_a_folder_made_read_only_gets_a_sentence(powerless: Path) -> None:
    path = powerless / "library.db"
    with open_database(path, create=True) as db:
        put(db, photo("a.jpg", 1))
    powerless.chmod(0o500)
    with pytest.raises(StoreError, match=r"read-only|cannot be opened"):  # noqa: SIM117
        with open_database(path) as db:
            db.set_setting("root", "/a")


def test_a_read_only_file_gets_a_sentence(powerless: Path) -> None:
    path = powerless / "library.db"
    open_database(path, create=True).close()
    path.chmod(0o400)
    with pytest.raises(StoreError, match="read-only"):  # noqa: SIM117
        with open_database(path) as db:
            db.set_setting("root", "/a")


def create_at_once(barrier: Barrier, folder: Path, faults: SimpleQueue[str]) -> None:
    for attempt in range(10):
        barrier.wait()
        try:
            with open_database(folder / f"{attempt}.db", create=True) as db:
                db.set_setting("root", "/a")
        except StoreError as error:
            faults.put(str(error))


def test_processes_that_create_a_database_at_once_do_not_meet(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    faults: SimpleQueue[str] = context.SimpleQueue()
    arguments = (context.Barrier(3), tmp_path, faults)
    processes = [context.Process(target=create_at_once, args=arguments) for _ in range(3)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=60)
        assert process.exitcode == 0
    assert faults.empty(), faults.get()


def test_a_creation_that_was_killed_half_way_is_gone_on_with(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE half (done)")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (killed,))
        with pytest.raises(KeyboardInterrupt):
            open_database(path, create=True)
    with open_database(path) as db:
        db.set_setting("root", "/a")


@given(st.binary(min_size=1, max_size=30))
def test_any_file_name_survives_the_database(name: bytes) -> None:
    path = os.fsdecode(name)
    kept = path_to_db(path)
    assert path_from_db(kept) == path
    with sqlite3.connect(":memory:") as memory:
        assert path_from_db(memory.execute("SELECT ?", (kept,)).fetchone()[0]) == path
    memory.close()
    assert isinstance(kept, str) == (os.fsencode(name.decode("utf-8", "replace")) == name)


def test_now_is_utc_to_the_second() -> None:
    assert now().endswith("+00:00")
    assert "." not in now()


def test_whole_queries_at_once(db: Database) -> None:
    db.set_setting("one", "1")
    db.set_setting("two", "2")
    assert db.pairs("SELECT key, value FROM library WHERE key > ?", ("o",)) == {
        "one": "1",
        "two": "2",
    }
    assert db.column("SELECT key FROM library") >= {"one", "two"}
    for read in (db.pairs, db.column):
        with pytest.raises(StoreError, match="library"):
            read("SELECT nothing FROM nowhere")

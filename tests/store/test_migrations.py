"""Every database that was ever released opens, and holds what it held.

`old/NAME.sql` is the dump of a library as the version whose newest migration is NAME wrote it.
When a migration is added, the dump of the one before it stays as it is.
"""

from __future__ import annotations

import os
import sqlite3
from dataclasses import asdict
from pathlib import Path

import pytest

from faceclust.errors import StoreError
from faceclust.export.journal import Entry
from faceclust.export.xmp import branches
from faceclust.pipeline import Library, all_people
from faceclust.records import Person
from faceclust.store import catalogue, descriptions, journal, ledger, migrations, open_database
from faceclust.store.database import APPLICATION_ID
from tests.synthetic import MODEL, face_ids, looks, photo, put

OLD = Path(__file__).with_name("old")


def schema(path: Path) -> set[tuple[str, str]]:
    with sqlite3.connect(path) as db:
        rows = db.execute("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").fetchall()
    db.close()
    return {(str(name), " ".join(str(sql).split())) for name, sql in rows}


@pytest.fixture(params=[migration.__name__ for migration in migrations.MIGRATIONS])
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A database as an older version left it."""
    path = tmp_path / "library.db"
    db = sqlite3.connect(path)
    db.executescript((OLD / f"{request.param}.sql").read_text(encoding="utf-8"))
    db.close()
    return path


def test_names_are_numbered_in_order() -> None:
    numbers = [migration.__name__[:5] for migration in migrations.MIGRATIONS]
    assert numbers == [f"m{number:04}" for number in range(1, len(numbers) + 1)]


def test_every_older_version_comes_to_the_schema_of_a_new_database(
    old: Path, tmp_path: Path
) -> None:
    open_database(old).close()
    open_database(tmp_path / "new.db", create=True).close()
    assert schema(old) == schema(tmp_path / "new.db")


def test_every_older_version_keeps_all_it_held(old: Path) -> None:
    with open_database(old) as db:
        assert db.row("PRAGMA integrity_check") == ("ok",)
        assert list(db.rows("PRAGMA foreign_key_check")) == []
        assert db.setting("root") == "/photos"
        assert face_ids(db) == {
            "a.jpg": [1, 2], "copy.jpg": [1, 2], "2019/b.jpg": [3],
            os.fsdecode(b"caf\xe9.jpg"): [4],
        }  # fmt: skip
        assert catalogue.unreadable(db) == [("broken.jpg", "truncated", "ends too early")]
        ids, x = catalogue.live_faces(db, MODEL)
        assert ids.tolist() == [1, 2, 3, 4]
        assert x[0] == pytest.approx(looks(1), rel=2e-3)
        assert catalogue.thumbnail(db, 2) == b"jpeg of 2"
        assert [d.kind for d in ledger.decisions(db)] == ["name", "not-a-face", "undo"]
        assert all_people(Library(Path("/photos"), db)) == [
            Person(1, "Ann Ćorić", (1, 3)),
            Person(2, None, (2, 4)),
        ]
        assert journal.names_in(db, 1, "a.jpg") == ({"Ann Ćorić"}, frozenset())
        assert journal.digests_at(db, "/photos/a.jpg.xmp") == {"d1"}


def test_descriptions_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with sqlite3.connect(path) as sql:
        sql.executescript((OLD / "m0002_attributes.sql").read_text(encoding="utf-8"))
    sql.close()
    with open_database(path) as db:
        clip = db.setting("clip") or ""
        values = descriptions.attribute_values(db, clip)
        assert [(v.attribute, v.value, v.prompts, v.weights.tolist()) for v in values] == [
            ("glasses", "yes", "d1", [10, 0]), ("glasses", "no", "d2", [0, 10]),
        ]  # fmt: skip
        assert catalogue.live_faces(db, clip)[0].tolist() == [1, 2]
        assert descriptions.faces_without(db, clip) == [3, 4]


def test_what_exports_brought_is_found_wherever_the_library_was(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with sqlite3.connect(path) as sql:
        sql.executescript((OLD / "m0004_notes.sql").read_text(encoding="utf-8"))
        sql.executemany(
            "INSERT INTO exported_names VALUES (1, ?, 'person', ?)",
            [("/old/place/2019/b.jpg", "Bob"), (b"/b\xe9/photos/copy.jpg", "Cem"),
             (b"/photos/caf\xe9.jpg", "Dan"), ("/photos/forgotten.jpg", "Eve")],
        )  # fmt: skip
    sql.close()
    with open_database(path) as db:
        places = {"a.jpg": 1, "copy.jpg": 1, "2019/b.jpg": 2, os.fsdecode(b"caf\xe9.jpg"): 3}
        names = [set(journal.names_in(db, *place[::-1])[0]) for place in places.items()]
    assert names == [{"Ann Ćorić"}, {"Cem"}, {"Bob"}, {"Dan"}]


def test_keywords_in_trees_are_ours_where_the_flat_one_was(tmp_path: Path) -> None:
    path = tmp_path / "library.db"
    with sqlite3.connect(path) as sql:
        sql.executescript((OLD / "m0006_entries.sql").read_text(encoding="utf-8"))
        sql.executemany(
            "INSERT INTO exported_names VALUES (1, 'a.jpg', 1, ?, ?)",
            [("person", "AC/DC|live"), ("keyword", "AC/DC|live"), ("person", "Bob")],
        )
    sql.close()
    with open_database(path) as db:
        found = journal.branches_in(db, 1, "a.jpg")
        names, keywords = journal.names_in(db, 1, "a.jpg")
    assert found == branches(["AC/DC|live"], "People")
    assert (names, keywords) == ({"Ann Ćorić", "AC/DC|live", "Bob"}, {"AC/DC|live"})


def test_the_entries_of_an_export_are_found_without_looking_at_those_of_others(old: Path) -> None:
    asked: list[str] = []
    with open_database(old) as db:
        export = journal.begin_export(db, "xmp")
        journal.add_entry(db, export, asdict(Entry("write", "/a.xmp", "d")))
        db.sql.set_trace_callback(asked.append)
        assert journal.last_export(db) is not None
        assert len(list(journal.entries(db, export))) == 1
        db.sql.set_trace_callback(None)
        plans = [str(row[-1]) for query in asked for row in db.rows(f"EXPLAIN QUERY PLAN {query}")]
    found = [plan for plan in plans if "export_entries" in plan]
    assert len(found) >= 2
    assert all("export_id=?" in plan for plan in found)
    assert not any("TEMP B-TREE" in plan for plan in plans)


def test_every_older_version_never_gives_an_id_twice(old: Path) -> None:
    with open_database(old) as db:
        db.sql.execute("PRAGMA foreign_keys = OFF")
        db.sql.execute("DELETE FROM faces WHERE id > 3")
        put(db, photo("new.jpg", 9))
        assert face_ids(db)["new.jpg"] == [6]
        assert ledger.new_ids(db, 2) == [5, 6]


def test_opening_again_changes_nothing(old: Path) -> None:
    open_database(old).close()
    before = old.read_bytes()
    open_database(old).close()
    assert old.read_bytes() == before


def test_a_new_database_says_whose_it_is(tmp_path: Path) -> None:
    with open_database(tmp_path / "library.db", create=True) as db:
        assert db.row("PRAGMA application_id") == (APPLICATION_ID,)
        applied = [str(row[0]) for row in db.rows("SELECT name FROM migrations ORDER BY name")]
    assert applied == [migration.__name__ for migration in migrations.MIGRATIONS]


def test_a_newer_database_is_refused_untouched(old: Path) -> None:
    with open_database(old) as db:
        db.sql.execute("INSERT INTO migrations VALUES ('m9999_holograms', '2031-01-01')")
    before = old.read_bytes()
    with pytest.raises(StoreError, match=r"newer faceclust \(m9999_holograms\).*pip install -U"):
        open_database(old, create=True)
    assert old.read_bytes() == before


def test_a_migration_that_fails_leaves_the_old_version(
    old: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def m9998_fine(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE fine (id)")

    def m9999_fails(db: sqlite3.Connection) -> None:
        db.execute("CREATE TABLE photos (id)")

    open_database(old).close()
    before = schema(old)
    with monkeypatch.context() as patch:
        patch.setattr(migrations, "MIGRATIONS", (*migrations.MIGRATIONS, m9998_fine, m9999_fails))
        with pytest.raises(StoreError, match="already exists"):
            open_database(old)
    assert schema(old) == before
    with open_database(old) as db:
        assert db.setting("root") == "/photos"

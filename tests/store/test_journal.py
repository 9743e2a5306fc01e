from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

import pytest

from faceclust.export.journal import Entry
from faceclust.store import Database, intake, journal, open_database
from tests.synthetic import photo, put

LATIN = os.fsdecode(b"/photos/caf\xe9.jpg")


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "library.db", create=True) as opened:
        put(opened, photo("a.jpg", 1), photo("b.jpg", 2))
        yield opened


def intend(db: Database, export: int, path: str, digest: str = "d", **more: object) -> int:
    return journal.add_entry(db, export, asdict(Entry("write", path, digest)) | more)


def test_an_entry_comes_back_as_it_was_noted(db: Database) -> None:
    export = journal.begin_export(db, "xmp")
    entry = Entry(
        "embed", LATIN, "after", b"\x00before", 0o644, "before", LATIN + "_original", LATIN
    )
    number = journal.add_entry(db, export, asdict(entry))
    ((found, fields),) = journal.entries(db, export)
    assert found == number
    assert Entry(**fields) == entry  # type: ignore[arg-type]
    assert journal.digests_at(db, LATIN) == {"after"}


def test_the_newest_entry_comes_first_and_undone_ones_not_at_all(db: Database) -> None:
    export = journal.begin_export(db, "folders")
    numbers = [intend(db, export, f"/out/{i}", f"d{i}") for i in range(3)]
    journal.set_state(db, numbers[0], "done")
    journal.set_state(db, numbers[1], "undone")
    assert [number for number, _ in journal.entries(db, export)] == [numbers[2], numbers[0]]
    assert journal.digests_at(db, "/out/0") == {"d0"}
    assert journal.digests_at(db, "/out/1") == set()


def test_entries_are_read_one_at_a_time_while_they_change(db: Database) -> None:
    export = journal.begin_export(db, "xmp")
    numbers = [intend(db, export, f"/out/{i}", before=b"before %d" % i) for i in range(4)]
    found = []
    for number, fields in journal.entries(db, export):
        found.append((number, fields["before"]))
        journal.set_state(db, number, "undone")
        if number == numbers[3]:  # not read yet: what becomes of the others is still seen
            journal.set_state(db, numbers[2], "undone")
            intend(db, export, "/out/new")
    assert found == [(numbers[i], b"before %d" % i) for i in (3, 1, 0)]


@pytest.mark.parametrize("page", [1, 2, 256])
def test_entries_below_a_folder_of_all_exports_but_sidecars(
    db: Database, page: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "_PAGE", page)
    folders, links, xmp = (journal.begin_export(db, f) for f in ("folders", "symlinks", "xmp"))
    numbers = [intend(db, e, f"/out/{i}") for i, e in enumerate((folders, links, folders))]
    intend(db, xmp, "/out/a.xmp")
    intend(db, folders, "/outer/a.jpg")
    itself = intend(db, links, "/out")
    journal.set_state(db, numbers[1], "undone")
    found = []
    for number, fields in journal.entries_below(db, "/out"):
        found.append((number, fields["path"]))
        journal.set_state(db, number, "undone")
    assert found == [(itself, "/out"), (numbers[2], "/out/2"), (numbers[0], "/out/0")]
    assert list(journal.entries_below(db, "/out")) == []


def test_entries_below_a_folder_are_not_sorted_for_each_page(db: Database) -> None:
    asked: list[str] = []
    db.sql.set_trace_callback(asked.append)
    list(journal.entries_below(db, "/out"))
    db.sql.set_trace_callback(None)
    plan = [str(row[-1]) for row in db.rows(f"EXPLAIN QUERY PLAN {asked[0]}")]
    assert plan[0].startswith("SEARCH export_entries USING INTEGER PRIMARY KEY")
    assert not any("TEMP B-TREE" in step for step in plan)


def test_digests_of_all_exports_count(db: Database) -> None:
    for digest in ("first", "second"):
        intend(db, journal.begin_export(db, "xmp"), "/a.xmp", digest)
    assert journal.digests_at(db, "/a.xmp") == {"first", "second"}


def test_states_of_a_file_that_do_not_follow_from_each_other_are_kept(db: Database) -> None:
    export = journal.begin_export(db, "json")
    journal.drop_between(db, "/out/a.json")
    for digest, before in (("1", None), ("2", "1"), ("theirs+3", "theirs"), ("4", "theirs+3")):
        content = None if before is None else before.encode()
        number = intend(db, export, "/out/a.json", digest, before=content, before_digest=before)
        journal.set_state(db, number, "done")
    journal.drop_between(db, "/out/a.json")
    found = [fields["before"] for _, fields in journal.entries(db, export)]
    assert found == [b"theirs+3", b"theirs", b"1", None]


def test_an_entry_has_one_of_three_states(db: Database) -> None:
    number = intend(db, journal.begin_export(db, "xmp"), "/a.xmp")
    with pytest.raises(Exception, match="CHECK constraint"):
        journal.set_state(db, number, "forgotten")


def test_the_last_export_is_the_newest_that_wrote_and_was_not_undone(db: Database) -> None:
    assert journal.last_export(db) is None
    first, second, empty = (journal.begin_export(db, f) for f in ("xmp", "folders", "json"))
    intend(db, first, "/a.xmp")
    number = intend(db, second, "/out/a.jpg")
    last = journal.last_export(db)
    assert last is not None
    assert last[:2] == (second, "folders")
    # A crash can come between the undoing of entries and the closing of their export.
    journal.set_state(db, number, "undone")
    last = journal.last_export(db)
    assert last is not None
    assert last[:2] == (first, "xmp")
    journal.close_undone(db, first, lambda photo, path: False)
    assert journal.last_export(db) is None
    assert empty > second


def test_names_are_known_by_photo_and_forgotten_with_their_export(db: Database) -> None:
    first, second = journal.begin_export(db, "xmp"), journal.begin_export(db, "xmp")
    tree = [("lr", "People|Ann"), ("digiKam", "People/Ann")]
    journal.put_names(db, first, 1, "a.jpg", ["Ann", "Ann"], ["Ann"], branches=tree)
    journal.put_names(db, first, 2, "b.jpg", ["Bob"], [])
    journal.put_names(db, second, 1, "a.jpg", ["Cem", "Ann"], [])
    assert journal.names_in(db, 1, "a.jpg") == ({"Ann", "Cem"}, {"Ann"})
    assert journal.branches_in(db, 1, "a.jpg") == set(tree)
    assert journal.branches_in(db, 2, "b.jpg") == set()
    assert journal.names_in(db, 2, "b.jpg") == ({"Bob"}, frozenset())
    assert journal.names_in(db, 3, "c.jpg") == (frozenset(), frozenset())
    journal.close_undone(db, second, lambda photo, path: False)
    assert journal.names_in(db, 1, "a.jpg") == ({"Ann"}, {"Ann"})
    journal.close_undone(db, first, lambda photo, path: photo == 1)
    assert journal.names_in(db, 1, "a.jpg") == ({"Ann"}, {"Ann"})
    assert journal.names_in(db, 2, "b.jpg") == (frozenset(), frozenset())


def test_notes_are_known_by_photo_and_forgotten_with_their_export(db: Database) -> None:
    first, second = journal.begin_export(db, "xmp"), journal.begin_export(db, "xmp")
    journal.put_names(db, first, 1, "a.jpg", [], [], authors=["me"])
    journal.put_names(db, second, 1, "a.jpg", [], [], authors=["me", "other"])
    journal.put_names(db, second, 2, "b.jpg", ["Bob"], [])
    assert [journal.notes_in(db, *place) for place in ((1, "a.jpg"), (2, "b.jpg"))] == [
        {"me", "other"},
        set(),
    ]
    journal.close_undone(db, second, lambda photo, path: False)
    assert journal.notes_in(db, 1, "a.jpg") == {"me"}
    journal.close_undone(db, first, lambda photo, path: photo == 1)
    assert journal.notes_in(db, 1, "a.jpg") == {"me"}
    journal.close_undone(db, first, lambda photo, path: False)
    assert journal.notes_in(db, 1, "a.jpg") == set()


def test_what_an_undo_left_at_one_path_of_a_photo_says_nothing_of_its_copies(db: Database) -> None:
    number = journal.begin_export(db, "xmp")
    for path in ("a.jpg", "copy.jpg"):
        journal.put_names(db, number, 1, path, ["Ann"], [], authors=["me"])
    journal.close_undone(db, number, lambda photo, path: path == "copy.jpg")
    assert journal.names_in(db, 1, "a.jpg") == (frozenset(), frozenset())
    assert journal.notes_in(db, 1, "a.jpg") == frozenset()
    assert journal.names_in(db, 1, "copy.jpg") == ({"Ann"}, frozenset())
    assert journal.notes_in(db, 1, "copy.jpg") == {"me"}


def test_strays_are_what_was_brought_into_photos_that_are_not_there(db: Database) -> None:
    number = journal.begin_export(db, "xmp")
    journal.put_names(db, number, 1, "a.jpg", ["Ann"], ["Ann"], authors=["me"])
    journal.put_names(db, number, 2, "b.jpg", ["Bob"], [])
    journal.put_names(db, number, 2, "a.jpg", [], [], authors=["me"])
    journal.put_names(db, number, 1, LATIN, ["Ann"], [])
    assert set(journal.strays(db)) == {(2, "a.jpg", True), (1, LATIN, False)}
    with db.transaction() as sql:
        intake.mark_missing(sql, ["b.jpg"])
    assert (2, "b.jpg", False) in set(journal.strays(db))


def test_names_that_were_not_brought_after_all_are_dropped_and_no_others(db: Database) -> None:
    number = journal.begin_export(db, "xmp")
    tree = ("lr", "People|Ann")
    journal.put_names(db, number, 1, "a.jpg", ["Ann"], ["Ann"], authors=["me"], branches=[tree])
    journal.put_names(db, number, 1, "a.jpg", ["Bob"], ["Bob"], authors=["other"])
    journal.drop_names(db, number, 1, "a.jpg", ["Ann"], ["Ann"], authors=["me"], branches=[tree])
    assert journal.names_in(db, 1, "a.jpg") == ({"Bob"}, {"Bob"})
    assert journal.notes_in(db, 1, "a.jpg") == {"other"}
    assert journal.branches_in(db, 1, "a.jpg") == set()


def test_what_imports_read_is_forgotten_by_its_format(db: Database) -> None:
    first, second = journal.begin_export(db, "import 1"), journal.begin_export(db, "import 11")
    for number in (first, second):
        journal.put_names(
            db, number, 1, "a.jpg", [f"Ann {number}"], ["Ann"], authors=[f"a{number}"]
        )
    journal.forget(db, "import 1")
    assert journal.names_in(db, 1, "a.jpg") == ({f"Ann {second}"}, {"Ann"})
    assert journal.notes_in(db, 1, "a.jpg") == {f"a{second}"}
    assert journal.last_export(db) is None


def test_names_need_an_export_and_a_photo(db: Database) -> None:
    with pytest.raises(Exception, match="FOREIGN KEY"):
        journal.put_names(db, 99, 1, "a.jpg", ["Ann"], [])
    number = journal.begin_export(db, "xmp")
    with pytest.raises(Exception, match="FOREIGN KEY"):
        journal.put_names(db, number, 99, "d.jpg", ["Ann"], [])

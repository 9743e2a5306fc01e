from __future__ import annotations

import os
import threading
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from faceclust.photos import FoundFile, content_hash, walk
from faceclust.pipeline import Library, known
from faceclust.pipeline.known import Known, Recognised
from faceclust.store import Scanned, intake
from tests.synthetic import EXTRACTOR, library, photo, put

MOVED = 60


@pytest.fixture
def moved(tmp_path: Path) -> Iterator[Library]:
    with make(tmp_path / "one" / "album") as opened:
        yield opened


@contextmanager
def make(root: Path) -> Iterator[Library]:
    """A folder that was moved as a whole, beside files that are new, touched and as they were."""
    for folder in ("moved", "rest"):
        (root / folder).mkdir(parents=True)
    for n in range(MOVED):
        (root / "moved" / f"{n:02}.jpg").write_bytes(b"%02d" % n)
    for name in ("new", "other", "touched", "same", "stale"):
        (root / "rest" / f"{name}.jpg").write_bytes(name.encode())
    os.utime(root / "rest/same.jpg", ns=(1, 1))
    with library(root) as opened:
        for n in range(MOVED):
            put(opened.db, read(opened, f"moved/{n:02}.jpg", f"before/{n:02}.jpg"))
        put(opened.db, *(read(opened, f"rest/{n}.jpg") for n in ("same", "touched")))
        put(opened.db, read(opened, "rest/stale.jpg"), extractor="another")
        yield opened


def read(opened: Library, path: str, name: str | None = None) -> Scanned:
    digest = content_hash(opened.root / path)
    return photo(name or path, 1, content=digest, size=(opened.root / path).stat().st_size)


def recognise(
    opened: Library, readers: int = 4
) -> Generator[tuple[FoundFile, Recognised], None, None]:
    return Known(opened, EXTRACTOR, False, readers).recognise(walk(opened.root))


def test_files_are_recognised_in_order(moved: Library) -> None:
    found = [(file.path, what) for file, what in recognise(moved)]
    assert found[:MOVED] == [(f"moved/{n:02}.jpg", n + 1) for n in range(MOVED)]
    assert found[MOVED:] == [
        ("rest/new.jpg", None), ("rest/other.jpg", None), ("rest/same.jpg", "unchanged"),
        ("rest/stale.jpg", None), ("rest/touched.jpg", MOVED + 2),
    ]  # fmt: skip


def test_threads_recognise_what_one_file_after_another_is(
    moved: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What comes in meanwhile counts, too: a copy of what was read a moment ago is one."""

    def through(opened: Library) -> list[tuple[str, Recognised]]:
        (opened.root / "rest/z.jpg").write_bytes(b"new")
        found = []
        for file, what in recognise(opened):
            found.append((file.path, what))
            if file.path == "rest/new.jpg":
                put(opened.db, read(opened, file.path))
        return found

    ahead = through(moved)
    assert ahead[-1] == ("rest/z.jpg", MOVED + 4)
    monkeypatch.setattr(known, "AHEAD", 0)
    with make(tmp_path / "two" / "album") as other:
        assert through(other) == ahead


def test_a_file_that_cannot_be_read_is_left_to_the_readers(moved: Library) -> None:
    files = list(walk(moved.root))
    (moved.root / "moved" / "07.jpg").unlink()
    found = Known(moved, EXTRACTOR, False, 4).recognise(files)
    assert next(file.path for file, what in found if what is None) == "moved/07.jpg"


def test_few_files_are_hashed_ahead_and_none_once_it_is_stopped(
    moved: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    first, go_on = threading.Event(), threading.Event()

    def slow(place: str, file: FoundFile) -> str | None:
        hashed.append(file.path)
        if len(hashed) > 1:
            first.set()
            go_on.wait(30)
        return None

    monkeypatch.setattr(known, "_hash", slow)
    found = recognise(moved, readers=2)
    next(found)
    assert first.wait(30)
    threading.Timer(0.2, go_on.set).start()
    found.close()
    # Those that were being hashed; nothing of the two times eight that were waiting.
    assert len(hashed) <= 3
    assert not [t for t in threading.enumerate() if t.name.startswith("faceclust-hash")]


def test_what_lies_at_an_address_is_hashed_in_its_turn(
    moved: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    moved.db.set_setting("address", str(moved.root))
    threads: set[str] = set()
    hash_ = known._hash

    def noted(place: str, file: FoundFile) -> str | None:
        threads.add(threading.current_thread().name)
        return hash_(place, file)

    monkeypatch.setattr(known, "_hash", noted)
    assert [what for _, what in recognise(moved)][:3] == [1, 2, 3]
    assert threads == {threading.main_thread().name}


def test_a_name_of_known_content_is_kept_at_once(moved: Library) -> None:
    """As a scan does: the answers that follow must not be those of before."""
    for file, what in recognise(moved):
        if isinstance(what, int):
            with moved.db.transaction() as sql:
                intake.link_file(sql, Scanned(file.path, file.size, file.mtime_ns), what)
    assert [what for _, what in recognise(moved)][:MOVED] == ["unchanged"] * MOVED


def test_what_is_back_as_it_was_is_known_without_its_content(
    moved: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_hash(place: str, file: FoundFile) -> str | None:
        raise AssertionError(file.path)

    files = [file for file in walk(moved.root) if file.path == "rest/same.jpg"]
    with moved.db.transaction() as sql:
        intake.mark_missing(sql, ["rest/same.jpg"])
    with monkeypatch.context() as patched:
        patched.setattr(known, "_hash", no_hash)
        assert list(Known(moved, EXTRACTOR, False, 4).recognise(files)) == [(files[0], "back")]
    assert list(Known(moved, "another", False, 4).recognise(files)) == [(files[0], None)]
    os.utime(moved.root / "rest/same.jpg", ns=(2, 2))
    (file,) = (file for file in walk(moved.root) if file.path == "rest/same.jpg")
    assert list(Known(moved, EXTRACTOR, False, 4).recognise([file])) == [(file, MOVED + 1)]


@pytest.mark.parametrize("ahead", [0, 8])
def test_what_is_back_is_not_a_copy_that_was_edited_meanwhile(
    moved: Library, monkeypatch: pytest.MonkeyPatch, ahead: int
) -> None:
    """The photo went on as the edited copy; the file still holds what it was before."""
    monkeypatch.setattr(known, "AHEAD", ahead)
    for name in ("a", "b"):
        (moved.root / f"{name}.jpg").write_bytes(b"twice")
        os.utime(moved.root / f"{name}.jpg", ns=(1, 1))
        put(moved.db, replace(read(moved, f"{name}.jpg"), mtime_ns=1))
    with moved.db.transaction() as sql:
        intake.mark_missing(sql, ["a.jpg", "b.jpg"])
    (moved.root / "a.jpg").write_bytes(b"edited")
    found = {}
    for file, what in recognise(moved):
        found[file.path] = what
        if file.path == "a.jpg":
            put(moved.db, replace(read(moved, "a.jpg"), mtime_ns=file.mtime_ns))
    assert (found["a.jpg"], found["b.jpg"]) == (None, None)


@pytest.mark.parametrize(
    ("kind", "address", "expected"),
    [
        ("unreachable", True, None), ("timeout", True, None), ("truncated", True, "unchanged"),
        ("timeout", False, "unchanged"), ("crash", True, "unchanged"),
    ],
)  # fmt: skip
def test_what_may_be_the_network_s_fault_is_tried_again(
    moved: Library, kind: str, address: bool, expected: Recognised
) -> None:
    if address:
        moved.db.set_setting("address", str(moved.root))
    (file,) = (file for file in walk(moved.root) if file.path == "rest/new.jpg")
    put(moved.db, Scanned(file.path, file.size, file.mtime_ns, error_kind=kind, error="why"))
    assert list(Known(moved, EXTRACTOR, False, 1).recognise([file])) == [(file, expected)]

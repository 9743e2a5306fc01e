import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceclust.export.disk import RefusedError
from faceclust.export.plan import Action, PlaceFile, PlaceSymlink, WriteText
from faceclust.export.run import entry_for, with_bytes
from tests.export.memory import MemoryJournal, run, take_back, tree

NOBODY = 65534


@pytest.fixture
def as_nobody() -> Iterator[Path]:
    """A folder of an ordinary user, who is who we are; root may write everywhere."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.chown(folder, NOBODY, -1)
        os.setresuid(NOBODY, NOBODY, 0)
    yield folder
    if root:
        os.setresuid(0, 0, 0)
    for path in folder.rglob("*"):
        if path.is_dir() and not path.is_symlink():
            path.chmod(0o755)
    shutil.rmtree(folder)


def every_kind(out: Path, source: Path) -> list[Action]:
    return [
        WriteText(out / "a.json", b"{}"),
        PlaceFile(out / "copy.jpg", source, "copy"),
        PlaceFile(out / "hard.jpg", source, "hard"),
        PlaceSymlink(out / "link.jpg", Path(os.path.relpath(source, out))),
        WriteText(out / "Ann/b.json", b"{}"),
    ]


@pytest.mark.parametrize("dry_run", [False, True])
def test_a_read_only_folder_is_skipped_and_stays_as_it_is(as_nobody: Path, dry_run: bool) -> None:
    out, source = as_nobody / "out", as_nobody / "photo.jpg"
    source.write_bytes(b"photo")
    out.mkdir()
    out.chmod(0o555)
    journal = MemoryJournal()
    summary, events = run(every_kind(out, source), journal, as_nobody, dry_run)
    assert summary.skipped == 5
    assert {event.reason for event in events} == {"read-only folder"}
    assert tree(out) == {}
    assert journal.newest_first() == []


def test_a_folder_that_became_read_only_is_left_by_undo_and_taken_back_later(
    as_nobody: Path,
) -> None:
    out, source = as_nobody / "out", as_nobody / "photo.jpg"
    source.write_bytes(b"photo")
    journal = MemoryJournal()
    run(every_kind(out, source), journal, as_nobody)
    out.chmod(0o555)
    summary, events = take_back(journal)
    assert "read-only folder" in {event.reason for event in events}
    assert (summary.removed, (out / "a.json").exists()) == (1, True)  # Ann/b.json
    out.chmod(0o755)
    take_back(journal)
    assert not out.exists()


def test_a_read_only_sidecar_is_skipped(as_nobody: Path) -> None:
    sidecar = as_nobody / "a.xmp"
    sidecar.write_bytes(b"theirs")
    sidecar.chmod(0o444)
    _, (event,) = run([WriteText(sidecar, b"merged", b"theirs")], MemoryJournal(), as_nobody)
    assert event.reason == "read-only file"
    assert sidecar.read_bytes() == b"theirs"


def test_folders_are_made_and_journalled_from_the_top(tmp_path: Path) -> None:
    journal = MemoryJournal()
    run([WriteText(tmp_path / "a/b/c.json", b"")], journal, tmp_path / "a")
    made = [Path(e.path).relative_to(tmp_path).as_posix() for e in journal.entries]
    assert made == ["a", "a/b", "a/b/c.json"]
    assert set(journal.states) == {"done"}


def test_a_folder_of_someone_else_is_not_removed_even_if_empty(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    journal = MemoryJournal()
    run([WriteText(tmp_path / "mine/a.json", b"")], journal, tmp_path)
    take_back(journal)
    assert list(tree(tmp_path)) == ["mine"]


def test_nothing_is_written_through_a_link_that_leads_out(tmp_path: Path) -> None:
    out, outside = tmp_path / "out", tmp_path / "outside"
    out.mkdir()
    outside.mkdir()
    (out / "Ann").symlink_to(outside)
    (out / "Bob").symlink_to("inside")
    (out / "inside").mkdir()
    journal = MemoryJournal()
    actions = [WriteText(out / "Ann/a.json", b""), WriteText(out / "Bob/a.json", b"")]
    _, events = run(list(actions), journal, out)
    assert [event.status for event in events] == ["skipped", "created"]
    assert "symbolic link leads out" in events[0].reason
    assert tree(outside) == {}


def test_nothing_is_written_above_the_root(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    action = WriteText(tmp_path / "out/../a.json", b"")
    _, (event,) = run([action], MemoryJournal(), tmp_path / "out")
    assert event.status == "skipped"
    assert list(tree(tmp_path)) == ["out"]


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "Ann").write_bytes(b"theirs")
    _, (event,) = run([WriteText(tmp_path / "Ann/a.json", b"")], MemoryJournal(), tmp_path)
    assert event.reason == f"{tmp_path / 'Ann'} is a file, not a folder"
    assert (tmp_path / "Ann").read_bytes() == b"theirs"


def test_the_bytes_kept_are_those_that_were_judged(tmp_path: Path) -> None:
    path = tmp_path / "a.xmp"
    path.write_bytes(b"judged")
    entry = entry_for("write", path, "digest")
    assert with_bytes(entry).before == b"judged"
    path.write_bytes(b"changed")
    with pytest.raises(RefusedError, match="changed meanwhile"):
        with_bytes(entry)


def test_a_crashed_runs_scratch_files_go(tmp_path: Path) -> None:
    (tmp_path / ".faceclust-0123456789abcdef.tmp").write_bytes(b"half")
    run([WriteText(tmp_path / "a.json", b"")], MemoryJournal(), tmp_path)
    assert list(tree(tmp_path)) == ["a.json"]

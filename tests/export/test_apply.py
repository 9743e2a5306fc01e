import errno
import os
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from time import sleep
from types import ModuleType

import pytest

from faceclust.errors import PhotoError, StoreError, WriteError
from faceclust.export import disk, xmp
from faceclust.export.apply import apply
from faceclust.export.folders import FolderOptions, plan
from faceclust.export.plan import (
    Action,
    EmbedXmp,
    LinkKind,
    PlaceFile,
    PlaceSymlink,
    WriteTable,
    WriteText,
)
from faceclust.records import Box, PersonRegion, PhotoInfo, TaggedPhoto
from tests.export.memory import MemoryJournal, run, take_back, tree
from tests.export.test_disk import fails
from tests.export.test_folders import photo
from tests.export.xmp.samples import wrote

FOREIGN = "a file we did not write is there"


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "library/1.jpg"
    path.parent.mkdir()
    path.write_bytes(b"photo one")
    return path


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return tmp_path / "out"


@pytest.fixture
def embed(monkeypatch: pytest.MonkeyPatch) -> None:
    """In place of the real one: the packet goes to the end of the file."""

    def append(path: Path, packet: bytes, out: Path) -> None:
        original = path.read_bytes()
        if original.startswith(b"broken"):
            raise PhotoError(f"{path.name} cannot be tagged.")
        out.write_bytes(original.partition(b"<xmp>")[0] + packet)

    module = ModuleType("faceclust.export.xmp")
    module.__dict__["embed"] = append
    monkeypatch.setitem(sys.modules, "faceclust.export.xmp", module)


def every_kind(out: Path, source: Path) -> list[Action]:
    sidecar = source.with_name("1.jpg.xmp")
    sidecar.write_bytes(b"theirs")
    sidecar.chmod(0o640)
    return [
        WriteText(out / "a.json", b"{}"),
        WriteText(sidecar, b"theirs and ours", merged_from=b"theirs"),
        PlaceFile(out / "Ann/copy.jpg", source, "copy"),
        PlaceFile(out / "Ann/hard.jpg", source, "hard"),
        PlaceSymlink(out / "Ann/link.jpg", Path("../../library/1.jpg")),
    ]


def again(actions: list[Action]) -> list[Action]:
    """What an exporter plans the second time: sidecars merge from what it wrote itself."""
    return [
        WriteText(one.path, one.content, one.content)
        if isinstance(one, WriteText) and one.merged_from is not None
        else one
        for one in actions
    ]


def test_the_second_time_nothing_changes(tmp_path: Path, out: Path, source: Path) -> None:
    actions, journal = every_kind(out, source), MemoryJournal()
    summary, _ = run(actions, journal, tmp_path)
    assert (summary.created, summary.updated) == (4, 1)
    before, entries = tree(tmp_path, times=True), len(journal.entries)
    summary, _ = run(again(actions), journal, tmp_path)
    assert summary.unchanged == 5
    assert tree(tmp_path, times=True) == before
    assert len(journal.entries) == entries


def test_a_dry_run_tells_the_same_and_touches_nothing(
    tmp_path: Path, out: Path, source: Path
) -> None:
    actions, journal = every_kind(out, source), MemoryJournal()
    before = tree(tmp_path, times=True)
    _, foretold = run(actions, journal, tmp_path, dry_run=True)
    assert tree(tmp_path, times=True) == before
    assert journal.entries == []
    _, events = run(actions, journal, tmp_path)
    assert foretold == events


def test_undo_gives_the_tree_back(tmp_path: Path, out: Path, source: Path) -> None:
    actions, journal = every_kind(out, source), MemoryJournal()
    before = tree(tmp_path)
    run(actions, journal, tmp_path)
    take_back(journal)
    assert tree(tmp_path) == before
    assert set(journal.states) == {"undone"}


@pytest.mark.parametrize("content", [b"theirs", b""])
def test_a_file_of_someone_else_is_never_overwritten(
    tmp_path: Path, out: Path, source: Path, content: bytes
) -> None:
    actions = [*every_kind(out, source)[2:], WriteText(out / "a.json", b"{}")]
    for action in actions:
        action.path.parent.mkdir(parents=True, exist_ok=True)
        action.path.write_bytes(content)
    journal = MemoryJournal()
    before = tree(tmp_path, times=True)
    _, events = run(actions, journal, tmp_path)
    assert [(event.status, event.reason) for event in events] == [("skipped", FOREIGN)] * 4
    assert tree(tmp_path, times=True) == before


@pytest.mark.parametrize("kind", ["folder", "pipe", "dangling"])
def test_nor_is_anything_else_that_stands_there(
    tmp_path: Path, out: Path, source: Path, kind: str
) -> None:
    actions = [*every_kind(out, source)[2:], WriteText(out / "Ann/a.json", b"{}")]
    for action in actions:
        action.path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "folder":
            action.path.mkdir()
        elif kind == "pipe":
            os.mkfifo(action.path)
        else:
            action.path.symlink_to("nowhere")
    before = tree(out, times=True)
    _, events = run(actions, MemoryJournal(), tmp_path)
    assert {event.reason for event in events} == {FOREIGN}
    assert tree(out, times=True) == before


def test_the_same_bytes_of_someone_else_are_fine_but_not_ours(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.json", MemoryJournal()
    path.write_bytes(b"{}")
    summary, _ = run([WriteText(path, b"{}")], journal, tmp_path)
    assert summary.unchanged == 1
    take_back(journal)
    assert path.exists()


@pytest.mark.usefixtures("everybody_reads")
def test_a_table_is_made_as_often_as_it_must_be(tmp_path: Path) -> None:
    begun: list[bytes] = []

    def write(*pieces: bytes, dry_run: bool = False) -> str:
        def begin() -> Iterator[bytes]:
            begun.append(b"".join(pieces))
            return iter(pieces)

        action = WriteTable(tmp_path / "new" / "a.json", begin)
        begun.clear()
        return run([action], journal, tmp_path, dry_run=dry_run)[1][0].status

    journal, path = MemoryJournal(), tmp_path / "new" / "a.json"
    assert (write(b"1", b"2", dry_run=True), begun, tree(tmp_path)) == ("created", [], {})
    assert (write(b"1", b"2"), begun) == ("created", [b"12"])
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"12", 0o600)
    assert (write(b"12"), begun) == ("unchanged", [b"12"])
    assert (write(b"3", dry_run=True), begun) == ("updated", [b"3"])
    assert (write(b"3", b"4"), begun) == ("updated", [b"34", b"34"])
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"34", 0o600)
    path.write_bytes(b"theirs")
    assert write(b"5") == "skipped"
    assert path.read_bytes() == b"theirs"
    path.write_bytes(b"34")
    take_back(journal)
    assert tree(tmp_path) == {}


def test_a_table_that_cannot_be_finished_is_not_there(tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield b"{"
        raise StoreError("The database is damaged.")

    journal = MemoryJournal()
    with pytest.raises(StoreError):
        run([WriteTable(tmp_path / "a.json", broken)], journal, tmp_path)
    assert tree(tmp_path) == {}
    assert journal.states_of("write") == []


@pytest.mark.usefixtures("everybody_reads")
def test_tables_and_crops_are_the_owners_alone(tmp_path: Path) -> None:
    run([WriteText(tmp_path / "a.json", b"{}")], MemoryJournal(), tmp_path)
    assert (tmp_path / "a.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("everybody_reads")
@pytest.mark.parametrize(
    ("photo", "sidecar"),
    [(0o644, 0o644), (0o664, 0o664), (0o600, 0o600), (0o755, 0o644), (0o440, 0o640)],
)
def test_who_may_read_a_photo_may_read_its_new_sidecar(
    tmp_path: Path, photo: int, sidecar: int
) -> None:
    path, beside = tmp_path / "a.jpg", tmp_path / "a.jpg.xmp"
    path.touch()
    path.chmod(photo)
    journal = MemoryJournal()
    run([WriteText(beside, b"1", photo=path)], journal, tmp_path)
    assert beside.stat().st_mode & 0o777 == sidecar
    beside.chmod(0o604)
    run([WriteText(beside, b"2", merged_from=b"1", photo=path)], journal, tmp_path)
    assert beside.stat().st_mode & 0o777 == 0o604


def test_our_own_file_is_updated_and_undone_step_by_step(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.json", MemoryJournal()
    run([WriteText(path, b"1")], journal, tmp_path)
    path.chmod(0o600)
    first_run = len(journal.entries)
    summary, _ = run([WriteText(path, b"2")], journal, tmp_path)
    assert summary.updated == 1
    assert path.stat().st_mode & 0o777 == 0o600
    take_back(journal, since=first_run)
    assert path.read_bytes() == b"1"
    take_back(journal)
    assert not path.exists()


def test_our_own_file_edited_by_someone_is_theirs(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.json", MemoryJournal()
    run([WriteText(path, b"1")], journal, tmp_path)
    path.write_bytes(b"edited")
    _, (event,) = run([WriteText(path, b"2")], journal, tmp_path)
    assert event.reason == FOREIGN
    assert path.read_bytes() == b"edited"


def test_a_file_that_appears_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, journal = tmp_path / "a.json", MemoryJournal()
    install = disk.install

    def late(new: Path, target: Path) -> None:
        target.write_bytes(b"theirs")
        install(new, target)

    monkeypatch.setattr(disk, "install", late)
    _, (event,) = run([WriteText(path, b"ours")], journal, tmp_path)
    assert event.reason == FOREIGN
    assert list(tree(tmp_path)) == ["a.json"]
    assert path.read_bytes() == b"theirs"
    assert journal.states_of("write") == ["undone"]


def test_a_sidecar_that_changes_meanwhile_is_not_overwritten(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, journal = tmp_path / "a.xmp", MemoryJournal()
    path.write_bytes(b"newer")
    action = WriteText(path, b"merged", merged_from=b"older")
    _, (event,) = run([action], journal, tmp_path)
    assert (event.status, event.reason) == ("skipped", "changed meanwhile")

    path.write_bytes(b"older")
    write = disk.write

    def slowly(new: Path, content: bytes) -> None:
        write(new, content)
        path.write_bytes(b"newest")

    monkeypatch.setattr(disk, "write", slowly)
    _, (event,) = run([action], journal, tmp_path)
    assert (event.status, event.reason) == ("skipped", "changed meanwhile")
    assert path.read_bytes() == b"newest"
    path.unlink()
    _, (event,) = run([action], journal, tmp_path)
    assert event.reason == "changed meanwhile"
    assert tree(tmp_path) == {}


def test_a_sidecar_that_is_a_link_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "real").write_bytes(b"theirs")
    (tmp_path / "a.xmp").symlink_to("real")
    action = WriteText(tmp_path / "a.xmp", b"merged", merged_from=b"theirs")
    summary, _ = run([action], MemoryJournal(), tmp_path)
    assert summary.skipped == 1
    assert (tmp_path / "real").read_bytes() == b"theirs"


def test_two_merges_are_undone_to_the_first_bytes(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.xmp", MemoryJournal()
    path.write_bytes(b"theirs")
    run([WriteText(path, b"theirs+1", b"theirs")], journal, tmp_path)
    run([WriteText(path, b"theirs+1+2", b"theirs+1")], journal, tmp_path)
    take_back(journal)
    assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize("old", ["copy", "hard", "symlink"])
@pytest.mark.parametrize("new", ["copy", "hard", "symlink"])
def test_switching_the_kind_of_link(
    tmp_path: Path, out: Path, source: Path, old: str, new: str
) -> None:
    kinds: dict[str, Action] = {
        "copy": PlaceFile(out / "1.jpg", source, "copy"),
        "hard": PlaceFile(out / "1.jpg", source, "hard"),
        "symlink": PlaceSymlink(out / "1.jpg", Path("../library/1.jpg")),
    }
    journal, before = MemoryJournal(), tree(tmp_path)
    run([kinds[old]], journal, out)
    summary, _ = run([kinds[new]], journal, out)
    assert (summary.unchanged, summary.updated) == ((1, 0) if old == new else (0, 1))
    assert (out / "1.jpg").is_symlink() == (new == "symlink")
    assert (out / "1.jpg").samefile(source) == (new != "copy")
    assert [path.name for path in out.iterdir()] == ["1.jpg"]
    take_back(journal)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("link", ["copy", "hard"])
def test_an_edited_photo_is_placed_anew(
    tmp_path: Path, out: Path, source: Path, link: LinkKind
) -> None:
    action, journal = PlaceFile(out / "1.jpg", source, link), MemoryJournal()
    run([action], journal, out)
    edited = source.with_name("new")
    edited.write_bytes(b"edited!")
    edited.replace(source)
    summary, _ = run([action], journal, out)
    assert summary.updated == 1
    assert (out / "1.jpg").read_bytes() == b"edited!"
    take_back(journal)
    assert not out.exists()
    assert source.read_bytes() == b"edited!"


def test_a_photo_edited_in_place_keeps_its_hard_link(out: Path, source: Path) -> None:
    action, journal = PlaceFile(out / "1.jpg", source, "hard"), MemoryJournal()
    run([action], journal, out)
    source.write_bytes(b"edited in place")
    summary, _ = run([action], journal, out)
    assert summary.unchanged == 1
    take_back(journal)
    assert not out.exists()


def test_a_touched_photo_is_compared_by_its_bytes(out: Path, source: Path) -> None:
    action, journal = PlaceFile(out / "1.jpg", source, "copy"), MemoryJournal()
    run([action], journal, out)
    os.utime(source, ns=(0, 0))
    summary, _ = run([action], journal, out)
    assert summary.unchanged == 1


def test_a_photo_edited_to_the_same_size_and_time_is_placed_anew(out: Path, source: Path) -> None:
    action, journal = PlaceFile(out / "1.jpg", source, "copy"), MemoryJournal()
    run([action], journal, out)
    time = source.stat().st_mtime_ns
    source.write_bytes(b"photo two")
    os.utime(source, ns=(time, time))
    summary, _ = run([action], journal, out)
    assert summary.updated == 1
    assert (out / "1.jpg").read_bytes() == b"photo two"


def test_an_unchanged_photo_is_not_read_again(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    action, journal = PlaceFile(out / "1.jpg", source, "copy"), MemoryJournal()
    sleep(0.02)  # a tick of the file system's clock
    run([action], journal, out)
    monkeypatch.setattr(Path, "open", fails(errno.EIO))
    summary, _ = run([action], journal, out)
    assert summary.unchanged == 1


def test_a_photo_that_vanished(tmp_path: Path, out: Path) -> None:
    gone = tmp_path / "gone.jpg"
    actions = [
        PlaceFile(out / "1.jpg", gone, "copy"),
        PlaceFile(out / "2.jpg", gone, "hard"),
        PlaceSymlink(out / "3.jpg", Path("../gone.jpg")),
        EmbedXmp(gone, b"<xmp>"),
    ]
    _, events = run(list(actions), MemoryJournal(), tmp_path)
    assert [event.reason for event in events] == ["source vanished"] * 4
    assert tree(tmp_path) == {}


@pytest.mark.parametrize("link", ["hard", "reflink"])
def test_a_link_that_is_not_possible_is_no_silent_copy(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch, link: LinkKind
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", fails(errno.EXDEV))
    monkeypatch.setattr("fcntl.ioctl", fails(errno.EOPNOTSUPP))
    journal = MemoryJournal()
    _, (event,) = run([PlaceFile(out / "1.jpg", source, link)], journal, out)
    assert event.status == "skipped"
    assert "--link copy" in event.reason
    assert tree(out) == {}


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP])
def test_a_file_system_without_symbolic_links_is_no_read_only_folder(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """FAT and exFAT say EPERM."""
    monkeypatch.setattr(Path, "symlink_to", fails(code))
    action = PlaceSymlink(out / "1.jpg", Path("../library/1.jpg"))
    _, (event,) = run([action], MemoryJournal(), out)
    assert event.status == "skipped"
    assert "no symbolic link" in event.reason
    assert "--format folders --link copy" in event.reason


def test_a_photo_in_a_folder_that_may_not_be_read_is_named(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    stat = Path.stat

    def closed(path: Path, **options: bool) -> os.stat_result:
        if path == source:
            fails(errno.EACCES)()
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", closed)
    link = PlaceSymlink(out / "2.jpg", Path("../library/1.jpg"))
    _, events = run([PlaceFile(out / "1.jpg", source, "copy"), link], MemoryJournal(), out)
    assert [event.reason for event in events] == [
        f"{source} cannot be read (Permission denied)"
    ] * 2


def test_a_photo_that_may_not_be_read_is_named(
    out: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != source)
    _, (event,) = run([PlaceFile(out / "1.jpg", source, "copy")], MemoryJournal(), out)
    assert event.reason == f"{source} cannot be read (Permission denied)"
    _, (event,) = run([PlaceFile(out / "1.jpg", source, "hard")], MemoryJournal(), out)
    assert event.status == "created"


def test_a_name_too_long_for_the_file_system(tmp_path: Path) -> None:
    _, (event,) = run([WriteText(tmp_path / ("a" * 300), b"")], MemoryJournal(), tmp_path)
    assert "too long" in event.reason
    assert tree(tmp_path) == {}


def test_a_full_disk_stops_the_run_with_nothing_half_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = disk.write

    def until_full(new: Path, content: bytes) -> None:
        write(new, content[:3] if content == b"second" else content)
        if content == b"second":
            fails(errno.ENOSPC)()

    monkeypatch.setattr(disk, "write", until_full)
    journal, events = MemoryJournal(), []
    actions = [WriteText(tmp_path / f"{n}.json", n.encode()) for n in ("first", "second", "third")]
    with pytest.raises(WriteError, match="full"):
        apply(actions, journal, root=tmp_path, on_event=events.append)
    assert [event.path.name for event in events] == ["first.json"]
    assert list(tree(tmp_path)) == ["first.json"]
    take_back(journal)
    assert tree(tmp_path) == {}


def test_a_failing_replace_leaves_the_old_file_and_no_entry(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, journal = tmp_path / "a.json", MemoryJournal()
    run([WriteText(path, b"old")], journal, tmp_path)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", fails(errno.EIO))
        _, (event,) = run([WriteText(path, b"new")], journal, tmp_path)
    assert event.status == "skipped"
    assert tree(tmp_path)["a.json"][1] == b"old"
    assert list(tree(tmp_path)) == ["a.json"]
    assert journal.states_of("write") == ["done", "undone"]


@pytest.mark.usefixtures("embed")
class TestEmbed:
    def test_the_original_is_kept_and_comes_back(self, tmp_path: Path, source: Path) -> None:
        journal, inode, before = MemoryJournal(), source.stat().st_ino, tree(tmp_path, times=True)
        source.parent.chmod(0o755)
        summary, _ = run([EmbedXmp(source, b"<xmp>Ann")], journal, tmp_path)
        assert summary.updated == 1
        assert source.read_bytes() == b"photo one<xmp>Ann"
        original = source.with_name("1.jpg_original")
        assert original.stat().st_ino == inode
        assert len(list(source.parent.iterdir())) == 2
        take_back(journal)
        after = tree(tmp_path, times=True)
        assert after["library/1.jpg"] == before["library/1.jpg"]
        assert list(after) == list(before)

    def test_the_second_time_nothing_changes(self, tmp_path: Path, source: Path) -> None:
        journal, action = MemoryJournal(), EmbedXmp(source, b"<xmp>Ann")
        run([action], journal, tmp_path)
        before = tree(tmp_path, times=True)
        summary, _ = run([action], journal, tmp_path, dry_run=True)
        assert summary.unchanged == 1
        summary, _ = run([action], journal, tmp_path)
        assert summary.unchanged == 1
        assert tree(tmp_path, times=True) == before

    def test_a_packet_that_is_there_already_changes_nothing(
        self, tmp_path: Path, source: Path
    ) -> None:
        source.write_bytes(b"photo<xmp>Ann")
        journal, before = MemoryJournal(), tree(tmp_path, times=True)
        summary, _ = run([EmbedXmp(source, b"<xmp>Ann")], journal, tmp_path)
        assert summary.unchanged == 1
        # The folder's own time moves with the scratch file; the photo's does not.
        assert tree(tmp_path, times=True)["library/1.jpg"] == before["library/1.jpg"]
        assert journal.states_of("embed") == []

    def test_another_programs_original_is_never_overwritten(
        self, tmp_path: Path, source: Path
    ) -> None:
        source.with_name("1.jpg_original").write_bytes(b"theirs")
        journal, before = MemoryJournal(), tree(tmp_path)
        run([EmbedXmp(source, b"<xmp>Ann")], journal, tmp_path)
        first_run = len(journal.entries)
        run([EmbedXmp(source, b"<xmp>Anna")], journal, tmp_path)
        assert source.with_name("1.jpg_original").read_bytes() == b"theirs"
        assert source.with_name("1.jpg_original_1").read_bytes() == b"photo one"
        assert source.with_name("1.jpg_original_2").read_bytes() == b"photo one<xmp>Ann"
        take_back(journal, since=first_run)
        assert source.read_bytes() == b"photo one<xmp>Ann"
        take_back(journal)
        assert tree(tmp_path) == before

    def test_dry_run(self, tmp_path: Path, source: Path) -> None:
        before = tree(tmp_path, times=True)
        summary, _ = run([EmbedXmp(source, b"<xmp>")], MemoryJournal(), tmp_path, dry_run=True)
        assert summary.updated == 1
        assert tree(tmp_path, times=True) == before

    def test_permissions_stay(self, tmp_path: Path, source: Path) -> None:
        source.chmod(0o604)
        run([EmbedXmp(source, b"<xmp>Ann")], MemoryJournal(), tmp_path)
        assert source.stat().st_mode & 0o777 == 0o604

    def test_a_photo_that_cannot_be_tagged_is_skipped(self, tmp_path: Path, source: Path) -> None:
        source.write_bytes(b"broken")
        before = tree(tmp_path)
        _, (event,) = run([EmbedXmp(source, b"<xmp>")], MemoryJournal(), tmp_path)
        assert event.reason == "1.jpg cannot be tagged."
        assert tree(tmp_path) == before

    def test_a_link_is_not_followed(self, tmp_path: Path, source: Path) -> None:
        link = tmp_path / "link.jpg"
        link.symlink_to(source)
        _, (event,) = run([EmbedXmp(link, b"<xmp>")], MemoryJournal(), tmp_path)
        assert event.reason == "not a plain file"
        assert source.read_bytes() == b"photo one"

    def test_a_photo_that_changes_meanwhile_is_not_replaced(
        self, tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        keep = disk.keep

        def slowly(path: Path, backup: Path) -> None:
            keep(path, backup)
            path.write_bytes(b"edited")

        monkeypatch.setattr(disk, "keep", slowly)
        _, (event,) = run([EmbedXmp(source, b"<xmp>")], MemoryJournal(), tmp_path)
        assert event.reason == "changed meanwhile"
        assert source.read_bytes() == b"edited"
        assert [path.name for path in source.parent.iterdir()] == ["1.jpg"]

    def test_a_hard_linked_export_keeps_the_bytes_it_had(
        self, tmp_path: Path, out: Path, source: Path
    ) -> None:
        journal, before = MemoryJournal(), tree(tmp_path)
        place = PlaceFile(out / "1.jpg", source, "hard")
        run([place, EmbedXmp(source, b"<xmp>Ann")], journal, tmp_path)
        assert (out / "1.jpg").read_bytes() == b"photo one"
        summary, _ = run([place], journal, tmp_path)
        assert summary.updated == 1
        assert (out / "1.jpg").samefile(source)
        take_back(journal)
        assert tree(tmp_path) == before


def test_a_real_album_there_and_back(photos: Path, out: Path) -> None:
    """Copies of real photos of two people, byte for byte, and nothing left after undo."""
    files = sorted((photos / "album").glob("*.jpg"))[:6]
    tagged = [
        TaggedPhoto(file, Path(file.name), one.info, one.regions)
        for file, one in (
            (file, photo(file.name, (i, 1, "Ann"), (i + 100, 2, "Zoe\u0308/Bob")))
            for i, file in enumerate(files)
        )
    ]
    actions, journal = list(plan(tagged, FolderOptions(), out)), MemoryJournal()
    summary, _ = run(list(actions), journal, out)
    assert summary.created == 2 * len(files) == 12
    for file in files:
        assert (out / "Ann" / file.name).read_bytes() == file.read_bytes()
        assert (out / "Zoë_Bob" / file.name).read_bytes() == file.read_bytes()
    take_back(journal)
    assert not out.exists()


@pytest.mark.parametrize("inside", [True, False])
def test_a_real_photo_tagged_twice_and_back(photos: Path, tmp_path: Path, inside: bool) -> None:
    """With the real XMP, embedded and as a sidecar; every run a second time changes nothing."""
    pytest.importorskip("exiv2")
    path = tmp_path / "1.jpg"
    path.write_bytes(min((photos / "album").glob("*.jpg")).read_bytes())
    before, journal = tree(tmp_path, times=True), MemoryJournal()
    names: set[str] = set()
    for name in ("Ann", "Zoë"):
        tagged = TaggedPhoto(path, Path("1.jpg"), *_info_and_regions(name))
        options = xmp.XmpOptions(embed=inside)
        plan_again = partial(
            xmp.plan,
            [tagged],
            options,
            lambda _, old=wrote(*names): old,
        )
        summary, events = run(list(plan_again()), journal, tmp_path)
        assert (summary.updated + summary.created, summary.skipped) == (1, 0), events
        now = tree(tmp_path, times=True)
        summary, _ = run(list(plan_again()), journal, tmp_path)
        assert (summary.updated, summary.created) == (0, 0)
        assert tree(tmp_path, times=True) == now
        names.add(name)
    tagged_file = path if inside else tmp_path / "1.jpg.xmp"
    assert "Zoë".encode() in tagged_file.read_bytes()
    take_back(journal)
    assert tree(tmp_path, times=True) == before


def _info_and_regions(name: str) -> tuple[PhotoInfo, tuple[PersonRegion, ...]]:
    region = PersonRegion(1, 1, name, Box(0.25, 0.25, 0.5, 0.5))
    return PhotoInfo(1000, 800, 1, "JPEG"), (region,)

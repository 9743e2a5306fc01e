import errno
import os
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from faceclust.export import disk
from faceclust.export.apply import Event, undo
from faceclust.export.plan import Action, EmbedXmp, LinkKind, PlaceFile, PlaceSymlink, WriteText
from tests.export import crash
from tests.export.memory import MemoryJournal, run, take_back, tree

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "library/1.jpg"
    path.parent.mkdir()
    path.write_bytes(b"photo one")
    return path


def statuses(journal: MemoryJournal) -> dict[str, tuple[str, str]]:
    _, events = take_back(journal)
    return {event.path.name: (event.status, event.reason) for event in events}


def test_what_was_edited_since_is_left_and_stays_in_the_journal(tmp_path: Path) -> None:
    out, journal = tmp_path / "out", MemoryJournal()
    run([WriteText(out / "a", b"a"), WriteText(out / "b", b"b")], journal, tmp_path)
    (out / "a").write_bytes(b"edited")
    assert statuses(journal) == {
        "a": ("left", "changed meanwhile"),
        "b": ("removed", ""),
        "out": ("left", "the folder is not empty"),
    }
    assert [Path(entry.path).name for _, entry in journal.newest_first()] == ["a", "out"]
    (out / "a").unlink()
    assert statuses(journal) == {"a": ("unchanged", ""), "out": ("removed", "")}


def test_a_link_that_leads_elsewhere_by_now_is_left(tmp_path: Path, source: Path) -> None:
    journal, link = MemoryJournal(), tmp_path / "link"
    run([PlaceSymlink(link, Path("library/1.jpg"))], journal, tmp_path)
    link.unlink()
    link.symlink_to("elsewhere")
    assert statuses(journal)["link"] == ("left", "changed meanwhile")
    assert link.is_symlink()


@pytest.mark.parametrize("link", ["copy", "hard"])
def test_a_link_put_in_place_of_a_copy_is_left(
    tmp_path: Path, source: Path, link: LinkKind
) -> None:
    journal, path = MemoryJournal(), tmp_path / "placed.jpg"
    run([PlaceFile(path, source, link)], journal, tmp_path)
    path.unlink()
    path.symlink_to(source)
    assert statuses(journal)["placed.jpg"] == ("left", "changed meanwhile")
    assert path.is_symlink()


@pytest.mark.parametrize("link", ["copy", "hard"])
def test_a_write_protected_photo_is_taken_back_on_windows(
    tmp_path: Path, source: Path, link: LinkKind, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, path, unlink = MemoryJournal(), tmp_path / "placed.jpg", Path.unlink

    def windows(path: Path, missing_ok: bool = False) -> None:
        if not path.lstat().st_mode & stat.S_IWRITE:
            raise PermissionError(errno.EACCES, "Access is denied")
        unlink(path, missing_ok)

    source.chmod(0o400)
    run([PlaceFile(path, source, link)], journal, tmp_path)
    monkeypatch.setattr(disk, "ON_WINDOWS", True)
    monkeypatch.setattr(Path, "unlink", windows)
    assert statuses(journal)["placed.jpg"] == ("removed", "")
    assert not path.exists()
    assert source.stat().st_mode & 0o777 == 0o400


def test_a_link_whose_photo_is_gone_is_removed(tmp_path: Path, source: Path) -> None:
    journal, link = MemoryJournal(), tmp_path / "link"
    run([PlaceSymlink(link, Path("library/1.jpg"))], journal, tmp_path)
    source.unlink()
    assert statuses(journal)["link"] == ("removed", "")
    assert not link.is_symlink()


@pytest.mark.parametrize("link", ["copy", "hard"])
@pytest.mark.parametrize("instead", ["nothing", "link to the copy"])
def test_the_last_copy_of_a_photo_is_left(
    tmp_path: Path, source: Path, link: LinkKind, instead: str
) -> None:
    journal, path = MemoryJournal(), tmp_path / "placed.jpg"
    run([PlaceFile(path, source, link)], journal, tmp_path)
    source.unlink()
    if instead == "link to the copy":
        source.symlink_to(path)
    status, reason = statuses(journal)["placed.jpg"]
    assert status == "left"
    assert "last copy" in reason
    assert path.read_bytes() == b"photo one"


def test_a_copy_whose_original_may_not_be_read_is_left(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    journal, path, stat = MemoryJournal(), tmp_path / "placed.jpg", Path.stat
    run([PlaceFile(path, source, "copy")], journal, tmp_path)

    def closed(path: Path, **options: bool) -> os.stat_result:
        if path == source:
            raise PermissionError(errno.EACCES, "Permission denied")
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", closed)
    reason = f"its original {source} cannot be read (Permission denied)"
    assert statuses(journal)["placed.jpg"] == ("left", reason)


@pytest.mark.parametrize("link", ["copy", "hard"])
def test_a_photo_that_was_moved_is_not_gone(tmp_path: Path, source: Path, link: LinkKind) -> None:
    journal, path, moved = MemoryJournal(), tmp_path / "placed.jpg", tmp_path / "moved.jpg"
    run([PlaceFile(path, source, link)], journal, tmp_path)
    source.rename(moved)
    other = tmp_path / "other.jpg"
    other.write_bytes(b"photo two")
    for copies in ([], [tmp_path / "nowhere.jpg", other], [path]):
        (event,) = _taken_back(journal, copies)
        assert (event.status, path.exists()) == ("left", True)
    (event,) = _taken_back(journal, [other, moved])
    assert (event.status, path.exists()) == ("removed", False)
    assert moved.read_bytes() == b"photo one"


def _taken_back(journal: MemoryJournal, copies: list[Path]) -> list[Event]:
    events: list[Event] = []
    entries = journal.newest_first()
    undo(entries, journal, on_event=events.append, copies=lambda path: copies)
    return events


def test_files_behind_a_folder_that_became_a_link_are_left(tmp_path: Path, source: Path) -> None:
    """The user moved the copies away and put a link to the originals in their place."""
    journal, ann = MemoryJournal(), tmp_path / "out/Ann"
    run([PlaceFile(ann / "1.jpg", source, "copy")], journal, tmp_path)
    (ann / "1.jpg").unlink()
    ann.rmdir()
    ann.symlink_to(source.parent)
    status, reason = statuses(journal)["1.jpg"]
    assert (status, "symbolic link" in reason) == ("left", True)
    assert source.exists()
    assert ann.is_symlink()


def test_files_on_a_drive_that_is_not_there_are_left(tmp_path: Path) -> None:
    journal, drive = MemoryJournal(), tmp_path / "drive"
    drive.mkdir()
    run([WriteText(drive / "a.json", b"")], journal, tmp_path)
    drive.rename(tmp_path / "unplugged")
    assert statuses(journal)["a.json"] == ("left", "its folder is gone")
    (tmp_path / "unplugged").rename(drive)
    assert statuses(journal)["a.json"] == ("removed", "")


def test_an_embedded_photo_without_its_original_is_left(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faceclust.export.xmp", crash)
    journal = MemoryJournal()
    run([EmbedXmp(source, b"<xmp>Ann")], journal, tmp_path)
    backup = source.with_name("1.jpg_original")
    backup.write_bytes(b"edited")
    status, reason = statuses(journal)["1.jpg"]
    assert (status, "gone or changed" in reason) == ("left", True)
    assert source.read_bytes() == b"photo one<xmp>Ann"
    assert backup.read_bytes() == b"edited"


def test_an_embedded_photo_edited_since_is_left_with_its_original(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faceclust.export.xmp", crash)
    journal = MemoryJournal()
    run([EmbedXmp(source, b"<xmp>Ann")], journal, tmp_path)
    source.write_bytes(b"edited")
    assert statuses(journal)["1.jpg"] == ("left", "changed meanwhile")
    assert source.with_name("1.jpg_original").read_bytes() == b"photo one"


def test_a_restored_sidecar_gets_its_permissions_back(tmp_path: Path) -> None:
    path, journal = tmp_path / "a.xmp", MemoryJournal()
    path.write_bytes(b"theirs")
    path.chmod(0o640)
    before = tree(tmp_path)
    run([WriteText(path, b"merged", b"theirs")], journal, tmp_path)
    path.chmod(0o600)
    take_back(journal)
    assert tree(tmp_path) == before


def test_a_dry_run_tells_the_same_and_touches_nothing(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "faceclust.export.xmp", crash)
    crash.library(tmp_path / "x")
    journal, root = MemoryJournal(), tmp_path / "x"
    run(crash.first(root), journal, root)
    run(crash.second(root), journal, root)
    run([EmbedXmp(root / "library/1.jpg", b"<xmp>Bob")], journal, root)
    before = tree(root, times=True)
    _, foretold = take_back(journal, dry_run=True)
    assert tree(root, times=True) == before
    assert "undone" not in journal.states
    _, events = take_back(journal)
    assert foretold == events
    assert not any(event.status == "left" for event in events)


@pytest.mark.parametrize("then", ["undo", "apply", "undo-undo"])
def test_dying_at_any_step_is_recovered_from(tmp_path: Path, then: str) -> None:
    """`crash.py` dies during an export or an undo, then undoes or exports again."""
    command = [sys.executable, "-B", "-m", "tests.export.crash", str(tmp_path), then]
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) >= (30 if then == "undo-undo" else 50)


PEOPLE, PHOTOS = ["Ann", "Bob"], ["1.jpg", "2.jpg"]


class ExportsAndUsers(RuleBasedStateMachine):
    """Exports, undo and a user's edits in any order never cost the user a byte.

    `theirs` is what the tree would be had there never been an export.
    """

    @initialize()
    def start(self) -> None:
        self.folder = tempfile.TemporaryDirectory()
        self.root = Path(self.folder.name).resolve()
        self.journal = MemoryJournal()
        self.runs = [0]
        self.theirs: dict[Path, bytes] = {}
        self.edits = 0
        for name in PHOTOS:
            self.save(self.root / "library" / name)

    def save(self, path: Path) -> None:
        """As most programs save: a new file in place of the old one."""
        self.edits += 1
        path.parent.mkdir(parents=True, exist_ok=True)
        new = path.with_name("new")
        new.write_bytes(self.theirs.get(path, b"") + b"%d " % self.edits)
        new.replace(path)
        self.theirs[path] = path.read_bytes()

    @rule(photo=st.sampled_from(PHOTOS))
    def edit_a_photo(self, photo: str) -> None:
        self.save(self.root / "library" / photo)

    @rule(photo=st.sampled_from(PHOTOS))
    def edit_a_sidecar(self, photo: str) -> None:
        self.save(self.root / "library" / f"{photo}.xmp")

    @rule(person=st.sampled_from(PEOPLE), photo=st.sampled_from([*PHOTOS, "people.json"]))
    def put_a_file_into_the_export(self, person: str, photo: str) -> None:
        self.save(self.root / "out" / person / photo)

    @rule(person=st.sampled_from(PEOPLE), photo=st.sampled_from(PHOTOS))
    def delete_from_the_export(self, person: str, photo: str) -> None:
        path = self.root / "out" / person / photo
        path.unlink(missing_ok=True)
        self.theirs.pop(path, None)

    @rule(
        person=st.sampled_from(PEOPLE),
        photo=st.sampled_from(PHOTOS),
        kind=st.sampled_from(["copy", "hard", "symlink", "json", "xmp"]),
        content=st.binary(max_size=3),
    )
    def export(self, person: str, photo: str, kind: str, content: bytes) -> None:
        action = self.action(person, photo, kind, content)
        self.runs.append(len(self.journal.entries))
        run([action], self.journal, self.root)
        if action.path not in self.theirs:
            before = tree(self.root, times=True)
            summary, _ = run([self.action(person, photo, kind, content)], self.journal, self.root)
            assert summary.unchanged == 1
            assert tree(self.root, times=True) == before

    def action(self, person: str, photo: str, kind: str, content: bytes) -> Action:
        source, folder = self.root / "library" / photo, self.root / "out" / person
        match kind:
            case "copy" | "hard":
                return PlaceFile(folder / photo, source, kind)
            case "symlink":
                return PlaceSymlink(folder / photo, Path(os.path.relpath(source, folder)))
            case "json":
                return WriteText(folder / "people.json", content)
        sidecar = source.with_name(f"{photo}.xmp")
        old = sidecar.read_bytes() if sidecar.exists() else None
        return WriteText(sidecar, (old or b"").partition(b"<")[0] + b"<" + content, old)

    @rule()
    def undo_the_last_run(self) -> None:
        take_back(self.journal, since=self.runs.pop() if len(self.runs) > 1 else 0)

    @rule()
    def undo_everything(self) -> None:
        _, foretold = take_back(self.journal, dry_run=True)
        _, events = take_back(self.journal)
        assert foretold == events
        files = {
            self.root / name: look[1]
            for name, look in tree(self.root).items()
            if look[1] != "folder"
        }
        assert files == self.theirs
        folders = {self.root / name for name, look in tree(self.root).items()} - set(files)
        needed = {parent for path in files for parent in path.parents}
        assert folders - needed <= {self.root / "out", *((self.root / "out") / p for p in PEOPLE)}

    @invariant()
    def nothing_of_theirs_is_lost(self) -> None:
        for path, content in self.theirs.items():
            assert path.read_bytes().startswith(content.partition(b"<")[0])
        assert not [name for name in tree(self.root) if ".faceclust-" in name]

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            self.undo_everything()
            self.folder.cleanup()


TestExportsAndUsers = ExportsAndUsers.TestCase
TestExportsAndUsers.settings = settings(max_examples=60, stateful_step_count=25)

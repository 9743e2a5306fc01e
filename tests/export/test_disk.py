import errno
import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from faceclust.errors import WriteError
from faceclust.export import digests, disk
from faceclust.export.disk import RefusedError


def fails(code: int) -> Callable[..., None]:
    """A stand-in for any system call."""

    def call(*args: object, **kwargs: object) -> None:
        raise OSError(code, os.strerror(code))

    return call


def test_sweep_removes_scratch_files_and_nothing_else(tmp_path: Path) -> None:
    kept = [".faceclust-x.tmp", ".faceclust.db", ".faceclust-0123456789abcdef", "a.tmp"]
    swept = [".faceclust-0123456789abcdef.tmp", ".faceclust-fedcba9876543210.jpg"]
    for name in kept + swept:
        (tmp_path / name).touch()
    (tmp_path / ".faceclust-0000000000000000.tmp").mkdir()
    disk.sweep(tmp_path)
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {*kept, ".faceclust-0000000000000000.tmp"}
    disk.sweep(tmp_path / "nowhere")


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Windows does: no write-protected file is removed, and no name is moved over another."""
    unlink, rename = Path.unlink, Path.rename

    def removed(path: Path, missing_ok: bool = False) -> None:
        if not path.is_symlink() and path.exists() and not path.stat().st_mode & stat.S_IWRITE:
            raise PermissionError(errno.EACCES, "Access is denied")
        unlink(path, missing_ok)

    def moved(path: Path, target: Path) -> Path:
        if os.path.lexists(target):
            raise FileExistsError(errno.EEXIST, "already exists")
        return rename(path, target)

    monkeypatch.setattr(disk, "ON_WINDOWS", True)
    monkeypatch.setattr(Path, "unlink", removed)
    monkeypatch.setattr(Path, "rename", moved)


@pytest.mark.usefixtures("windows")
def test_a_copy_of_a_write_protected_photo_leaves_no_scratch_file_on_windows(
    tmp_path: Path,
) -> None:
    source, path = tmp_path / "source", tmp_path / "path"
    source.write_bytes(b"photo")
    source.chmod(0o400)
    for _ in range(2):
        with suppress(FileExistsError), disk.scratch(tmp_path) as new:
            disk.clone(source, new, "copy")
            disk.install(new, path)
    assert {each.name for each in tmp_path.iterdir()} == {"source", "path"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o400


@pytest.mark.usefixtures("windows")
def test_a_hard_link_s_photo_stays_write_protected_on_windows(tmp_path: Path) -> None:
    photo, scratch = tmp_path / "photo", tmp_path / ".faceclust-0123456789abcdef.tmp"
    photo.write_bytes(b"photo")
    photo.chmod(0o400)
    for name in ("link", scratch.name):
        disk.hard_link(photo, tmp_path / name)
    disk.remove(tmp_path / "link", photo)
    disk.sweep(tmp_path)
    assert photo.stat().st_mode & 0o777 == 0o400
    assert not (tmp_path / "link").exists()
    photo.chmod(0o600)
    disk.sweep(tmp_path)
    assert not scratch.exists()


def test_one_file_that_stays_keeps_no_other_from_being_swept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for n in range(3):
        (tmp_path / f".faceclust-{n:016x}.tmp").touch()
    unlink, first = Path.unlink, next(tmp_path.iterdir())

    def held(path: Path, missing_ok: bool = False) -> None:
        if path == first:
            raise PermissionError(errno.EACCES, "in use")
        unlink(path, missing_ok)

    monkeypatch.setattr(Path, "unlink", held)
    disk.sweep(tmp_path)
    assert list(tmp_path.iterdir()) == [first]


def test_a_scratch_name_is_swept_and_fits_the_folder(tmp_path: Path) -> None:
    with disk.scratch(tmp_path, ".jpg") as path:
        path.touch()
        disk.sweep(tmp_path)
        assert not path.exists()
        path.touch()
    assert list(tmp_path.iterdir()) == []


def test_install_never_goes_over_another_file(tmp_path: Path) -> None:
    new, path = tmp_path / "new", tmp_path / "path"
    new.write_bytes(b"ours")
    path.write_bytes(b"theirs")
    with pytest.raises(FileExistsError):
        disk.install(new, path)
    assert path.read_bytes() == b"theirs"


@pytest.mark.parametrize("code", [errno.EPERM, errno.EOPNOTSUPP, errno.EINVAL])
def test_install_without_hard_links(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", fails(code))
    new, path = tmp_path / "new", tmp_path / "path"
    new.write_bytes(b"ours")
    disk.install(new, path)
    assert path.read_bytes() == b"ours"
    new.write_bytes(b"again")
    with pytest.raises(FileExistsError):
        disk.install(new, path)
    assert path.read_bytes() == b"ours"


def test_a_copy_keeps_times_and_permissions(tmp_path: Path) -> None:
    source, path = tmp_path / "source", tmp_path / "path"
    source.write_bytes(b"photo" * 1_000_000)
    source.chmod(0o640)
    os.utime(source, ns=(1, 1_234_567_890_123_456_789))
    assert disk.clone(source, path, "copy") == digests.sha256(path.read_bytes())
    info = path.stat()
    assert info.st_mtime_ns == 1_234_567_890_123_456_789
    assert stat.S_IMODE(info.st_mode) == 0o640
    with pytest.raises(FileExistsError):
        disk.clone(source, path, "copy")


@pytest.mark.usefixtures("everybody_reads")
def test_what_is_written_is_the_owners_alone(tmp_path: Path) -> None:
    disk.write(tmp_path / "a", b"x")
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        disk.write(tmp_path / "a", b"y")


@pytest.mark.usefixtures("everybody_reads")
def test_a_copy_is_never_more_open_than_its_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, path = tmp_path / "source", tmp_path / "path"
    source.write_bytes(b"photo")
    source.chmod(0o640)
    modes = []

    def copystat(source: Path, path: Path) -> None:
        modes.append(stat.S_IMODE(path.stat().st_mode))

    monkeypatch.setattr(disk.shutil, "copystat", copystat)
    disk.clone(source, path, "copy")
    assert modes == [0o600]


def test_a_copy_takes_its_times_after_it_is_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # NTFS sets the time of a file anew as it is closed.
    (tmp_path / "source").write_bytes(b"photo")
    made, closed, create = [], [], disk.create
    monkeypatch.setattr(disk, "create", lambda path: made.append(create(path)) or made[0])
    monkeypatch.setattr(disk.shutil, "copystat", lambda *_: closed.append(made[0].closed))
    disk.clone(tmp_path / "source", tmp_path / "path", "copy")
    assert closed == [True]


def test_a_reflink_is_asked_of_the_file_system(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, path = tmp_path / "source", tmp_path / "path"
    source.write_bytes(b"photo")

    def ioctl(target: int, request: int, origin: int) -> None:
        assert request == 0x40049409
        os.write(target, os.pread(origin, 100, 0))

    monkeypatch.setattr("fcntl.ioctl", ioctl)
    assert disk.clone(source, path, "reflink") == digests.sha256(b"photo")
    assert path.read_bytes() == b"photo"


@pytest.mark.parametrize("code", [errno.EOPNOTSUPP, errno.EXDEV, errno.EINVAL, errno.ENOTTY])
def test_a_reflink_that_is_not_possible_says_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    (tmp_path / "source").touch()
    monkeypatch.setattr("fcntl.ioctl", fails(code))
    with pytest.raises(RefusedError, match="--link copy"):
        disk.clone(tmp_path / "source", tmp_path / "path", "reflink")


def test_a_hard_link_that_is_not_possible_says_what_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "hardlink_to", fails(errno.EXDEV))
    with pytest.raises(RefusedError, match="--link copy"):
        disk.hard_link(tmp_path / "source", tmp_path / "path")


def test_keep_copies_where_it_cannot_link(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, backup = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"photo")
    disk.keep(path, backup)
    assert backup.samefile(path)
    backup.unlink()
    monkeypatch.setattr(Path, "hardlink_to", fails(errno.EPERM))
    disk.keep(path, backup)
    assert not backup.samefile(path)
    assert backup.read_bytes() == b"photo"
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (errno.EACCES, "read-only folder"),
        (errno.EROFS, "read-only folder"),
        (errno.EEXIST, "a file we did not write is there"),
        (errno.ENAMETOOLONG, "too long"),
        (errno.EIO, os.strerror(errno.EIO)),
    ],
)
def test_reasons(code: int, says: str) -> None:
    assert says in disk.reason(OSError(code, os.strerror(code)), Path("a"))


@pytest.mark.parametrize("number", [32, 33])
def test_a_file_that_another_program_holds(number: int) -> None:
    error = PermissionError(errno.EACCES, "it is being used by another process")
    error.winerror = number  # type: ignore[attr-defined]
    assert disk.reason(error, Path("a")) == "open in another program"


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_ends_the_run(code: int) -> None:
    with pytest.raises(WriteError, match=r"^/out/a\.json .*full"):
        disk.reason(OSError(code, os.strerror(code)), Path("/out/a.json"))

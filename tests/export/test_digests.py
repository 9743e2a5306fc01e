import os
from pathlib import Path

import pytest

from faceclust.export import digests, disk
from faceclust.export.run import entry_for


def test_fingerprints_tell_everything_apart(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "dangling").symlink_to("nowhere")
    os.mkfifo(tmp_path / "pipe")
    found = [
        digests.fingerprint(tmp_path / n)
        for n in ("file", "link", "dangling", "pipe", ".", "file/x")
    ]
    assert len(set(found)) == 6
    assert found[0] == digests.sha256(b"x")
    assert found[3:] == ["other", "dir", None]


@pytest.mark.parametrize(
    ("told", "given"),
    [
        ("\\\\?\\D:\\photos\\a.jpg", "D:\\photos\\a.jpg"),
        ("\\\\?\\UNC\\nas\\photos\\a.jpg", "\\\\nas\\photos\\a.jpg"),
        ("..\\photos\\a.jpg", "..\\photos\\a.jpg"),
    ],
)
def test_a_link_to_another_drive_is_known_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, told: str, given: str
) -> None:
    (tmp_path / "link").symlink_to(told)
    assert digests.target_of(tmp_path / "link") == Path(told)
    monkeypatch.setattr(disk, "ON_WINDOWS", True)
    assert digests.target_of(tmp_path / "link") == Path(given)
    assert digests.fingerprint(tmp_path / "link") == digests.link_digest(Path(given))
    assert entry_for("symlink", tmp_path / "link", "").before == os.fsencode(given)


def test_a_hard_link_stands_until_the_file_is_edited(tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_bytes(b"x")
    digest = digests.inode_digest(path)
    assert digests.stands(path, digest)
    path.write_bytes(b"yy")
    assert not digests.stands(path, digest)
    path.unlink()
    assert not digests.stands(path, digest)
    assert digests.stands(path, None)


def test_an_embedded_photo_stands_by_its_bytes_alone(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x")
    assert digests.stands(tmp_path / "a", digests.sha256(b"x") + "+packet")

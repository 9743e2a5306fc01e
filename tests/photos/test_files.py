from __future__ import annotations

import os
import stat
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.errors import InputError, PhotoError
from faceclust.photos import WalkOptions, content_hash, files, leaves_out, walk
from faceclust.photos.patterns import matcher

MOUNT_POINT = 0xA0000003


def make(root: Path, *names: str) -> Path:
    for name in names:
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
    return root


def paths(root: Path, *exclude: str, **options: object) -> list[str]:
    return [file.path for file in walk(root, WalkOptions(exclude=exclude, **options))]  # type: ignore[arg-type]


def test_finds_photos_by_suffix_in_a_stable_order(tmp_path: Path) -> None:
    make(tmp_path, "b.JPG", "a.jpeg", "notes.txt", "jpg", "z/c.Heic", "m/n/d.CR3", "m/e.tif")
    assert paths(tmp_path) == ["a.jpeg", "b.JPG", "m/e.tif", "m/n/d.CR3", "z/c.Heic"]


def test_tells_size_and_time(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"12345")
    os.utime(tmp_path / "a.jpg", ns=(0, 1_234_567_890_123_456_789))
    (file,) = walk(tmp_path)
    assert (file.size, file.mtime_ns) == (5, 1_234_567_890_123_456_789)


def test_leaves_hidden_files_and_system_folders_alone(tmp_path: Path) -> None:
    make(tmp_path, "._a.jpg", ".b.jpg", ".git/c.jpg", ".faceclust/d.jpg", ".dtrash/files/e.jpg")
    make(tmp_path, "@eaDir/f.jpg/g.jpg", "#recycle/h.jpg", "$RECYCLE.BIN/i.jpg", "__MACOSX/j.jpg")
    assert paths(make(tmp_path, "kept.jpg")) == ["kept.jpg"]


def test_a_folder_named_like_a_photo_is_a_folder(tmp_path: Path) -> None:
    assert paths(make(tmp_path, "album.jpg/a.png")) == ["album.jpg/a.png"]


def test_not_recursive_and_limit(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg", "b.jpg", "c.jpg", "d/e.jpg")
    assert paths(tmp_path, recursive=False) == ["a.jpg", "b.jpg", "c.jpg"]
    assert paths(tmp_path, limit=2) == ["a.jpg", "b.jpg"]
    assert paths(tmp_path, limit=0) == []


@pytest.mark.parametrize(
    ("pattern", "left"),
    [
        ("*.gif", ["a.jpg", "x/a.jpg", "x/y/a.jpg", "y/a.jpg"]),
        ("a.jpg", ["b.gif", "x/b.GIF"]),
        ("y", ["a.jpg", "b.gif", "x/a.jpg", "x/b.GIF"]),
        ("y/", ["a.jpg", "b.gif", "x/a.jpg", "x/b.GIF"]),
        ("/y", ["a.jpg", "b.gif", "x/a.jpg", "x/b.GIF", "x/y/a.jpg"]),
        ("x/y", ["a.jpg", "b.gif", "x/a.jpg", "x/b.GIF", "y/a.jpg"]),
        ("x/*", ["a.jpg", "b.gif", "y/a.jpg"]),
        ("/*.jpg", ["b.gif", "x/a.jpg", "x/b.GIF", "x/y/a.jpg", "y/a.jpg"]),
        ("**/y/*.jpg", ["a.jpg", "b.gif", "x/a.jpg", "x/b.GIF"]),
        ("?.gif", ["a.jpg", "x/a.jpg", "x/y/a.jpg", "y/a.jpg"]),
        ("a.jpg/", ["a.jpg", "b.gif", "x/a.jpg", "x/b.GIF", "x/y/a.jpg", "y/a.jpg"]),
        ("", ["a.jpg", "b.gif", "x/a.jpg", "x/b.GIF", "x/y/a.jpg", "y/a.jpg"]),
    ],
)
def test_exclude(tmp_path: Path, pattern: str, left: list[str]) -> None:
    make(tmp_path, "a.jpg", "b.gif", "x/a.jpg", "x/b.GIF", "x/y/a.jpg", "y/a.jpg")
    assert paths(tmp_path, pattern) == left
    left_out = leaves_out(WalkOptions(exclude=(pattern,)))
    assert [path for path in paths(tmp_path) if not left_out(path)] == left


def test_what_is_left_out_below_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "x/a.jpg", "x/y/a.jpg", "x/y/z/a.jpg")
    for options in (WalkOptions(exclude=("x", "z")), WalkOptions(recursive=False)):
        left_out = leaves_out(options, "x/y")
        found = [file.path for file in walk(tmp_path, options, below="x/y")]
        assert found == ["x/y/a.jpg"]
        assert [left_out(path) for path in ("x/y/a.jpg", "x/y/z/a.jpg")] == [False, True]


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_a_pattern_and_excludes_itself(pattern: str, other: str) -> None:
    excluded = matcher((pattern,))
    assert isinstance(excluded(other), bool)
    if pattern.strip("/"):
        assert excluded(pattern.strip("/") + "/")


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = make(tmp_path / "outside", "secret.jpg")
    root = make(tmp_path / "root", "a.jpg", "sub/b.jpg")
    (root / "to-file.jpg").symlink_to(outside / "secret.jpg")
    (root / "to-folder").symlink_to(outside)
    (root / "inside.jpg").symlink_to(root / "a.jpg")
    (root / "sub" / "loop").symlink_to(root)
    assert paths(root) == ["a.jpg", "sub/b.jpg"]
    (tmp_path / "link").symlink_to(root)
    assert paths(tmp_path / "link") == ["a.jpg", "sub/b.jpg"]


def test_junctions_are_not_followed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Found:
        """What Windows says of a folder, or of the junction "loop" to one."""

        def __init__(self, entry: os.DirEntry[str]) -> None:
            self.name, self._entry = entry.name, entry

        def stat(self, *, follow_symlinks: bool) -> object:
            facts = self._entry.stat(follow_symlinks=follow_symlinks)
            tag = MOUNT_POINT if self.name == "loop" else 0
            return SimpleNamespace(
                st_size=facts.st_size, st_mtime_ns=facts.st_mtime_ns, st_reparse_tag=tag
            )

        def __getattr__(self, name: str) -> object:
            return getattr(self._entry, name)

    make(tmp_path, "root/a.jpg", "root/loop/b.jpg", "root/sub/c.jpg")
    entries = files._entries
    monkeypatch.setattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", MOUNT_POINT, raising=False)
    monkeypatch.setattr(files, "_entries", lambda *where: [Found(e) for e in entries(*where)])
    assert paths(tmp_path / "root") == ["a.jpg", "sub/c.jpg"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_neither_found_nor_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.jpg")
    assert paths(tmp_path) == []
    with pytest.raises(PhotoError, match="not a regular file"):
        content_hash(tmp_path / "pipe.jpg")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has names that are not UTF-8")
def test_names_that_are_not_utf8(tmp_path: Path) -> None:
    make(tmp_path, "b.jpg")
    (tmp_path / os.fsdecode(b"caf\xe9.jpg")).write_bytes(b"y")
    found = paths(tmp_path, "c?f\N{LATIN SMALL LETTER E WITH ACUTE}.png")
    assert found == ["b.jpg", "caf\udce9.jpg"]
    assert content_hash(tmp_path / found[1]) != content_hash(tmp_path / found[0])


def test_folders_that_cannot_be_read_are_reported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path, "a.jpg", "closed/b.jpg", "open/c.jpg")
    scandir = os.scandir

    def refusing(path: Path) -> object:
        if path.name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", refusing)  # root may read everything
    errors: list[tuple[str, str]] = []
    found = [file.path for file in walk(tmp_path, on_error=lambda *error: errors.append(error))]
    assert found == ["a.jpg", "open/c.jpg"]
    assert errors == [("closed", "Permission denied")]
    assert [file.path for file in walk(tmp_path)] == found


def test_the_root_must_be_a_folder(tmp_path: Path) -> None:
    make(tmp_path, "a.jpg")
    with pytest.raises(InputError, match=r"missing.*No such file.*folder that"):
        walk(tmp_path / "missing")
    with pytest.raises(InputError, match=r"Not a directory"):
        walk(tmp_path / "a.jpg")


def test_content_hash_follows_content_only(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"p" * 3_000_000)
    (tmp_path / "moved.png").write_bytes(b"p" * 3_000_000)
    (tmp_path / "other.jpg").write_bytes(b"p" * 2_999_999 + b"q")
    one, two, three = (content_hash(tmp_path / n) for n in ("a.jpg", "moved.png", "other.jpg"))
    assert one == two != three
    assert len(one) == 32
    assert int(one, 16) >= 0


def test_content_hash_of_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(PhotoError, match="gone") as caught:
        content_hash(tmp_path / "missing.jpg")
    assert caught.value.kind == "unreadable"


def test_real_album(photos: Path) -> None:
    found = list(walk(photos, WalkOptions(exclude=("broken",))))
    assert len({file.path for file in found}) == len(found) > 600
    assert sum(file.path.startswith("album/") for file in found) == 514
    assert not any(file.path.startswith("broken") for file in found)

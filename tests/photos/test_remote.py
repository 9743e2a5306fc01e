"""Photos at addresses: a file system in memory, one that fails, and a real web server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from faceclust.errors import InputError, PhotoError
from faceclust.photos import FoundFile, WalkOptions, at_hand, is_address, local_path, remote
from faceclust.photos.remote import walk_address

fsspec = pytest.importorskip("fsspec")

ROOT = "memory://faceclust-test/photos"
FILES = (
    "b.jpg", "a.JPG", "2019/c.png", "2019/july/d.heic", "2019/@eaDir/e.jpg", ".hidden/f.jpg",
    "notes.txt", "raw/g.dng",
)  # fmt: skip


@pytest.fixture
def fs() -> Iterator[Any]:
    found = fsspec.filesystem("memory")
    for name in FILES:
        found.pipe(f"{ROOT}/{name}", f"content of {name}".encode())
    yield found
    found.rm("/faceclust-test", recursive=True)


def walked(address: str = ROOT, *, below: str = "", **options: Any) -> list[str]:
    found = walk_address(address, WalkOptions(**options), lambda *error: None, below=below)
    return [file.path for file in found]


@pytest.mark.parametrize(
    ("place", "address"),
    [
        ("s3://bucket/photos", True), ("sftp://me@host/photos", True),
        ("simplecache::https://host/photos/", True), ("gs://bucket", True),
        ("/home/me/photos", False), ("photos", False), (r"C:\photos", False), ("C:/photos", False),
        ("a folder://with colons", False),
    ],
)  # fmt: skip
def test_addresses_are_told_from_paths(place: str, address: bool) -> None:
    assert is_address(place) == address


def test_an_address_of_a_local_file_is_its_path() -> None:
    assert local_path("file:///home/me") == "/home/me"
    assert local_path("local:///home/me") == "/home/me"
    assert local_path("s3://home/me") == "s3://home/me"


def test_photos_are_found_as_in_a_folder(fs: Any) -> None:
    assert walked() == ["a.JPG", "b.jpg", "2019/c.png", "2019/july/d.heic", "raw/g.dng"]
    assert walked(exclude=("/2019/july", "*.dng")) == ["a.JPG", "b.jpg", "2019/c.png"]
    assert walked(recursive=False) == ["a.JPG", "b.jpg"]
    assert walked(limit=3) == ["a.JPG", "b.jpg", "2019/c.png"]
    assert walked(below="2019") == ["2019/c.png", "2019/july/d.heic"]
    (first, *_) = walk_address(ROOT, WalkOptions(), lambda *error: None)
    assert first.size == len("content of a.JPG")
    assert first.mtime_ns > 10**18


def test_what_cannot_be_listed_is_told(fs: Any) -> None:
    for address in ("memory://faceclust-test/nowhere", f"{ROOT}/a.JPG"):
        with pytest.raises(InputError, match="not a folder"):
            walked(address)
    with pytest.raises(InputError, match=r"nosuch://.* cannot be opened"):
        walked("nosuch://host/photos")


class Hostile:
    protocol = "x3"

    """A file system that lists what would lead elsewhere, and has one folder closed."""

    def isdir(self, path: str) -> bool:
        return True

    def ls(self, path: str, *, detail: bool) -> list[dict[str, Any]]:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return [
            {"name": f"{path}/../a.jpg", "type": "file", "size": 1},
            {"name": f"{path}/..", "type": "directory"},
            {"name": f"{path}/.", "type": "directory"},
            {"name": f"{path}/b\0.jpg", "type": "file", "size": 1},
            {"name": f"{path}/link.jpg", "type": "file", "size": 1, "islink": True},
            {"name": f"{path}/closed", "type": "directory"},
            {"name": f"{path}/", "type": "file", "size": 1},
        ]


def test_names_that_lead_elsewhere_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_open", lambda address: (Hostile(), "bucket"))
    errors: list[tuple[str, str]] = []
    found = walk_address("x3://bucket", WalkOptions(), lambda *error: errors.append(error))
    # The name is one part of a path, whatever stands before it.
    assert [file.path for file in found] == ["a.jpg"]
    assert errors == [("closed", "Permission denied")]


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"mtime": 1.5}, 1_500_000_000),
        ({"LastModified": datetime(1970, 1, 1, 0, 0, 2, tzinfo=timezone.utc)}, 2 * 10**9),
        ({"created": datetime(1970, 1, 1, 0, 0, 3)}, 3 * 10**9),
        ({"updated": "1970-01-01T00:00:04.5Z"}, 4_500_000_000),
        ({"updated": "yesterday"}, 0),
        ({}, 0),
    ],
)
def test_dates_in_all_their_forms(facts: dict[str, Any], wanted: int) -> None:
    assert remote._changed(facts) == wanted


def test_a_photo_is_at_hand_for_a_while(fs: Any) -> None:
    with at_hand(ROOT, "a.JPG") as path:
        assert path.read_bytes() == b"content of a.JPG"
        assert path.suffix == ".jpg"
    assert not path.parent.exists()


def test_a_local_photo_is_itself(tmp_path: Path) -> None:
    with at_hand(str(tmp_path), "a.jpg") as path:
        assert path == tmp_path / "a.jpg"


def test_what_cannot_be_fetched_is_one_photos_error(
    fs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(PhotoError, match="gone"), at_hand(ROOT, "nowhere.jpg"):
        pass
    monkeypatch.setattr(remote, "MAX_BYTES", 5)
    with pytest.raises(PhotoError, match="over") as error, at_hand(ROOT, "a.JPG"):
        pass
    assert error.value.kind == "too-large"

    def broken(*_: object) -> None:
        raise RuntimeError("the\nnetwork is\ndown")

    monkeypatch.setattr(type(fs), "open", broken)
    with pytest.raises(PhotoError, match="the network is down"), at_hand(ROOT, "a.JPG"):
        pass


def test_a_web_server(tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"one")
    (tmp_path / "sub" / "b c.jpg").write_bytes(b"two")

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    address = f"http://127.0.0.1:{server.server_port}"
    try:
        found = list(walk_address(address, WalkOptions(), lambda *error: None))
        assert [file.path for file in found] == ["a.jpg", "sub/b c.jpg"]
        assert [file.size for file in found] == [3, 3]
        for file, content in zip(found, (b"one", b"two"), strict=True):
            assert isinstance(file, FoundFile)
            with at_hand(address, file.path) as path:
                assert path.read_bytes() == content
    finally:
        server.shutdown()
        server.server_close()

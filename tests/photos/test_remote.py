"""Photos at addresses: a file system in memory, one that fails, and a real web server."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from datetime import datetime, timezone
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from faceclust.errors import UNREACHABLE, InputError, PhotoError
from faceclust.photos import (
    FoundFile,
    WalkOptions,
    at_hand,
    is_address,
    local_path,
    remote,
)
from faceclust.photos.remote import walk_address

fsspec = pytest.importorskip("fsspec")

ROOT = "memory://faceclust-test/photos"
FILES = (
    "b.jpg", "a.JPG", "2019/c.png", "2019/july/d.heic", "2019/@eaDir/e.jpg", ".hidden/f.jpg",
    "notes.txt", "raw/g.dng",
)  # fmt: skip


@pytest.fixture(autouse=True)
def within_reach(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "_out_of_reach", set())


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


class Line:
    """What lies between a file system and us: raises the errors that it is given, one a time."""

    def __init__(self, fs: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        self.errors: list[Exception] = []
        self.tries = 0
        through = type(fs).open

        def opened(*given: Any, **options: Any) -> Any:
            self.tries += 1
            if self.errors:
                raise self.errors.pop(0)
            return through(*given, **options)

        monkeypatch.setattr(type(fs), "open", opened)
        monkeypatch.setattr(remote, "PAUSES", (0.0, 0.01, 0.02))

    def fetch(self, name: str = "a.JPG") -> bytes:
        self.tries = 0
        with at_hand(ROOT, name) as path:
            return path.read_bytes()


@pytest.fixture
def line(fs: Any, monkeypatch: pytest.MonkeyPatch) -> Line:
    return Line(fs, monkeypatch)


def lost() -> Exception:
    return ConnectionResetError(104, "Connection reset by peer")


def test_what_fails_for_a_moment_is_fetched_all_the_same(line: Line) -> None:
    line.errors = [lost(), RuntimeError("503 Slow Down"), TimeoutError()]
    assert line.fetch() == b"content of a.JPG"
    assert line.tries == 4


def test_a_file_that_breaks_off_is_fetched_from_its_beginning(
    line: Line, fs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened = type(fs).open

    class Broken:
        def __init__(self, file: Any) -> None:
            self.file, self.parts = file, 2 if line.tries == 1 else 99

        def __enter__(self) -> Broken:
            return self

        def __exit__(self, *_: object) -> None:
            self.file.close()

        def read(self, _: int) -> Any:
            if not self.parts:
                raise lost()
            self.parts -= 1
            return self.file.read(5)

    monkeypatch.setattr(type(fs), "open", lambda *a, **b: Broken(opened(*a, **b)))
    assert line.fetch() == b"content of a.JPG"
    assert line.tries == 2


def test_a_lost_connection_is_made_anew(line: Line) -> None:
    before = fsspec.filesystem("memory")
    line.errors = [lost()]
    line.fetch()
    assert fsspec.filesystem("memory") is not before


def test_what_stays_out_of_reach_is_said_to_be_so(line: Line) -> None:
    line.errors = [lost() for _ in range(3)] + [RuntimeError("the\nnetwork is\ndown")]
    with pytest.raises(PhotoError, match="the network is down") as error:
        line.fetch()
    assert (error.value.kind, line.tries) == (UNREACHABLE, 4)


def test_while_nothing_can_be_had_each_photo_is_tried_once(line: Line) -> None:
    line.errors = [lost() for _ in range(5)]
    for tries in (4, 1):
        with pytest.raises(PhotoError):
            line.fetch()
        assert line.tries == tries
    line.fetch("b.jpg")
    line.errors = [lost()]
    line.fetch()
    assert line.tries == 2


def test_patience_has_an_end(line: Line, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PATIENCE", 0.005)
    line.errors = [lost() for _ in range(3)]
    with pytest.raises(PhotoError):
        line.fetch()
    assert line.tries == 2


class RefusedError(Exception):
    status = 403


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (FileNotFoundError(2, "No such file"), "unreadable"),
        (PermissionError(13, "Permission denied"), "permission"),
        (RefusedError("Forbidden"), "permission"),
    ],
)
def test_what_will_not_change_is_not_tried_again(line: Line, error: Exception, kind: str) -> None:
    line.errors = [error]
    with pytest.raises(PhotoError) as caught:
        line.fetch()
    assert (caught.value.kind, line.tries) == (kind, 1)


def test_memory_that_does_not_suffice_is_not_the_network_s_fault(line: Line) -> None:
    line.errors = [MemoryError()]
    with pytest.raises(MemoryError):
        line.fetch()
    assert line.tries == 1


def uninstalled(address: str) -> None:
    try:
        raise ModuleNotFoundError("No module named 's3fs'", name="s3fs")
    except ImportError as error:
        raise ImportError("Install s3fs to access S3") from error


def test_an_address_that_cannot_be_opened_says_what_to_install(
    fs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    remote.reach(ROOT)
    monkeypatch.setattr(fsspec.core, "url_to_fs", uninstalled)
    with pytest.raises(InputError, match=r"bucket needs a package .*\(Install s3fs to access S3\)"):
        remote.reach("s3://bucket")
    # Whoever has asked for a photo only learns that it is no fault of the photo's.
    with pytest.raises(PhotoError, match="Install s3fs") as error, at_hand("s3://bucket", "a.jpg"):
        pass
    assert error.value.kind == UNREACHABLE


def test_without_fsspec_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(
        InputError, match=r"the package fsspec; run `pip install 'faceclust\[ray\]'`"
    ):
        walked()


class Web(SimpleHTTPRequestHandler):
    """Answers with what statuses `refusals` has for a path, one a request; then with the file."""

    refusals: ClassVar[dict[str, list[int]]] = {}

    def log_message(self, *_: object) -> None:
        pass

    def send_head(self) -> Any:
        if statuses := self.refusals.get(self.path):
            self.send_error(statuses.pop(0))
            return None
        return super().send_head()


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a server of two photos."""
    pytest.importorskip("aiohttp")
    (tmp_path / "sub").mkdir()
    (tmp_path / "a.jpg").write_bytes(b"one")
    (tmp_path / "sub" / "b c.jpg").write_bytes(b"two")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Web, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def test_a_web_server(web: str) -> None:
    found = list(walk_address(web, WalkOptions(), lambda *error: None))
    assert [file.path for file in found] == ["a.jpg", "sub/b c.jpg"]
    assert [file.size for file in found] == [3, 3]
    for file, content in zip(found, (b"one", b"two"), strict=True):
        assert isinstance(file, FoundFile)
        with at_hand(web, file.path) as path:
            assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("statuses", "kind"),
    [
        # fsspec asks twice, and says of both that there is no such file.
        ([503, 503], None), ([429, 429, 500, 500], None), ([503] * 99, UNREACHABLE),
        ([404] * 99, "unreadable"), ([403] * 99, "permission"),
    ],
)  # fmt: skip
def test_a_web_server_that_refuses(
    web: str, monkeypatch: pytest.MonkeyPatch, statuses: list[int], kind: str | None
) -> None:
    monkeypatch.setattr(remote, "PAUSES", (0.0, 0.01))
    monkeypatch.setattr(Web, "refusals", {"/a.jpg": statuses})
    found: bytes | str
    try:
        with at_hand(web, "a.jpg") as path:
            found = path.read_bytes()
    except PhotoError as error:
        found = error.kind
    assert found == (kind or b"one")
    asked = 99 - len(statuses)
    assert kind is None or asked == (6 if kind == UNREACHABLE else 2)


def test_a_web_server_that_is_not_there(web: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "PAUSES", ())
    nowhere = web.rpartition(":")[0] + ":1"
    with pytest.raises(PhotoError, match="Cannot connect") as error, at_hand(nowhere, "a.jpg"):
        pass
    assert error.value.kind == UNREACHABLE

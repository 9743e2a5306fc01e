"""Photos at an address: the real command and real photos behind a real web server."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from faceclust.pipeline import Pictures, find_library
from tests.conftest import Run

pytestmark = pytest.mark.slow
pytest.importorskip("aiohttp")


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@dataclass
class Web:
    folder: Path
    address: str


@pytest.fixture
def web(photos: Path, tmp_path: Path) -> Iterator[Web]:
    folder = tmp_path / "web"
    shutil.copytree(photos / "cast" / "amy", folder / "amy")
    shutil.copytree(photos / "orientation", folder / "orientation")
    (folder / "broken.jpg").write_bytes(b"\xff\xd8 is how they begin")
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=str(folder)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield Web(folder, f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def scanned(faceclust: Run, place: object, *more: object) -> dict[str, Any]:
    return dict(json.loads(faceclust("scan", place, "--json", *more).stdout)["scan"])


def places(faceclust: Run, *more: object) -> list[tuple[Any, ...]]:
    document = json.loads(faceclust("export", "--format", "json", *more).stdout)
    return [(p["path"], [tuple(f["box"].values()) for f in p["faces"]]) for p in document["photos"]]


def test_the_main_job_without_a_folder(faceclust: Run, web: Web) -> None:
    local = scanned(faceclust, web.folder)
    here = places(faceclust)
    remote = scanned(faceclust, web.address)
    for key in ("found", "read", "faces", "errors"):
        assert remote[key] == local[key]
    assert remote["errors"] == 1
    assert places(faceclust, "--library", web.address) == here
    people = json.loads(faceclust("people", "--all", "--json").stdout)
    faceclust("name", people[0]["id"], "Ann")
    assert scanned(faceclust, web.address)["unchanged"] == local["found"]
    next(web.folder.glob("amy/*")).unlink()
    assert scanned(faceclust, web.address)["missing"] == 1
    assert web.address in faceclust("status").stdout
    assert web.address in faceclust("export", "--format", "xmp", code=1).stderr
    assert web.address in faceclust("import", code=1).stderr
    pictures = Pictures()
    try:
        with find_library(web.address) as library:
            assert pictures.face(library, people[0]["best_face"]).startswith(b"\xff\xd8")
    finally:
        pictures.close()


def test_mistakes_in_an_address(faceclust: Run, web: Web) -> None:
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        dead = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        for address in (dead, f"{web.address}/nowhere", "nosuch://host/photos", "s4://bucket"):
            done = faceclust("scan", address, code=1)
            assert address in done.stderr
            assert done.stderr.count("\n") == 1


def test_on_a_cluster(faceclust: Run, web: Web, tmp_path: Path) -> None:
    # Not imported here: Ray must not be before `connect` has said how it is to behave.
    if importlib.util.find_spec("ray") is None:
        pytest.skip("needs Ray: pip install 'faceclust[ray]'")
    local = scanned(faceclust, web.address, "--db", tmp_path / "local.db")
    cluster = scanned(faceclust, web.address, "--db", tmp_path / "ray.db", "--engine", "ray")
    for key in ("found", "read", "faces", "errors"):
        assert cluster[key] == local[key]
    assert places(faceclust, "--db", tmp_path / "ray.db") == places(
        faceclust, "--db", tmp_path / "local.db"
    )

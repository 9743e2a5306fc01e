"""What `faceclust review` tells the user, and what it tells everybody else on the machine."""

from __future__ import annotations

import shlex
import socket
import sys
import time
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import urlopen

import pytest

from faceclust.pipeline import Library
from faceclust.review import server
from tests.review.browser import served

SECONDS = 30


def opened(address: str) -> int:
    try:
        with urlopen(address, timeout=SECONDS) as response:
            return int(response.status)
    except HTTPError as error:
        return error.code


@pytest.mark.skipif(sys.platform == "win32", reason="needs a browser that is a command")
def test_the_browser_s_command_line_bears_no_secret_that_lasts(
    album: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, script = tmp_path / "seen", tmp_path / "browser.py"
    script.write_text(
        "import os, sys, pathlib\n"
        f"pathlib.Path({str(seen)!r} + '~').write_text(sys.argv[1])\n"
        f"os.replace({str(seen)!r} + '~', {str(seen)!r})\n"
    )
    monkeypatch.setenv("BROWSER", shlex.join([sys.executable, str(script), "%s"]))
    with served(album.db.path, browser="--browser") as running:
        deadline = time.monotonic() + SECONDS
        while not seen.exists():
            assert time.monotonic() < deadline
            time.sleep(0.05)
        address = seen.read_text()
        assert address.startswith(running.origin)
        assert address != running.address
        assert [opened(address), opened(address)] == [200, 403]
        assert [opened(running.address), opened(running.address)] == [200, 200]


@pytest.mark.skipif(sys.platform == "win32", reason="has the option itself")
def test_nobody_else_can_take_the_port_on_windows(monkeypatch: pytest.MonkeyPatch) -> None:
    # Another option that can be asked for stands in for that of Windows.
    monkeypatch.setattr(socket, "SO_EXCLUSIVEADDRUSE", socket.SO_KEEPALIVE, raising=False)
    with server._listen(0) as listener:
        assert listener.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
        assert not listener.getsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR)

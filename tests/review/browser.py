"""The real command, and a real Chromium in front of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
ENDED_SECONDS = 60


@dataclass(frozen=True)
class Served:
    """A running `faceclust review`."""

    process: subprocess.Popen[str]
    address: str

    @property
    def origin(self) -> str:
        return self.address.split("/?")[0]

    def end(self) -> tuple[int, str]:
        """Ctrl-C; the exit code and what was printed after the address."""
        self.process.send_signal(signal.SIGINT)
        _, err = self.process.communicate(timeout=ENDED_SECONDS)
        return self.process.returncode, err

    def kill(self) -> None:
        """As the system does when memory runs out: no chance to tidy up."""
        self.process.kill()
        self.process.communicate(timeout=ENDED_SECONDS)


@contextmanager
def served(database: Path, *options: str, browser: str = "--no-browser") -> Iterator[Served]:
    """Run `faceclust review` on a library; killed at the end if it is still there."""
    process = subprocess.Popen(
        [sys.executable, "-m", "faceclust", "review", browser, "--db", str(database),
         *options],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONWARNINGS": "error::ResourceWarning"},
    )  # fmt: skip
    assert process.stderr is not None
    try:
        address = process.stderr.readline().strip()
        assert re.fullmatch(r"http://127\.0\.0\.1:\d+/\?token=[\w-]{32}", address), address
        yield Served(process, address)
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate(timeout=ENDED_SECONDS)

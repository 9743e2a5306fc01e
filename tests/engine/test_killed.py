from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.slow
@pytest.mark.usefixtures("needs_ray")
def test_machines_and_workers_that_die_in_the_middle_lose_nothing(tmp_path: Path) -> None:
    """In a process of its own: a process has one Ray cluster at a time."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.killed", os.fspath(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["machines"] == 1
    assert report["photos"] == 48
    assert report["read twice"] > 0  # so it did die in the middle
    assert report["workers killed"] == 2
    assert all(report[step] for step in ("scan", "search", "scores", "partition"))

"""What a user's machine does to a scan: kills, crashes, broken files, a second process."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Run

pytestmark = pytest.mark.slow


# Runs the command and tells the peak memory of its largest worker in kilobytes.
WITH_PEAK = """
import resource, sys
from faceclust.__main__ import main
code = main(sys.argv[1:])
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss, file=sys.stderr)
sys.exit(code)
"""


def start(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "faceclust", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(it: Callable[[], bool]) -> None:
    """Until it is so, or for two minutes: a busy machine takes its time to begin."""
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and not it():
        time.sleep(0.1)


def database(own_data: Path) -> Path:
    (found,) = own_data.rglob("library.db")
    return found


def test_kill_9_at_any_moment_loses_at_most_the_photos_in_flight(
    faceclust: Run, photos: Path, own_data: Path
) -> None:
    album = photos / "album"
    rng = random.Random(5)
    known = 0
    for _ in range(6):
        process = start("scan", album)
        wait_for(lambda: kept_files(own_data) is not None)
        time.sleep(rng.uniform(0.1, 4.0))
        process.kill()
        process.communicate()
        with sqlite3.connect(database(own_data)) as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            assert db.execute("PRAGMA foreign_key_check").fetchall() == []
            now = db.execute("SELECT count(*) FROM files").fetchone()[0]
            faces = db.execute("SELECT count(*) FROM faces").fetchone()[0]
            vectors = db.execute("SELECT model, count(*) FROM embeddings GROUP BY 1").fetchall()
        assert now >= known
        # For recognition and by CLIP: a face is kept with both or not at all.
        assert [count for _, count in vectors] == ([faces, faces] if faces else [])
        known = now
    report = json.loads(faceclust("scan", album, "--json").stdout)["scan"]
    assert report["unchanged"] == known
    assert report["read"] + report["unchanged"] == 514
    # Interrupted or not, the same faces are found.
    assert json.loads(faceclust("status", "--json").stdout)["faces"] == 615


def test_workers_do_not_outlive_a_killed_scan(photos: Path) -> None:
    process = start("scan", photos / "album")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    wait_for(lambda: not children.exists() or len(children.read_text().split()) >= 3)
    if not children.exists():
        process.kill()
        pytest.skip("needs Linux's /proc to see the worker processes")
    pids = children.read_text().split()
    assert len(pids) >= 2
    process.kill()
    # They hold the other end of stderr, so this waits for them too.
    assert "Traceback" not in process.communicate()[1]
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and any(Path(f"/proc/{pid}").exists() for pid in pids):
        time.sleep(0.2)
    assert not [pid for pid in pids if Path(f"/proc/{pid}").exists()]


def kept_files(own_data: Path) -> int | None:
    """How many files a scan has recorded so far; None before there is a database with tables."""
    if not any(own_data.rglob("library.db")):
        return None
    try:
        with sqlite3.connect(database(own_data)) as db:
            return int(db.execute("SELECT count(*) FROM files").fetchone()[0])
    except sqlite3.OperationalError:
        return None


def test_ctrl_c_keeps_what_was_found_and_says_so(
    faceclust: Run, photos: Path, own_data: Path
) -> None:
    process = start("scan", photos / "album")
    wait_for(lambda: bool(kept_files(own_data)))
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in stderr
    assert "run the same command to go on" in stderr
    kept = kept_files(own_data)
    assert kept
    report = json.loads(faceclust("scan", photos / "album", "--json").stdout)["scan"]
    assert report["unchanged"] == kept


def test_broken_files_are_recorded_and_skipped_within_bounds(
    faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    library = Path(shutil.copytree(photos / "broken", tmp_path / "broken"))
    for path in list(library.iterdir()):
        # Every one is tried, also those whose suffix alone would keep them out.
        if path.suffix.lower() not in (".jpg", ".png", ".tif"):
            path.rename(path.with_name(f"{path.name}.jpg"))
    shutil.copy(photos / "cast" / "happy.jpg", library)
    assert len(list(library.iterdir())) == 125
    done = subprocess.run(
        [sys.executable, "-c", WITH_PEAK, "scan", str(library), "--json"],
        capture_output=True,
        text=True,
        check=True,
        timeout=300,
    )
    report = json.loads(done.stdout)["scan"]
    assert int(done.stderr.split()[-1]) < 1_500_000
    assert report["found"] == 125
    assert report["read"] + report["errors"] == 125
    assert report["errors"] >= 100
    reasons = json.loads(faceclust("status", "--errors", "--json").stdout)
    assert len(reasons) == report["errors"]
    assert all(entry["reason"] for entry in reasons)
    # Unchanged errors are not tried again, unless the user asks for it.
    again = json.loads(faceclust("scan", library, "--json").stdout)["scan"]
    assert (again["read"], again["errors"], again["unchanged"]) == (0, 0, 125)
    retried = json.loads(faceclust("scan", library, "--retry-errors", "--json").stdout)["scan"]
    assert retried["errors"] == report["errors"]


def test_a_second_process_says_that_the_library_is_busy(
    faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    process = start("scan", photos / "album")
    time.sleep(3)
    busy = faceclust("scan", photos / "album", code=2)
    assert "Another faceclust is working" in busy.stderr
    # Reading and naming need no such hold.
    faceclust("status")
    waited = faceclust("scan", photos / "album", "--wait", "120")
    process.communicate(timeout=120)
    assert "514 unchanged" in waited.stdout


def test_damaged_newer_and_foreign_databases_get_a_sentence(
    faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    happy = photos / "cast" / "amy"
    junk = tmp_path / "junk.db"
    junk.write_bytes(os.urandom(5000))
    assert "damaged" in faceclust("scan", happy, "--db", junk, code=2).stderr
    foreign = tmp_path / "foreign.db"
    with sqlite3.connect(foreign) as db:
        db.execute("CREATE TABLE albums (id)")
    db.close()
    assert "another program's" in faceclust("scan", happy, "--db", foreign, code=2).stderr
    newer = tmp_path / "newer.db"
    faceclust("scan", happy, "--db", newer)
    with sqlite3.connect(newer) as db:
        db.execute("INSERT INTO migrations VALUES ('m9999_future', 'now')")
    db.close()
    assert "newer faceclust" in faceclust("people", "--db", newer, code=2).stderr


def test_a_photo_that_cannot_be_opened_is_an_error_of_its_own(
    faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    library = Path(shutil.copytree(photos / "cast" / "amy", tmp_path / "amy"))
    (library / "broken.jpg").write_bytes(b"")
    (library / "fifo.jpg").unlink(missing_ok=True)
    os.mkfifo(library / "fifo.jpg")
    (library / "link.jpg").symlink_to(photos / "cast" / "happy.jpg")
    report = json.loads(faceclust("scan", library, "--json").stdout)["scan"]
    assert report["read"] == 5
    assert report["errors"] == 1

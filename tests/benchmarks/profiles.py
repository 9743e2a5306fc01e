"""What people wait for, beside what they should: python -m tests.benchmarks.profiles [--runs 5].

Start-up (`--help`), `status` on 100,000 faces of 5,000 people, XMP sidecars for 10,000 photos (all
people, three faces a photo; again, unchanged), all by the real command on made-up libraries; the
best of the runs counts, as other programs only ever add. The first paint of the review page is
`python -m tests.benchmarks.review`'s, whose page is run here too where Chromium is there.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import made_up

PEOPLE, FACES, PHOTOS = 5000, 100_000, 10_000


def run(scratch: Path, *command: object) -> tuple[float, float]:
    """Seconds of a command on the clock, and of the processor."""
    before, started = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "faceclust", *map(str, command)],
        env={**os.environ, "FACECLUST_DATA": str(scratch / "data")},
        check=True,
        stdout=subprocess.DEVNULL,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return time.perf_counter() - started, cpu


def show(what: str, target: float, times: list[tuple[float, float]]) -> None:
    """One line: the figure, the target, and whether it is met."""
    seconds, cpu = map(min, zip(*times, strict=True))
    verdict = "met" if seconds <= target else "MISSED"
    print(f"{what}: {seconds:.2f} s ({cpu:.2f} s of processor), target {target:g} s: {verdict}")


def with_files(folder: Path) -> Path:
    """A made-up library of `PHOTOS` photos whose files are there; returns its database."""
    library = made_up.library(folder, PHOTOS // 20, PHOTOS * made_up.FACES_PER_PHOTO)
    with library:
        paths = [path for (path,) in library.db.rows("SELECT path FROM files")]
    picture = made_up.picture(0)
    for path in paths:
        (folder / path).parent.mkdir(exist_ok=True)
        (folder / path).write_bytes(picture)
    return folder / "library.db"


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    runs = range(parser.parse_args().runs)
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        show("--help", 0.3, [run(scratch, "--help") for _ in runs])
        made_up.library(scratch / "large", PEOPLE, FACES).db.close()
        database = scratch / "large" / "library.db"
        show("status, 100,000 faces", 0.5, [run(scratch, "status", "--db", database) for _ in runs])
        export = ("-q", "export", "--format", "xmp", "--placeholders", "--db")
        databases = [with_files(scratch / f"photos{i}") for i in range(3)]
        show("10,000 sidecars", 30, [run(scratch, *export, each) for each in databases])
        again = [run(scratch, *export, each) for each in databases]
        show("10,000 sidecars again, unchanged", 30, again)
        written = sum(1 for _ in (scratch / "photos0").rglob("*.xmp"))
        print(f"{written} sidecars are there", flush=True)
    subprocess.run([sys.executable, "-m", "tests.benchmarks.review"], check=True)


if __name__ == "__main__":
    main()

"""Photos a second of `faceclust scan`, as a share of the floor; and a scan of unchanged files.

    python -m tests.benchmarks.scan [--large 200]

The floor is the pure compute of decoding, detecting, aligning, embedding and describing (CLIP) the
same photos, one process a core, models already open, nothing stored. It, the scan and a scan
without CLIP are measured in the same run, twice, in turn; the better of each counts.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import subprocess
import sys
import tempfile
import time
from multiprocessing.synchronize import Barrier
from pathlib import Path

from faceclust import photos
from faceclust.config import Config
from faceclust.embed.clip import model_id
from faceclust.photos import WalkOptions
from faceclust.pipeline import models
from faceclust.pipeline.extract import ExtractorFactory, PhotoTask
from tests.benchmarks import corpus


def compute(tasks: list[PhotoTask], barrier: Barrier) -> None:
    """What one core does for the floor."""
    extract = ExtractorFactory(
        models.resolve("mobile"), Config().detector, "cpu", 1, clip=model_id(Config().scan.clip)
    )()
    barrier.wait()
    for task in tasks:
        extract(task)
    barrier.wait()


def floor(folder: Path) -> float:
    """Seconds of pure compute for all photos below `folder` on all cores."""
    cores = Config().scan.workers
    tasks = [
        PhotoTask(str(folder), file.path, file.size, file.mtime_ns)
        for file in photos.walk(folder, WalkOptions())
    ]
    context = multiprocessing.get_context("spawn")
    barrier = context.Barrier(cores + 1)
    processes = [
        context.Process(target=compute, args=(tasks[i::cores], barrier)) for i in range(cores)
    ]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    seconds = time.perf_counter() - started
    for process in processes:
        process.join()
    return seconds


def scan(folder: Path, data: Path, clip: str = "face-clip") -> tuple[float, float]:
    """Seconds of reading the photos, worker start included, and of the whole command."""
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "faceclust", "-q", "scan", str(folder), "--json", "--clip", clip],
        env={**os.environ, "FACECLUST_DATA": str(data)},
        check=True,
        stdout=subprocess.PIPE,
    )
    whole = time.perf_counter() - started
    return float(json.loads(done.stdout)["scan"]["seconds"]), whole


def compare(name: str, folder: Path, scratch: Path) -> None:
    """Print one line: rates of floor and scan, and their ratio."""
    count = sum(1 for _ in photos.walk(folder, WalkOptions()))
    turns = [
        (
            floor(folder),
            *scan(folder, scratch / f"{name}-{turn}"),
            scan(folder, scratch / f"{name}-{turn}-plain", "none")[0],
        )
        for turn in range(2)
    ]
    lowest, reading, whole, plain = map(min, zip(*turns, strict=True))
    print(
        f"{name:>12}: {count} photos, floor {count / lowest:.1f} photos/s, scan reads "
        f"{count / reading:.1f} photos/s, {lowest / reading:.2f} of the floor; the whole command, "
        f"clustering included, {lowest / whole:.2f}; without CLIP it reads {count / plain:.1f} "
        f"photos/s: CLIP leaves {plain / reading:.2f} of that",
        flush=True,
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--large", type=int, default=200, help="how many 12-megapixel photos")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        compare("photos.tar", corpus.unpack(scratch / "photos"), scratch)
        large = corpus.large(scratch, arguments.large)
        compare("12 megapixel", large, scratch)
        _, again = scan(large, scratch / "12 megapixel-1")
        print(f"unchanged: {arguments.large} photos scanned again in {again:.2f} s")


if __name__ == "__main__":
    main()

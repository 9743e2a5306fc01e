"""How near scan and cluster come to the pure compute of their stages on this machine.

    python -m tests.benchmarks.floor [--copies 4] [--large 500] [--faces 25000]

The floor of a scan is decoding, detecting, aligning, embedding and describing (CLIP) the same
photos: one process a core, models already open, nothing hashed, compressed, sent or stored. It and
the scan are measured in turn, `--turns` times; the better of each counts. The floor of a clustering
are fewer dimensions, neighbours, edges, partition and the second look, on the same embeddings in
memory. Beside each stage stands what the command itself says of it (`--json`), a scan in processor
time of all workers, a clustering on the clock. Where others use the machine, the share in processor
time tells more than that in seconds, though it counts what starting the command and its clustering
take.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from multiprocessing.queues import SimpleQueue
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any, TypeVar

from faceclust import photos
from faceclust.config import Config
from faceclust.embed.clip import model_id
from faceclust.photos import WalkOptions
from faceclust.pipeline import models
from faceclust.pipeline.extract import REDUCED_SIDE, Extractor, ExtractorFactory, PhotoTask
from tests.benchmarks import corpus, made_up
from tests.benchmarks.edges import long_tail

T = TypeVar("T")
Seconds = dict[str, float]
START, WALL, FACES = "worker start", "wall", "faces"
GROUPING = ("compact", "neighbours", "edges", "partition", "regroup")


def one_photo(extract: Extractor, task: PhotoTask, spent: Seconds) -> int:
    """The stages of one photo, each timed; returns how many faces it has."""

    def timed(stage: str, run: Callable[[], T]) -> T:
        started = time.process_time()
        result = run()
        spent[stage] = spent.get(stage, 0.0) + time.process_time() - started
        return result

    path = Path(task.root, task.path)
    photo = timed("decode", lambda: photos.decode(path, reduce_to=REDUCED_SIDE))
    found = timed("detect", lambda: extract._detect(photo))
    crops = timed("align", lambda: extract._crops(path, photo, found))
    timed("embed", lambda: extract.embedder(crops))
    if extract.clip is not None:
        timed("describe", lambda clip=extract.clip: clip.encode_images(crops))
    return len(found)


def compute(tasks: list[PhotoTask], barrier: Barrier, out: SimpleQueue[Seconds]) -> None:
    """What one core does for the floor."""
    started = time.process_time()
    extract = ExtractorFactory(
        models.resolve("mobile"), Config().detector, "cpu", 1, clip=model_id(Config().scan.clip)
    )()
    spent = {START: time.process_time() - started, FACES: 0}
    barrier.wait()
    for task in tasks:
        spent[FACES] += one_photo(extract, task, spent)
    barrier.wait()
    out.put(spent)


def floor(folder: Path) -> Seconds:
    """Seconds of each stage of all photos below `folder`, and of the whole on all cores."""
    cores = Config().scan.processes_on("cpu")
    tasks = [
        PhotoTask(str(folder), file.path, file.size, file.mtime_ns)
        for file in photos.walk(folder, WalkOptions())
    ]
    context = multiprocessing.get_context("spawn")
    barrier, out = context.Barrier(cores + 1), context.SimpleQueue()
    processes = [
        context.Process(target=compute, args=(tasks[i::cores], barrier, out)) for i in range(cores)
    ]
    for process in processes:
        process.start()
    barrier.wait()
    started = time.perf_counter()
    barrier.wait()
    seconds = {WALL: time.perf_counter() - started}
    for _ in processes:
        for stage, spent in out.get().items():
            seconds[stage] = seconds.get(stage, 0.0) + spent
    for process in processes:
        process.join()
    return seconds


def scan(folder: Path, data: Path, clip: str = "face-clip") -> tuple[dict[str, Any], float, float]:
    """What a scan reports, and the command's seconds on the clock and of processors."""
    command = ["-q", "scan", str(folder), "--json", "--clip", clip]
    report, whole, cpu = faceclust(data, command)
    return report["scan"], whole, cpu


def faceclust(data: Path, command: list[str]) -> tuple[dict[str, Any], float, float]:
    """What a command prints, and its seconds on the clock and of its processes together."""
    started, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "faceclust", *command],
        env={**os.environ, "FACECLUST_DATA": str(data)},
        check=True,
        stdout=subprocess.PIPE,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return json.loads(done.stdout), time.perf_counter() - started, cpu


def compare_scan(name: str, folder: Path, scratch: Path, turns: int) -> None:
    """Print rates of floor and scan, their ratio, and what the stages take of the floor."""
    count = sum(1 for _ in photos.walk(folder, WalkOptions()))
    cores = Config().scan.processes_on("cpu")
    floors, scans = [], []
    for turn in range(turns):
        floors.append(floor(folder))
        scans.append(scan(folder, scratch / f"{count}-{turn}"))
    lowest = min(floors, key=lambda each: each[WALL])
    whole = min(seconds for _, seconds, _ in scans)
    reading = min(report["seconds"] for report, _, _ in scans)
    report, _, cpu = min(scans, key=lambda each: each[2])
    wall, start, faces = (lowest.pop(key) for key in (WALL, START, FACES))
    plain = scan(folder, scratch / f"{count}-plain", "none")[0]["seconds"]
    computed = sum(lowest.values())
    print(
        f"{name}: {count} photos, {faces:.0f} faces; floor {count / wall:.1f} photos/s; scan reads "
        f"{count / reading:.1f} photos/s, {wall / reading:.3f} of the floor; the whole command, "
        f"clustering included, {wall / whole:.3f} (in processor time {computed / cpu:.3f}); "
        f"without CLIP it reads {count / plain:.1f}"
    )
    stages = report["stages"] | {"all else": cpu - sum(report["stages"].values())}
    a_photo, by_command = (
        {k: 1000 * v / count for k, v in each.items()} for each in (lowest, stages)
    )
    beside("ms a photo", a_photo, by_command)
    print(
        f"  beyond the floor: {START} {start / cores:.2f} s on each core, all else of reading "
        f"{reading - wall - start / cores:.2f} s",
        flush=True,
    )


def compare_cluster(faces: int, scratch: Path) -> None:
    """Print what grouping takes in memory, and what `faceclust cluster` takes for the same."""
    command = [sys.executable, "-m", "tests.benchmarks.edges", "--json", str(faces)]
    spent = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout)
    library = scratch / "faces"
    made_up.embedded(library, long_tail(faces)[0], models.MOBILE)
    command = ["-q", "cluster", "--db", str(library / "library.db"), "--json"]
    report, whole, _ = faceclust(scratch / "data", command)
    lowest, reported = sum(spent[stage] for stage in GROUPING), float(report["seconds"])
    print(
        f"cluster: {faces:,} faces; floor {lowest:.2f} s; `faceclust cluster` {reported:.2f} s, "
        f"{lowest / reported:.3f} of the floor's rate; the whole command {lowest / whole:.3f}"
    )
    stages = report["stages"] | {"all else": whole - sum(report["stages"].values())}
    beside("s", {stage: spent[stage] for stage in GROUPING}, stages)


def beside(unit: str, least: Seconds, command: Seconds) -> None:
    """Each stage of the floor and of the command, and the command's rate as a share of the floor's.

    What only the command does (hashing, storing, starting, ...) has no floor.
    """
    print(f"  {'stage':>12} {'floor':>9} {'command':>9} {'share':>7}  ({unit})")
    for stage in command | least:
        ours, theirs = least.get(stage), command.get(stage)
        share = f"{ours / theirs:7.2f}" if ours and theirs else f"{'-':>7}"
        shown = [f"{'-':>9}" if value is None else f"{value:9.3f}" for value in (ours, theirs)]
        print(f"  {stage:>12} {' '.join(shown)} {share}")
    total, taken = sum(least.values()), sum(command.values())
    print(f"  {'together':>12} {total:9.3f} {taken:9.3f} {total / taken:7.2f}", flush=True)


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--copies", type=int, default=4, help="how often photos.tar")
    parser.add_argument("--large", type=int, default=500, help="how many 12-megapixel photos")
    parser.add_argument("--faces", type=int, default=25_000, help="how many to cluster")
    parser.add_argument("--turns", type=int, default=2)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        small = corpus.copies(scratch / "photos", given.copies)
        compare_scan(f"photos.tar x {given.copies}", small, scratch, given.turns)
        large = corpus.large(scratch, given.large)
        compare_scan("12 megapixels", large, scratch, given.turns)
        _, again, _ = scan(large, scratch / f"{given.large}-0")
        print(f"unchanged: {given.large} photos scanned again in {again:.2f} s")
        compare_cluster(given.faces, scratch)


if __name__ == "__main__":
    main()

"""Seconds and memory of `faceclust cluster` itself: python -m tests.benchmarks.command [100000].

A library of so many faces is made up, one a photo, and grouped by the real command: reading,
searching, scoring, grouping and keeping. Embeddings are those of `tests.benchmarks.edges`; with
`--crops FOLDER` real ones and copies with noise. Peak memory is the command's alone.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from faceclust.evaluate import scores
from faceclust.records import FloatArray, IntArray
from faceclust.store import ledger, open_database
from tests.benchmarks import made_up
from tests.benchmarks.edges import grown, long_tail


def cluster(database: Path, scratch: Path, *options: str) -> tuple[Mapping[str, Any], float]:
    """What `faceclust cluster --json` says, and its peak memory in GiB."""
    command = [sys.executable, "-m", "faceclust", "cluster", "--json", "--db", str(database)]
    process = subprocess.Popen(
        [*command, *options],
        env={**os.environ, "FACECLUST_DATA": str(scratch / "data")},
        stdout=subprocess.PIPE,
    )
    assert process.stdout is not None
    answer = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"faceclust cluster ended with {process.returncode}")
    return json.loads(answer), usage.ru_maxrss / 1024**2


def labels_of(database: Path, faces: int) -> IntArray:
    """(N,) the cluster of each face; ids were given in the order of the embeddings."""
    with open_database(database) as db:
        newest = ledger.newest_clustering(db)
    assert newest is not None
    return np.array([newest.membership[face] for face in range(1, faces + 1)], np.int64)


def measure(x: FloatArray, person: IntArray, options: list[str]) -> None:
    """One library."""
    with tempfile.TemporaryDirectory() as name:
        scratch = Path(name)
        made_up.embedded(scratch / "library", x, made_up.MODEL)
        database = scratch / "library" / "library.db"
        faces, size = len(x), database.stat().st_size / 1024**3
        del x  # this process need not hold what another one reads
        said, peak = cluster(database, scratch, *options)
        found = scores(person.astype(np.int64), labels_of(database, faces))
    stages = ", ".join(f"{stage} {seconds:.1f}" for stage, seconds in said["stages"].items())
    print(
        f"{faces:,} faces in {said['seconds']:.1f} s: {stages}; peak {peak:.2f} GiB; F "
        f"{found.pairwise.f:.2%} / {found.bcubed.f:.2%}; a database of {size:.2f} GiB",
        flush=True,
    )


def main() -> None:
    """Print a line a size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("faces", nargs="*", type=int, default=[100_000])
    parser.add_argument("--crops", type=Path)
    given, options = parser.parse_known_args()  # the rest is for `faceclust cluster`
    for faces in given.faces:
        measure(*(grown(given.crops, faces) if given.crops else long_tail(faces)), options)


if __name__ == "__main__":
    main()

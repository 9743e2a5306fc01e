"""Stands for networks: finds a face for each byte of a file; some files are too much for it."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceclust.pipeline.extract import PhotoTask
from faceclust.store import Scanned
from faceclust.workers import Limits
from tests.synthetic import photo

LIMITS = Limits(seconds=2.0)


@dataclass(frozen=True)
class Reader:
    """Notes in `journal` what it reads, one file a read."""

    journal: Path
    seconds: float = 0.0

    def __call__(self) -> Callable[[PhotoTask], Scanned]:
        return self.read

    def read(self, task: PhotoTask) -> Scanned:
        file = Path(task.root, task.path)
        (self.journal / f"{file.name}-{time.monotonic_ns()}-{os.getpid()}").touch()
        time.sleep(self.seconds)
        match file.stem.split("-")[0]:
            case "crash":
                os._exit(1)
            case "hang":
                time.sleep(60)
            case "bad":
                return Scanned(task.path, task.size, task.mtime_ns, error_kind="x", error="is bad")
        digest = hashlib.sha256(file.read_bytes()).hexdigest()
        people = list(file.read_bytes())
        found = photo(task.path, *people, content=digest, size=task.size)
        clip = np.full((len(people), 4), 0.3, np.float32)
        return replace(found, mtime_ns=task.mtime_ns, clip_vectors=clip)

    def journalled(self) -> list[str]:
        """The names of the files that were read, once for each time."""
        return sorted(entry.name.rsplit("-", 2)[0] for entry in self.journal.iterdir())


def tasks(root: Path, names: Iterable[str]) -> list[PhotoTask]:
    """Files of up to three faces each."""
    root.mkdir(exist_ok=True)
    found = []
    for number, name in enumerate(names):
        (root / name).write_bytes(bytes([1, 2, 3][: number % 4]))
        found.append(PhotoTask(os.fspath(root), name, (root / name).stat().st_size, number))
    return found

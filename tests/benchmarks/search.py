"""Processor time of searching and of guessing attributes in a large library, the model loaded.

    python -m tests.benchmarks.search [100000]

The library is made up: random embeddings, two faces a photo, 5,000 people.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import numpy as np

from faceclust.config import Config
from faceclust.embed.clip import FACE_CLIP, Clip, model_id
from faceclust.pipeline import Library, search, summaries
from faceclust.pipeline.attributes import prepare
from faceclust.pipeline.guesses import SETTING, Guesses
from faceclust.store import intake, open_database
from tests.synthetic import group

PEOPLE = 5000


def fill(library: Library, count: int, dim: int) -> None:
    """Put `count` described faces into an empty library."""
    i = np.random.default_rng(0).normal(size=(count, dim)).astype(np.float32)
    i /= np.linalg.norm(i, axis=1, keepdims=True)
    faces = range(1, count + 1)
    with library.db.transaction() as sql:
        sql.executemany(
            "INSERT INTO photos VALUES (?, ?, 9, 9, 1, 'JPEG', NULL, NULL, '', '')",
            ((n, str(n)) for n in range(count // 2 + 1)),
        )
        sql.executemany(
            "INSERT INTO files (path, size, mtime_ns, photo_id) VALUES (?, 1, 1, ?)",
            ((f"folder/{n:06}.jpg", n) for n in range(count // 2 + 1)),
        )
        sql.executemany(
            "INSERT INTO faces VALUES (?, ?, 0, 0, 1, 1, x'', 0.9, 99, 50, 0, NULL)",
            ((n, n // 2) for n in faces),
        )
        intake.put_vectors(sql, model_id(FACE_CLIP), faces, i)
    library.db.set_setting(SETTING, model_id(FACE_CLIP))
    prepare(library, Config())
    group(library.db, *(tuple(range(n, count + 1, PEOPLE)) for n in range(1, PEOPLE + 1)))


def best(run: Callable[[], object]) -> float:
    """Seconds of processor time, the better of three."""
    times = []
    for _ in range(3):
        started = time.process_time()
        run()
        times.append(time.process_time() - started)
    return min(times)


def main() -> None:
    """Print the figures."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 100_000
    clip = Clip()
    clip.encode_texts(["a face"])
    import_module("faceclust.pipeline.search").Clip = lambda name: clip
    with tempfile.TemporaryDirectory() as name:
        library = Library(Path(name), open_database(Path(name, "library.db"), create=True))
        with library:
            fill(library, count, clip.dim)
            found = best(lambda: search(library, "a smiling child with glasses"))
            guessed = best(lambda: Guesses(library))
            shown = best(lambda: summaries(library))
    print(f"{count} faces: search {found:.2f} s, all guesses {guessed:.2f} s, people {shown:.2f} s")


if __name__ == "__main__":
    main()

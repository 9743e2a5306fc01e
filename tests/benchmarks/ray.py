"""The Ray engine beside a single machine, in one run: whether they are equal, and the seconds.

    python -m tests.benchmarks.ray --faces 20000 [--photos 200] [--search 200000] [--cpus 2]

Faces are made up in a space of the mobile profile's shape (704 numbers, 256 dimensions), a long
tail of people, one to three in a photo; both engines cluster a copy of the same stored library.
Photos are those of the album. For each stage it prints what a plan for larger libraries needs,
rates and bytes. It exits with 1 where a result differs from a single machine's.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from faceclust import pipeline
from faceclust.cluster.methods import EDGE_LISTS, ClusterOptions
from faceclust.config import Config
from faceclust.embed.arcface import Unit, normalise
from faceclust.embed.clip import model_id
from faceclust.engine import shards
from faceclust.engine.knn import INDEXED
from faceclust.engine.partition import Component
from faceclust.engine.scan import MOST
from faceclust.engine.tasks import Here
from faceclust.evaluate import scores
from faceclust.graph.knn import knn
from faceclust.graph.pairs import Pairs
from faceclust.photos import WalkOptions, walk
from faceclust.pipeline import Library, models
from faceclust.pipeline.extract import ExtractorFactory, PhotoTask
from faceclust.pipeline.models import MOBILE, Space
from faceclust.pipeline.scoring import choose
from faceclust.pipeline.steps import Steps, on
from faceclust.records import FloatArray
from faceclust.store import catalogue, intake, ledger, open_database
from tests.benchmarks import corpus, made_up
from tests.engine.crowd import faces
from tests.synthetic import library, photo

say = partial(print, file=sys.stdout, flush=True)  # while Ray runs, stdout is its own


class Timed:
    """The steps of an engine, and the seconds that each took; what came out, for comparison."""

    def __init__(self, steps: Steps) -> None:
        self.seconds: dict[str, float] = {}
        self.results: dict[str, list[Any]] = {}
        self.steps = replace(
            steps,
            knn=self._timed("knn", steps.knn),
            score=self._timed("score", steps.score),
            partition=self._timed("partition", steps.partition),
        )

    def _timed(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **words: Any) -> Any:
            started = time.perf_counter()
            result = step(*arguments, **words)
            self.seconds[name] = self.seconds.get(name, 0) + time.perf_counter() - started
            self.results.setdefault(name, []).append(result)
            return result

        return call


class Metered:
    """Runs the pieces here and counts processor seconds, which others on the machine cost little.

    Attributes:
        seconds, units: of the pieces so far; a unit is a product of two faces, or a pair.
    """

    def __init__(self, N: int) -> None:
        self.N, self.seconds, self.units, self.pieces = N, 0.0, 0, 0

    def share(self, value: Any) -> Here[Any]:
        return Here(value)

    def each(self, work: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        for piece in pieces:
            started = time.process_time()
            result = work(piece)
            self.seconds += time.process_time() - started
            self.units += self._units(piece)
            self.pieces += 1
            yield result

    def _units(self, piece: Any) -> int:
        match piece:
            case Pairs():
                return len(piece.similarity)
            case Component():
                return len(piece.graph.edge_weight)
            case (_, queries):
                return len(queries) * self.N
        raise TypeError(piece)


def rates(x: FloatArray, within: Space) -> None:
    """What a processor does in a second, step by step, and what is left for the driver."""
    N = len(x)
    unit, scorer = Unit.of(x, within.parts), choose(ClusterOptions(), within, None)
    assert scorer is not None
    near, graph = None, None
    for name in ("knn", "score", "partition"):
        meter, started = Metered(N), time.process_time()
        steps = on(meter)
        match name:
            case "knn":
                near, unit_name = steps.knn(unit.x, EDGE_LISTS), "products"
            case "score":
                graph, unit_name = steps.score(scorer, unit, unit.x, near, None), "pairs"
            case "partition":
                steps.partition(graph, apart=None, constraints=None)
                unit_name = "pairs"
        own = time.process_time() - started - meter.seconds
        say(
            f"  {name}: {meter.units / max(meter.seconds, 1e-9):.3g} {unit_name} a processor second"
            f" in {meter.pieces} pieces, {meter.units / N:.1f} {unit_name} a face; the driver"
            f" {own / N * 1e6:.1f} us a face"
        )


def searched(N: int) -> bool:
    """The approximate search, which large libraries have: equality, and what a query costs.

    Of faces that fill several shards no equal lists are promised.
    """
    x, _ = faces(N, D=sum(made_up.RANKS))
    unit = normalise(x)
    one = knn(unit, EDGE_LISTS, exact_below=0)
    meter, started = Metered(N), time.process_time()
    many = on(meter).knn(unit, EDGE_LISTS, exact_below=0)
    own, equal = time.process_time() - started - meter.seconds, same(one, many)
    say(
        f"search of {N}: equal {equal}; {N / meter.seconds:.0f} queries a processor "
        f"second in {meter.pieces} pieces, building included; the driver {own / N * 1e6:.1f} us a "
        "face"
    )
    return equal or N > INDEXED


def reading(folder: Path) -> None:
    """Processor seconds that a photo costs."""
    config = Config()
    extract = ExtractorFactory(
        models.resolve("mobile"), config.detector, "cpu", 1, clip=model_id(config.scan.clip)
    )()
    files = list(walk(folder, WalkOptions()))
    tasks = [PhotoTask(str(folder), f.path, f.size, f.mtime_ns) for f in files]
    extract(tasks[0])
    started = time.process_time()
    found = [extract(task) for task in tasks]
    seconds = time.process_time() - started
    faces = sum(len(item.faces) for item in found)
    say(
        f"  read: {len(tasks) / seconds:.1f} photos a processor second, {faces / len(tasks):.2f} "
        f"faces and {sum(f.size for f in files) / len(tasks):.0f} bytes a photo"
    )


def taken(folder: Path, count: int) -> None:
    """What it costs the driver to take finished shards into the library."""
    x, _ = faces(count, D=sum(made_up.WIDTHS))
    rng = np.random.default_rng(0)
    items = [
        replace(photo(f"{i:08}.jpg", 1), vectors=row[None], thumbnails=(rng.bytes(5000),),
                clip_vectors=row[None, :512])
        for i, row in enumerate(x)
    ]  # fmt: skip
    starts = range(0, count, MOST)
    for start in starts:
        shards.write(folder / "made-up", str(start), items[start : start + MOST])
    size = sum(path.stat().st_size for path in (folder / "made-up").rglob("*.*"))
    with library(folder / "empty", db=folder / "empty.db") as opened:
        started, wall = time.process_time(), time.perf_counter()
        for start in starts:
            found = shards.read(folder / "made-up", str(start))
            with opened.db.transaction() as sql:
                intake.put_scanned(sql, found or (), "e", "m", "c")
        seconds, wall = time.process_time() - started, time.perf_counter() - wall
    say(
        f"take: {count / seconds:.0f} faces a processor second, {count / wall:.0f} a second; "
        f"{size / count:.0f} bytes a face in shards, "
        f"{(folder / 'empty.db').stat().st_size / count:.0f} in the library"
    )


def same(one: Any, two: Any) -> bool:
    """Whether the results of a step are equal, bit for bit."""
    if isinstance(one, np.ndarray):
        return bool(np.array_equal(one, two))
    names = ("index", "similarity") if hasattr(one, "index") else ("edge_index", "edge_weight")
    return all(np.array_equal(getattr(one, name), getattr(two, name)) for name in names)


def clustered(db: Path, steps: Steps) -> tuple[Timed, dict[int, int], float]:
    timed = Timed(steps)
    with Library(db.parent / "album", open_database(db)) as opened:
        started = time.perf_counter()
        pipeline.cluster(opened, ClusterOptions(), steps=timed.steps)
        seconds = time.perf_counter() - started
        newest = ledger.newest_clustering(opened.db)
        assert newest is not None
        return timed, dict(newest.membership), seconds


def cluster(folder: Path, N: int, ray: Steps) -> bool:
    """Both engines cluster one library; whether they come to the same."""
    x, person = made_up.mobile(N)
    db = made_up.photographed(folder, x, person)
    shutil.copy(db, folder / "ray.db")
    with pipeline.steps() as local:
        one, labels, seconds = clustered(db, local)
    many, others, on_ray = clustered(folder / "ray.db", ray)
    found = np.array([labels[face] for face in sorted(labels)])
    f = scores(person, np.unique(found, return_inverse=True)[1])
    say(f"{N} faces, {len(set(labels.values()))} clusters, BCubed F {100 * f.bcubed.f:.2f}")
    whole = labels == others
    say(f"cluster: equal {whole}; {seconds:.1f} s local, {on_ray:.1f} s on Ray")
    for name in ("knn", "score", "partition"):
        equal = all(map(same, one.results[name], many.results[name]))
        whole &= equal
        say(
            f"  {name}: equal {equal}; {one.seconds[name]:.2f} s local, {many.seconds[name]:.2f} s "
            "on Ray"
        )
    rates(x, models.space(MOBILE))
    return whole


def content(db: Path) -> list[Any]:
    """What a scan has stored, whatever the order in which photos were read."""
    with sqlite3.connect(db) as sql:
        return sorted(
            sql.execute(
                """SELECT files.path, error, x, y, w, h, landmarks, score, model, vector
                FROM files LEFT JOIN faces USING (photo_id)
                LEFT JOIN embeddings ON face_id = faces.id"""
            ),
            key=repr,
        )  # fmt: skip


def scan(folder: Path, photos: int, ray: Steps) -> bool:
    """Both engines read the same photos; whether they store the same."""
    album = corpus.many(folder, photos)
    reading(album)
    stored = []
    with pipeline.steps() as local:
        for name, steps in (("local", local), ("Ray", ray)):
            opened, inside = pipeline.for_scan(album, folder / f"{name}.db")
            kept = folder / "shards" if name == "Ray" else None
            with opened:
                config = pipeline.settings(opened, {})
                report = pipeline.scan(opened, inside, config, steps=steps, shards=kept)
                read = catalogue.embedded_faces(opened.db, opened.db.setting("model") or "")
            stored.append(content(folder / f"{name}.db"))
            say(f"scan {name}: {report.read} photos, {report.read / report.seconds:.1f} photos/s")
    size = sum(path.stat().st_size for path in (folder / "shards").rglob("*.*"))
    equal = stored[0] == stored[1]
    say(
        f"scan: equal {equal}; {len(read) / photos:.2f} faces a photo, shards of "
        f"{size / photos:.0f} bytes a photo"
    )
    return equal


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--faces", type=int, default=20_000)
    parser.add_argument("--photos", type=int, default=0)
    parser.add_argument("--search", type=int, default=0)
    parser.add_argument("--cpus", type=int, default=2)
    parser.add_argument("--address")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        os.environ["FACECLUST_DATA"] = scratch
        equal = not given.search or searched(given.search)
        if not given.faces:
            raise SystemExit(not equal)
        started = time.perf_counter()
        with pipeline.steps("ray", given.address, given.cpus) as ray:
            say(f"Ray started or reached in {time.perf_counter() - started:.1f} s")
            equal &= cluster(folder, given.faces, ray)
            taken(folder, given.faces)
            if given.photos:
                equal &= scan(folder, given.photos, ray)
    raise SystemExit(not equal)


if __name__ == "__main__":
    main()

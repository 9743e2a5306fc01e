"""Seconds and memory from embeddings to people: python -m tests.benchmarks.edges [25000 100000].

The embeddings are synthetic, with a long tail of photos a person, or, with `--crops FOLDER`, real
ones with noise (see `grown`): FOLDER holds `embeddings/` or .npz files as `faceclust train` leaves
them. With `--clip-cluster` what it says is added, as `--edges clip-cluster` does. Each size runs in
a process of its own, so that its peak memory is its own; F says that the faces are neither trivial
nor hopeless. Wall-clock and processor seconds are printed: on a busy machine the latter tell more.
Between each size and the next the growth is printed, as a whole and beyond the neighbour search.
"""

from __future__ import annotations

import argparse
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias, TypeVar

import numpy as np

from faceclust import weights
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.cluster.partition import partition
from faceclust.cluster.thinning import regroup
from faceclust.evaluate import scores
from faceclust.graph import correction, edges
from faceclust.graph.knn import knn
from faceclust.graph.principal import compact, principal
from faceclust.pipeline.models import EDGES, MOBILE, space
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

T = TypeVar("T")
Row: TypeAlias = Mapping[str, float]  # seconds of the stages, and what else one size came to
STAGES = ("compact", "neighbours", "edges", "partition", "regroup")
BEYOND = STAGES[2:]  # the search
D, E = 704, 256
ALIKE, NOISE = 16, 0.1
RANK = 80  # of the subspace that faces fill: strangers' cosines spread by 1 / sqrt(RANK)


def long_tail(faces: int) -> tuple[FloatArray, IntArray]:
    """Synthetic embeddings: Pareto-distributed photos a person, some photos worse than others."""
    rng = np.random.default_rng(0)
    photos = np.clip((1 / (1 - rng.random(faces))).astype(int), 1, 800)
    person = np.repeat(np.arange(faces), photos)[:faces]
    basis = rng.normal(size=(RANK, D)).astype(np.float32)
    centre = unit(rng.normal(size=(person[-1] + 1, RANK)).astype(np.float32) @ basis)
    x = np.empty((faces, D), np.float32)
    for start in range(0, faces, 10_000):
        own = person[start : start + 10_000]
        noise = unit(rng.normal(size=(len(own), RANK)).astype(np.float32) @ basis)
        quality = rng.uniform(0.6, 1.1, (len(own), 1)).astype(np.float32)
        x[start : start + 10_000] = unit(centre[own] + quality * noise)
    return x, person


def grown(folder: Path, faces: int) -> tuple[FloatArray, IntArray]:
    """Real faces, and as many more: copies of the whole set as other people, with noise.

    Each copy mirrors and exchanges principal components of like energy. So what is near within it
    is as near as before, families and look-alikes too, while its people are strangers to those of
    all other copies as any two people are.
    """
    rows, names = [], []
    for path in sorted(folder.rglob("*.npz")):
        with np.load(path) as file:
            rows.append(np.hstack([unit(file["x"]), unit(file["y"])]))
            names += [f"{path.stem}/{name.split('/')[0]}" for name in file["names"].tolist()]
    real = unit(np.vstack(rows))
    who = np.unique(names, return_inverse=True)[1]
    rng = np.random.default_rng(0)
    basis = principal(real, real.shape[1])
    components = real @ basis
    spread = components.std(0)
    x, person = np.empty((faces, real.shape[1]), np.float32), np.empty(faces, np.int64)
    for copy, start in enumerate(range(0, faces, len(real))):
        part = slice(start, min(start + len(real), faces))
        exchanged = np.arange(real.shape[1])
        sign = np.ones(real.shape[1], np.float32)
        if copy:
            sign = rng.choice(np.array([-1, 1], np.float32), real.shape[1])
            for near in range(0, real.shape[1], ALIKE):
                rng.shuffle(exchanged[near : near + ALIKE])
        other = components[: part.stop - start, exchanged] * sign
        if copy:
            other += NOISE * spread * rng.standard_normal(other.shape, np.float32)
        x[part] = unit(other @ basis.T)
        person[part] = who[: part.stop - start] + copy * (who.max() + 1)
    return x, person


def unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


Scorer = Callable[[FloatArray, IntArray | slice, Neighbours], Graph]


def scorer(x: FloatArray | None, faces: int) -> Scorer:
    """Log-odds among some faces in few dimensions; x is what CLIP-Cluster adds its share for."""
    model = edges.load(weights.own(EDGES))
    if x is None:
        return lambda small, rows, near: edges.score(model, small[rows], near)
    i = unit(np.random.default_rng(1).normal(size=(faces, E)).astype(np.float32))
    trained = correction.load(weights.own(space(MOBILE).proxies or ""))

    def score(small: FloatArray, rows: IntArray | slice, near: Neighbours) -> Graph:
        opened = partial(correction.Correction.of, trained, x[rows], i[rows], near)
        return edges.score(model, small[rows], near, corrected=opened)

    return score


def measure(faces: int, corrected: bool, crops: Path | None, search: Mapping[str, float]) -> Row:
    """One library, stage by stage."""
    seconds: dict[str, float] = {}

    def timed(name: str, run: Callable[[], T]) -> T:
        wall, cpu = time.perf_counter(), time.process_time()
        result = run()
        seconds[name] = time.perf_counter() - wall
        seconds[f"{name} cpu"] = time.process_time() - cpu
        return result

    x, person = grown(crops, faces) if crops else long_tail(faces)
    score = scorer(x if corrected else None, faces)
    begin = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    small = timed("compact", lambda: compact(x))
    neighbours = timed("neighbours", lambda: knn(small, EDGE_LISTS, **search))
    graph = timed("edges", lambda: score(small, slice(None), neighbours))
    once = timed("partition", lambda: partition(graph))
    again = lambda rows: score(small, rows, knn(small[rows], EDGE_LISTS))  # noqa: E731
    labels = timed("regroup", lambda: regroup(once, graph, again))
    found = scores(person.astype(np.int64), labels)
    return seconds | {
        "faces": faces,
        "edge count": graph.edge_index.shape[1],
        "F pairwise": found.pairwise.f,
        "F BCubed": found.bcubed.f,
        "GiB before": begin,
        "GiB peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2,
    }


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", type=int, default=[25_000, 100_000])
    parser.add_argument("--clip-cluster", action="store_true")
    parser.add_argument("--crops", type=Path)
    parser.add_argument("--share", type=float, help="of faces that a search looks at")
    parser.add_argument("--exact-below", type=int, help="faces from which a search is approximate")
    parser.add_argument("--json", action="store_true", help="measure in this process")
    given = parser.parse_args()
    search = {"share": given.share, "exact_below": given.exact_below}
    search = {name: value for name, value in search.items() if value is not None}
    if given.json:
        print(json.dumps(measure(given.sizes[0], given.clip_cluster, given.crops, search)))
        return
    rows = []
    for size in given.sizes:
        command = [sys.executable, "-m", "tests.benchmarks.edges", "--json", str(size)]
        command += ["--clip-cluster"] * given.clip_cluster
        command += ["--crops", str(given.crops)] if given.crops else []
        for name, value in search.items():
            command += [f"--{name.replace('_', '-')}", str(value)]
        answer = subprocess.run(command, capture_output=True, check=True, text=True).stdout
        rows.append(json.loads(answer))
    print(*told(rows), sep="\n")


def told(rows: Sequence[Row]) -> Iterator[str]:
    """Two lines a size; then, between each size and the next larger one, how the seconds grow."""
    for row in rows:
        total = sum(row[stage] for stage in STAGES)
        parts = ", ".join(f"{s} {row[s]:.1f} s ({row[f'{s} cpu']:.1f} cpu)" for s in STAGES)
        yield f"{row['faces']:,} faces in {total:.1f} s: {parts}; {row['edge count']:,} edges"
        yield (
            f"  F {row['F pairwise']:.4f} / {row['F BCubed']:.4f}; partition "
            f"{row['partition'] / total:.1%} of the whole, crowded clusters "
            f"{row['regroup'] / total:.1%}; peak {row['GiB peak']:.2f} GiB"
        )
    ordered = sorted(rows, key=lambda row: row["faces"])
    for less, more in pairwise(ordered):
        if less["faces"] < more["faces"]:
            yield f"growth from {less['faces']:,} to {more['faces']:,} faces:"
            for name, stages in (("as a whole", STAGES), ("beyond the search", BEYOND)):
                wall, cpu = (growth(less, more, stages, kind) for kind in ("", " cpu"))
                yield f"  {name} n^{wall:.2f} (cpu n^{cpu:.2f})"


def growth(less: Row, more: Row, stages: Sequence[str], kind: str = "") -> float:
    """The power of the number of faces that some stages' seconds grow with."""
    spent = [sum(row[f"{stage}{kind}"] for stage in stages) for row in (less, more)]
    return math.log(spent[1] / spent[0]) / math.log(more["faces"] / less["faces"])


if __name__ == "__main__":
    main()

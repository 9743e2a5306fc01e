"""Churn when photos are added, accuracy of a library that grows, seconds for +100 photos.

    python -m tests.benchmarks.churn album dev-family.tar dev-lfw.tar
    python -m tests.benchmarks.churn --seconds 100000

A set is a folder of photos, or a tar of aligned crops, one folder a person; the name of a crop may
say which photo it is from, PHOTO_faceK.
Churn is the share of the faces there before whose cluster mates (among these) have changed.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path

import numpy as np

from faceclust import pipeline
from faceclust.cluster.methods import ClusterOptions
from faceclust.config import Config
from faceclust.evaluate import bcubed, scores
from faceclust.pipeline import Library, models
from faceclust.pipeline.labelled import labelled_data
from faceclust.records import FloatArray, IntArray
from faceclust.store import (
    Scanned,
    catalogue,
    intake,
    open_database,
)
from tests.benchmarks.edges import long_tail
from tests.synthetic import INFO, face

TRIALS = 30
NAMED = 10
ORDERS = 3


@contextmanager
def empty(scratch: Path) -> Iterator[Library]:
    with Library(scratch, open_database(scratch / "library.db", create=True)) as library:
        library.db.set_setting("model", models.MOBILE)
        library.db.set_setting("extractor", "benchmark")
        yield library


def add(library: Library, x: FloatArray, photo: IntArray, rows: Iterable[int]) -> list[int]:
    """Put photos into a library, as a scan would; the rows in the order of the face ids."""
    photos: defaultdict[int, list[int]] = defaultdict(list)
    for row in rows:
        photos[int(photo[row])].append(row)
    batch = [
        Scanned(
            path=f"{number:07}.jpg", size=1, mtime_ns=1, content_hash=str(number), info=INFO,
            faces=tuple(face() for _ in members), vectors=x[members],
            thumbnails=(b"",) * len(members),
        )
        for number, members in photos.items()
    ]  # fmt: skip
    with library.db.transaction() as sql:
        intake.put_scanned(sql, batch, "benchmark", models.MOBILE)
    return [row for members in photos.values() for row in members]


def people(library: Library) -> dict[int, int]:
    """Person of each face."""
    return {f: person.id for person in pipeline.all_people(library) for f in person.faces}


def churn(before: dict[int, int], after: dict[int, int]) -> set[int]:
    """Faces whose mates among the faces before are others now."""

    def mates(of: dict[int, int]) -> dict[int, frozenset[int]]:
        groups: defaultdict[int, set[int]] = defaultdict(set)
        for number, person in of.items():
            if number in before:
                groups[person].add(number)
        return {f: frozenset(group) for group in groups.values() for f in group}

    old, new = mates(before), mates(after)
    return {number for number in old if old[number] != new.get(number)}


def read(path: Path) -> tuple[FloatArray, IntArray, IntArray]:
    """Embeddings, true person and photo of each crop of a tar."""
    found = labelled_data(path, aligned=True, profile=None)
    person = np.unique(found.persons, return_inverse=True)[1].astype(np.int64)
    photo = np.arange(len(person)) if found.photo is None else found.photo
    return found.embeddings, person, photo


def one_more(x: FloatArray, photo: IntArray) -> None:
    """Churn after a photo is added to all others; and what grouping anew would do."""
    rng = np.random.default_rng(0)
    late = rng.choice(np.unique(photo), TRIALS, replace=False)
    unnamed, named, afresh = [], 0, []
    with tempfile.TemporaryDirectory() as scratch, empty(Path(scratch)) as library:
        add(library, x, photo, np.flatnonzero(~np.isin(photo, late)).tolist())
        pipeline.cluster(library, ClusterOptions())
        for person in pipeline.summaries(library)[: 2 * NAMED : 2]:
            pipeline.name(library, str(person.person.id), f"Person {person.person.id}")
        known = {f for p in pipeline.all_people(library) if p.name for f in p.faces}
        for number in late:
            before = people(library)
            add(library, x, photo, np.flatnonzero(photo == number).tolist())
            pipeline.cluster(library, ClusterOptions(), anew=False)
            changed = churn(before, people(library))
            named += len(changed & known)
            unnamed.append(len(changed) / len(before))
        for trial in range(3):
            before = people(library)
            add(library, x, photo + photo.max() + 1 + trial, np.flatnonzero(photo == late[trial]))
            pipeline.cluster(library, ClusterOptions())
            afresh.append(len(churn(before, people(library))) / len(before))
    print(
        f"  +1 photo, {TRIALS} times: churn of named people {named} faces, of all "
        f"{np.mean(unnamed):.3%} (most {max(unnamed):.3%}); grouped anew {np.mean(afresh):.3%}"
    )


def orders(x: FloatArray, person: IntArray, photo: IntArray) -> None:
    """Accuracy when photos arrive in ten batches, or the last 2 % later, in random orders.

    And how many faces end among others than when all come at once, or in another order. The last
    2 % are the most that are not yet a reason to group all anew.
    """
    at_once = arrived(x, photo, [np.unique(photo)])
    print(f"  at once: {accuracy(person, at_once)}")
    for label, cuts in {
        "in ten batches": np.arange(1, 10) / 10,
        "the last 2 % later": [0.98],
    }.items():
        ends = []
        for order in range(ORDERS):
            numbers = np.random.default_rng(order).permutation(np.unique(photo))
            places = (np.asarray(cuts) * len(numbers)).astype(np.int64)
            ends.append(arrived(x, photo, np.split(numbers, places)))
            print(f"  {label}, order {order}: {accuracy(person, ends[-1])}")
        against = [moved(at_once, end) for end in ends]
        between = [moved(one, other) for one, other in combinations(ends, 2)]
        print(
            f"  {label}: {np.mean(against):.2%} of the faces among others than at once (most "
            f"{max(against):.2%}), than in another order {np.mean(between):.2%} "
            f"(most {max(between):.2%})"
        )


def arrived(x: FloatArray, photo: IntArray, parts: list[IntArray]) -> IntArray:
    """(N,) the person of each row after some photos at a time were scanned."""
    with tempfile.TemporaryDirectory() as scratch, empty(Path(scratch)) as library:
        came: list[int] = []
        for part in parts:
            rows = np.concatenate([np.flatnonzero(photo == number) for number in part])
            came += add(library, x, photo, rows.tolist())
            pipeline.cluster(library, ClusterOptions(), anew=False)
        found = people(library)
    labels = np.empty(len(came), np.int64)
    labels[came] = [found[number + 1] for number in range(len(came))]  # ids are given in that order
    return labels


def accuracy(person: IntArray, labels: IntArray) -> str:
    """F for a line of the table."""
    result = scores(person, labels)
    return f"F {result.pairwise.f:.2%} / {result.bcubed.f:.2%}"


def moved(one: IntArray, other: IntArray) -> float:
    """Share of the faces that are among others in the other of two groupings (N,)."""
    _, a, size_a = np.unique(one, return_inverse=True, return_counts=True)
    _, b, size_b = np.unique(other, return_inverse=True, return_counts=True)
    _, both, size = np.unique(a * len(size_b) + b, return_inverse=True, return_counts=True)
    return float(np.mean((size[both] < size_a[a]) | (size[both] < size_b[b])))


def album(folder: Path) -> None:
    """Churn on a folder of real photos."""
    with (
        tempfile.TemporaryDirectory() as scratch,
        Library(folder, open_database(Path(scratch) / "library.db", create=True)) as library,
    ):
        pipeline.scan(library, folder, Config())
        _, x = catalogue.live_faces(library.db, models.MOBILE)
        ids = sorted(catalogue.photo_of_faces(library.db).items())
    photo = np.array([number for _, number in ids], np.int64)
    print(f"{folder.name}: {len(x)} faces, {len(np.unique(photo))} photos")
    one_more(x, photo)


def seconds(faces: int) -> None:
    """Seconds of grouping 100 new photos, of 1.5 faces each, into a library that is grouped."""
    x, person = long_tail(faces + 150)
    rng = np.random.default_rng(1)
    late = np.sort(rng.choice(len(x), 150, replace=False))
    early = np.setdiff1d(np.arange(len(x)), late)
    photo = np.arange(len(x))
    photo[late[:50]] = photo[late[50:100]]
    with tempfile.TemporaryDirectory() as scratch, empty(Path(scratch)) as library:
        add(library, x, photo, early.tolist())
        pipeline.cluster(library, ClusterOptions())
        before = people(library)
        came = np.array(add(library, x, photo, late.tolist()))
        acts = {
            "grouping": lambda: pipeline.cluster(library, ClusterOptions(), anew=False),
            "count of people": lambda: pipeline.head_count(library),
        }
        for label, act in acts.items():
            started, cpu = time.perf_counter(), time.process_time()
            act()
            wall, cpu = time.perf_counter() - started, time.process_time() - cpu
            print(f"  +100 photos into {faces} faces, {label}: {wall:.1f} s, {cpu:.1f} s of CPU")
        after = people(library)
        changed = churn(before, after)
        gone = sum(after[face] != person for face, person in before.items())
        right = bcubed(person[came], np.array([after[len(early) + 1 + i] for i in range(150)]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"  churn {len(changed) / len(before):.3%} of the faces, {gone} are somebody else's now; "
        f"BCubed F of the new ones alone {right.f:.2%}; peak memory {peak:.2f} GiB"
    )


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("sets", nargs="*", type=Path)
    parser.add_argument("--seconds", type=int, metavar="FACES")
    arguments = parser.parse_args()
    for path in arguments.sets:
        if path.is_dir():
            album(path)
            continue
        x, person, photo = read(path)
        print(f"{path.stem}: {len(x)} faces, {len(np.unique(photo))} photos")
        one_more(x, photo)
        orders(x, person, photo)
    if arguments.seconds:
        seconds(arguments.seconds)


if __name__ == "__main__":
    main()

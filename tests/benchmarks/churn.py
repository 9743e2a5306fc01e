"""Churn when photos are added, accuracy of a library that grows, seconds for +100 photos.

    python -m tests.benchmarks.churn album dev-family.npz dev-lfw.npz
    python -m tests.benchmarks.churn --seconds 100000

A set is a folder of photos, or an .npz with x (N, 512), y (N, 192) and names (N,), as the two
networks of the mobile profile embed aligned crops: PERSON/FILE, or PERSON/PHOTO_faceK.
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
from dataclasses import asdict
from pathlib import Path

import numpy as np

import faceclust
from faceclust import pipeline
from faceclust.cluster.methods import EDGE_LISTS, ClusterOptions
from faceclust.config import Config
from faceclust.embed.arcface import normalise
from faceclust.evaluate import bcubed, scores
from faceclust.graph.knn import knn
from faceclust.pipeline import Library, models
from faceclust.pipeline.scoring import choose
from faceclust.records import FloatArray, Graph, IntArray
from faceclust.store import (
    Nearby,
    Scanned,
    StoredClustering,
    catalogue,
    intake,
    ledger,
    open_database,
)
from tests.benchmarks.edges import long_tail
from tests.synthetic import INFO, face

TRIALS = 30
NAMED = 10


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
    """Embeddings, true person and photo of each face of an .npz."""
    with np.load(path) as file:
        x, names = np.concatenate([file["x"], file["y"]], 1), file["names"].tolist()
    person = [name.split("/")[0] for name in names]
    photo = [
        f"{name.split('_')[0]}/{name.split('/')[1].split('_face')[0]}" if "_face" in name else name
        for name in names
    ]
    return x, *(np.unique(values, return_inverse=True)[1] for values in (person, photo))


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


def batches(x: FloatArray, person: IntArray, photo: IntArray, count: int = 10) -> None:
    """Accuracy when photos arrive in batches, in two random orders, against all at once.

    Of the two orders, also how many faces end among others: after the last batch, and once all
    were grouped anew.
    """
    ends: defaultdict[str, list[IntArray]] = defaultdict(list)
    for order in (None, 0, 1):
        numbers = np.unique(photo)
        with tempfile.TemporaryDirectory() as scratch, empty(Path(scratch)) as library:
            if order is None:
                parts, label = [numbers], "at once"
            else:
                shuffled = np.random.default_rng(order).permutation(numbers)
                parts, label = np.array_split(shuffled, count), f"in {count} batches, order {order}"
            came: list[int] = []
            for part in parts:
                rows = np.concatenate([np.flatnonzero(photo == number) for number in part])
                came += add(library, x, photo, rows.tolist())
                pipeline.cluster(library, ClusterOptions(), anew=False)
            labels = found_for(came, people(library))
            result = scores(person, labels)
            if order is not None:
                ends["after the last batch"].append(labels)
                pipeline.cluster(library, ClusterOptions())
                ends["grouped anew"].append(found_for(came, people(library)))
        print(f"  {label}: F {result.pairwise.f:.2%} / {result.bcubed.f:.2%}")
    for when, (one, other) in ends.items():
        print(f"  between the orders, {when}: {moved(one, other):.2%} of the faces among others")


def found_for(came: list[int], found: dict[int, int]) -> IntArray:
    """(N,) the person of each row; faces got their ids in the order in which the rows came."""
    labels = np.empty(len(came), np.int64)
    labels[came] = [found[number + 1] for number in range(len(came))]
    return labels


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
    """Seconds of grouping 100 new photos, of 1.5 faces each, into a library that is grouped.

    It is grouped by the true people: what the new photos cost does not depend on how.
    """
    x, person = long_tail(faces + 150)
    rng = np.random.default_rng(1)
    late = np.sort(rng.choice(len(x), 150, replace=False))
    early = np.setdiff1d(np.arange(len(x)), late)
    photo = np.arange(len(x))
    photo[late[:50]] = photo[late[50:100]]
    with tempfile.TemporaryDirectory() as scratch, empty(Path(scratch)) as library:
        add(library, x, photo, early.tolist())
        ids, known = catalogue.live_faces(library.db, models.MOBILE)
        x_known = normalise(known, models.space(models.MOBILE).parts)
        lists = knn(x_known, EDGE_LISTS)
        nothing = Graph(np.zeros((2, 0), np.int64), np.zeros(0, np.float32), len(ids))
        clusters = np.array(ledger.new_ids(library.db, int(person.max()) + 1))[person[early]]
        membership = dict(zip(ids.tolist(), clusters.tolist(), strict=True))
        options = ClusterOptions()
        scorer = choose(options, models.space(models.MOBILE), None)
        recipe = {"faceclust": faceclust.__version__, **asdict(options), "anew": faces}
        recipe["scorer"] = scorer.name if scorer else None
        ledger.put_clustering(
            library.db,
            StoredClustering(models.MOBILE, "partition", recipe, membership),
            Nearby(ids, lists, nothing),
        )
        del known, x_known, lists
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
        right = bcubed(person[came], np.array([after[len(early) + 1 + i] for i in range(150)]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024**2
    print(
        f"  churn {len(changed) / len(before):.3%} of the faces; BCubed F of the new ones alone "
        f"{right.f:.2%}; peak memory {peak:.2f} GiB"
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
        batches(x, person, photo)
    if arguments.seconds:
        seconds(arguments.seconds)


if __name__ == "__main__":
    main()

"""Evaluate: the library, or a labelled folder or tar, against known people."""

from __future__ import annotations

import lzma
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from posixpath import normpath
from typing import Any

import numpy as np

from faceclust import config as settings
from faceclust import photos, workers
from faceclust.cluster.methods import ClusterOptions
from faceclust.config import Config
from faceclust.embed.arcface import Embedder
from faceclust.errors import InputError, LibraryError, OptionError, PhotoError
from faceclust.evaluate import read_labels
from faceclust.faces.align import CROP
from faceclust.photos import WalkOptions
from faceclust.pipeline import library as libraries
from faceclust.pipeline import models
from faceclust.pipeline.arrive import between
from faceclust.pipeline.clicks import simulate
from faceclust.pipeline.cluster import Grouping, group, photos_of
from faceclust.pipeline.extract import ExtractorFactory, PhotoTask
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import Models
from faceclust.pipeline.own import report, score_by_names
from faceclust.pipeline.people import all_people
from faceclust.records import Box, FloatArray, Graph, IntArray
from faceclust.store import Scanned, catalogue, ledger, nearby
from faceclust.workers import Failure, Limits

MAX_TAR_BYTES = 64 << 30
CHUNK = 64
# All that tarfile and the decompressors raise for what is damaged; ValueError for impossible names.
_UNPACKING = (tarfile.TarError, EOFError, OSError, ValueError, zlib.error, lzma.LZMAError)


def evaluate(
    *,
    labels: Path | None = None,
    data: Path | None = None,
    aligned: bool = False,
    options: Mapping[str, Any],
    profile: str | None = None,
    library: Path | None = None,
    db: Path | None = None,
) -> dict[str, Any]:
    """Score a clustering against known people: labels, data, or the names given in the library.

    Args:
        labels: a CSV with columns file (relative to the library) and person. A photo's label is
            that of its most prominent face; all other faces are left out of the score.
        data: a folder or tar with one folder of photos for each person, in place of a library.
        aligned: the files of `data` are aligned 112 x 112 crops, to be embedded as they are.
        options: fields of `ClusterOptions`; None and missing ones are the defaults. With
            `labels`, and none given, the library's people are scored as they stand.
        profile: networks for `data`.
        library, db: which library, where no `data` is given.

    Returns:
        faces, people, clusters, pairwise and bcubed {precision, recall, f}, method, threshold,
        seconds {embed, knn, cluster}, peak_rss_mb, clicks {by_size, by_questions} to 80 and 95 %
        (None where the method scores no pairs of faces). Without labels and data also same_photo
        and advice, see `score_by_names`.

    Raises:
        OptionError: both `labels` and `data`, or options that do not go together.
        InputError: the labels or the data cannot be read, or show no known face.
        LibraryError: the library has not been clustered, or too few people have a name.
    """
    if labels is not None and data is not None:
        raise OptionError(
            "Give --labels CSV to score a library, or --data to score a folder or tar, not both."
        )
    if data is None:
        if aligned or profile:
            raise OptionError("--aligned and --profile go with --data only.")
        with libraries.find(library, db) as found:
            if labels is None:
                return score_by_names(found, _cluster_options(options, people=1))
            return _score_library(found, labels, options)
    _cluster_options(options, people=1)  # mistakes are told before the long work begins
    config = settings.load()
    config = Config(scan=settings.override(config.scan, profile=profile), detector=config.detector)
    with _as_folder(data) as folder:
        started = time.perf_counter()
        resolved = models.resolve(config.scan.profile)
        persons, x = embed_identities(folder, resolved, config, aligned)
        if not persons:
            raise InputError(f"{data} holds no photo with a face; it needs one folder a person.")
        embedded = time.perf_counter() - started
    wanted = _cluster_options(options, len(set(persons)))
    grouping = group(x, wanted, models.space(resolved.model_id))
    doubts = None if grouping.edges is None else between(grouping.edges, grouping.labels)
    return report(persons, grouping, wanted.method, embedded, _clicks(persons, grouping, doubts))


def _score_library(library: Library, source: Path, options: Mapping[str, Any]) -> dict[str, Any]:
    people = {normpath(file): person for file, person in read_labels(source).items()}
    truth = {
        face: people[path] for path, face in prominent_faces(library).items() if people.get(path)
    }
    if not truth:
        raise InputError(
            f"{source} names no file of {library.root} in which a face was found; its column "
            f"'file' must hold paths relative to that folder."
        )
    if any(value is not None for value in options.values()):
        wanted = _cluster_options(options, len(set(truth.values())))
        model = library.db.setting("model") or ""
        faces, x = catalogue.live_faces(library.db, model)
        grouping = group(x, wanted, models.space(model), photos_of(library, faces))
        method = str(wanted.method)
        label_of = dict(zip(faces.tolist(), grouping.labels.tolist(), strict=True))
        if grouping.edges is not None:
            left = between(grouping.edges, grouping.labels)
            ends, log_odds = faces[left.edge_index], left.edge_weight
    else:
        grouping, method = _as_it_stands(library)
        label_of = {f: person.id for person in all_people(library) for f in person.faces}
        if method == "partition":
            ends, log_odds = nearby.doubts(library.db)
    scored = sorted(face for face in truth if face in label_of)
    if not scored:
        raise LibraryError(f"{library.root} has not been clustered yet; run `faceclust cluster`.")
    labels = np.array([label_of[face] for face in scored], np.int64)
    result = Grouping(labels, grouping.threshold, grouping.knn_seconds, grouping.cluster_seconds)
    persons = [truth[face] for face in scored]
    doubts = None
    if method == "partition":
        rows = np.array(scored, np.int64)
        keep = np.isin(ends, rows).all(0)
        doubts = Graph(np.searchsorted(rows, ends[:, keep]), log_odds[keep], len(rows))
    photos_ = photos_of(library, np.array(scored, np.int64))
    return report(persons, result, method, 0.0, _clicks(persons, result, doubts, photos_))


def _clicks(
    persons: list[str], grouping: Grouping, doubts: Graph | None, photo: IntArray | None = None
) -> dict[str, Any] | None:
    """Simulated clicks, by share in percent."""
    if doubts is None:
        return None
    truth = np.unique(np.array(persons), return_inverse=True)[1].astype(np.int64)
    where = np.arange(len(persons)) if photo is None else photo
    found = simulate(grouping.labels, truth, doubts, where)
    ways = {"by_size": found.by_size, "by_questions": found.by_questions}
    return {
        way: {f"{share:.0%}": clicks for share, clicks in reached.items()}
        for way, reached in ways.items()
    }


def _as_it_stands(library: Library) -> tuple[Grouping, str]:
    """How the library was last clustered, without labels, and the method."""
    newest = ledger.newest_clustering(library.db)
    threshold = newest.options.get("threshold_used") if newest else None
    threshold = float(threshold) if isinstance(threshold, int | float) else None
    return Grouping(np.zeros(0, np.int64), threshold, 0.0, 0.0), newest.method if newest else "none"


def _cluster_options(options: Mapping[str, Any], people: int) -> ClusterOptions:
    """The options given; kmeans is told the true number of people, as the literature does."""
    if options.get("method") == "kmeans" and options.get("num_people") is None:
        options = {**options, "num_people": people}
    return settings.override(ClusterOptions(), **options)


def prominent_faces(library: Library) -> dict[str, int]:
    """The most prominent face of each photo: path to face id."""
    boxes = catalogue.live_boxes(library.db)
    return {
        path: max(boxes[photo], key=lambda face: prominence(face[1], info.width / info.height))[0]
        for path, photo, info in catalogue.photos_with_files(library.db)
        if photo in boxes
    }


def prominence(box: Box, aspect: float) -> float:
    """How much a box looks like the photo's subject: its area, less the further from the middle.

    Args:
        box: normalised.
        aspect: the photo's width over its height.
    """
    off_x, off_y = (box.x + box.w / 2 - 0.5) * aspect, box.y + box.h / 2 - 0.5
    return box.w * box.h * aspect - 2 * (off_x**2 + off_y**2)


@contextmanager
def _as_folder(data: Path) -> Iterator[Path]:
    """`data` itself, or what a tar holds, unpacked for the time being."""
    if data.is_dir():
        yield data
        return
    if not data.is_file():
        raise InputError(f"{data} does not exist; give a folder or a tar with one folder a person.")
    with tempfile.TemporaryDirectory(prefix="faceclust-") as scratch:
        try:
            with tarfile.open(data) as tar:
                _unpack(tar, data, Path(scratch))
        except _UNPACKING as error:
            reason = str(error).partition("\n")[0].rstrip(":") or type(error).__name__
            raise InputError(
                f"{data} cannot be unpacked as a tar ({reason}); mend it, or give a folder."
            ) from error
        yield Path(scratch)


def _unpack(tar: tarfile.TarFile, data: Path, folder: Path) -> None:
    total = 0
    for member in tar:
        total += member.size
        if total > MAX_TAR_BYTES:
            raise InputError(
                f"{data} holds more than {MAX_TAR_BYTES >> 30} GB; unpack it yourself."
            )
        if member.isfile():
            tar.extract(member, folder, filter="data")


def embed_identities(
    folder: Path, resolved: Models, config: Config, aligned: bool
) -> tuple[list[str], FloatArray]:
    """Embed one face of each photo of a folder of identities.

    Returns:
        N persons (the photo's folder), and embeddings (N, D) float32. Photos that cannot be read
        or show no face are left out.
    """
    files = list(photos.walk(folder, WalkOptions()))
    tasks = [
        tuple(PhotoTask(str(folder), f.path, f.size, f.mtime_ns) for f in files[i : i + CHUNK])
        for i in range(0, len(files), CHUNK)
    ]
    make = _CropEmbedder(resolved) if aligned else _PhotoEmbedder(resolved, config)
    found: dict[str, FloatArray] = {}
    limits = Limits(seconds=config.scan.seconds_per_photo * CHUNK)
    for _, result in workers.run(make, tasks, workers=config.scan.workers, limits=limits):
        if not isinstance(result, Failure):
            found.update(result)
    paths = sorted(found)
    x = np.stack([found[path] for path in paths]) if paths else np.zeros((0, 0), np.float32)
    return [str(Path(path).parent) for path in paths], x


Embedded = dict[str, FloatArray]


@dataclass(frozen=True, slots=True)
class _CropEmbedder:
    """Makes, in a worker, what embeds files that are aligned crops."""

    models: Models

    def __call__(self) -> Callable[[tuple[PhotoTask, ...]], Embedded]:
        embedder = Embedder(self.models.embedders)

        def embed(tasks: tuple[PhotoTask, ...]) -> Embedded:
            found: Embedded = {}
            for task in tasks:
                try:
                    pixels = photos.decode(Path(task.root, task.path)).pixels
                except PhotoError:
                    continue
                if pixels.shape[:2] == (CROP, CROP):
                    found[task.path] = embedder(pixels[None])[0]
            return found

        return embed


@dataclass(frozen=True, slots=True)
class _PhotoEmbedder:
    """Makes, in a worker, what embeds the most prominent face of each photo."""

    models: Models
    config: Config

    def __call__(self) -> Callable[[tuple[PhotoTask, ...]], Embedded]:
        extract = ExtractorFactory(self.models, self.config.detector, "cpu", 1)()

        def embed(tasks: tuple[PhotoTask, ...]) -> Embedded:
            return {
                task.path: vector
                for task in tasks
                if (vector := _subject(extract(task))) is not None
            }

        return embed


def _subject(scanned: Scanned) -> FloatArray | None:
    if scanned.info is None or not scanned.faces:
        return None
    aspect = scanned.info.width / scanned.info.height
    best = max(range(len(scanned.faces)), key=lambda i: prominence(scanned.faces[i].box, aspect))
    vector: FloatArray = scanned.vectors[best]
    return vector

"""From a folder of photos to clusters, by faceclust and by the routes that others take.

Each route is a process of its own: `python -m tests.benchmarks.routes NAME FOLDER` prints one JSON
object; `tests.benchmarks.rivals` runs them all and says what else they need. With `--faces FILE` it
keeps what it has found, and with `--sweep`, too, it prints the best threshold for that, for which a
process of its own is meant: no route has to pay for it. A photo stands for its
most prominent face, chosen in the same way for all; one in which a route finds no face counts as a
person of its own.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from faceclust import weights
from faceclust.evaluate import read_labels, scores
from faceclust.pipeline.identities import prominence
from faceclust.records import Box, FloatArray, IntArray

# The photo of each face (F,), how prominent it is there (F,), embeddings (F, D).
Faces: TypeAlias = tuple[list[str], list[float], FloatArray]
Row: TypeAlias = dict[str, Any]
Grouping: TypeAlias = Callable[[FloatArray, float], IntArray]  # at a distance
DLIB_DISTANCE = 0.5  # of dlib's own face_clustering.py
THRESHOLDS = np.round(np.arange(0.2, 0.86, 0.05), 2)
SIDE = 640  # insightface's usual size of the detector's input


def dlib_faces(folder: Path, files: list[str]) -> Faces:
    """dlib's HOG detector (enlarged once, as face_recognition does), 5 points and 128-d network."""
    import dlib

    found = importlib.util.find_spec("face_recognition_models")
    assert found is not None
    assert found.submodule_search_locations is not None
    models = Path(found.submodule_search_locations[0], "models")
    detect = dlib.get_frontal_face_detector()
    points = dlib.shape_predictor(str(models / "shape_predictor_5_face_landmarks.dat"))
    embed = dlib.face_recognition_model_v1(
        str(models / "dlib_face_recognition_resnet_model_v1.dat")
    )

    def one(file: str) -> Iterator[tuple[tuple[float, ...], FloatArray, tuple[int, int]]]:
        image = dlib.load_rgb_image(str(folder / file))
        for box in detect(image, 1):
            vector = np.array(embed.compute_face_descriptor(image, points(image, box)), np.float32)
            yield (box.left(), box.top(), box.right(), box.bottom()), vector, image.shape[:2]

    return gather(files, one)


def insightface_faces(folder: Path, files: list[str]) -> Faces:
    """insightface's FaceAnalysis over photos decoded in full, on faceclust's two networks."""
    import cv2
    from insightface.app import FaceAnalysis

    def one(file: str) -> Iterator[tuple[tuple[float, ...], FloatArray, tuple[int, int]]]:
        image = cv2.imread(str(folder / file))
        for face in app.get(image):
            yield tuple(face.bbox.tolist()), face.normed_embedding, image.shape[:2]

    with tempfile.TemporaryDirectory() as pack:
        for name in ("scrfd-2.5g", "arcface-mobilefacenet-512"):
            shutil.copy(weights.path_of(name), pack)
        app = FaceAnalysis(name=pack, providers=["CPUExecutionProvider"])
        app.prepare(ctx_id=-1, det_size=(SIDE, SIDE))
        return gather(files, one)


def gather(
    files: Iterable[str],
    one: Callable[[str], Iterable[tuple[tuple[float, ...], FloatArray, tuple[int, int]]]],
) -> Faces:
    """All faces of all files, by what finds (corners, embedding, image size) in one."""
    where, rank, vectors = [], [], []
    for file in files:
        for (x0, y0, x1, y1), vector, (height, width) in one(file):
            box = Box(x0 / width, y0 / height, (x1 - x0) / width, (y1 - y0) / height)
            where.append(file)
            rank.append(prominence(box, width / height))
            vectors.append(vector)
    return where, rank, np.stack(vectors)


def whispers(x: FloatArray, distance: float) -> IntArray:
    """dlib's Chinese whispers over pairs nearer than a Euclidean distance."""
    import dlib

    return np.array(dlib.chinese_whispers_clustering([dlib.vector(v) for v in x], distance))


def scikit(name: str) -> Grouping:
    """One of scikit-learn's methods, at a cosine distance (HDBSCAN has none)."""
    from sklearn import cluster

    def run(x: FloatArray, distance: float) -> IntArray:
        model = {
            "DBSCAN": lambda: cluster.DBSCAN(eps=distance, min_samples=3, metric="cosine"),
            "HDBSCAN": lambda: cluster.HDBSCAN(min_cluster_size=2, copy=True),
            "agglomerative": lambda: cluster.AgglomerativeClustering(
                n_clusters=None, metric="cosine", linkage="average", distance_threshold=distance
            ),
        }[name]()  # fmt: skip
        labels = model.fit_predict(x)  # -1: left out, each a cluster of its own
        return np.where(labels < 0, labels.max() + 1 + np.arange(len(x)), labels)

    return run


OURS = "faceclust"
# How each rival finds faces, groups them, and at which distance: Immich's for DBSCAN, none for
# HDBSCAN, the middle for average linkage.
RIVALS: dict[str, tuple[Callable[[Path, list[str]], Faces], Grouping, float | None]] = {
    "dlib + Chinese whispers": (dlib_faces, whispers, DLIB_DISTANCE),
    "insightface + DBSCAN": (insightface_faces, scikit("DBSCAN"), 0.5),
    "insightface + HDBSCAN": (insightface_faces, scikit("HDBSCAN"), None),
    "insightface + agglomerative": (insightface_faces, scikit("agglomerative"), 0.5),
}
ROUTES = (OURS, *RIVALS)


def faceclust(folder: Path, scratch: Path) -> tuple[dict[str, int], int]:
    """Clusters of the photos' most prominent faces, by the real command; and faces found."""
    from faceclust import pipeline
    from faceclust.pipeline.labelled import prominent_faces

    database = scratch / "library.db"
    subprocess.run(
        [sys.executable, "-m", "faceclust", "-q", "scan", str(folder), "--db", str(database)],
        env={**os.environ, "FACECLUST_DATA": str(scratch)},
        check=True,
    )
    with pipeline.find_library(db=database) as library:
        people = pipeline.all_people(library)
        of_face = {face: person.id for person in people for face in person.faces}
        return {f: of_face[face] for f, face in prominent_faces(library).items()}, len(of_face)


def measure(route: str, folder: Path, kept: Path | None) -> Row:
    """Photos a second from files to clusters, and F, at the usual setting."""
    truth = read_labels(folder / "labels.csv")
    files = sorted(truth)
    started = time.perf_counter()
    if route == OURS:
        with tempfile.TemporaryDirectory() as scratch:
            clusters, faces = faceclust(folder, Path(scratch))
        return _row(route, truth, clusters, faces, time.perf_counter() - started, None)
    find, group, usual = RIVALS[route]
    found = find(folder, files)
    labels = group(found[2], usual or 0.0)
    seconds = time.perf_counter() - started
    if kept is not None and usual is not None:
        where, rank, x = found
        np.savez(kept, where=np.array(where), rank=np.array(rank), x=x)
    return _row(route, truth, _of_photos(found, labels), len(labels), seconds, usual)


def sweep(route: str, folder: Path, kept: Path) -> Row:
    """F at the threshold that is best for the very faces that `measure` kept."""
    with np.load(kept, allow_pickle=False) as file:
        found = file["where"].tolist(), file["rank"].tolist(), file["x"]
    return _best(RIVALS[route][1], found, read_labels(folder / "labels.csv"))


def _of_photos(found: Faces, labels: IntArray) -> dict[str, int]:
    """The cluster of each photo's most prominent face."""
    where, rank, _ = found
    order = sorted(range(len(where)), key=lambda i: rank[i])
    return {where[i]: int(labels[i]) for i in order}


def _row(
    name: str, truth: dict[str, str], clusters: dict[str, int], faces: int, seconds: float,
    usual: float | None,
) -> Row:  # fmt: skip
    return {
        "route": name, "photos a second": len(truth) / seconds, "faces": faces,
        "photos without a face": len(truth.keys() - clusters.keys()), "setting": usual,
        **_f(truth, clusters),
    }  # fmt: skip


def _f(truth: dict[str, str], clusters: dict[str, int]) -> Row:
    alone = max(clusters.values(), default=0) + 1
    labels = [clusters.get(file, alone + i) for i, file in enumerate(truth)]
    found = scores(np.array(list(truth.values())), np.array(labels))
    return {"F pairwise": found.pairwise.f, "F BCubed": found.bcubed.f}


def _best(method: Grouping, found: Faces, truth: dict[str, str]) -> Row:
    """F at the threshold that is best for these very photos, by BCubed F."""
    tried = {t: _f(truth, _of_photos(found, method(found[2], float(t)))) for t in THRESHOLDS}
    best = max(tried, key=lambda t: tried[t]["F BCubed"])
    return {"best setting": float(best)} | {f"best {k}": v for k, v in tried[best].items()}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("route", choices=ROUTES)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faces", type=Path, metavar="FILE")
    parser.add_argument("--sweep", action="store_true")
    given = parser.parse_args()
    task = sweep if given.sweep else measure
    print(json.dumps(task(given.route, given.folder, given.faces)))


if __name__ == "__main__":
    main()

"""What a GPU does in a second, stage by stage and as a whole; on a CPU the same code.

    python -m tests.benchmarks.gpu [--device cpu] [--photos 2000] [--faces 100000 1000000]

Stages are measured one after another in one process, at several batch sizes; `scan` then reads
photos of 12 megapixels with more and more worker processes, while nvidia-smi says how busy each
card is. Neighbours are searched among made-up faces with a long tail and compared with an exact
search; what CLIP-Cluster adds for the same faces is computed through torch and, of few of them, in
NumPy.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import numpy as np
import torch

from faceclust import weights
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.embed.arcface import ArcFace
from faceclust.embed.clip import Clip
from faceclust.faces.scrfd import Scrfd
from faceclust.graph import correction, edges, gpu, structure
from faceclust.graph.gpu_correction import GpuCorrection
from faceclust.graph.knn import knn
from faceclust.pipeline import models
from faceclust.pipeline.models import MOBILE, space
from faceclust.weights import Device
from tests.benchmarks import corpus, recall
from tests.benchmarks.edges import E, long_tail, unit

REPEATS = 20
K = 80
QUERIES = 2000  # faces of which the neighbours are compared with exact ones


def rate(run: Callable[[], object], count: int) -> float:
    """Things a second, the median of some runs after two that do not count."""
    for _ in range(2):
        run()
    seconds = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        run()
        seconds.append(time.perf_counter() - started)
    return count / statistics.median(seconds)


def stages(device: Device) -> Iterator[tuple[str, float]]:
    """Photos and faces a second of each network."""
    rng = np.random.default_rng(0)
    mobile = models.resolve("mobile")
    detect = Scrfd(mobile.detector, device)
    for height, width in ((128, 160), (736, 960)):
        image = rng.integers(0, 256, (height, width, 3)).astype(np.uint8)
        yield f"detect {width} x {height}", rate(partial(detect, image, 0.5), 1)
    for network in mobile.embedders:
        embed = ArcFace(network.path, device, 1, network.scale)
        for batch in (1, 8, 64, 256):
            crops = rng.integers(0, 256, (batch, 112, 112, 3)).astype(np.uint8)
            yield f"embed {embed.dim}-d, {batch} faces", rate(partial(embed, crops), batch)
    clip = Clip(device=device)
    for batch in (1, 8, 64, 256):
        crops = rng.integers(0, 256, (batch, 112, 112, 3)).astype(np.uint8)
        yield f"face-CLIP, {batch} faces", rate(partial(clip.encode_images, crops), batch)


def neighbours(device: Device, faces: int) -> dict[str, float]:
    """Seconds for all faces, and which share of the exact nearest is found."""
    x, _ = long_tail(faces)
    gpu.knn(x[:4096], K, device=device)
    started = time.perf_counter()
    found = gpu.knn(x, K, device=device)
    seconds = time.perf_counter() - started
    rows = np.random.default_rng(0).choice(faces, min(QUERIES, faces), replace=False)
    hit = recall.found(found, rows, recall.exact(x, rows, K))
    result = {"faces": faces, "seconds": seconds, "recall": float(hit.mean())}
    if faces <= 100_000:
        started = time.perf_counter()
        knn(x, K)
        result["seconds on the CPU"] = time.perf_counter() - started
    return result


def sample(said: str) -> Iterator[tuple[str, float]]:
    """The cards and how busy they are, as nvidia-smi says it; some do not tell."""
    for line in said.splitlines():
        card, _, share = (word.strip() for word in line.partition(","))
        if share.isdigit():
            yield card, float(share)


def clip_cluster(device: Device, faces: int) -> dict[str, float]:
    """Seconds for what CLIP-Cluster adds: of all faces, then of their candidate pairs.

    What looks at structure is done before, and is not counted: it is the processor's on any device.
    """
    x, _ = long_tail(faces)
    i = unit(np.random.default_rng(1).normal(size=(faces, E)).astype(np.float32))
    model = correction.load(weights.own(space(MOBILE).proxies or ""))
    near = gpu.knn(x, EDGE_LISTS, device=device)
    pairs, scale = edges.candidates(x, near)
    s = list(structure.features(x, near, pairs, scale))
    few = slice(0, 2000)
    if device == "cuda":
        torch.cuda.reset_peak_memory_stats()
    opened = {"torch": partial(GpuCorrection.of, device=device)}
    if faces <= 100_000:
        opened["NumPy"] = correction.Correction.of
    result: dict[str, float] = {"faces": faces, "pairs": pairs.index.shape[1]}
    for name, opening in opened.items():
        small = knn(x[few], EDGE_LISTS)
        opening(model, x[few], i[few], small, *edges.candidates(x[few], small))  # a warm device
        started = time.perf_counter()
        addition = opening(model, x, i, near, pairs, scale)
        if device == "cuda":
            torch.cuda.synchronize()
        ready, start = time.perf_counter(), 0
        for features in s:
            addition(pairs.index[:, start : start + len(features)], features)
            start += len(features)
        result[f"faces, {name}"] = ready - started
        result[f"pairs, {name}"] = time.perf_counter() - ready
    if device == "cuda":
        result["card's memory, GB"] = torch.cuda.max_memory_allocated() / 1e9
    return result


@contextmanager
def busy(samples: dict[str, list[float]]) -> Iterator[None]:
    """Collect how busy each card is, by its number, in per cent, twice a second."""
    smi, over = shutil.which("nvidia-smi"), threading.Event()

    def ask() -> None:
        question = [str(smi), "--query-gpu=index,utilization.gpu", "--format=csv,noheader,nounits"]
        while not over.wait(0.5):
            said = subprocess.run(question, capture_output=True, text=True, check=False).stdout
            for card, share in sample(said):
                samples.setdefault(card, []).append(share)

    watch = threading.Thread(target=ask)
    if smi:
        watch.start()
    try:
        yield
    finally:
        over.set()
        if smi:
            watch.join()


def scanned(folder: Path, device: Device, workers: int) -> dict[str, float]:
    """Photos a second of the whole command, its start included, and how busy each card was."""
    with tempfile.TemporaryDirectory() as scratch:
        db, samples = Path(scratch) / "library.db", dict[str, list[float]]()
        command = [
            sys.executable, "-m", "faceclust", "scan", str(folder), "--db", str(db), "--device",
            device, "--workers", str(workers), "--json",
        ]  # fmt: skip
        with busy(samples):
            done = subprocess.run(command, capture_output=True, text=True, check=True)
        report = json.loads(done.stdout)["scan"]
    return {
        "workers": workers, "photos a second": report["read"] / report["seconds"],
        "faces": report["faces"],
        **{f"card {card} busy, %": statistics.median(shares) for card, shares in samples.items()},
    }  # fmt: skip


def main() -> None:
    """Print all of it."""
    parser = argparse.ArgumentParser(description="What a GPU does in a second.")
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cuda")
    parser.add_argument("--photos", type=int, default=2000)
    parser.add_argument("--folder", type=Path, help="of photos that are there already")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 4, 16])
    parser.add_argument("--faces", type=int, nargs="*", default=[100_000])
    given = parser.parse_args()
    if (device := weights.usable(given.device)) != given.device:
        raise SystemExit(2)
    for name, value in stages(device):
        print(f"{name:>28}  {value:9.0f} a second", flush=True)
    for faces in given.faces:
        for name, measure in (("neighbours", neighbours), ("CLIP-Cluster", clip_cluster)):
            print(name, {k: round(v, 4) for k, v in measure(device, faces).items()}, flush=True)
    if given.photos:
        with tempfile.TemporaryDirectory() as scratch:
            folder = given.folder or corpus.large(Path(scratch), given.photos)
            for workers in given.workers:
                said = scanned(folder, device, workers)
                print("scan", {k: round(v, 1) for k, v in said.items()}, flush=True)


if __name__ == "__main__":
    main()

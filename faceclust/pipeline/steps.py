"""The heavy steps of the corridor, on this machine or on a Ray cluster: the same results.

(But for what a GPU does: its products differ in the last bits, those of CLIP-Cluster's proxies have
only 16.)
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Literal, Protocol, TypeAlias, get_args

from faceclust import workers as processes
from faceclust.cluster.by_component import Communities, by_component
from faceclust.cluster.methods import Partition
from faceclust.cluster.partition import partition
from faceclust.embed.arcface import Unit
from faceclust.engine import knn as sharded
from faceclust.engine import partition as components
from faceclust.engine import scan as shards
from faceclust.engine import scoring as chunked
from faceclust.engine.connect import connect
from faceclust.engine.tasks import Loop, Runner
from faceclust.errors import OptionError
from faceclust.graph import edges, gpu, structure
from faceclust.graph.knn import knn
from faceclust.pipeline.devices import Devices
from faceclust.pipeline.extract import ExtractorFactory, PhotoTask
from faceclust.pipeline.scoring import Described, Scorer, score
from faceclust.records import FloatArray, Graph, Neighbours
from faceclust.store import Scanned
from faceclust.weights import Device, Notify
from faceclust.workers import Failure, Limits

Engine: TypeAlias = Literal["local", "ray"]


class Search(Protocol):
    """As `graph.knn.knn`."""

    def __call__(
        self, x: FloatArray, k: int, *, exact_below: int, share: float | None = None
    ) -> Neighbours:
        """The lists of (N, D) faces, k each."""
        ...


Score: TypeAlias = Callable[[Scorer, Unit, FloatArray, Neighbours, "Described | None"], Graph]


class Read(Protocol):
    """As `workers.run`; what is not yet taken may be kept in a folder, for when it is stopped."""

    def __call__(
        self, make: ExtractorFactory, tasks: Iterable[PhotoTask], *, workers: int, limits: Limits,
        folder: Path,
    ) -> Generator[tuple[PhotoTask, Scanned | Failure], None, None]:  # fmt: skip
        """Each task with what came of it."""
        ...


@dataclass(frozen=True, slots=True)
class Steps:
    """What `scan` and `cluster` have done for them.

    Attributes:
        read: photos.
        knn: as `graph.knn.knn`.
        score: as `scoring.score`.
        partition: as `cluster.partition.partition`.
        communities: as `cluster.by_component.by_component`.
        devices: what is known of the GPUs that do it; None where nobody has asked for any.
    """

    read: Read
    knn: Search
    score: Score
    partition: Partition
    communities: Communities
    devices: Devices | None = None


def _read(
    make: ExtractorFactory, tasks: Iterable[PhotoTask], *, workers: int, limits: Limits,
    folder: Path,
) -> Generator[tuple[PhotoTask, Scanned | Failure], None, None]:  # fmt: skip
    """In worker processes of this machine, which keep nothing: a photo is taken when it is read."""
    return processes.run(make, tasks, workers=workers, limits=limits)


LOCAL = Steps(_read, knn, score, partition, by_component)


@contextmanager
def runner(
    engine: str = "local", address: str | None = None, cpus: int | None = None
) -> Iterator[Runner]:
    """Who runs pieces of work for an engine, for as long as it is connected to.

    Args:
        engine: one of `Engine`.
        address: of a running Ray cluster; None for one that is started here.
        cpus: of the latter; None for all of the machine.

    Raises:
        OptionError: there is no such engine, or it has no address.
        EngineError: Ray is not installed, or its cluster cannot be had.
    """
    if engine not in get_args(Engine):
        raise OptionError(f"--engine must be one of {', '.join(get_args(Engine))}, not {engine}.")
    if engine == "ray":
        with connect(address, cpus) as connected:
            yield connected
        return
    if address is not None:
        raise OptionError("--address is that of a Ray cluster; give --engine ray with it.")
    yield Loop()


@contextmanager
def steps(
    engine: str = "local",
    address: str | None = None,
    cpus: int | None = None,
    device: Device = "cpu",
    notify: Notify | None = None,
) -> Iterator[Steps]:
    """The steps of an engine, for as long as it is connected to; see `runner`.

    Args:
        device: where neighbours are searched and CLIP-Cluster scores pairs, by the local engine;
            what else runs on it is told by whoever wants it done.
        notify: told why a GPU cannot be used, when it would be.
    """
    with runner(engine, address, cpus) as connected:
        if engine == "local":
            devices, local = Devices(), LOCAL
            if device == "cuda":
                search, scored = _search(devices, notify), _score_on_gpu(devices, notify)
                local = replace(LOCAL, knn=search, score=scored)
            yield replace(local, devices=devices)
            return
        if device == "cuda" and notify is not None:
            notify(
                "Neighbours are searched on the CPUs of the cluster, and pairs are scored on CPUs, "
                "whatever --device says."
            )
        yield on(connected)


def _search(devices: Devices, notify: Notify | None) -> Search:
    """Searches for neighbours on the GPU; or on the CPU, and one sentence says why."""

    def search(
        x: FloatArray, k: int, *, exact_below: int, share: float | None = None
    ) -> Neighbours:
        found = devices.on_gpu(partial(gpu.knn, x, k), "Neighbours are searched", notify)
        return found or knn(x, k, exact_below=exact_below, share=share)

    return search


def _score_on_gpu(devices: Devices, notify: Notify | None) -> Score:
    """CLIP-Cluster on the GPU; or on the CPU, and one sentence says why.

    What looks at structure alone stays on the CPU: that is look-ups, and its perceptron is small.
    """

    def scored(
        scorer: Scorer, faces: Unit, x: FloatArray, neighbours: Neighbours,
        described: Described | None,
    ) -> Graph:  # fmt: skip
        given = (scorer, faces, x, neighbours, described)
        found = None
        if scorer.adds(described):
            found = devices.on_gpu(partial(_by_torch, *given), "Pairs are scored", notify)
        return found or score(*given)

    return scored


def _by_torch(
    scorer: Scorer, faces: Unit, x: FloatArray, neighbours: Neighbours, described: Described | None
) -> Graph:
    from faceclust.graph.gpu_correction import GpuCorrection

    return score(scorer, faces, x, neighbours, described, GpuCorrection.of)


def on(runner: Runner) -> Steps:
    """The steps as pieces of work."""
    return Steps(
        partial(_read_shards, runner),
        partial(sharded.knn, runner=runner),
        partial(_score, runner),
        partial(components.partition, runner=runner),
        partial(by_component, each=runner.each),
        Devices(elsewhere=True),
    )


def _read_shards(
    runner: Runner, make: ExtractorFactory, tasks: Iterable[PhotoTask], *, workers: int,
    limits: Limits, folder: Path,
) -> Generator[tuple[PhotoTask, Scanned], None, None]:  # fmt: skip
    """By all processors of the cluster: this machine's number of workers says nothing of them."""
    return shards.run(
        make, tasks, workers=runner.cpus, limits=limits, folder=folder, gpu=make.device == "cuda"
    )


def _score(
    runner: Runner, scorer: Scorer, faces: Unit, x: FloatArray, neighbours: Neighbours,
    described: Described | None,
) -> Graph:  # fmt: skip
    """In pieces where only the neighbourhood of a pair is looked at.

    CLIP-Cluster's graph convolution looks at all faces at once, so its scores are computed here.
    """
    if scorer.adds(described):
        return score(scorer, faces, x, neighbours, described)
    model, quality = edges.load(scorer.structural), structure.quality(faces.lengths)
    return chunked.score(model, x, neighbours, quality, runner)

"""Two machines, one of which dies in the middle, twice: python -m tests.engine.killed FOLDER.

It dies while photos are read and while neighbours are searched for; while pairs are scored and
while clusters are made, a worker is killed. Prints as JSON whether each step came to what a single
machine comes to, how many photos were read twice, and how many workers were killed and machines
left.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceclust import weights, workers
from faceclust.cluster.partition import partition
from faceclust.engine import knn as sharded
from faceclust.engine import partition as pieces
from faceclust.engine import scan, scoring
from faceclust.engine.connect import RayRunner, connect
from faceclust.engine.tasks import Shared
from faceclust.graph import edges
from faceclust.graph import knn as whole
from faceclust.pipeline.models import EDGES
from faceclust.records import FloatArray
from tests.engine.crowd import faces
from tests.engine.reading import LIMITS, Reader, tasks

MACHINE = {"num_cpus": 1, "object_store_memory": 100 << 20, "include_dashboard": False}
# A dead machine is given up after a second; Ray's own patience is ten times that.
NOTICE = {
    "health_check_initial_delay_ms": 0, "health_check_period_ms": 300,
    "health_check_timeout_ms": 1000, "health_check_failure_threshold": 3,
}  # fmt: skip
PHOTOS = 48


class Machines:
    """A cluster whose second machine can be killed, as by a power cut."""

    def __init__(self, folder: str) -> None:
        from ray._private.utils import get_ray_address_file
        from ray.cluster_utils import Cluster

        # Ray notes the address in a folder of its own, which it takes for granted.
        Path(get_ray_address_file(None)).parent.mkdir(parents=True, exist_ok=True)
        head = {**MACHINE, "temp_dir": folder, "_system_config": NOTICE}
        self._cluster = Cluster(initialize_head=True, head_node_args=head)
        self.add()

    def add(self) -> None:
        self._cluster.add_node(**MACHINE)

    def kill(self) -> None:
        second = next(iter(self._cluster.worker_nodes))
        self._cluster.remove_node(second, allow_graceful=False)

    def __len__(self) -> int:
        return len(self._cluster.list_all_nodes())

    @property
    def address(self) -> str:
        return str(self._cluster.address)

    def stop(self) -> None:
        self._cluster.shutdown()


class Killing:
    """A runner that kills the second machine when it is given its fourth piece of work."""

    def __init__(self, runner: RayRunner, machines: Machines) -> None:
        self._runner, self._machines = runner, machines

    def share(self, value: Any) -> Shared[Any]:
        return self._runner.share(value)

    def each(self, work: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        def drawn() -> Iterator[Any]:
            for number, piece in enumerate(pieces):
                if number == 3:
                    self._machines.kill()
                yield piece

        return self._runner.each(work, drawn())


@dataclass(frozen=True)
class Deadly:
    """Work whose process is killed, once, when it has done its third piece and told nobody."""

    work: Callable[[Any], Any]
    killed: Path  # is there once that has happened

    def __call__(self, numbered: tuple[int, Any]) -> Any:
        number, piece = numbered
        found = self.work(piece)
        if number == 2 and not self.killed.exists():
            self.killed.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return found


class Dying:
    """A runner one of whose workers is killed."""

    def __init__(self, runner: RayRunner, killed: Path) -> None:
        self._runner, self._killed = runner, killed

    @property
    def cpus(self) -> int:
        return self._runner.cpus

    def share(self, value: Any) -> Shared[Any]:
        return self._runner.share(value)

    def each(self, work: Callable[[Any], Any], pieces: Iterable[Any]) -> Iterator[Any]:
        return self._runner.each(Deadly(work, self._killed), enumerate(pieces))


def scanned(root: Path, machines: Machines) -> dict[str, object]:
    (root / "journal").mkdir()
    reader = Reader(root / "journal", seconds=0.1)
    given = tasks(root / "album", [f"{n}.jpg" for n in range(PHOTOS)])

    def kill() -> None:
        while len(reader.journalled()) < PHOTOS // 3:
            time.sleep(0.02)
        machines.kill()

    killer = threading.Thread(target=kill)
    killer.start()
    many = scan.run(reader, given, workers=2, limits=LIMITS, folder=root / "shards")
    found = {task.path: item.content_hash for task, item in many}
    killer.join()
    twice = sum(count > 1 for count in Counter(reader.journalled()).values())
    one = workers.run(reader, given, workers=2, limits=LIMITS)
    expected = {task.path: getattr(item, "content_hash", None) for task, item in one}
    return {"scan": found == expected, "photos": len(found), "read twice": twice}


def made_up(N: int) -> FloatArray:
    x, _ = faces(N)
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def searched(machines: Machines, runner: RayRunner) -> dict[str, object]:
    whole.BLOCK = sharded.BLOCK = 256
    x = made_up(6000)
    one, many = whole.knn(x, 20), sharded.knn(x, 20, Killing(runner, machines))
    same = np.array_equal(one.index, many.index)
    return {"search": same and np.array_equal(one.similarity, many.similarity)}


def grouped(root: Path, runner: RayRunner) -> dict[str, object]:
    scoring.CHUNKS, pieces.PIECE = 2, 2000
    x = made_up(2000)
    near, model = whole.knn(x, 50), edges.load(weights.own(EDGES))
    one = edges.score(model, x, near)
    many = scoring.score(model, x, near, None, Dying(runner, root / "scores"))
    same = np.array_equal(one.edge_index, many.edge_index)
    found = pieces.partition(one, runner=Dying(runner, root / "partition"))
    return {
        "scores": same and np.array_equal(one.edge_weight, many.edge_weight),
        "partition": np.array_equal(partition(one), found),
        "workers killed": sum((root / name).exists() for name in ("scores", "partition")),
    }


def main() -> None:
    os.environ |= {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_USAGE_STATS_ENABLED": "0"}
    with tempfile.TemporaryDirectory(prefix="fc-", dir="/tmp") as folder:
        with redirect_stdout(sys.stderr):
            machines = Machines(folder)
            try:
                with connect(machines.address) as runner:
                    report = scanned(Path(sys.argv[1]), machines)
                    machines.add()
                    report |= grouped(Path(sys.argv[1]), runner)
                    report |= searched(machines, runner)
                report["machines"] = len(machines)
            finally:
                machines.stop()
        print(json.dumps(report))  # noqa: T201


if __name__ == "__main__":
    main()

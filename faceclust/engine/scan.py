"""Photos read on a cluster: Ray Data hands out shards of them, and each is kept when it is read.

A reader is an actor that holds one worker process of `workers`, so a photo is bounded in time and
memory, and a decoder's crash costs the one photo, as on a single machine. A shard whose reader or
machine dies is read again by another one. What was finished before the program itself was stopped
is found in its folder, and taken from there.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

import faceclust
from faceclust import errors
from faceclust.engine import shards
from faceclust.engine.connect import require_version
from faceclust.errors import (
    DeviceError,
    EngineError,
    FaceclustError,
    InputError,
    WeightsError,
    WorkerError,
)
from faceclust.photos import is_address, reach
from faceclust.store import Scanned
from faceclust.workers import Failure, Limits, Standby

# Photos of a shard: few enough that every reader has several, not so few that files abound.
LEAST, MOST, EACH = 8, 1024, 8


class Photo(Protocol):
    """A file to be read."""

    @property
    def root(self) -> str:
        """The library's folder or address."""
        ...

    @property
    def path(self) -> str:
        """Below it."""
        ...

    @property
    def size(self) -> int:
        """Bytes."""
        ...

    @property
    def mtime_ns(self) -> int:
        """When it was changed."""
        ...


Task = TypeVar("Task", bound=Photo)
Make = Callable[[], Callable[[Any], Scanned]]


@dataclass(frozen=True, slots=True)
class Reading:
    """How shards are read; picklable.

    Attributes:
        task: makes what `make` takes, of root, path, size and date.
        make: opens the networks, see `workers.run`.
        limits: of a photo.
        folder: where the shards go; every machine sees it.
        version: of this program.
    """

    task: Callable[[str, str, int, int], Photo]
    make: Make
    limits: Limits
    folder: Path
    version: str = faceclust.__version__


def run(
    make: Make, tasks: Iterable[Task], *, workers: int, limits: Limits, folder: Path,
    gpu: bool = False,
) -> Generator[tuple[Task, Scanned], None, None]:  # fmt: skip
    """Read photos on the cluster that is connected to; see `workers.run`.

    Args:
        make: picklable; called once in each reader.
        tasks: which photos; all machines see them under the same paths.
        workers: how many readers, of one processor each.
        limits: of a photo.
        folder: for shards of this very kind: same networks, same options.
        gpu: readers compute on the cluster's GPUs, of which each gets its share.

    Yields:
        Each task with what came of it, shard by shard.

    Raises:
        FaceclustError: what `make` raised, or the shards cannot be written.
        WorkerError: a reader's worker dies while starting, time and again.
        EngineError: a machine does not see the photos or lacks a package for their address, there
            is no GPU, or Ray fails.
    """
    wanted = {task.path: task for task in tasks}
    if wanted:
        yield from _kept(folder, wanted)
    left = list(wanted.values())
    size = min(MOST, max(LEAST, -(-len(left) // (EACH * workers))))
    parts = [left[start : start + size] for start in range(0, len(left), size)]
    reading = Reading(type(left[0]), make, limits, folder) if left else None
    for name in _read(parts, reading, min(workers, len(parts)), gpu) if reading else ():
        items = shards.read(folder, name)
        if items is None:
            raise EngineError(
                f"The shard {name} was read, but is not in {folder}; pass --shards a folder that "
                "all machines of the cluster see."
            )
        yield from _wanted(items, wanted)


def _kept(folder: Path, wanted: dict[str, Task]) -> Iterator[tuple[Task, Scanned]]:
    """What is asked for and finished; only shards that hold some of it are read as a whole.

    What could not be read before is tried again: that may have been the machine's fault.
    """
    for name in shards.finished(folder):
        known = shards.whole(folder, name)
        if any(path in wanted and _key(wanted[path]) in known for path, _, _ in known):
            whole = (item for item in shards.read(folder, name) or () if item.error is None)
            yield from _wanted(whole, wanted)
        if not wanted:
            return


def _key(photo: Photo | Scanned) -> tuple[str, int, int]:
    return photo.path, photo.size, photo.mtime_ns


def _wanted(items: Iterable[Scanned], wanted: dict[str, Task]) -> Iterator[tuple[Task, Scanned]]:
    """The items that are asked for, each once."""
    for item in items:
        task = wanted.get(item.path)
        if task is not None and _key(task) == _key(item):
            yield wanted.pop(item.path), item


def gpu_share(gpus: int, readers: int) -> float:
    """What part of a GPU each reader gets, so that on machines alike none waits for one.

    Raises:
        EngineError: there is no GPU.
    """
    if not gpus:
        raise EngineError(
            "The Ray cluster has no GPU that it knows of; start its machines with --num-gpus, or "
            "use --device cpu."
        )
    return 1 / max(1, -(-readers // gpus))


def _read(
    parts: Sequence[Sequence[Photo]], reading: Reading, readers: int, gpu: bool
) -> Iterator[str]:
    """Have shards read; their names as they are finished."""
    import ray
    import ray.data

    share = gpu_share(int(ray.cluster_resources().get("GPU", 0)), readers) if gpu else 0
    # Ray Data would tell of its progress and its plans; what goes wrong is raised.
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    context = ray.data.DataContext.get_current()
    context.enable_progress_bars = context.print_on_execution_start = False
    rows = ray.data.from_items([_row(part) for part in parts], override_num_blocks=len(parts))
    done = rows.map_batches(
        _Reader,
        fn_constructor_args=(reading,),
        batch_size=1,
        compute=ray.data.ActorPoolStrategy(size=readers),
        num_cpus=1,
        num_gpus=share,
    )
    try:
        for row in done.iter_rows():
            if row["error"]:
                raise getattr(errors, row["error"])(row["name"])
            yield row["name"]
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"The Ray cluster could not read the photos ({error}); run the command again: what is "
            "finished is not read again."
        ) from error


class _Reader:
    """Reads shards, one at a time."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._one: Standby[Any, Scanned] = Standby(reading.make, reading.limits)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Read shards; their names, or an error of ours and what it says."""
        names, kinds = [], []
        for root, photos in zip(batch["root"], batch["photos"], strict=True):
            # Raised here, it would arrive as one of Ray's, without what it was.
            try:
                names.append(self._shard(root, photos))
                kinds.append("")
            except FaceclustError as error:
                names.append(str(error))
                kinds.append(type(error).__name__)
        return {"name": names, "error": kinds}

    def _shard(self, root: str, photos: Sequence[Mapping[str, Any]]) -> str:
        tasks = [
            self._reading.task(root, os.fsdecode(photo["path"]), photo["size"], photo["mtime_ns"])
            for photo in photos
        ]
        name = _name(tasks)
        require_version(self._reading.version)
        _require_sight(root)
        shards.write(self._reading.folder, name, [self._photo(task) for task in tasks])
        return name

    def _photo(self, task: Photo) -> Scanned:
        try:
            found = self._one.ask(task)
        except (WeightsError, DeviceError) as error:  # of this machine; others may have theirs
            raise type(error)(f"On {platform.node()}, {error}") from error
        except WorkerError as error:  # no photo is to blame for it
            raise WorkerError(f"{platform.node()}: {error}") from error
        if isinstance(found, Failure):
            return Scanned(
                task.path, task.size, task.mtime_ns, error_kind=found.kind, error=found.reason
            )
        return found


def _require_sight(root: str) -> None:
    """Machines see the library's folder or address, or all of its photos would seem unreadable.

    Raises:
        EngineError: this machine does not.
    """
    if is_address(root):
        try:
            reach(root)
        except InputError as error:
            raise EngineError(f"On {platform.node()}, {error}") from error
    elif not Path(root).is_dir():
        raise EngineError(f"{platform.node()} does not see {root}; mount it there under that path.")


def _row(tasks: Sequence[Photo]) -> dict[str, Any]:
    """A shard as Ray Data takes it; not every path is text."""
    photos = [
        {"path": os.fsencode(task.path), "size": task.size, "mtime_ns": task.mtime_ns}
        for task in tasks
    ]
    return {"root": tasks[0].root, "photos": photos}


def _name(tasks: Sequence[Photo]) -> str:
    digest = hashlib.sha256()
    for task in tasks:
        digest.update(f"{task.path!r} {task.size} {task.mtime_ns}\n".encode())
    return digest.hexdigest()[:16]

"""Worker processes, each watched: what hangs or dies costs the one task that it held."""

from __future__ import annotations

import contextlib
import multiprocessing
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Generic, TypeVar

from faceclust.errors import WorkerError
from faceclust.workers.process import without_ctrl_c, work
from faceclust.workers.tasks import Failure, Limits, cause

Task = TypeVar("Task")
Result = TypeVar("Result")

# A worker is given its next tasks before it asks, so that it never waits for the parent.
QUEUED = 3
# Workers that die before finishing anything: after so many in a row the set-up is to blame.
MAX_STILLBORN = 3
START_SECONDS = 120.0
# A worker whose work is done may take this long to end: on a busy machine that is not at once.
GOODBYE_SECONDS = 10.0


@dataclass(slots=True, eq=False)
class _Worker(Generic[Task]):
    process: SpawnProcess
    pipe: Connection
    number: int
    tasks: deque[Task] = field(default_factory=deque)
    since: float = field(default_factory=time.monotonic)
    ready: bool = False


def run(
    make: Callable[[], Callable[[Task], Result]],
    tasks: Iterable[Task],
    *,
    workers: int,
    limits: Limits,
) -> Generator[tuple[Task, Result | Failure], None, None]:
    """Run `make()(task)` for each task in worker processes.

    Args:
        make: picklable; called once in each worker to open models and the like.
        tasks: picklable; drawn only as workers take them, so the iterable may be endless.
        workers: how many processes.
        limits: per task.

    Yields:
        Each task with its result, or with the `Failure` that took its place.

    Raises:
        FaceclustError: what `make` raised.
        SystemFailure: what a task raised.
        WorkerError: workers die before they can do anything.
    """
    pool: Pool[Task, Result] = Pool(make, limits)
    try:
        yield from pool.run(iter(tasks), workers)
    finally:
        pool.stop()


class Pool(Generic[Task, Result]):
    """Workers and what each of them has to do; see `run`."""

    def __init__(self, make: Callable[[], Callable[[Task], Result]], limits: Limits) -> None:
        self._context = multiprocessing.get_context("spawn")
        self._make = make
        self._limits = limits
        self._workers: list[_Worker[Task]] = []
        self._stillborn = 0

    def run(self, tasks: Iterator[Task], workers: int) -> Iterator[tuple[Task, Result | Failure]]:
        """Each task with its result or failure, in the order in which they are ready."""
        waiting: deque[Task] = deque()
        more = True
        while True:
            more = self._hand_out(tasks, waiting, workers, more)
            if not self._workers:
                return
            for worker in self._responsive():
                yield from self._receive(worker, waiting)
            for worker in self._overdue():
                yield (
                    worker.tasks.popleft(),
                    Failure("timeout", f"took longer than {self._limits.seconds:.0f} s to read"),
                )
                self._bury(worker, waiting)

    def _hand_out(
        self, tasks: Iterator[Task], waiting: deque[Task], workers: int, more: bool
    ) -> bool:
        """Fill every worker's queue, starting workers as needed; False once tasks run out."""
        depth = 1
        while depth <= QUEUED:
            hungry = [w for w in self._workers if len(w.tasks) < depth]
            if not hungry and (depth > 1 or len(self._workers) == workers):
                depth += 1
                continue
            if waiting:
                task = waiting.popleft()
            elif more:
                try:
                    task = next(tasks)
                except StopIteration:
                    more = False
                    continue
            else:
                break
            self._give(hungry[0] if hungry else self._start(), task)
        for worker in [w for w in self._workers if not w.tasks and not more]:
            self._dismiss(worker)
        return more

    def _start(self) -> _Worker[Task]:
        ours, theirs = self._context.Pipe()
        taken = {worker.number for worker in self._workers}
        free = min(set(range(len(taken) + 1)) - taken)
        process = self._context.Process(
            target=work,
            args=(self._make, theirs, self._limits.memory, free),
            daemon=True,
            name="faceclust-worker",
        )
        try:
            with without_ctrl_c():
                process.start()
        except OSError as error:
            raise WorkerError(
                f"A worker process cannot be started ({error.strerror or error}); free some "
                "memory, or try --workers 1."
            ) from error
        theirs.close()
        worker: _Worker[Task] = _Worker(process, ours, free)
        self._workers.append(worker)
        return worker

    def ready(self) -> _Worker[Task]:
        """The one worker, started and ready for a task.

        Raises:
            FaceclustError: what `make` raised.
            WorkerError: it dies while starting, time and again, or is not ready in time.
        """
        while True:
            worker = self._workers[0] if self._workers else self._start()
            if worker.ready:
                return worker
            try:
                if not worker.pipe.poll(START_SECONDS):
                    self.stop()
                    raise _not_ready()
                kind, content = worker.pipe.recv()
            except (EOFError, OSError):
                self._died_starting(self.last_words())
                continue
            if kind == "failed":
                self.stop()
                raise content
            worker.ready, self._stillborn = True, 0

    def _give(self, worker: _Worker[Task], task: Task) -> None:
        if not worker.tasks and worker.ready:
            worker.since = time.monotonic()
        worker.tasks.append(task)
        # A worker that died a moment ago is noticed, and its tasks passed on, by _receive.
        with contextlib.suppress(OSError):
            worker.pipe.send(task)

    def _responsive(self) -> list[_Worker[Task]]:
        by_pipe = {worker.pipe: worker for worker in self._workers}
        next_deadline = min(self._deadline(worker) for worker in self._workers)
        timeout = max(0.0, next_deadline - time.monotonic())
        return [by_pipe[pipe] for pipe in wait(list(by_pipe), timeout)]  # type: ignore[index]

    def _deadline(self, worker: _Worker[Task]) -> float:
        return worker.since + (self._limits.seconds if worker.ready else START_SECONDS)

    def _overdue(self) -> list[_Worker[Task]]:
        late = [w for w in self._workers if w.tasks and time.monotonic() > self._deadline(w)]
        for worker in late:
            if not worker.ready:
                raise _not_ready()
        return late

    def _receive(
        self, worker: _Worker[Task], waiting: deque[Task]
    ) -> Iterator[tuple[Task, Result | Failure]]:
        try:
            message = worker.pipe.recv()
        except (EOFError, OSError):
            yield from self._died(worker, waiting)
            return
        worker.since = time.monotonic()
        kind, content = message
        if kind == "failed":
            raise content
        if kind == "ready":
            worker.ready = True
        else:
            self._stillborn = 0
            yield worker.tasks.popleft(), content

    def _died(
        self, worker: _Worker[Task], waiting: deque[Task]
    ) -> Iterator[tuple[Task, Result | Failure]]:
        worker.process.join(timeout=5)
        code = worker.process.exitcode
        if not worker.ready:
            self._died_starting(code)
        elif worker.tasks:
            yield worker.tasks.popleft(), Failure("crash", f"crashed its decoder ({cause(code)})")
        self._bury(worker, waiting)

    def _died_starting(self, code: int | None) -> None:
        """Count it; after so many in a row it is not for a task to answer for."""
        self._stillborn += 1
        if self._stillborn >= MAX_STILLBORN:
            raise WorkerError(
                f"Worker processes die while starting (exit code {code}); free some memory, "
                "try --workers 1, or run `faceclust doctor`."
            )

    def _bury(self, worker: _Worker[Task], waiting: deque[Task]) -> None:
        """Kill a worker and pass its unfinished tasks on."""
        waiting.extendleft(reversed(worker.tasks))
        worker.tasks.clear()
        worker.process.kill()
        self._dismiss(worker)

    def _dismiss(self, worker: _Worker[Task]) -> None:
        worker.pipe.close()
        self._workers.remove(worker)
        worker.process.join(timeout=GOODBYE_SECONDS)
        if worker.process.is_alive():
            worker.process.kill()
            worker.process.join()
        worker.process.close()

    def last_words(self) -> int | None:
        """The exit code of the one worker, which has died; None where it has not, and is killed."""
        code = None
        for worker in self._workers:
            worker.process.join(timeout=5)
            code = worker.process.exitcode
        self.stop()
        return code

    def stop(self) -> None:
        """End all workers at once; what they were doing is lost."""
        for worker in list(self._workers):
            worker.process.kill()
            self._dismiss(worker)


def _not_ready() -> WorkerError:
    return WorkerError(
        f"A worker process was not ready after {START_SECONDS:.0f} s; "
        "try again with --workers 1, or run `faceclust doctor`."
    )

"""One worker kept ready."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar, cast

from faceclust.workers.pool import Pool
from faceclust.workers.tasks import Failure, Limits, cause

Task = TypeVar("Task")
Result = TypeVar("Result")


class Standby(Generic[Task, Result]):
    """One worker kept ready for tasks that come one at a time, from any thread.

    It is started by the first task and started again after a failure.
    """

    def __init__(self, make: Callable[[], Callable[[Task], Result]], limits: Limits) -> None:
        self._pool: Pool[Task, Result] = Pool(make, limits)
        self._seconds = limits.seconds
        self._lock = threading.Lock()
        self._closed = False

    def ask(self, task: Task) -> Result | Failure:
        """The result of one task, or why there is none; others wait their turn.

        Raises:
            FaceclustError: what `make` raised.
            SystemFailure: what the task raised.
            WorkerError: the worker dies before it can do anything, time and again; no task is to
                blame for that.
        """
        with self._lock:
            if self._closed:
                return Failure("crash", "the program is ending")
            worker = self._pool.ready()
            try:
                worker.pipe.send(task)
                if not worker.pipe.poll(self._seconds):
                    self._pool.stop()
                    return Failure("timeout", f"took longer than {self._seconds:.0f} s to read")
                kind, content = worker.pipe.recv()
            except (EOFError, OSError):
                return Failure("crash", f"crashed its decoder ({cause(self._pool.last_words())})")
            if kind == "failed":
                self._pool.stop()
                raise content
            return cast("Result", content)

    def close(self) -> None:
        """End the worker, after the task that it has now."""
        with self._lock:
            self._closed = True
            self._pool.stop()

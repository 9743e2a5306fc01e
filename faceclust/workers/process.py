"""The body of a worker process."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from multiprocessing.connection import Connection
from typing import Any

from faceclust.errors import FaceclustError, SystemFailure

_number = 0  # of this process among the workers


def number() -> int:
    """Which of the workers this process is, from 0 on; 0 where it is none."""
    return _number


@contextlib.contextmanager
def without_ctrl_c() -> Iterator[None]:
    """Start processes that Ctrl-C does not reach before they come to say so themselves."""
    _mask(signal.SIG_BLOCK)
    try:
        yield
    finally:
        _mask(signal.SIG_UNBLOCK)


def _mask(how: int) -> None:
    if hasattr(signal, "pthread_sigmask"):  # not on Windows
        signal.pthread_sigmask(how, {signal.SIGINT})


def work(
    make: Callable[[], Callable[[Any], Any]], pipe: Connection, memory: int | None, own: int
) -> None:
    """Body of a worker process: make the callable once, then answer until the pipe closes.

    A task that ends in a `SystemFailure` is the last: the machine is at fault, and would be again.
    """
    global _number
    _number = own
    # Ctrl-C is the parent's to handle; it ends its workers itself.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _mask(signal.SIG_UNBLOCK)
    try:
        call = make()
    except FaceclustError as error:
        pipe.send(("failed", error))
        return
    _limit_memory(memory)
    # A pipe that breaks means that the parent is gone: there is nobody left to tell.
    with contextlib.suppress(EOFError, ConnectionError):
        pipe.send(("ready", None))
        while True:
            task = pipe.recv()
            try:
                answer = ("result", call(task))
            except SystemFailure as error:
                pipe.send(("failed", error))
                return
            pipe.send(answer)


def _limit_memory(extra: int | None) -> None:
    """Cap what may be written to at what there is of it now plus `extra` bytes, where Linux can.

    Not the address space: every thread that allocates reserves 64 MB of that, and libraries start
    as many threads as there are cores.
    """
    try:
        import resource
        from pathlib import Path

        in_use = int(Path("/proc/self/statm").read_text().split()[5]) * resource.getpagesize()
    except (ImportError, OSError, ValueError):
        return
    if extra is not None:
        hard = resource.getrlimit(resource.RLIMIT_DATA)[1]
        limit = in_use + extra
        resource.setrlimit(
            resource.RLIMIT_DATA,
            (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard),
        )

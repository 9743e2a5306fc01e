"""What a task may cost, and what takes the place of its result."""

from __future__ import annotations

import contextlib
import signal
from dataclasses import dataclass

WORKER_MEMORY = 3 << 30


@dataclass(frozen=True, slots=True)
class Limits:
    """What one task may cost.

    Attributes:
        seconds: a worker that takes longer is killed.
        memory: bytes a worker may allocate beyond what it holds when it is ready; None for no
            limit. Enforced where the system can (Linux).
    """

    seconds: float = 60.0
    memory: int | None = WORKER_MEMORY


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a task has no result.

    Attributes:
        kind: "timeout" or "crash".
    """

    kind: str
    reason: str


def cause(code: int | None) -> str:
    """Why a worker ended, in words."""
    if code is None:
        return "no answer"
    if code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"

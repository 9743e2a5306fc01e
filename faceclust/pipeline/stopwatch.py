"""Where the time of a piece of work goes."""

from __future__ import annotations

from collections.abc import Callable, Mapping


class Stopwatch:
    """Seconds of the stages of a piece of work, which follow one another.

    Args:
        clock: whose seconds: `time.perf_counter` for those on the wall, `time.process_time` for
            those of this process's processors, which others on the machine cost little.

    Attributes:
        seconds: by stage.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.seconds: dict[str, float] = {}
        self._clock = clock
        self._since = clock()

    def lap(self, stage: str) -> None:
        """All since the last lap was this stage."""
        now = self._clock()
        self.seconds[stage] = self.seconds.get(stage, 0.0) + now - self._since
        self._since = now

    def add(self, seconds: Mapping[str, float]) -> None:
        """What has passed since the last lap was measured by somebody else."""
        for stage, spent in seconds.items():
            self.seconds[stage] = self.seconds.get(stage, 0.0) + spent
        self._since = self._clock()

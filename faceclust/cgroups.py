"""Control groups of Linux, a container's for one: what part of the machine a process may have."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

PROC, MOUNT = Path("/proc"), Path("/sys/fs/cgroup")


def folders(controller: str) -> Iterator[Path]:
    """The folders of the groups that this process is in, from the outermost on.

    Within a container the outermost is often its own, and the others, which the host knows by
    these names, are not there.

    Args:
        controller: what the groups are to limit: "memory" or "cpu". Those of version 1 have a tree
            for each, those of version 2 one for all.
    """
    with suppress(OSError, ValueError):
        for line in (PROC / "self" / "cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            folder = MOUNT / controller if controllers else MOUNT
            yield folder
            for name in Path(path).parts[1:]:
                folder /= name
                yield folder


def cpus() -> float | None:
    """How many processors' time the groups allow, a fraction among it; None for no limit."""
    return min(_quotas(), default=None)


def _quotas() -> Iterator[float]:
    """Microseconds of processors in each period, over that period."""
    for folder in folders("cpu"):
        # No such file, or "max": there is no limit.
        with suppress(OSError, ValueError):
            quota, period = (folder / "cpu.max").read_text().split()
            yield int(quota) / int(period)
        with suppress(OSError, ValueError):
            quota = (folder / "cpu.cfs_quota_us").read_text()
            if int(quota) > 0:  # -1: there is no limit
                yield int(quota) / int((folder / "cpu.cfs_period_us").read_text())

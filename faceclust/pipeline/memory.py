"""How much memory a run took, how much can be had, and how much a grouping needs."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from faceclust import cgroups
from faceclust.pipeline import embeddings

# A grouping of all faces holds their embeddings, unless these are so many that they lie in a file,
# and once more in fewer dimensions; 12 bytes for each place in a neighbour list, and another 92
# where most is held: in the partition. Measured: 6.2 kB a face at 180,000, besides a file.
FEWER = 256
PLACE = 104
_GIB = 1 << 30


def peak_rss_mb() -> int | None:
    """Most memory that this process and any one of its workers held, in MB; None on Windows."""
    try:
        import resource
    except ImportError:
        return None
    peak = sum(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    return int(peak // (1 << 20 if sys.platform == "darwin" else 1 << 10))


def too_little(faces: int, dimensions: int, k: int, db: Path) -> str | None:
    """One sentence where a grouping may not fit; None where it does, or nobody knows.

    Nothing makes a grouping of so many faces much smaller: on a Ray cluster, too, this machine
    lists the pairs. But it reads no photo, so the database can be taken to another machine.

    Args:
        faces, dimensions, k: as `grouping` takes them.
        db: the library's database.
    """
    needed, there = grouping(faces, dimensions, k), available()
    if there is None or needed <= there:
        return None
    return (
        f"Grouping {faces:,} faces takes about {needed / _GIB:.1f} GiB of memory, and "
        f"{there / _GIB:.1f} GiB can be had: it may be slow, or be stopped by the system; close "
        f"other programs, or run `faceclust cluster --db COPY` with a copy of {db} on a larger "
        "machine."
    )


def grouping(faces: int, dimensions: int, k: int) -> int:
    """About how many bytes it takes to group so many faces, on either engine.

    CLIP-Cluster, where it is asked for, takes half more. Where the disk has no room for the file
    of embeddings, they come on top (see `embeddings.read`, which says so).

    Args:
        dimensions: of an embedding.
        k: neighbours of a face that are listed.
    """
    held = 0 if faces >= embeddings.MAPPED_FROM else dimensions
    return faces * (4 * (held + min(dimensions, FEWER)) + PLACE * k)


def available() -> int | None:
    """Bytes that this process can still take; None on Windows.

    The least of what the system has without swapping (on macOS: of what it has at all) and of
    what the control groups that the process is in, a container's for one, are still allowed.
    """
    return min([*_by_system(), *_by_groups()], default=None)


def _by_system() -> Iterator[int]:
    with suppress(OSError, ValueError, KeyError):
        yield _numbers(cgroups.PROC / "meminfo")["MemAvailable:"] << 10
        return
    with suppress(AttributeError, OSError, ValueError):
        yield os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _by_groups() -> Iterator[int]:
    """What is left below the limit of each control group, of version 1 or 2."""
    for folder in cgroups.folders("memory"):
        for limit, used in (
            ("memory.max", "memory.current"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes"),
        ):
            # No such file, or "max": there is no limit.
            with suppress(OSError, ValueError):
                most = int((folder / limit).read_text())
                held = int((folder / used).read_text())
                stat = _numbers(folder / "memory.stat")
                # Files that were read count as used, and give way when memory is wanted.
                cached = stat.get("total_inactive_file", stat.get("inactive_file", 0))
                yield max(0, most - held + cached)


def _numbers(path: Path) -> dict[str, int]:
    """A file of names and numbers, one each line."""
    lines = (line.split() for line in path.read_text().splitlines())
    return {words[0]: int(words[1]) for words in lines if len(words) > 1}

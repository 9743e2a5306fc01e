"""How much memory a run took."""

from __future__ import annotations

import sys


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

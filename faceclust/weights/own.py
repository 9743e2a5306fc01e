"""This project's own weights: small files that come with the package."""

from __future__ import annotations

from pathlib import Path

from faceclust.errors import WeightsError

_PACKAGE = Path(__file__).resolve().parents[1]


def own(name: str) -> Path:
    """The path of a file of `pretrained/`: inside an installed package, or beside the source.

    Raises:
        WeightsError: it is not there.
    """
    for folder in (_PACKAGE / "pretrained", _PACKAGE.parent / "pretrained"):
        if (folder / name).is_file():
            return folder / name
    raise WeightsError(f"pretrained/{name} is missing; install faceclust again.")

"""A few photos to try the program on, from what insightface ships."""

from __future__ import annotations

import importlib.util
import shutil
from pathlib import Path

from faceclust.errors import InputError, WriteError

SAMPLES = ("t1.jpg", "Tom_Hanks_54745.png")


def sample(folder: Path) -> list[Path]:
    """Copy the sample photos into `folder`; those already there are left as they are.

    Raises:
        InputError: insightface is not installed or ships no photos.
        WriteError: the folder cannot be written.
    """
    spec = importlib.util.find_spec("insightface")
    images = Path(spec.origin).parent / "data" / "images" if spec and spec.origin else Path()
    found = [images / name for name in SAMPLES if (images / name).is_file()]
    if not found:
        raise InputError(
            "This insightface ships no sample photos; scan a folder of your own instead."
        )
    placed = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for source in found:
            target = folder / source.name
            if not target.exists():
                shutil.copyfile(source, target)
            placed.append(target)
    except OSError as error:
        raise WriteError(
            f"{folder} cannot be written ({error.strerror}); choose another folder."
        ) from error
    return placed

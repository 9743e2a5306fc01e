"""Other programs, found on the PATH and never among the photos of the current folder."""

from __future__ import annotations

import os
import shutil
from pathlib import Path


def program(name: str, folders: str | None = None) -> str | None:
    """The program `name` by its full path, or None.

    Windows looks into the current folder first, where a stranger's photos may bring a program
    along; here only folders count that are listed by their absolute names.

    Args:
        folders: looked through in place of the PATH, written as it is.
    """
    listed = os.get_exec_path() if folders is None else folders.split(os.pathsep)
    for folder in map(Path, listed):
        for end in _ends() if folder.is_absolute() else ():
            # With its folder given, nothing else is looked into.
            if found := shutil.which(str(folder / f"{name}{end}")):
                return found
    return None


def _ends() -> list[str]:
    """What Windows puts behind the names of programs."""
    if os.name != "nt":
        return [""]
    return os.environ.get("PATHEXT", ".COM;.EXE;.BAT;.CMD").split(os.pathsep)

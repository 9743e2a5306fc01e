from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.export.xmp.judge import Exiftool, Tags


@pytest.fixture(scope="session")
def exiftool() -> Exiftool:
    """Reads the XMP of files the way that the outside world does."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("needs exiftool, the judge of what was written")

    def read(paths: list[Path]) -> list[Tags]:
        command = [program, "-config", "", "-struct", "-j", "-n", "-XMP:all", *map(str, paths)]
        output = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout
        return [*json.loads(output)]

    return read

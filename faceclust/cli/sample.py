"""faceclust sample: a folder of photos to try the program on."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from faceclust.cli.console import console, out


def sample(
    folder: Annotated[Path, typer.Argument(help="Where to put the sample photos.")] = Path(
        "sample-photos"
    ),
) -> None:
    """Put the few photos that come with insightface into FOLDER, to try the program on."""
    from faceclust import pipeline

    for path in pipeline.sample(folder):
        out.print(console.escape(str(path)))

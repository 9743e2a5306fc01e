"""What is asked of an export, checked before anything is written."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from faceclust.errors import OptionError, WriteError
from faceclust.export.plan import LinkKind
from faceclust.pipeline.library import Library

ExportFormat: TypeAlias = Literal["xmp", "folders", "symlinks", "json", "csv"]
STDOUT = Path("-")


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to write, and where.

    Attributes:
        to: the folder for folders and symlinks, the file for json and csv ("-" or None: stdout).
        placeholders: write "Person 12" for the unnamed; None is each format's own default (yes
            for folders and symlinks, no for xmp).
    """

    format: ExportFormat
    to: Path | None = None
    link: LinkKind = "copy"
    crops: bool = False
    sidecar_style: Literal["full", "adobe"] = "full"
    embed: bool = False
    placeholders: bool | None = None
    dry_run: bool = False

    @property
    def to_stdout(self) -> bool:
        """Whether the result is printed rather than written."""
        return self.format in ("json", "csv") and self.to in (None, STDOUT)


def root_of(library: Library, request: ExportRequest) -> Path:
    """The folder that nothing may be written outside of."""
    if request.format == "xmp" or request.to is None:
        return library.root
    target = request.to.expanduser().absolute()
    return target.parent if request.format in ("json", "csv") else target


def check(library: Library, request: ExportRequest) -> None:
    """Refuse what cannot be carried out, before anything is written.

    Raises:
        OptionError: --to is missing or cannot be made, or an option does not go with the format.
        WriteError: --to is read-only.
    """
    if library.address is not None and request.format not in ("json", "csv"):
        raise OptionError(
            f"The photos lie at {library.address}, where nothing is written; choose --format json "
            "or csv."
        )
    if request.format in ("folders", "symlinks") and request.to is None:
        raise OptionError(f"--format {request.format} needs --to FOLDER, the folder to write into.")
    if request.format == "xmp" and request.to is not None:
        raise OptionError("--format xmp writes beside the photos; leave --to out.")
    if request.embed and request.format != "xmp":
        raise OptionError("--embed goes with --format xmp only.")
    if request.crops and request.format != "symlinks":
        raise OptionError("--crops goes with --format symlinks only.")
    if request.to is not None and request.format != "xmp":
        _check_target(library, request, request.to.expanduser().absolute())


def _check_target(library: Library, request: ExportRequest, target: Path) -> None:
    """One sentence about --to in place of one for each photo."""
    export_format = request.format
    table_file = export_format in ("json", "csv")
    if table_file and target.is_dir():
        raise OptionError(
            f"--to {target} is a folder; give a file, such as {target / 'people.'}{export_format}."
        )
    folder = target.parent if table_file else target
    while not folder.exists():
        folder = folder.parent
    if not folder.is_dir():
        raise OptionError(f"--to {target} cannot be made: {folder} is a file, not a folder.")
    if not os.access(folder, os.W_OK):
        raise WriteError(f"--to {target} cannot be made: {folder} is read-only; choose another.")
    if (export_format == "folders" or request.crops) and library.holds(target):
        what = "crops" if request.crops else "copies"
        raise OptionError(
            f"--to {target} lies in the library, where the {what} would be scanned as new photos; "
            "choose a folder outside of it."
        )

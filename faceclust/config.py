"""The settings of a run: each room's own options, composed. Defaults < faceclust.toml < flags."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import platformdirs

from faceclust.cluster.methods import ClusterOptions
from faceclust.errors import OptionError
from faceclust.faces.detector import DetectorOptions
from faceclust.photos import WalkOptions

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CONFIG_NAME = "faceclust.toml"
Options = TypeVar("Options", bound="DataclassInstance")


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How a scan runs.

    Attributes:
        profile: "mobile", or an InsightFace pack by name ("buffalo_l") or folder.
        device: where networks run.
        workers: processes that read photos; one for each core is best.
        seconds_per_photo: a photo that takes longer is recorded as an error.
        retry_errors: read again what could not be read before, though it has not changed.
    """

    profile: str = "mobile"
    device: Literal["cpu", "cuda"] = "cpu"
    workers: int = field(default_factory=_cores)
    seconds_per_photo: float = 60.0
    retry_errors: bool = False


@dataclass(frozen=True, slots=True)
class Config:
    """All settings; each section is a table of faceclust.toml."""

    scan: ScanOptions = field(default_factory=ScanOptions)
    walk: WalkOptions = field(default_factory=WalkOptions)
    detector: DetectorOptions = field(default_factory=DetectorOptions)
    cluster: ClusterOptions = field(default_factory=ClusterOptions)


def load(root: Path | None = None) -> Config:
    """Read the user's faceclust.toml and then the one in the library's root, where they exist.

    Raises:
        OptionError: a file is not TOML, or names a setting that does not exist.
    """
    config = Config()
    folders = [platformdirs.user_config_path("faceclust"), *([root] if root else [])]
    for path in [folder / CONFIG_NAME for folder in folders]:
        if path.is_file():
            config = _apply_file(config, path)
    return config


def _apply_file(config: Config, path: Path) -> Config:
    try:
        tables = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise OptionError(f"{path} cannot be read as TOML ({error}); mend or remove it.") from error
    known = {entry.name for entry in fields(Config)}
    for table, values in tables.items():
        if table not in known or not isinstance(values, Mapping):
            raise OptionError(
                f"{path}: there is no table [{table}]; there are {', '.join(sorted(known))}."
            )
        section = override(getattr(config, table), f"{path}: [{table}]", **values)
        config = replace(config, **{table: section})
    return config


def override(options: Options, where: str = "option", **values: Any) -> Options:
    """Return a copy of a room's options with those of `values` that are not None.

    Raises:
        OptionError: a name or the type of a value is wrong.
    """
    known = {entry.name: getattr(options, entry.name) for entry in fields(options)}
    given = {key: value for key, value in values.items() if value is not None}
    for key, value in given.items():
        if key not in known:
            raise OptionError(f"{where} has no {key}; it has {', '.join(sorted(known))}.")
        given[key] = _like(known[key], value, f"{where} {key}")
    return replace(options, **given)


def _like(default: Any, value: Any, what: str) -> Any:
    """`value` as the type of the default that it replaces."""
    if isinstance(default, tuple) and isinstance(value, list):
        value = tuple(value)
    if isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    if default is not None and type(value) is not type(default):
        raise OptionError(f"{what} must be {type(default).__name__}, not {value!r}.")
    return value

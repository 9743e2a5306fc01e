"""The settings of a run: each room's own options, composed. Defaults < faceclust.toml < flags."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    TypeVar,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

import platformdirs

from faceclust import cgroups, weights
from faceclust.cluster.methods import ClusterOptions
from faceclust.embed import attributes
from faceclust.embed.attributes import Attribute
from faceclust.errors import OptionError
from faceclust.faces.detector import DetectorOptions
from faceclust.photos import WalkOptions
from faceclust.weights import Device

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

CONFIG_NAME = "faceclust.toml"
OURS = "scan"  # what runs on this machine, and how much of it
MOST_WORKERS = 60 if os.name == "nt" else sys.maxsize  # Windows waits for 63 things at most
LARGEST_WHOLE_FLOAT = 2**53
Options = TypeVar("Options", bound="DataclassInstance")


def cores() -> int:
    """Processor cores that this process may use.

    A container's share of the processors' time counts as so many cores, rounded up.
    """
    known = hasattr(os, "sched_getaffinity")
    ours = len(os.sched_getaffinity(0)) if known else os.cpu_count() or 1
    return min(ours, math.ceil(cgroups.cpus() or ours))


@dataclass(frozen=True, slots=True)
class ScanOptions:
    """How a scan runs.

    Attributes:
        profile: "mobile", or an InsightFace pack by name ("buffalo_l") or folder.
        clip: the CLIP model that describes faces: "face-clip", MODEL/PRETRAINED of open_clip, or
            "none".
        device: where networks run.
        workers: processes that read photos; None for what is best, see `processes_on`.
        seconds_per_photo: a photo that takes longer is recorded as an error.
        retry_errors: read again what could not be read before, though it has not changed.

    Raises:
        OptionError: a number that no scan can run with.
    """

    profile: str = "mobile"
    clip: str = "face-clip"
    device: Device = "cpu"
    workers: int | None = None
    seconds_per_photo: float = 60.0
    retry_errors: bool = False

    def __post_init__(self) -> None:
        if self.workers is not None and self.workers < 1:
            raise OptionError(f"--workers must be at least 1, not {self.workers}.")
        if self.workers is not None and self.workers > MOST_WORKERS:
            raise OptionError(
                f"--workers must be at most {MOST_WORKERS} on Windows, not {self.workers}."
            )
        if not 0 < self.seconds_per_photo < math.inf:
            raise OptionError(
                f"seconds_per_photo must be more than 0 and finite, not {self.seconds_per_photo}."
            )

    def processes_on(self, device: Device) -> int:
        """How many processes run networks on a device.

        As many as `workers` says; or else one for each core, of which only so many share the GPUs
        as these have memory for: each holds the networks, and a part of CUDA, of its own.
        """
        if self.workers is not None:
            return self.workers
        most = min(cores(), MOST_WORKERS)
        return most if device == "cpu" else min(most, weights.room())


@dataclass(frozen=True, slots=True)
class Config:
    """All settings; each section is a table of faceclust.toml.

    Attributes:
        attributes: what is guessed of each face; the file's table adds to these, one table
            [attributes.NAME] each, or changes or leaves out (NAME = false) one of them.
    """

    scan: ScanOptions = field(default_factory=ScanOptions)
    walk: WalkOptions = field(default_factory=WalkOptions)
    detector: DetectorOptions = field(default_factory=DetectorOptions)
    cluster: ClusterOptions = field(default_factory=ClusterOptions)
    attributes: tuple[Attribute, ...] = attributes.DEFAULTS


def load(root: Path | None = None) -> Config:
    """Read the user's faceclust.toml and then the one in the library's root, where they exist.

    The library's may come from a stranger with their photos: it has no table [scan], which names
    the networks that are fetched and run, and the number of workers, and no file of weights.

    Raises:
        OptionError: a file is not TOML, or names a setting that does not exist or is not its own.
    """
    config = Config()
    user = platformdirs.user_config_path("faceclust") / CONFIG_NAME
    if user.is_file():
        config = _apply(config, _tables(user), user)
    if root is not None and (path := root / CONFIG_NAME).is_file():
        tables = _tables(path)
        if OURS in tables:
            raise OptionError(
                f"{path}: there is no table [{OURS}] here, because photos may come from others; "
                "give flags of `faceclust scan`, most of which are remembered, or put it into "
                f"{user}."
            )
        cluster = tables.get("cluster")
        if isinstance(cluster, Mapping) and "weights" in cluster:
            raise OptionError(
                f"{path}: [cluster] has no weights here, because photos may come from others; give "
                f"`faceclust cluster --weights FILE`, which is remembered, or put it into {user}."
            )
        config = _apply(config, tables, path)
    return config


def _tables(path: Path) -> dict[str, Any]:
    try:
        tables: dict[str, Any] = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError, RecursionError) as error:
        raise OptionError(f"{path} cannot be read as TOML ({error}); mend or remove it.") from error
    return tables


def _apply(config: Config, tables: Mapping[str, Any], path: Path) -> Config:
    """`config` with what the tables of the file at `path` say."""
    known = {entry.name for entry in fields(Config)}
    for table, values in tables.items():
        if table not in known:
            raise OptionError(
                f"{path}: there is no table [{table}]; there are {', '.join(sorted(known))}."
            )
        if not isinstance(values, Mapping):
            raise OptionError(f"{path}: {table} must be a table: write [{table}], then its lines.")
        config = replace(config, **{table: _section(config, table, values, path)})
    return config


def _section(config: Config, table: str, values: Mapping[str, Any], path: Path) -> Any:
    """A section of `config` with what a table of the file at `path` says."""
    if table != "attributes":
        found = override(getattr(config, table), f"{path}: [{table}]", **values)
        if table == "cluster" and values.get("weights"):
            # A file beside this one, if no folder is named.
            found = replace(found, weights=str(path.parent / Path(found.weights).expanduser()))
        return found
    try:
        return attributes.extend(config.attributes, values)
    except OptionError as error:
        raise OptionError(f"{path}: {error}") from None


def override(options: Options, where: str | None = None, /, **values: Any) -> Options:
    """Return a copy of a room's options with those of `values` that are not None.

    Args:
        options: any dataclass of options.
        where: where the values come from, for messages; None for the command line.
        values: by the names of the fields.

    Raises:
        OptionError: a name, the type of a value or the value is wrong.
    """
    hints = get_type_hints(type(options))
    given = {key: value for key, value in values.items() if value is not None}
    for key, value in given.items():
        if key not in hints:
            source = where or "The command line"
            raise OptionError(f"{source} has no {key}; it has {', '.join(sorted(hints))}.")
        what = f"{where} {key}" if where else f"--{key.replace('_', '-')}"
        given[key] = _fitting(hints[key], value, what)
    try:
        return replace(options, **given)
    except OptionError as error:
        raise OptionError(f"{where}: {error}" if where else str(error)) from None


_KINDS = {
    bool: "true or false", int: "a whole number", float: "a number", str: "text",
    tuple: "a list of text",
}  # fmt: skip


def _fitting(hint: Any, value: Any, what: str) -> Any:
    """`value` as the type that an option is annotated with."""
    if get_origin(hint) in (Union, UnionType):
        hint = next(kind for kind in get_args(hint) if kind is not type(None))
    if get_origin(hint) is Literal:
        if value in get_args(hint):
            return value
        raise OptionError(f"{what} must be one of {', '.join(get_args(hint))}, not {value!r}.")
    if get_origin(hint) is tuple:
        if isinstance(value, list | tuple) and all(isinstance(word, str) for word in value):
            return tuple(value)
    elif hint is float and type(value) is int and abs(value) < LARGEST_WHOLE_FLOAT:
        return float(value)
    elif type(value) is hint:
        return value
    raise OptionError(f"{what} must be {_KINDS[get_origin(hint) or hint]}, not {value!r}.")

"""The settings of a run, and those that a library remembers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from faceclust import config as configuration
from faceclust.config import Config
from faceclust.pipeline.library import Library

REMEMBERED = "flags"
Flags = Mapping[str, Mapping[str, Any]]


def settings(library: Library, flags: Flags, **once: Any) -> Config:
    """The settings of a run: defaults < faceclust.toml < remembered flags < `flags`.

    Flags that are None were not given. Those in `once` (limit, retry_errors) are never remembered.

    Raises:
        OptionError: a setting does not exist or has a wrong value.
    """
    config = configuration.load(library.root)
    for table, values in _with_remembered(library, flags).items():
        section = configuration.override(getattr(config, table), **values)
        config = replace(config, **{table: section})
    return replace(
        config,
        walk=configuration.override(config.walk, limit=once.get("limit")),
        scan=configuration.override(config.scan, retry_errors=once.get("retry_errors")),
    )


def remember(library: Library, flags: Flags, folder: Path | None = None) -> None:
    """Make flags the library's own, once a run with them went well: later runs do the same.

    Args:
        folder: what was scanned. What a scan of a part of the library leaves out is said of that
            part alone: remembered, it would take photos of all other folders out of every list.
    """
    if folder not in (None, library.root):
        flags = {table: values for table, values in flags.items() if table != "walk"}
    library.db.set_setting(REMEMBERED, json.dumps(_with_remembered(library, flags)))


def _with_remembered(library: Library, flags: Flags) -> dict[str, dict[str, Any]]:
    kept: dict[str, dict[str, Any]] = json.loads(library.db.setting(REMEMBERED) or "{}")
    for table, values in flags.items():
        given = {key: value for key, value in values.items() if value is not None}
        # A threshold means something else to every method.
        before = {} if "method" in given else kept.get(table, {})
        kept[table] = {**before, **given}
    return kept

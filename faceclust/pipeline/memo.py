"""What was read of a library, kept while it still holds: the page asks the same many times."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable
from threading import RLock
from time import monotonic
from typing import Any, NamedTuple, TypeVar

from faceclust.store import Database, catalogue, ledger

Value = TypeVar("Value")


class Stamp(NamedTuple):
    """Tells one state of a library from another: what changed last in each of its parts."""

    revision: int
    clustering: int
    decision: int


class Memo:
    """For use from several threads.

    Args:
        patience: seconds for which the catalogue may be taken for unchanged: a scan that runs
            meanwhile changes it several times a second. Decisions and clusterings are seen at once.
    """

    def __init__(self, patience: float = 0.0) -> None:
        self._patience = patience
        self._kept: dict[str, tuple[Hashable, Any]] = {}
        # One lock for each thing, so that what takes long to read holds up nothing else.
        self._locks: defaultdict[str, Any] = defaultdict(RLock)
        self._lock = RLock()
        self._revision = 0
        self._looked = -patience - 1

    def stamp(self, db: Database) -> Stamp:
        """The state of the library now."""
        with self._lock:
            if monotonic() - self._looked > self._patience:
                self._revision, self._looked = catalogue.revision(db), monotonic()
            return Stamp(self._revision, *ledger.newest_ids(db))

    def get(self, what: str, state: Hashable, read: Callable[[], Value]) -> Value:
        """What was read in this state, or else `read` it, and forget what was read in another."""
        with self._lock:
            lock = self._locks[what]
        with lock:
            kept = self._kept.get(what)
            if kept is None or kept[0] != state:
                kept = self._kept[what] = (state, read())
            value: Value = kept[1]
            return value

    def last(self, what: str) -> Any:
        """What was read last, in whichever state; None where nothing was."""
        return self._kept.get(what, (None, None))[1]

"""A journal in memory (or in a file, to outlive a crash) and pictures of a tree, for tests."""

from __future__ import annotations

import json
import os
import stat
from dataclasses import asdict
from pathlib import Path

from faceclust.export.apply import Entry, Event, Summary, apply, undo
from faceclust.export.plan import Action


class MemoryJournal:
    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.states: list[str] = []

    def intend(self, entry: Entry) -> int:
        self.entries.append(entry)
        self.states.append("intended")
        return len(self.entries) - 1

    def done(self, entry_id: int) -> None:
        self.states[entry_id] = "done"

    def undone(self, entry_id: int) -> None:
        self.states[entry_id] = "undone"

    def written(self, path: Path) -> set[str]:
        return {entry.digest for _, entry in self.newest_first() if entry.path == str(path)}

    def drop_between(self, path: Path) -> None:
        """Its bytes cost nothing here."""

    def states_of(self, kind: str) -> list[str]:
        pairs = zip(self.entries, self.states, strict=True)
        return [state for entry, state in pairs if entry.kind == kind]

    def newest_first(self, since: int = 0) -> list[tuple[int, Entry]]:
        numbered = list(enumerate(self.entries))[since:]
        return [(n, entry) for n, entry in reversed(numbered) if self.states[n] != "undone"]


class FileJournal(MemoryJournal):
    """Appends each call to a file before it returns."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        for line in path.read_text().splitlines():
            call, argument = json.loads(line)
            if call == "intend":
                before = argument["before"]
                argument["before"] = None if before is None else bytes.fromhex(before)
                super().intend(Entry(**argument))
            else:
                self.states[argument] = call

    def intend(self, entry: Entry) -> int:
        fields = asdict(entry)
        fields["before"] = None if entry.before is None else entry.before.hex()
        self._append("intend", fields)
        return super().intend(entry)

    def done(self, entry_id: int) -> None:
        self._append("done", entry_id)
        super().done(entry_id)

    def undone(self, entry_id: int) -> None:
        self._append("undone", entry_id)
        super().undone(entry_id)

    def _append(self, call: str, argument: object) -> None:
        os.write(self._file, json.dumps([call, argument]).encode() + b"\n")


def tree(root: Path, times: bool = False) -> dict[str, tuple[object, ...]]:
    """Everything below `root`: kind, content or target, permissions, perhaps inode and time."""
    return {str(path.relative_to(root)): _look(path, times) for path in sorted(root.rglob("*"))}


def _look(path: Path, times: bool) -> tuple[object, ...]:
    info = path.lstat()
    if stat.S_ISLNK(info.st_mode):
        content: object = os.readlink(path)  # noqa: PTH115 - not normalised
    else:
        content = path.read_bytes() if stat.S_ISREG(info.st_mode) else "folder"
    extra = (info.st_ino, info.st_mtime_ns) if times else ()
    return (stat.S_IFMT(info.st_mode), content, stat.S_IMODE(info.st_mode), *extra)


def run(
    actions: list[Action], journal: MemoryJournal, root: Path, dry_run: bool = False
) -> tuple[Summary, list[Event]]:
    """Apply; the events' statuses and the summary must agree."""
    events: list[Event] = []
    summary = apply(actions, journal, root=root, dry_run=dry_run, on_event=events.append)
    _agree(summary, events)
    assert len(events) == len(actions)
    return summary, events


def take_back(
    journal: MemoryJournal, since: int = 0, dry_run: bool = False
) -> tuple[Summary, list[Event]]:
    """Undo everything, or all from entry `since` on."""
    events: list[Event] = []
    entries = journal.newest_first(since)
    summary = undo(entries, journal, dry_run=dry_run, on_event=events.append)
    _agree(summary, events)
    return summary, events


def _agree(summary: Summary, events: list[Event]) -> None:
    for status, number in asdict(summary).items():
        assert number == sum(event.status == status for event in events)

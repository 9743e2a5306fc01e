"""One run of an export: the rules that every kind of write keeps."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from itertools import takewhile
from pathlib import Path

from faceclust.export import digests, disk
from faceclust.export.digests import fingerprint, stands
from faceclust.export.disk import RefusedError
from faceclust.export.journal import Entry, EntryKind, Journal, Status


@dataclass(frozen=True, slots=True)
class Run:
    """Where a run may write, and what it remembers of what it wrote.

    Attributes:
        root: the folder that nothing is written outside of, without symbolic links.
        visited: folders that hold no scratch files of an earlier run.
        entered: folders that are there and in the journal.
        embed: writes a packet into a copy of a photo, as `xmp.embed`; None is that.
    """

    journal: Journal
    root: Path
    dry_run: bool
    visited: set[Path] = field(default_factory=set)
    entered: set[Path] = field(default_factory=set)
    embed: Callable[[Path, bytes, Path], None] | None = None

    def verdict(self, path: Path, wanted: str) -> Status:
        """What writing the thing with the digest `wanted` at `path` comes to."""
        if not os.path.lexists(path):
            return "created"
        if stands(path, wanted):
            return "unchanged"
        if self.ours(path):
            return "updated"
        raise RefusedError(disk.FOREIGN)

    def ours(self, path: Path) -> bool:
        """Whether what stands at `path` is what we wrote there."""
        return any(stands(path, digest) for digest in self.journal.written(path))

    def visit(self, folder: Path) -> None:
        """Refuse a folder outside the root; clear any other of a crashed run's scratch files."""
        if not folder.is_relative_to(self.root):
            raise RefusedError(f"a symbolic link leads out of {self.root}")
        if not self.dry_run and folder not in self.visited:
            disk.sweep(folder)
            self.visited.add(folder)

    def proceed(self, folder: Path, status: Status) -> bool:
        """Whether there is something to write in `folder`, which is then ready for it."""
        if status == "unchanged":
            return False
        _check_folder(folder)
        if self.dry_run:
            return False
        if folder not in self.entered:
            self._enter(folder)
            self.entered.add(folder)
        return True

    @contextmanager
    def journalled(self, entry: Entry) -> Iterator[None]:
        """Around the one system call that makes `entry` true, or fails and changes nothing."""
        number = self.journal.intend(entry)
        try:
            yield
        except (OSError, RefusedError):
            self.journal.undone(number)
            raise
        self.journal.done(number)

    def link(self, entry: Entry, put: Callable[[Path], None]) -> None:
        """Make a link, which `put` does at once and never over another file."""
        path = Path(entry.path)
        if entry.before_digest is None:
            with self.journalled(entry):
                put(path)
            return
        with disk.scratch(path.parent) as new:
            put(new)
            self.install(entry, new)

    def install(self, entry: Entry, new: Path) -> None:
        """Move the scratch file `new` to its place, if that is still as `entry` found it."""
        path = Path(entry.path)
        with self.journalled(entry):
            if fingerprint(path) != entry.before_digest:
                raise RefusedError(disk.CHANGED)
            if entry.before_digest is None:
                disk.install(new, path)
            else:
                new.replace(path)

    def _enter(self, folder: Path) -> None:
        """Make `folder`, or note that scratch files may be found in it after a crash."""
        missing = list(takewhile(lambda parent: not parent.exists(), [folder, *folder.parents]))
        for parent in reversed(missing):
            with suppress(FileExistsError), self.journalled(Entry("mkdir", str(parent), "dir")):
                parent.mkdir()
        if not missing:
            self.journal.done(self.journal.intend(Entry("scratch", str(folder), "dir")))


def entry_for(kind: EntryKind, path: Path, digest: str, source: Path | None = None) -> Entry:
    """The entry for `digest` at `path`, with what stands there now but not its bytes."""
    entry = Entry(kind, str(path), digest, source=None if source is None else str(source))
    if not os.path.lexists(path):
        return entry
    if path.is_symlink():
        target = digests.target_of(path)
        return replace(entry, before=os.fsencode(target), before_digest=digests.link_digest(target))
    mode = stat.S_IMODE(path.stat().st_mode)
    return replace(entry, before_mode=mode, before_digest=fingerprint(path))


def with_bytes(entry: Entry) -> Entry:
    """`entry` with the bytes that stand there."""
    if entry.before_mode is None:
        return entry
    before = Path(entry.path).read_bytes()
    if digests.sha256(before) != entry.before_digest:
        raise RefusedError(disk.CHANGED)
    return replace(entry, before=before)


def _check_folder(folder: Path) -> None:
    nearest = next(parent for parent in [folder, *folder.parents] if parent.exists())
    if not nearest.is_dir():
        raise RefusedError(f"{nearest} is a file, not a folder")
    if not os.access(nearest, os.W_OK | os.X_OK):
        raise RefusedError(disk.READ_ONLY)

"""Takes an export back from its journal: exactly what was written, and nothing changed since."""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from faceclust.export import disk
from faceclust.export.digests import fingerprint, plain, stands
from faceclust.export.disk import RefusedError
from faceclust.export.journal import Entry, Event, Journal, Status, Summary


def undo(
    entries: Iterable[tuple[int, Entry]],
    journal: Journal,
    *,
    dry_run: bool = False,
    on_event: Callable[[Event], None],
    copies: Callable[[Path], Iterable[Path]] = lambda path: (),
) -> Summary:
    """Take `entries` back, newest first.

    Each file ends as removed, restored, unchanged (it was never written, or is already gone) or
    left: somebody changed it since, or taking it back would lose the last copy of a photo. What
    is left stays in the journal. Entries that were intended but not done are no special case.

    Args:
        entries: with their ids; intended and done ones, none that is undone.
        journal: where they come from; told of each that is taken back.
        dry_run: touch nothing and tell what would happen.
        on_event: called after each entry.
        copies: photos with the content of the file at a path, as far as is known: where the
            original of a placed photo has gone.

    Raises:
        WriteError: the disk is full; everything before stands undone.
    """
    world = _World(dry_run, copies)
    statuses: Counter[str] = Counter()
    for number, entry in entries:
        event = _attempt(world, entry)
        if event.status != "left" and not dry_run:
            journal.undone(number)
        if entry.kind != "scratch":
            statuses[event.status] += 1
            on_event(event)
    return Summary(**statuses)


@dataclass(frozen=True, slots=True)
class _World:
    """The disk; in a dry run, the disk as it would be by now."""

    dry_run: bool
    copies: Callable[[Path], Iterable[Path]]
    pretended: dict[Path, str | None] = field(default_factory=dict)

    def holds(self, path: Path, digest: str | None) -> bool:
        if path in self.pretended:
            return self.pretended[path] == plain(digest)
        return stands(path, digest)

    def remove(self, path: Path, twin: Path | None = None) -> Status:
        if self.dry_run:
            self.pretended[path] = None
        elif path.is_dir() and not path.is_symlink():
            path.rmdir()
        else:
            disk.remove(path, twin)
        return "removed"

    def restore(self, entry: Entry) -> Status:
        path = Path(entry.path)
        if self.dry_run:
            self.pretended[path] = entry.before_digest
        elif entry.backup is not None:
            Path(entry.backup).replace(path)
        else:
            _put_back(path, entry)
        return "restored"

    def is_empty(self, folder: Path) -> bool:
        return all(
            self.pretended.get(path, "") is None or disk.is_scratch(path)
            for path in folder.iterdir()
        )


def _attempt(world: _World, entry: Entry) -> Event:
    path = Path(entry.path)
    try:
        if os.path.realpath(path.parent) != str(path.parent):
            raise RefusedError("its folder is now reached through a symbolic link")
        if not path.parent.is_dir():
            raise RefusedError("its folder is gone")
        return Event(_take_back(world, entry), path)
    except RefusedError as refusal:
        return Event("left", path, str(refusal))
    except OSError as error:
        return Event("left", path, disk.reason(error, path))


def _take_back(world: _World, entry: Entry) -> Status:
    if entry.kind in ("mkdir", "scratch") and not world.dry_run:
        disk.sweep(Path(entry.path))
    match entry.kind:
        case "scratch":
            return "unchanged"
        case "mkdir":
            return _folder(world, entry)
        case "embed":
            return _photo(world, entry)
        case "write" | "place" | "symlink":
            return _file(world, entry)


def _folder(world: _World, entry: Entry) -> Status:
    path = Path(entry.path)
    if world.holds(path, None):
        return "unchanged"
    if not world.holds(path, "dir"):
        raise RefusedError(disk.CHANGED)
    if not world.is_empty(path):
        raise RefusedError("the folder is not empty")
    return world.remove(path)


def _file(world: _World, entry: Entry) -> Status:
    path = Path(entry.path)
    if world.holds(path, entry.digest) or _is_second_name(world, entry):
        original = _original(world, entry)
        return world.remove(path, original) if entry.before is None else world.restore(entry)
    if world.holds(path, entry.before_digest) or world.holds(path, None):
        return "unchanged"
    raise RefusedError(disk.CHANGED)


def _is_second_name(world: _World, entry: Entry) -> bool:
    """Whether a hard link still is one: the photo was edited through either of its names."""
    path = Path(entry.path)
    if not entry.digest.startswith("hard:") or entry.source is None or path in world.pretended:
        return False
    if path.is_symlink() or not path.is_file():
        return False
    return Path(entry.source).exists() and path.samefile(entry.source)


def _original(world: _World, entry: Entry) -> Path | None:
    """The photo that was placed, where it is now; None where none was.

    Raises:
        RefusedError: it was moved out of sight or deleted, and the copy may be the last one; or it
            cannot be read.
    """
    if entry.source is None:
        return None
    source, path = Path(entry.source), Path(entry.path)
    try:
        if _is_file(source) and os.path.realpath(source) != entry.path:
            return source
    except OSError as error:
        raise RefusedError(f"its original {source} cannot be read ({error.strerror})") from error
    for photo in world.copies(path):
        if os.path.realpath(photo) != entry.path and _is_same_content(photo, path):
            return photo
    raise RefusedError(f"its original {source} is gone, this may be the last copy")


def _is_file(path: Path) -> bool:
    """As `Path.is_file`, which tells of a folder that may not be read in some Pythons only."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _is_same_content(photo: Path, path: Path) -> bool:
    return photo.is_file() and (photo.samefile(path) or fingerprint(photo) == fingerprint(path))


def _photo(world: _World, entry: Entry) -> Status:
    path, backup = Path(entry.path), Path(entry.backup or "")
    kept = entry.backup is not None and world.holds(backup, entry.before_digest)
    if world.holds(path, entry.digest):
        if not kept:
            raise RefusedError(f"its original {backup} is gone or changed")
        world.pretended.update({backup: None} if world.dry_run else {})
        return world.restore(entry)
    if world.holds(path, entry.before_digest):
        return world.remove(backup) if kept else "unchanged"
    raise RefusedError(disk.CHANGED)


def _put_back(path: Path, entry: Entry) -> None:
    before = entry.before or b""
    with disk.scratch(path.parent) as old:
        if (entry.before_digest or "").startswith("link:"):
            old.symlink_to(os.fsdecode(before))
        else:
            disk.write(old, before)
            if entry.before_mode is not None:
                disk.take_after(old, path)
                old.chmod(entry.before_mode)
        old.replace(path)

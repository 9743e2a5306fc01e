"""Carries planned actions out, one at a time, each journalled before it is done.

Nothing is ever written over a file that we did not write ourselves, except a sidecar that was
merged from exactly the bytes that still stand there, and a photo whose original is kept beside
it. Whatever the moment at which the machine dies, each file is in the old state or in the new.
"""

from __future__ import annotations

import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import count
from pathlib import Path

from faceclust.errors import PhotoError
from faceclust.export import digests, disk
from faceclust.export.digests import fingerprint
from faceclust.export.disk import RefusedError
from faceclust.export.journal import Entry, Event, Journal, Status, Summary
from faceclust.export.plan import (
    Action,
    EmbedXmp,
    LinkKind,
    PlaceFile,
    PlaceSymlink,
    WriteTable,
    WriteText,
)
from faceclust.export.run import Run, entry_for, with_bytes
from faceclust.export.undo import undo

__all__ = ["Entry", "Event", "Journal", "Status", "Summary", "apply", "undo"]


def apply(
    actions: Iterable[Action],
    journal: Journal,
    *,
    root: Path,
    dry_run: bool = False,
    on_event: Callable[[Event], None],
    embed: Callable[[Path, bytes, Path], None] | None = None,
) -> Summary:
    """Carry out `actions` in order; each ends as created, updated, unchanged or skipped.

    Args:
        actions: as an exporter plans them; consumed one by one.
        journal: remembers each write, before and after.
        root: the folder that nothing may be written outside of, symbolic links resolved.
        dry_run: touch nothing and tell what would happen.
        on_event: called after each action.
        embed: see `Run`.

    Raises:
        WriteError: the disk is full; what was written so far stands and is journalled.
    """
    run = Run(journal, Path(os.path.realpath(root)), dry_run, embed=embed)
    statuses: Counter[str] = Counter()
    for action in actions:
        event = _attempt(run, action)
        statuses[event.status] += 1
        on_event(event)
    return Summary(**statuses)


def _attempt(run: Run, action: Action) -> Event:
    try:
        folder = Path(os.path.realpath(action.path.parent))
        run.visit(folder)
        status = _carry_out(run, replace(action, path=folder / action.path.name))
    except RefusedError as refusal:
        return Event("skipped", action.path, str(refusal))
    except OSError as error:
        return Event("skipped", action.path, disk.reason(error, action.path))
    return Event(status, action.path)


def _carry_out(run: Run, action: Action) -> Status:
    match action:
        case WriteText():
            return _write(run, action)
        case WriteTable():
            return _write_table(run, action)
        case PlaceFile():
            return _place(run, action)
        case PlaceSymlink():
            return _symlink(run, action)
        case EmbedXmp():
            return _embed(run, action)


def _write(run: Run, action: WriteText) -> Status:
    path, wanted = action.path, digests.sha256(action.content)
    entry = entry_for("write", path, wanted)
    if action.merged_from is None:
        status = run.verdict(path, wanted)
    else:
        status = _merge_verdict(entry, action.merged_from)
    if not run.proceed(path.parent, status):
        return status
    entry = with_bytes(entry)
    with disk.scratch(path.parent) as new:
        disk.write(new, action.content)
        # A table stays its owner's alone, also in the place of one that was open to others.
        if action.photo is not None:
            if entry.before_mode is not None:
                disk.take_after(new, path)
            else:
                disk.sit_beside(new, action.photo)
        run.install(entry, new)
    return status


def _write_table(run: Run, action: WriteTable) -> Status:
    path = action.path
    # Only what may be there already has to be known before it is written.
    digest = digests.sha256_of(action.pieces()) if os.path.lexists(path) else ""
    entry = entry_for("write", path, digest)
    status = run.verdict(path, digest)
    if not run.proceed(path.parent, status):
        return status
    entry = with_bytes(entry)
    with disk.scratch(path.parent) as new:
        digest = disk.write_pieces(new, action.pieces())
        run.install(replace(entry, digest=digest), new)
    # Else the journal would hold every table there ever was.
    run.journal.drop_between(path)
    return status


def _merge_verdict(entry: Entry, merged_from: bytes) -> Status:
    if entry.before_digest != digests.sha256(merged_from):
        raise RefusedError(disk.CHANGED)
    if entry.digest == entry.before_digest:
        return "unchanged"
    _check_writable(Path(entry.path))
    return "updated"


def _place(run: Run, action: PlaceFile) -> Status:
    path, source, link = action.path, Path(os.path.realpath(action.source)), action.link
    disk.check_source(source, read=link != "hard")
    if os.path.lexists(path) and _is_placed(path, source, link):
        return "unchanged"
    digest = digests.inode_digest(source) if link == "hard" else ""
    entry = entry_for("place", path, digest, source)
    status = run.verdict(path, digest)
    if not run.proceed(path.parent, status):
        return status
    if link == "hard":
        run.link(entry, lambda new: disk.hard_link(source, new))
        return status
    with disk.scratch(path.parent) as new:
        digest = disk.clone(source, new, link)
        run.install(replace(entry, digest=digest), new)
    return status


def _is_placed(path: Path, source: Path, link: LinkKind) -> bool:
    """Whether `path` is the wanted kind of copy of `source`; reads them only when in doubt."""
    here, there = path.lstat(), source.stat()
    linked = os.path.samestat(here, there)
    if link == "hard" or linked:
        return link == "hard" and linked
    if not stat.S_ISREG(here.st_mode) or here.st_size != there.st_size:
        return False
    # Tagging keeps a photo's time and perhaps its size, but not the time of its inode.
    untouched = here.st_mtime_ns == there.st_mtime_ns and there.st_ctime_ns < here.st_ctime_ns
    return untouched or fingerprint(path) == fingerprint(source)


def _symlink(run: Run, action: PlaceSymlink) -> Status:
    path, target = action.path, action.target
    # Lexically, as the folder may not be there yet; it has no symbolic links in it.
    disk.check_source(Path(os.path.normpath(path.parent / target)), read=False)
    entry = entry_for("symlink", path, digests.link_digest(target))
    status = run.verdict(path, entry.digest)
    if run.proceed(path.parent, status):
        run.link(entry, lambda new: disk.symlink(target, new))
    return status


def _embed(run: Run, action: EmbedXmp) -> Status:
    path, packet = action.path, digests.sha256(action.packet)
    if path.is_symlink() or not path.is_file():
        raise RefusedError("not a plain file" if os.path.lexists(path) else disk.VANISHED)
    entry = entry_for("embed", path, "")
    if f"{entry.before_digest}+{packet}" in run.journal.written(path):
        return "unchanged"
    _check_writable(path)
    if not run.proceed(path.parent, "updated"):
        return "updated"
    with disk.scratch(path.parent, path.suffix) as new:
        after = _embedded(run, path, action.packet, new)
        if after == entry.before_digest:
            return "unchanged"
        backup = _free_backup(path)
        entry = replace(entry, digest=f"{after}+{packet}", backup=str(backup))
        with run.journalled(entry):
            _swap(new, entry, backup)
    return "updated"


def _embedded(run: Run, path: Path, packet: bytes, new: Path) -> str | None:
    from faceclust.export.xmp import embed

    try:
        (run.embed or embed)(path, packet, new)
    except PhotoError as error:
        raise RefusedError(str(error)) from error
    disk.take_after(new, path)
    disk.flush(new)
    return fingerprint(new)


def _free_backup(path: Path) -> Path:
    names = (f"{path.name}_original" + (f"_{n}" if n else "") for n in count())
    return next(path.with_name(name) for name in names if not os.path.lexists(path.parent / name))


def _swap(new: Path, entry: Entry, backup: Path) -> None:
    path = Path(entry.path)
    disk.keep(path, backup)
    try:
        if fingerprint(path) != entry.before_digest:
            raise RefusedError(disk.CHANGED)
        new.replace(path)
    except (OSError, RefusedError):
        backup.unlink()
        raise


def _check_writable(path: Path) -> None:
    if not os.access(path, os.W_OK):
        raise RefusedError("read-only file")

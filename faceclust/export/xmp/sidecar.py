"""Which files get people written into them as XMP, and what they will hold.

Sidecars are named as `XmpOptions.sidecar_style` says. "adobe" cannot tell a.jpg from a.heic: both
would share a.xmp. Where a folder holds several photos of one stem, all of them get full names
(a.jpg.xmp, a.heic.xmp) and a.xmp is left alone.
"""

from __future__ import annotations

import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import TypeAlias

from faceclust.errors import InputError
from faceclust.export.plan import Action, EmbedXmp, Progress, WriteText, one_by_one
from faceclust.export.xmp.merge import (
    SidecarStyle,
    XmpOptions,
    merge,
    new_sidecar,
    wanted_regions,
)
from faceclust.export.xmp.provenance import NOTHING, Previous
from faceclust.records import TaggedPhoto
from faceclust.xmp.extended import is_extended
from faceclust.xmp.extract import read_embedded
from faceclust.xmp.packet import MAX_PACKET_BYTES

Read: TypeAlias = Callable[[Path], bytes | None]

_PHOTO_SUFFIXES = frozenset(
    f".{suffix}"
    for suffix in (
        *("arw", "avif", "bmp", "cr2", "cr3", "dng", "gif", "heic", "heif", "hif", "jfif", "jpe"),
        *("jpeg", "jpg", "jxl", "nef", "nrw", "orf", "pef", "png", "raf", "rw2", "srw", "tif"),
        *("tiff", "webp"),
    )
)


def plan(
    photos: Iterable[TaggedPhoto],
    options: XmpOptions,
    previous: Callable[[Path], Previous],
    on_error: Callable[[Path, str], None] | None = None,
    read: Read = read_embedded,
    wrote: Callable[[Path, Path | None], bool] = lambda path, photo: False,
    progress: Progress = lambda done, total: None,
) -> Iterator[Action]:
    """The writes that bring the XMP of photos up to date; none where nothing changes.

    Args:
        photos: photos with the people in them, those that lost all their people included.
        options: how and where to write.
        previous: what our own earlier exports brought into a photo, `NOTHING` if there were none;
            only that is ever taken out.
        on_error: told the photo and the reason where XMP cannot be read; the photo is skipped.
        read: gives the packet inside a photo, and fails, as `read_embedded` does.
        wrote: whether an earlier export wrote the sidecar at a path; for this photo, if one is
            given.
        progress: told of each photo, when what was planned for it is done.

    Yields:
        A `WriteText` for a sidecar; with `embed` an `EmbedXmp`, and a `WriteText` besides where
        a sidecar exists, because it would hide what is embedded. A sidecar that we wrote under
        another name is kept up to date, for programs go on reading it.

    Raises:
        InputError: XMP cannot be read and there is no `on_error`.
    """
    photos = list(photos)
    paths = [photo.path for photo in photos]
    sidecar_of = sidecar_names(paths, options.sidecar_style)
    others_of = _other_names(sidecar_of, sidecar_names(paths, "adobe"), wrote)
    for photo in one_by_one(photos, progress):
        try:
            _check_there(photo.path)
            sidecar, before = sidecar_of(photo.path), previous(photo.path)
            actions = list(_actions(photo, sidecar, options, before, read))
            for other in others_of(photo.path) if before != NOTHING else ():
                actions += _update(photo, other, _read_sidecar(other), options, before)
        except InputError as error:
            if on_error is None:
                raise
            on_error(photo.path, str(error))
            continue
        yield from actions


def sidecar_names(paths: Iterable[Path], style: SidecarStyle) -> Callable[[Path], Path]:
    """How the sidecars of some photos are called.

    Args:
        paths: the photos of this export; others in their folders are seen on the disk.
        style: see `XmpOptions`.
    """

    def full(path: Path) -> Path:
        return path.with_name(f"{path.name}.xmp")

    if style == "full":
        return full
    exported: dict[Path, set[str]] = {}
    for path in paths:
        exported.setdefault(path.parent, set()).add(path.name)

    @cache
    def stems(folder: Path) -> Counter[str]:
        names = exported.get(folder, set()) | _photo_names(folder)
        # Case is folded because some file systems do.
        return Counter(Path(name).stem.casefold() for name in names)

    def adobe(path: Path) -> Path:
        shared = stems(path.parent)[path.stem.casefold()] > 1
        return full(path) if shared else path.with_suffix(".xmp")

    return adobe


def _other_names(
    sidecar_of: Callable[[Path], Path],
    adobe_of: Callable[[Path], Path],
    wrote: Callable[[Path, Path | None], bool],
) -> Callable[[Path], list[Path]]:
    """Other names of a photo's sidecar under which we wrote one: in another style, or a.xmp.

    That one we wrote before another photo of the same stem came; then it is this photo's only if
    we wrote it for it.
    """

    def others(path: Path) -> list[Path]:
        full, adobe = path.with_name(f"{path.name}.xmp"), path.with_suffix(".xmp")
        names = {full: None, adobe: None if adobe_of(path) == adobe else path}
        names.pop(sidecar_of(path))
        return [name for name, photo in names.items() if wrote(name, photo)]

    return others


def _check_there(photo: Path) -> None:
    try:
        photo.stat()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise InputError("the photo is gone; run `faceclust scan` again") from error
    except OSError as error:
        raise InputError(f"the photo cannot be read ({error.strerror})") from error


def _photo_names(folder: Path) -> set[str]:
    try:
        return {path.name for path in folder.iterdir() if path.suffix.lower() in _PHOTO_SUFFIXES}
    except OSError:
        return set()


def _actions(
    photo: TaggedPhoto, sidecar: Path, options: XmpOptions, previous: Previous, read: Read
) -> Iterator[Action]:
    wanted = bool(wanted_regions(photo, options) or photo.notes.faces)
    if not wanted and previous == NOTHING:
        return
    if options.embed:
        yield from _embed(photo, options, previous, wanted, read)
    existing = _read_sidecar(sidecar)
    yield from _update(photo, sidecar, existing, options, previous)
    if existing is None and wanted and not options.embed:
        seed = _seed(photo.path, read)
        content = new_sidecar(seed, photo, previous, options)
        yield WriteText(sidecar, content, photo=photo.path, seed=seed)


def _update(
    photo: TaggedPhoto, sidecar: Path, existing: bytes | None, options: XmpOptions,
    previous: Previous,
) -> Iterator[Action]:  # fmt: skip
    """What a sidecar that is there must say now."""
    if existing is None:
        return
    content = merge(existing, photo, previous, options, sidecar)
    if content != existing:
        yield WriteText(sidecar, content, merged_from=existing, photo=photo.path)


def _seed(path: Path, read: Read) -> bytes | None:
    try:
        return read(path)
    except InputError:  # a new sidecar is there to be written all the same
        return None


def _embed(
    photo: TaggedPhoto, options: XmpOptions, previous: Previous, wanted: bool, read: Read
) -> Iterator[Action]:
    existing = read(photo.path)
    if existing is None and not wanted:
        return
    if existing is not None and is_extended(existing):
        # It would have been completed if the other segments of the JPEG could be read.
        raise InputError(
            f"{photo.path} has XMP in parts that cannot all be read: write a sidecar instead"
        )
    packet = merge(existing, photo, previous, options)
    if packet != existing:
        yield EmbedXmp(photo.path, packet)


def _read_sidecar(path: Path) -> bytes | None:
    """The content of an existing sidecar, bounded; None where there is none."""
    try:
        found = path.lstat()
        if not stat.S_ISREG(found.st_mode):
            raise InputError(f"{path} is not a regular file: move it away, then export again")
        if found.st_size > MAX_PACKET_BYTES:
            limit = MAX_PACKET_BYTES >> 20
            raise InputError(f"{path} is over {limit} MB: move it away, then export again")
        return path.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}): check it") from error

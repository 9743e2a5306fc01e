"""Photos that lie elsewhere: any address that fsspec opens (s3://, gcs://, sftp://, http://, ...).

A photo is copied to a temporary file, bounded in size, decoded there and removed: decoders seek,
and what they are given must not change meanwhile. What fails for a moment is tried again. Names in
a listing are untrusted: those that would lead out of their folder are left out.
"""

from __future__ import annotations

import re
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timezone
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import quote, unquote

from faceclust.errors import UNREACHABLE, FaceclustError, InputError, PhotoError
from faceclust.photos.files import FoundFile, OnError, WalkOptions, is_photo, is_wanted
from faceclust.photos.patterns import matcher

MAX_BYTES = 1 << 30
# Seconds between the tries of what may fail for a moment; none is begun after so many in all, to
# stay well within the time that a photo has.
PAUSES = (0.5, 2.0, 5.0)
PATIENCE = 15.0
_CHUNK = 1 << 20
_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+(::[A-Za-z][A-Za-z0-9+.-]+)*://.*", re.DOTALL)
_LOCAL = re.compile(r"(file|local)://(?=/)")
# Addresses at which nothing could be had at the last try: while that is so, one try has to do, or a
# network that is down would cost every photo all pauses.
_out_of_reach: set[str] = set()
# When a file was changed, as the file systems call it; the first one that is there counts.
_CHANGED = ("mtime", "LastModified", "last_modified", "updated", "modified", "created")


def is_address(place: str) -> bool:
    """Whether a place is an address of fsspec's rather than a path."""
    return _ADDRESS.fullmatch(place) is not None


def local_path(place: str) -> str:
    """The path that a "file://" address means; any other place as it is."""
    return _LOCAL.sub("", place)


def walk_address(
    address: str, options: WalkOptions, on_error: OnError, *, below: str = ""
) -> Iterator[FoundFile]:
    """Find the photos at an address, as `walk` does in a folder.

    Raises:
        InputError: the address cannot be read, or a package for it is missing.
    """
    fs, start = _open(address)
    asked = f"{address}/{below}".rstrip("/")
    try:
        if not fs.isdir(f"{start}/{_written(fs, below)}".rstrip("/") or start):
            raise InputError(f"{asked} is not a folder that can be read; check the address.")
        found = _walk(fs, start, f"{below}/" if below else "", options, on_error)
        yield from islice(found, options.limit)
    except FaceclustError:
        raise
    except Exception as error:  # every protocol's package raises errors of its own
        raise InputError(
            f"{asked} cannot be read ({_short(error)}); check the address and your access to it."
        ) from error


def reach(address: str) -> None:
    """See that an address can be opened from this machine.

    Raises:
        InputError: it cannot, or a package for it is missing.
    """
    with _told(address):
        _patiently(address, lambda: _connect(address))


@contextmanager
def at_hand(root: str, path: str) -> Iterator[Path]:
    """A photo as a local file: itself, or a copy for as long as the context is open.

    Args:
        root: the library's folder or address.
        path: of the photo, relative to it.

    Raises:
        PhotoError: it cannot be fetched, or is over a gigabyte; kind `UNREACHABLE` where that may
            be the network's fault, after several tries.
    """
    if not is_address(root):
        yield Path(root, path)
        return
    with tempfile.TemporaryDirectory(prefix="faceclust-") as folder:
        # Only the ending is of use; the rest of the name may be anything.
        copy = Path(folder, "photo").with_suffix(PurePosixPath(path).suffix.lower())
        try:
            _patiently(root, lambda: _fetch(root, path, copy))
        except (PhotoError, MemoryError):
            raise
        except Exception as error:  # every protocol's package raises errors of its own
            raise PhotoError(f"it cannot be fetched ({_short(error)})", UNREACHABLE) from error
        yield copy


def _patiently(address: str, act: Callable[[], object]) -> None:
    """Try several times, with growing pauses, what fails for reasons that may pass."""
    pauses = iter(() if address in _out_of_reach else PAUSES)
    end = time.monotonic() + PATIENCE
    while True:
        try:
            act()
        except (MemoryError, ImportError):
            raise
        except PhotoError:  # an answer all the same
            _out_of_reach.discard(address)
            raise
        except Exception:  # as above
            pause = next(pauses, None)
            if pause is None or time.monotonic() + pause > end:
                _out_of_reach.add(address)
                raise
            time.sleep(pause)
        else:
            _out_of_reach.discard(address)
            return


def _fetch(root: str, path: str, copy: Path) -> None:
    fs, start = _connect(root)
    try:
        with fs.open(f"{start}/{_written(fs, path)}", "rb") as source, copy.open("wb") as target:
            left = MAX_BYTES
            while chunk := source.read(_CHUNK):
                left -= len(chunk)
                if left < 0:
                    raise PhotoError(f"over {MAX_BYTES >> 30} GB", "too-large")
                target.write(chunk)
    except (PhotoError, MemoryError):
        raise
    except Exception as error:
        meant = _meant(fs, error)
        if (settled := _settled(meant)) is not None:
            raise settled from error
        # A file system is kept for the next photo, with a connection that may have been lost.
        type(fs).clear_instance_cache()
        raise meant from meant.__cause__


def _meant(fs: Any, error: Exception) -> Exception:
    """What went wrong; on the web, fsspec says of everything that the file is not there."""
    cause = error.__cause__
    if isinstance(error, FileNotFoundError) and isinstance(cause, Exception) and _is_web(fs):
        return cause
    return error


def _settled(error: Exception) -> PhotoError | None:
    """What is wrong with a photo for good; None where another try may help."""
    status = getattr(error, "status", None)  # the web's
    if isinstance(error, FileNotFoundError) or status in (404, 410):
        return PhotoError("the file is gone")
    if isinstance(error, PermissionError) or status in (401, 403):
        return PhotoError("no permission to read it", "permission")
    return None


def _open(address: str) -> tuple[Any, str]:
    with _told(address):
        return _connect(address)


def _connect(address: str) -> tuple[Any, str]:
    """The file system of an address, one for all photos, and the address as it writes it."""
    import fsspec

    fs, start = fsspec.core.url_to_fs(address)
    return fs, str(start).rstrip("/")


@contextmanager
def _told(address: str) -> Iterator[None]:
    """Why an address cannot be opened, as a sentence."""
    try:
        yield
    except ImportError as error:
        if error.name == "fsspec":
            what = "the package fsspec; run `pip install 'faceclust[ray]'`"
        else:
            what = f"a package that is not there ({_short(error)}); install it beside faceclust"
        raise InputError(f"{address} needs {what}.") from error
    except Exception as error:
        raise InputError(f"{address} cannot be opened ({_short(error)}).") from error


def _walk(
    fs: Any, start: str, folder: str, options: WalkOptions, on_error: OnError
) -> Iterator[FoundFile]:
    excluded = matcher(options.exclude)
    folders = [folder]
    while folders:
        folder, subfolders = folders.pop(), []
        for name, facts in _entries(fs, start, folder, on_error):
            path = folder + name
            if facts.get("islink") or not is_wanted(name):
                continue
            if facts.get("type") == "directory":
                if not excluded(path + "/"):
                    subfolders.append(path + "/")
            elif is_photo(name) and not excluded(path):
                yield FoundFile(path, _size(fs, facts), _changed(facts))
        if options.recursive:
            folders.extend(reversed(subfolders))


def _entries(
    fs: Any, start: str, folder: str, on_error: OnError
) -> list[tuple[str, Mapping[str, Any]]]:
    """What is in a folder by name, in order; each name is one part of a path."""
    try:
        listed = fs.ls(f"{start}/{_written(fs, folder)}".rstrip("/"), detail=True)
    except OSError as error:
        on_error(folder.rstrip("/") or ".", error.strerror or _short(error))
        return []
    names = [(_name(fs, str(facts["name"])), facts) for facts in listed]
    plain = [each for each in names if each[0] not in ("", ".", "..")]
    return sorted((e for e in plain if not {"/", "\0"} & set(e[0])), key=lambda each: each[0])


def _written(fs: Any, path: str) -> str:
    """A path as its file system wants it: the web's addresses escape what is not plain."""
    return quote(path) if _is_web(fs) else path


def _name(fs: Any, listed: str) -> str:
    """The last part of a path as it is listed."""
    name = listed.rstrip("/").rpartition("/")[2]
    return unquote(name) if _is_web(fs) else name


def _is_web(fs: Any) -> bool:
    protocols = fs.protocol if isinstance(fs.protocol, tuple | list) else (fs.protocol,)
    return "http" in protocols or "https" in protocols


def _size(fs: Any, facts: Mapping[str, Any]) -> int:
    """Bytes of a file; one question more where the listing does not say, as on the web."""
    size = facts.get("size")
    if size is None:
        try:
            size = fs.size(facts["name"])
        except OSError:
            size = None
    return int(size or 0)


def _changed(facts: Mapping[str, Any]) -> int:
    """When a file was changed, in nanoseconds since 1970; 0 where its file system does not say."""
    value = next((facts[key] for key in _CHANGED if facts.get(key)), 0)
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.replace("Z", "+00:00"))
        except ValueError:
            return 0
    if isinstance(value, datetime):
        known = value if value.tzinfo else value.replace(tzinfo=timezone.utc)
        # In whole microseconds: what a float holds differs by machine and day.
        since = known - datetime(1970, 1, 1, tzinfo=timezone.utc)
        return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000
    return int(value * 10**9) if isinstance(value, int | float) else 0


def _short(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

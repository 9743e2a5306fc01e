"""Apple Photos, as `osxphotos query --json` writes it: photos with `persons` and `face_info`.

`center_x`, `center_y` (from the bottom left) and `size` (of the longer side) of a face refer to the
displayed photo; `mwg_rs_area` is made of them and refers to the stored pixels.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

from faceclust.errors import InputError
from faceclust.records import Box, PhotoInfo
from faceclust.tags.files import open_plain
from faceclust.tags.found import Found
from faceclust.xmp import Region, displayed_box
from faceclust.xmp.packet import clean

_UNKNOWN = "_UNKNOWN_"
_CHUNK = 1 << 20
_MOST_PHOTO = 16 << 20
_MOST_FACES = 1000
_SPACE = " \t\r\n,"
_DECODER = json.JSONDecoder()


@dataclass(frozen=True, slots=True)
class ApplePhoto:
    """One photo of the list, its fields as they stand there."""

    fields: dict[str, Any]

    @property
    def paths(self) -> list[str]:
        """Absolute paths, of the original and of the edited version."""
        return self._texts("path", "path_edited", "path_raw")

    @property
    def names(self) -> list[str]:
        """File names that it may have elsewhere: as it was imported, and in Photos."""
        return self._texts("original_filename", "filename")

    @property
    def size(self) -> int | None:
        """Bytes of the original."""
        size = self.fields.get("original_filesize")
        return size if isinstance(size, int) and size > 0 else None

    @property
    def taken_at(self) -> str | None:
        """Local capture time, ISO 8601 without a zone."""
        date = self.fields.get("date")
        return date[:19] if isinstance(date, str) and len(date) >= 19 else None

    def _texts(self, *keys: str) -> list[str]:
        found = [self.fields.get(key) for key in keys]
        return [value for value in found if isinstance(value, str) and value]

    def people(self, info: PhotoInfo, file: str) -> Found:
        """The people in it, where it is the photo of the library that `info` is about."""
        regions, names = [], []
        for face in _dicts(self.fields.get("face_info")):
            name = _name(face.get("name"))
            box = _box(face, info)
            if name and box:
                regions.append(Region(name, box))
            elif name:
                names.append(name)
        persons = self.fields.get("persons")
        listed = persons[:_MOST_FACES] if isinstance(persons, list) else []
        known = {region.name for region in regions}
        names += [name for name in map(_name, listed) if name]
        boxless = tuple(name for name in dict.fromkeys(names) if name not in known)
        return Found("osxphotos", file, tuple(regions), boxless, "displayed")


def is_list(path: Path) -> bool:
    """Whether a JSON file begins as a list that osxphotos writes, and not as Google's."""
    try:
        with open_plain(path) as file:
            head = file.read(1 << 16).lstrip(b"\xef\xbb\xbf \t\r\n")
    except (InputError, OSError):
        return False
    # exiftool's lists, which osxphotos too writes as sidecars, begin with the name of a file.
    return head.startswith(b"[") and b'"SourceFile"' not in head


def read_list(file: BinaryIO) -> Iterator[ApplePhoto]:
    """The photos of a list, one at a time: memory is bounded by the largest of them.

    Raises:
        InputError: it is no such list, damaged, or a photo in it too large.
    """
    text = _Text(file)
    buffer = text.more().lstrip(_SPACE + "\ufeff")
    if not buffer.startswith("["):
        raise InputError("not a list of photos")
    at = 1
    while True:
        while at < len(buffer) and buffer[at] in _SPACE:
            at += 1
        if buffer.startswith("]", at):
            return
        try:
            value, at = _DECODER.raw_decode(buffer, at)
        except RecursionError as error:
            raise InputError("too deeply nested") from error
        except ValueError as error:
            more = text.more() if len(buffer) - at < _MOST_PHOTO else ""
            if not more:
                raise InputError("damaged, or cut off") from error
            buffer, at = buffer[at:] + more, 0
            continue
        if not isinstance(value, dict) or "uuid" not in value:
            raise InputError("not a list of photos as osxphotos writes it")
        yield ApplePhoto(value)


class _Text:
    """A file as text, chunk by chunk."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder("utf-8")()

    def more(self) -> str:
        """The next part, "" at the end."""
        while chunk := self._file.read(_CHUNK):
            try:
                if part := self._decoder.decode(chunk):
                    return part
            except UnicodeDecodeError as error:
                raise InputError("not UTF-8") from error
        return ""


def _dicts(value: object) -> list[dict[str, Any]]:
    listed = value[:_MOST_FACES] if isinstance(value, list) else []
    return [item for item in listed if isinstance(item, dict)]


def _name(value: object) -> str:
    name = clean(value) if isinstance(value, str) else ""
    return "" if name == _UNKNOWN else name


def _box(face: dict[str, Any], info: PhotoInfo) -> Box | None:
    numbers = [face.get(key) for key in ("center_x", "center_y", "size")]
    if all(isinstance(n, int | float) and 0 <= n <= 1 for n in numbers) and numbers[2]:
        x, y, size = (float(n) for n in numbers if n is not None)
        longer = max(info.width, info.height)
        w, h = size * longer / info.width, size * longer / info.height
        return Box(x - w / 2, 1 - y - h / 2, w, h)
    area = face.get("mwg_rs_area")
    corners = [area.get(key) for key in "xywh"] if isinstance(area, dict) else [None]
    if not all(isinstance(n, int | float) and 0 < n <= 1 for n in corners):
        return None
    x, y, w, h = (float(n) for n in corners if n is not None)
    return displayed_box(Box(x - w / 2, y - h / 2, w, h), info.orientation)

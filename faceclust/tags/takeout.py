"""Google Takeout: one JSON beside each photo, with the names of people but no boxes.

The JSON of a.jpg is a.jpg.json, or a.jpg.supplemental-metadata.json since 2024. Before ".json"
stand at most 46 characters, so either may be cut short; a counter "(1)" comes after the cut.
Edited copies (a-edited.jpg, in whatever language) have none of their own.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator
from pathlib import PurePath

from faceclust.errors import InputError
from faceclust.tags.found import Found
from faceclust.xmp.packet import clean

SUFFIX = ".json"
_MOST = 46
_MOST_NAMES = 1000
_SUPPLEMENT = ".supplemental-metadata"
# Google's words for an edited copy, as file systems may spell them.
_EDITED = tuple(
    unicodedata.normalize(form, f"-{word}")
    for word in ("edited", "effects", "smile", "mix", "bearbeitet", "bewerkt", "edytowane",
                 "editat", "editado", "ha editado", "modifi\xe9", "modificato", "編集済み")
    for form in ("NFC", "NFD")
)  # fmt: skip
_COUNTER = re.compile(r"\(\d+\)$")


def json_names(photo: str) -> Iterator[str]:
    """The names that the JSON of a photo may have, the likeliest first."""
    path = PurePath(photo)
    counter = _COUNTER.search(path.stem)
    plain = path.stem[: counter.start()] if counter else path.stem
    number = counter[0] if counter else ""
    for stem in dict.fromkeys([plain, *(plain.removesuffix(suffix) for suffix in _EDITED)]):
        name = f"{stem}{path.suffix}"
        yield f"{name}{number}{SUFFIX}"
        yield f"{name[:_MOST]}{number}{SUFFIX}"
        yield f"{(name + _SUPPLEMENT)[:_MOST]}{number}{SUFFIX}"
        # The cut is not the same in every export.
        for length in range(len(_SUPPLEMENT), 0, -1):
            yield f"{name}{_SUPPLEMENT[:length]}{number}{SUFFIX}"
    if number:
        yield f"{(photo + _SUPPLEMENT)[:_MOST]}{SUFFIX}"


def read_takeout(content: bytes, file: str) -> Found | None:
    """The people that a Takeout JSON names; None where it is the JSON of something else.

    Raises:
        InputError: it is no JSON.
    """
    document = parse_json(content)
    if not isinstance(document, dict) or "title" not in document:
        return None
    people = document.get("people")
    listed = people if isinstance(people, list) else []
    given = [person.get("name") for person in listed[:_MOST_NAMES] if isinstance(person, dict)]
    names = dict.fromkeys(clean(name) for name in given if isinstance(name, str))
    return Found("takeout", file, names=tuple(name for name in names if name))


def parse_json(content: bytes) -> object:
    """A JSON document that may be hostile; lone surrogates are left for `clean` to take out.

    Raises:
        InputError: it is no JSON, or too deeply nested.
    """
    try:
        document: object = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        raise InputError("not JSON, or damaged") from error
    return document

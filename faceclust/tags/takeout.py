"""Google Takeout: one JSON beside each photo, with the names of people but no boxes.

Which JSON is about which photo is for `titles` to say.
"""

from __future__ import annotations

import json

from faceclust.errors import InputError
from faceclust.tags.found import Found
from faceclust.xmp.packet import clean

_MOST_NAMES = 1000


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


def read_title(content: bytes) -> str | None:
    """The title of the photo that a Takeout JSON is about; None where it is anything else."""
    try:
        document = parse_json(content)
    except InputError:
        return None
    title = document.get("title") if isinstance(document, dict) else None
    return title if isinstance(title, str) else None


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

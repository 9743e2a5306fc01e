"""People and photos as one JSON document or one CSV table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Sequence

import faceclust
from faceclust.records import Box, Person, PersonRegion, TaggedPhoto, by_attribute

CSV_COLUMNS = ("file", "person", "person_id", "face", "x", "y", "w", "h", "taken_at")
ATTRIBUTE_COLUMN = "attribute_"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DECIMALS = 6


def to_json(people: Iterable[Person], photos: Iterable[TaggedPhoto]) -> bytes:
    """Everything in one UTF-8 document: `{"faceclust", "people", "photos"}`.

    Boxes are top-left corner and size, as fractions of the displayed photo. `name` is null for
    unnamed people; a face's `attributes` are guesses of its appearance. Bytes of a path that are
    not UTF-8 become lone surrogates, escaped.
    The same input gives the same bytes, whatever order it comes in.
    """
    document = {
        "faceclust": faceclust.__version__,
        "people": [
            {"id": person.id, "name": person.name, "faces": list(person.faces)}
            for person in sorted(people, key=lambda person: person.id)
        ],
        "photos": [_photo(photo) for photo in _in_order(photos)],
    }
    text = json.dumps(document, ensure_ascii=False, allow_nan=False, indent=2)
    return _encoded(text + "\n")


def to_csv(photos: Iterable[TaggedPhoto], attributes: Sequence[str] = ()) -> bytes:
    """One row for each face (RFC 4180, UTF-8, no byte-order mark) with `CSV_COLUMNS`.

    After these comes one column for each of `attributes`, "attribute_glasses", with the value that
    is guessed. `file` is relative to the library; `person` is the name, empty for unnamed people.
    So that no spreadsheet runs a cell as a formula, a name that begins like one gets a "'" before
    it, and a file "./", which leaves it the same path.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([*CSV_COLUMNS, *(ATTRIBUTE_COLUMN + name for name in attributes)])
    for photo in _in_order(photos):
        file = _not_a_formula(photo.relative.as_posix(), "./")
        for region in photo.regions:
            name = _not_a_formula(region.name, "'") if region.named else ""
            box = [f"{value:.{_DECIMALS}f}" for value in _box(region.box).values()]
            taken_at = photo.info.taken_at or ""
            value = {guess.attribute: guess.value for guess in region.guesses}
            looks = [_not_a_formula(value.get(name, ""), "'") for name in attributes]
            writer.writerow([file, name, region.person_id, region.face_id, *box, taken_at, *looks])
    return _encoded(text.getvalue())


def _in_order(photos: Iterable[TaggedPhoto]) -> list[TaggedPhoto]:
    return sorted(photos, key=lambda photo: photo.relative.as_posix())


def _photo(photo: TaggedPhoto) -> dict[str, object]:
    return {
        "path": photo.relative.as_posix(),
        "width": photo.info.width,
        "height": photo.info.height,
        "taken_at": photo.info.taken_at,
        "camera": photo.info.camera,
        "faces": [_face(region) for region in photo.regions],
    }


def _face(region: PersonRegion) -> dict[str, object]:
    return {
        "face": region.face_id,
        "person": region.person_id,
        "name": region.name if region.named else None,
        "box": _box(region.box),
        "attributes": by_attribute(region.guesses),
    }


def _box(box: Box) -> dict[str, float]:
    values = {"x": box.x, "y": box.y, "w": box.w, "h": box.h}
    return {side: round(float(value), _DECIMALS) for side, value in values.items()}


def _not_a_formula(cell: str, guard: str) -> str:
    return guard + cell if cell.startswith(_FORMULA) else cell


def _encoded(text: str) -> bytes:
    # A surrogate escape has no bytes in UTF-8; backslashreplace writes it as JSON does.
    return text.encode("utf-8", "backslashreplace")

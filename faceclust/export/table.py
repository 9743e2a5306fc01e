"""People and photos as one JSON document or one CSV table."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence

import faceclust
from faceclust.records import Box, Person, PersonRegion, TaggedPhoto, by_attribute

CSV_COLUMNS = ("file", "person", "person_id", "face", "x", "y", "w", "h", "taken_at")
ATTRIBUTE_COLUMN = "attribute_"
_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")
_DECIMALS = 6
PIECE = 1 << 16  # characters that are put together before they are written


def to_json(people: Iterable[Person], photos: Iterable[TaggedPhoto]) -> Iterator[bytes]:
    """Everything in one UTF-8 document, piece by piece: `{"faceclust", "people", "photos"}`.

    Boxes are top-left corner and size, as fractions of the displayed photo. `name` is null for
    unnamed people; a face's `attributes` are guesses of its appearance. Bytes of a path that are
    not UTF-8 become lone surrogates, escaped.
    The photos stay in the order they come in; no more of them than the next piece needs are asked
    for.
    """
    yield from _encoded(_document(people, photos))


def _document(people: Iterable[Person], photos: Iterable[TaggedPhoto]) -> Iterator[str]:
    yield f'{{\n  "faceclust": {_dumped(faceclust.__version__)},\n  "people": '
    yield from _listed(
        {"id": person.id, "name": person.name, "faces": list(person.faces)}
        for person in sorted(people, key=lambda person: person.id)
    )
    yield ',\n  "photos": '
    yield from _listed(map(_photo, photos))
    yield "\n}\n"


def _listed(items: Iterable[object]) -> Iterator[str]:
    """A list one level down in a document, as `json.dumps` would write it there."""
    first = before = "[\n    "
    for item in items:
        # No string of JSON holds a line's end.
        yield before + _dumped(item).replace("\n", "\n    ")
        before = ",\n    "
    yield "[]" if before == first else "\n  ]"


def _dumped(item: object) -> str:
    return json.dumps(item, ensure_ascii=False, allow_nan=False, indent=2)


def to_csv(photos: Iterable[TaggedPhoto], attributes: Sequence[str] = ()) -> Iterator[bytes]:
    """One row for each face (RFC 4180, UTF-8, no byte-order mark) with `CSV_COLUMNS`, in pieces.

    After these comes one column for each of `attributes`, "attribute_glasses", with the value that
    is guessed. `file` is relative to the library; `person` is the name, empty for unnamed people.
    So that no spreadsheet runs a cell as a formula, a name that begins like one gets a "'" before
    it, and a file "./", which leaves it the same path. The photos are taken as by `to_json`.
    """
    yield from _encoded(map(_line, _rows(photos, attributes)))


def _rows(photos: Iterable[TaggedPhoto], attributes: Sequence[str]) -> Iterator[list[object]]:
    yield [*CSV_COLUMNS, *(ATTRIBUTE_COLUMN + name for name in attributes)]
    for photo in photos:
        file = _not_a_formula(photo.relative.as_posix(), "./")
        for region in photo.regions:
            name = _not_a_formula(region.name, "'") if region.named else ""
            box = [f"{value:.{_DECIMALS}f}" for value in _box(region.box).values()]
            taken_at = photo.info.taken_at or ""
            value = {guess.attribute: guess.value for guess in region.guesses}
            looks = [_not_a_formula(value.get(name, ""), "'") for name in attributes]
            yield [file, name, region.person_id, region.face_id, *box, taken_at, *looks]


def _line(row: list[object]) -> str:
    text = io.StringIO()
    csv.writer(text).writerow(row)
    return text.getvalue()


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


def _encoded(texts: Iterable[str]) -> Iterator[bytes]:
    kept, size = [], 0
    for text in texts:
        kept.append(text)
        size += len(text)
        if size >= PIECE:
            yield _bytes(kept)
            kept, size = [], 0
    yield _bytes(kept)


def _bytes(texts: list[str]) -> bytes:
    # A surrogate escape has no bytes in UTF-8; backslashreplace writes it as JSON does.
    return "".join(texts).encode("utf-8", "backslashreplace")

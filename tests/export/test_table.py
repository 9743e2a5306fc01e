import csv
import io
import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import faceclust
from faceclust.export import table
from faceclust.export.table import CSV_COLUMNS
from faceclust.records import Box, Guess, Person, PersonRegion, PhotoInfo, TaggedPhoto

INFO = PhotoInfo(4000, 3000, 6, "JPEG", "2019-07-14T18:03:22", "Canon EOS 5D")
ANN = PersonRegion(1, 10, "Ann", Box(0.1, 0.2, 0.3, 1 / 3), guesses=(Guess("hat", "yes", 0.98765),))
UNNAMED = PersonRegion(12, 11, "Person 12", Box(0.5, 0.5, 0.25, 0.25), named=False)
PEOPLE = [Person(12, None, (11,)), Person(1, "Ann", (10,))]


def photo(relative: str, *regions: PersonRegion, info: PhotoInfo = INFO) -> TaggedPhoto:
    return TaggedPhoto(Path("/library") / relative, Path(relative), info, regions)


def rows(table: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(table.decode(), newline="")))


def to_json(people: Iterable[Person], photos: Iterable[TaggedPhoto]) -> bytes:
    return b"".join(table.to_json(people, photos))


def to_csv(photos: Iterable[TaggedPhoto], attributes: Sequence[str] = ()) -> bytes:
    return b"".join(table.to_csv(photos, attributes))


def named(name: str) -> PersonRegion:
    return PersonRegion(1, 10, name, Box(0, 0, 1, 1))


def test_json_holds_people_and_photos() -> None:
    document = json.loads(to_json(PEOPLE, [photo("b/2.jpg", ANN, UNNAMED), photo("a/1.jpg")]))
    assert document["faceclust"] == faceclust.__version__
    assert document["people"] == [
        {"id": 1, "name": "Ann", "faces": [10]},
        {"id": 12, "name": None, "faces": [11]},
    ]
    assert [one["path"] for one in document["photos"]] == ["b/2.jpg", "a/1.jpg"]
    assert document["photos"][0] == {
        "path": "b/2.jpg",
        "width": 4000,
        "height": 3000,
        "taken_at": "2019-07-14T18:03:22",
        "camera": "Canon EOS 5D",
        "faces": [
            {
                "face": 10,
                "person": 1,
                "name": "Ann",
                "box": {"x": 0.1, "y": 0.2, "w": 0.3, "h": 0.333333},
                "attributes": {"hat": {"value": "yes", "probability": 0.988}},
            },
            {
                "face": 11,
                "person": 12,
                "name": None,
                "box": {"x": 0.5, "y": 0.5, "w": 0.25, "h": 0.25},
                "attributes": {},
            },
        ],
    }


@pytest.mark.parametrize("piece", [1, 100, table.PIECE])
@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(names=st.lists(st.text(max_size=5), max_size=4), several=st.integers(0, 3))
def test_json_is_what_it_would_be_in_one_piece(
    monkeypatch: pytest.MonkeyPatch, piece: int, names: list[str], several: int
) -> None:
    monkeypatch.setattr(table, "PIECE", piece)
    regions = [named(name) for name in names]
    photos = [photo("a\n.jpg"), photo("caf\udce9.jpg", ANN, *regions), photo("b.jpg", UNNAMED)]
    people = [Person(n, name, (n, n + 1)) for n, name in enumerate(names)]
    document = to_json(people, photos[:several])
    whole = json.dumps(json.loads(document), ensure_ascii=False, indent=2) + "\n"
    assert document == whole.encode("utf-8", "backslashreplace")


def test_no_more_photos_are_asked_for_than_are_written(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = 0

    def photos() -> Iterator[TaggedPhoto]:
        nonlocal asked
        for asked in range(1, 11):
            yield photo(f"{asked}.jpg", ANN)

    monkeypatch.setattr(table, "PIECE", 1)
    for pieces in (table.to_json([], photos()), table.to_csv(photos())):
        asked, text = 0, b""
        while b"3.jpg" not in text:
            text += next(pieces)
        assert asked == 3


def test_json_is_readable_utf8_and_survives_bytes_that_are_not() -> None:
    text = to_json([Person(1, "Zoë 李", (1,))], [photo("caf\udce9.jpg")])
    assert "Zoë 李".encode() in text
    assert json.loads(text)["photos"][0]["path"] == "caf\udce9.jpg"


def test_json_refuses_what_json_cannot_say() -> None:
    nowhere = PersonRegion(1, 1, "Ann", Box(float("nan"), 0, 1, 1))
    with pytest.raises(ValueError, match="JSON"):
        to_json([], [photo("a.jpg", nowhere)])


def test_csv_has_a_row_for_each_face() -> None:
    table = to_csv([photo("b/2.jpg", ANN, UNNAMED), photo("a/1.jpg")])
    assert table.decode().splitlines()[0] == ",".join(CSV_COLUMNS)
    first, second = rows(table)
    assert first == {
        "file": "b/2.jpg",
        "person": "Ann",
        "person_id": "1",
        "face": "10",
        "x": "0.100000",
        "y": "0.200000",
        "w": "0.300000",
        "h": "0.333333",
        "taken_at": "2019-07-14T18:03:22",
    }
    assert (second["person"], second["person_id"]) == ("", "12")


def test_csv_has_a_column_for_each_attribute() -> None:
    odd = PersonRegion(1, 10, "Ann", Box(0, 0, 1, 1), guesses=(Guess("age", "-10", 0.9),))
    photos = [photo("a.jpg", ANN), photo("b.jpg", odd), photo("c.jpg", UNNAMED)]
    found = [(row["attribute_age"], row["attribute_hat"]) for row in
             rows(to_csv(photos, ("age", "hat")))]  # fmt: skip
    assert found == [("", "yes"), ("'-10", ""), ("", "")]


def test_csv_quotes_as_rfc_4180_says() -> None:
    table = to_csv([photo("a, b.jpg", named('Ann "the\r\nBoss"'))])
    assert table.endswith(b"\r\n")
    assert b'"a, b.jpg","Ann ""the\r\nBoss"""' in table
    (row,) = rows(table)
    assert (row["file"], row["person"]) == ("a, b.jpg", 'Ann "the\r\nBoss"')


@pytest.mark.parametrize("name", ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_is_a_formula(name: str) -> None:
    (row,) = rows(to_csv([photo(f"{name.strip()[0]}x.jpg", named(name))]))
    assert row["person"] == "'" + name
    assert row["file"].startswith("./")
    assert Path(row["file"]) == Path(f"{name.strip()[0]}x.jpg")


def test_csv_without_a_date_or_valid_file_name() -> None:
    undated = PhotoInfo(10, 10, 1, "PNG")
    (row,) = rows(to_csv([photo("caf\udce9.jpg", ANN, info=undated)]))
    assert (row["file"], row["taken_at"]) == (r"caf\udce9.jpg", "")


def test_nothing_at_all() -> None:
    assert rows(to_csv([])) == []
    assert json.loads(to_json([], []))["photos"] == []

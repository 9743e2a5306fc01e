"""Google Takeout: what its JSON says."""

from __future__ import annotations

import json

import pytest

from faceclust.errors import InputError
from faceclust.tags import takeout


def test_a_takeout_json() -> None:
    people = [{"name": "Ann"}, {"name": "Ann"}, {"name": 7}, 8, {"name": "\ud800 \x00"}]
    document = {"title": "a.jpg", "people": people}
    found = takeout.read_takeout(json.dumps(document).encode(), "f")
    assert found is not None
    assert found.names == ("Ann",)
    assert takeout.read_takeout(b'{"albums": 1}', "f") is None
    for broken in (b"{", b"\xff", b"[" * 100_000):
        with pytest.raises(InputError):
            takeout.read_takeout(broken, "f")


def test_the_title_of_a_json() -> None:
    assert takeout.read_title(b'{"title": "a.jpg", "people": []}') == "a.jpg"
    for other in (b'{"title": 7}', b'{"people": []}', b"[]", b"{", b"\xff", b"[" * 100_000):
        assert takeout.read_title(other) is None

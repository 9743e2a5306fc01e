from __future__ import annotations

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.embed.flatbuffer import MAX_NUMBERS, NOTHING, MalformedError, Table, root

# A file of one table, by hand; field 4 is absent and field 5 lies beyond the vtable's end.
FILE = b"".join([
    struct.pack("<I4s", 24, b"TEST"),
    struct.pack("<7H2x", 14, 20, 4, 8, 12, 16, 0),  # at 8: the vtable
    struct.pack("<iiIII", 16, -7, 12, 20, 20),  # at 24: the table; distances from each field
    struct.pack("<I2i", 2, 5, -6),  # at 44 (lists are behind their lengths)
    struct.pack("<II", 1, 0),  # at 56
    b"\xff" * 8,
])  # fmt: skip


def test_what_was_written_is_read() -> None:
    table = root(FILE, b"TEST")
    assert table.number(0) == -7
    assert table.number(0, "<B") == 249
    assert table.numbers(1) == (5, -6)
    assert bytes(table.bytes(2)) == b"\0"
    assert [inner.at for inner in table.tables(2)] == [60]
    assert table.table(3).at == 60


def test_absent_fields_have_defaults() -> None:
    table = root(FILE, b"TEST")
    for one, field in ((table, 4), (table, 5), (NOTHING, 0)):
        assert one.number(field, absent=3) == 3
        assert one.numbers(field) == ()
        assert one.tables(field) == []
        assert one.table(field) == NOTHING
        assert not one.bytes(field)


@pytest.mark.parametrize("data", [b"", b"\0\0\0\0TES", b"\0\0\0\0ELSE"])
def test_another_kind_of_file_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError, match="TEST"):
        root(data, b"TEST")


@pytest.mark.parametrize("count", [MAX_NUMBERS + 1, 2**32 - 1])
def test_lists_have_an_end(count: int) -> None:
    data = FILE[:44] + struct.pack("<I", count) + FILE[48:]
    with pytest.raises(MalformedError, match=str(count)):
        root(data, b"TEST").numbers(1)


@given(
    at=st.integers(-40, len(FILE) + 40),
    changes=st.dictionaries(st.integers(0, len(FILE) - 1), st.integers(0, 255), max_size=8),
    length=st.integers(0, len(FILE)),
)
def test_no_offset_leads_out_of_the_file(at: int, changes: dict[int, int], length: int) -> None:
    data = bytearray(FILE)
    for place, value in changes.items():
        data[place] = value
    table = Table(bytes(data[:length]), at)
    for field in range(6):
        for read in (table.number, table.numbers, table.table, table.tables, table.bytes):
            try:
                read(field)
            except MalformedError:
                continue

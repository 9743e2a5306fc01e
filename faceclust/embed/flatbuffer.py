"""A reader of FlatBuffers (tables, lists, bytes) that believes no offset.

A table begins with the distance back to its list of fields, the vtable: two sizes and then, for
each field, its distance from the table, 0 where it is absent. Lists and inner tables lie where a
field's own distance points.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass

# Many entries may point to one and the same table: without a bound a small file is endless.
MAX_TABLES = 4096
MAX_NUMBERS = 16


class MalformedError(ValueError):
    """The bytes are not what they should be; says why, as a clause."""


@dataclass(frozen=True, slots=True)
class Table:
    """A table of the file `data` that begins at byte `at`.

    Fields are named by their place in the schema. Every method raises `MalformedError` where the
    file is damaged.
    """

    data: bytes
    at: int

    def number(self, field: int, form: str = "<i", absent: int = 0) -> int:
        """A number, in one of struct's formats."""
        at = self._find(field)
        return absent if at is None else self._read(form, at)

    def numbers(self, field: int) -> tuple[int, ...]:
        """A list of at most `MAX_NUMBERS` 32-bit integers, empty where absent."""
        start, count = self._list(field, 4, MAX_NUMBERS)
        return struct.unpack_from(f"<{count}i", self.data, start)

    def table(self, field: int) -> Table:
        """An inner table; one without fields where it is absent."""
        at = self._find(field)
        return NOTHING if at is None else Table(self.data, at + self._read("<I", at))

    def tables(self, field: int) -> list[Table]:
        """A list of at most `MAX_TABLES` inner tables, empty where absent."""
        start, count = self._list(field, 4, MAX_TABLES)
        places = range(start, start + 4 * count, 4)
        return [Table(self.data, at + self._read("<I", at)) for at in places]

    def bytes(self, field: int) -> memoryview:
        """A list of bytes, not copied; empty where absent."""
        start, count = self._list(field, 1, len(self.data))
        return memoryview(self.data)[start : start + count]

    def _find(self, field: int) -> int | None:
        vtable = self.at - self._read("<i", self.at)
        slot = 4 + 2 * field
        if slot + 2 > self._read("<H", vtable):
            return None
        offset = self._read("<H", vtable + slot)
        return self.at + offset if offset else None

    def _list(self, field: int, width: int, most: int) -> tuple[int, int]:
        """Where the entries of a list begin, and how many there are."""
        at = self._find(field)
        if at is None:
            return 0, 0
        start = at + self._read("<I", at) + 4
        count = self._read("<I", start - 4)
        if count > most:
            raise MalformedError(f"it has a list of {count} entries where {most} are the most")
        if start + count * width > len(self.data):
            raise MalformedError("a list reaches beyond its end")
        return start, count

    def _read(self, form: str, at: int) -> int:
        # struct would take a negative offset as one from the end.
        if not 0 <= at <= len(self.data) - struct.calcsize(form):
            raise MalformedError("an offset points outside of it")
        return int(struct.unpack_from(form, self.data, at)[0])


# Its vtable, right behind it, is as short as can be.
NOTHING = Table(struct.pack("<iHH", -4, 4, 4), 0)


def root(data: bytes, identifier: bytes) -> Table:
    """The table that a file begins with.

    Args:
        data: the whole file.
        identifier: the four bytes that such a file carries.

    Raises:
        MalformedError: it does not carry them.
    """
    if len(data) < 8 or data[4:8] != identifier:
        raise MalformedError(f"it does not say {identifier.decode()}")
    return Table(data, int.from_bytes(data[:4], "little"))

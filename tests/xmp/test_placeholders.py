from __future__ import annotations

from dataclasses import replace

import pytest

from faceclust.export.xmp import NOTHING, Previous, XmpOptions, merge
from faceclust.records import Notes, PersonNote, PersonRegion, TaggedPhoto
from faceclust.tags.sidecars import read_xmp
from faceclust.xmp.placeholders import read_placeholders
from tests.export.xmp.samples import ANN, BOB, DIGIKAM, INFO, tagged

ON = XmpOptions(placeholders=True)
NAMES = ("Ann", "Bob", "Person 7", "Person 12")


def numbered(photo: TaggedPhoto, *numbers: int) -> TaggedPhoto:
    """The photo with people in it who have no name."""
    more = (PersonRegion(n, n, f"Person {n}", ANN, named=False) for n in numbers)
    return replace(photo, regions=(*photo.regions, *more))


@pytest.mark.parametrize("before", [None, DIGIKAM, DIGIKAM.decode().encode("utf-16")])
def test_what_is_no_name_is_known_in_whoever_wrote_the_packet(before: bytes | None) -> None:
    written = merge(before, numbered(tagged(("Ann", BOB)), 12), NOTHING, ON)
    assert read_placeholders(written, NAMES) >= {"person 12"}
    assert read_xmp(written, INFO, "a.xmp").placeholders == {"person 12"}
    ours = Previous(names=frozenset({"Ann", "Person 12"}))
    assert merge(written, numbered(tagged(("Ann", BOB)), 12), ours, ON) == written
    renamed = merge(written, tagged(("Ann", BOB), ("Eve", ANN)), ours, ON)
    assert b"Placeholders" not in renamed
    assert read_xmp(renamed, INFO, "a.xmp").placeholders == frozenset()


def test_somebody_who_is_really_called_so() -> None:
    theirs = DIGIKAM.replace(b"Bob", b"Person 7")
    assert read_xmp(theirs, INFO, "a.xmp").placeholders == frozenset()
    written = merge(theirs, numbered(tagged(), 12), NOTHING, ON)
    assert read_xmp(written, INFO, "a.xmp").placeholders == {"person 12"}
    noted = replace(tagged(("Person 7", BOB)), notes=Notes("me", (), (PersonNote("Person 7"),)))
    written = merge(None, numbered(noted, 7, 12), NOTHING, ON)
    assert read_xmp(written, INFO, "a.xmp").placeholders == {"person 12"}
    ours = Previous(names=frozenset({"Person 12"}))
    now = replace(noted, regions=tagged(("Person 12", ANN)).regions)
    assert read_placeholders(merge(DIGIKAM, now, ours, ON), NAMES) == frozenset()


def test_earlier_versions_did_not_list_them() -> None:
    written = merge(None, tagged(("Person 12", ANN), ("Ann", BOB)), NOTHING, XmpOptions())
    assert b"Placeholders" not in written
    assert read_placeholders(written, NAMES) == {"person 7", "person 12"}
    rewritten = written.replace(b'xmptk="faceclust"', b'xmptk="XMP Core 4.4.0-Exiv2"')
    assert read_placeholders(rewritten, NAMES) == frozenset()

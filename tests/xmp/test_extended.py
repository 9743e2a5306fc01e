"""XMP that continues in further segments of a JPEG: put together whole, or not at all."""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from faceclust.errors import InputError
from faceclust.xmp import embedded_packet, read_people
from faceclust.xmp.extract import read_embedded
from faceclust.xmp.packet import MAX_PACKET_BYTES, PREFIXES, items, parse, properties, q, text
from tests.export.xmp.samples import INFO, IPTC, packet

MAIN = b"http://ns.adobe.com/xap/1.0/\0"
FURTHER = b"http://ns.adobe.com/xmp/extension/\0"
NOTE = f'xmlns:xmpNote="{PREFIXES["xmpNote"]}"'
DC = f'xmlns:dc="{PREFIXES["dc"]}"'
PEOPLE = packet(
    "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Ann</rdf:li></rdf:Bag></Iptc4xmpExt:PersonInImage>"
    f"<dc:description>{'long ' * 20_000}</dc:description>",
    f"{IPTC} {DC}",
)


def guid(extended: bytes) -> str:
    return hashlib.md5(extended, usedforsecurity=False).hexdigest().upper()


def main_packet(extended: bytes, more: str = "") -> bytes:
    has = f"<xmpNote:HasExtendedXMP>{guid(extended)}</xmpNote:HasExtendedXMP>"
    return packet(f"{has}<dc:title>T</dc:title>{more}", f"{NOTE} {DC}")


def segment(content: bytes, marker: int = 0xE1) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def parts(extended: bytes, size: int = 60_000) -> list[bytes]:
    head = FURTHER + guid(extended).encode()
    return [
        head + struct.pack(">II", len(extended), at) + extended[at : at + size]
        for at in range(0, len(extended), size)
    ]


def jpeg(path: Path, segments: Sequence[bytes], rest: bytes = b"\xff\xda\0\x02") -> Path:
    path.write_bytes(b"\xff\xd8" + b"".join(map(segment, segments)) + rest)
    return path


@pytest.mark.parametrize("attribute", [False, True])
def test_the_parts_are_put_together_in_any_order(tmp_path: Path, attribute: bool) -> None:
    main = main_packet(PEOPLE)
    if attribute:
        main = packet("", f'{NOTE} {DC} xmpNote:HasExtendedXMP="{guid(PEOPLE)}" dc:title="T"')
    others = parts(packet("<dc:title>other</dc:title>", DC))
    for segments in (
        [b"Exif\0\0MM", MAIN + main, *parts(PEOPLE)],
        [*parts(PEOPLE)[::-1], MAIN + main],
        [*others, MAIN + main, *parts(PEOPLE, 10_000), *others, parts(PEOPLE)[0][:50]],
    ):
        found = read_embedded(jpeg(tmp_path / "a.jpg", segments))
        assert found is not None
        assert read_people(found, INFO).names == ("Ann",)
        assert b"HasExtendedXMP" not in found
        assert b"T" in found
        assert found.count(b"long ") == 20_000


def test_what_both_say_is_believed_of_the_main_packet(tmp_path: Path) -> None:
    extended = packet("<dc:title>other</dc:title><dc:source>S</dc:source>", DC)
    found = read_embedded(
        jpeg(tmp_path / "a.jpg", [MAIN + main_packet(extended), *parts(extended)])
    )
    assert found is not None
    rdf = parse(found)
    assert [text(value) for value in properties(rdf, q("dc:title"))] == ["T"]
    assert b"S</dc:source>" in found


def changed(at: int, content: bytes) -> Callable[[list[bytes]], list[bytes]]:
    """The second part with other bytes in its head."""

    def change(parts: list[bytes]) -> list[bytes]:
        start = len(FURTHER) + at
        second = parts[1][:start] + content + parts[1][start + len(content) :]
        return [parts[0], second, *parts[2:]]

    return change


@pytest.mark.parametrize(
    "damage",
    [
        lambda parts: parts[:-1],
        lambda parts: [],
        lambda parts: [*parts, parts[0]],
        lambda parts: [*parts[:-1], parts[-1][:-1]],
        lambda parts: [*parts[:-1], parts[-1][:-1] + b"!"],
        changed(0, b"0" * 32),
        changed(32, struct.pack(">I", 7)),
        changed(36, struct.pack(">I", 7)),
        changed(36, struct.pack(">I", 0xFFFFFFFF)),
    ],
)
def test_damaged_parts_leave_the_main_packet(
    tmp_path: Path, damage: Callable[[list[bytes]], list[bytes]]
) -> None:
    main = main_packet(PEOPLE, "<dc:subject><rdf:Bag><rdf:li>Bob</rdf:li></rdf:Bag></dc:subject>")
    path = jpeg(tmp_path / "a.jpg", [MAIN + main, *damage(parts(PEOPLE))])
    # It still says that there is more: nobody may write it anew.
    assert read_embedded(path) == main


def test_a_file_that_is_cut_in_the_parts_has_its_main_packet(tmp_path: Path) -> None:
    main = main_packet(PEOPLE)
    whole = jpeg(tmp_path / "a.jpg", [MAIN + main, *parts(PEOPLE)]).read_bytes()
    for end in (whole.index(FURTHER) - 3, whole.index(FURTHER) + 50, len(whole) - 30_000):
        (tmp_path / "a.jpg").write_bytes(whole[:end])
        assert read_embedded(tmp_path / "a.jpg") == main
    (tmp_path / "a.jpg").write_bytes(whole[: whole.index(MAIN) + 20])
    with pytest.raises(InputError):
        read_embedded(tmp_path / "a.jpg")


def test_what_is_extended_by_no_xmp_stays_as_it_is(tmp_path: Path) -> None:
    for extended in (b"<x", b"<x/>", b""):
        main = main_packet(extended)
        path = jpeg(tmp_path / "a.jpg", [MAIN + main, *parts(extended)])
        assert embedded_packet(path) == main
    broken = b"<HasExtendedXMP"
    assert embedded_packet(jpeg(tmp_path / "a.jpg", [MAIN + broken, *parts(PEOPLE)])) == broken


def test_hostile_parts_cost_little(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    head = FURTHER + guid(PEOPLE).encode()
    main = main_packet(PEOPLE)
    huge = [head + struct.pack(">II", MAX_PACKET_BYTES + 1, at) + b"x" * 9 for at in (0, 9)]
    tiny = [head + struct.pack(">II", 20_000, at) + b"x" for at in range(20_000)]
    read: list[int] = []
    monkeypatch.setattr("faceclust.xmp.extended._whole", lambda *_: read.append(1))
    for segments in (huge, tiny):
        assert read_embedded(jpeg(tmp_path / "a.jpg", [MAIN + main, *segments])) == main
    assert not read


def test_keywords_of_a_photo_that_exiftool_extended(extended_photo: Path) -> None:
    found = read_embedded(extended_photo)
    assert found is not None
    people = read_people(found, INFO)
    assert [region.name for region in people.regions] == ["Bob"]
    assert people.names == ("Cem",)
    keywords = properties(parse(found), q("dc:subject"))
    assert sum(len(items(value)) for value in keywords) == 1500

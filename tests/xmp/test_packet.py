from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from faceclust.errors import InputError
from faceclust.xmp.packet import (
    MAX_PACKET_BYTES,
    clean,
    fields,
    fold,
    new_packet,
    parse,
    q,
    serialise,
    set_text,
    text,
)
from tests.export.xmp.samples import DARKTABLE, DIGIKAM, LIGHTROOM, PICASA

LAUGHS = "".join(f'<!ENTITY l{i} "{f"&l{i - 1};" * 10}">' for i in range(1, 10))
BOMB = f'<!DOCTYPE x [<!ENTITY l0 "ha">{LAUGHS}]>'


@pytest.mark.parametrize(
    "hostile",
    [
        f"{BOMB}<x>&l9;</x>",
        f'{BOMB}<x a="&l9;"/>',
        '<!DOCTYPE x [<!ENTITY e SYSTEM "file:///etc/passwd">]><x>&e;</x>',
        '<!DOCTYPE x SYSTEM "http://127.0.0.1/x.dtd"><x/>',
        "<!DOCTYPE x><x/>",
    ],
)
def test_document_types_and_entities_are_rejected(hostile: str) -> None:
    for encoding in ("utf-8", "utf-16"):
        with pytest.raises(InputError):
            parse(hostile.encode(encoding))


@pytest.mark.parametrize(
    "junk", [b"", b"\0\0", b"{}", b"<x", b"<x/>", b"\xff\xd8\xff", b"<a>" * 5000]
)
def test_what_is_no_xmp_is_an_input_error(junk: bytes) -> None:
    with pytest.raises(InputError):
        parse(junk)


def test_an_oversized_packet_is_rejected() -> None:
    with pytest.raises(InputError, match="8 MB"):
        parse(serialise(new_packet()) + b" " * MAX_PACKET_BYTES)


@pytest.mark.parametrize("packet", [DIGIKAM, LIGHTROOM, DARKTABLE, PICASA])
def test_writing_is_stable_and_keeps_everything(packet: bytes) -> None:
    once = serialise(parse(packet))
    assert serialise(parse(once)) == once

    def content(data: bytes) -> list[tuple[str, dict[str, str], str]]:
        elements = parse(data).getroottree().getroot().iter("{*}*")
        return [(e.tag, dict(e.attrib), (e.text or "").strip()) for e in elements]

    assert content(once) == content(packet)


def test_padding_and_wrapper_are_accepted() -> None:
    rdf = parse(b"\0" + DIGIKAM + b" " * 2000 + b"\0")
    assert b"<?xpacket begin" in serialise(rdf)


@given(st.text(st.characters(), max_size=40))
def test_a_cleaned_name_can_always_be_written_and_read_back(name: str) -> None:
    li = etree.Element(q("rdf:li"))
    li.text = clean(name)
    assert text(etree.fromstring(etree.tostring(li))) == clean(name)
    assert clean(clean(name)) == clean(name)


def test_names_are_composed_and_freed_of_control_characters() -> None:
    assert clean("  Zoe\u0308\n\tvan\x00 Dam\x0b ") == "Zoë van Dam"
    assert clean("A\ud800B\uffff") == "AB"
    assert clean("\u200fשרה\u202e") == "\u200fשרה\u202e"
    assert fold("ZOE\u0308") == fold("zoë")


@pytest.mark.parametrize(
    "notation",
    [
        '<r {ns} rdf:parseType="Resource"><dc:a>1</dc:a><dc:b>2</dc:b></r>',
        "<r {ns}><rdf:Description><dc:a>1</dc:a><dc:b>2</dc:b></rdf:Description></r>",
        '<r {ns}><rdf:Description dc:a="1"><dc:b>2</dc:b></rdf:Description></r>',
        '<r {ns} dc:a="1" dc:b="2"/>',
        '<r {ns}><dc:a rdf:parseType="Resource"><rdf:value>1</rdf:value></dc:a><dc:b>2</dc:b></r>',
    ],
)
def test_structs_are_read_and_written_in_every_notation(notation: str) -> None:
    ns = " ".join(f'xmlns:{prefix}="{q(f"{prefix}:")[1:-1]}"' for prefix in ("rdf", "dc"))
    struct = etree.fromstring(notation.format(ns=ns))
    assert {tag: text(value) for tag, value in fields(struct).items()} == {
        q("dc:a"): "1",
        q("dc:b"): "2",
    }
    set_text(struct, q("dc:b"), "3")
    set_text(struct, q("xmp:c"), "4")
    again = etree.fromstring(etree.tostring(struct))
    assert {tag: text(value) for tag, value in fields(again).items()} == {
        q("dc:a"): "1",
        q("dc:b"): "3",
        q("xmp:c"): "4",
    }

"""ExtendedXMP: what of a JPEG's XMP did not fit into its main packet, which holds 64 kB.

The main packet names the rest by its MD5 digest; the rest stands in further APP1 segments, each
with that digest, the length of the whole and where in it the segment belongs.

Source: XMP specification part 3, 1.1.3.1.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from lxml import etree

from faceclust.errors import InputError
from faceclust.xmp.encodings import mentions
from faceclust.xmp.packet import (
    MAX_PACKET_BYTES,
    lift_attribute,
    parse,
    properties,
    q,
    remove,
    text,
)

SIGNATURE = b"http://ns.adobe.com/xmp/extension/\0"
HEAD = len(SIGNATURE) + 40
_HAS, _ABOUT = q("xmpNote:HasExtendedXMP"), q("rdf:about")
_DESCRIPTION = q("rdf:Description")
# Of parts as full as they may be, 8 MB make 129.
MOST_PARTS = 4096


@dataclass(frozen=True, slots=True)
class Part:
    """One segment.

    Attributes:
        guid: the digest of the whole, in hexadecimal digits.
        total: bytes of the whole; `offset` of this part in it.
        at: where in the file its `size` bytes stand.
    """

    guid: bytes
    total: int
    offset: int
    at: int
    size: int


def read_part(head: bytes, at: int, size: int) -> Part | None:
    """The part that an APP1 segment holds; None where it is something else.

    Args:
        head: the first `HEAD` bytes of its content.
        at: where in the file the content begins.
        size: how long the content is.
    """
    if len(head) < HEAD or not head.startswith(SIGNATURE):
        return None
    guid, total, offset = struct.unpack_from(">32sII", head, len(SIGNATURE))
    return Part(guid.upper(), total, offset, at + HEAD, size - HEAD)


def is_extended(main: bytes) -> bool:
    """Whether a packet says that there is more of it; tells without parsing."""
    return mentions(main, "HasExtendedXMP")


def completed(main: bytes, file: BinaryIO, parts: Iterable[Part]) -> bytes:
    """A main packet and what extends it as one packet.

    Returns:
        `main` itself, which still says that there is more, where that is damaged, missing or over
        8 MB: then nobody may write it anew.
    """
    try:
        rdf = parse(main)
        lift_attribute(rdf, _HAS)
        named = properties(rdf, _HAS)
        guid = text(named[0]).strip().upper().encode() if len(named) == 1 else b""
        mine = sorted((part for part in parts if part.guid == guid), key=lambda part: part.offset)
        extended = _whole(file, mine) if _is_whole(mine, MAX_PACKET_BYTES - len(main)) else b""
        digest = hashlib.md5(extended, usedforsecurity=False).hexdigest()
        if digest.upper().encode() != guid:
            return main
        remove(named[0])
        _take_in(rdf, parse(extended))
    except InputError:
        return main
    joined = etree.tostring(rdf.getroottree(), encoding="UTF-8")
    return joined if len(joined) <= MAX_PACKET_BYTES else main


def _is_whole(parts: list[Part], most: int) -> bool:
    """Whether parts in order follow each other without gap from beginning to end."""
    if not parts or parts[0].total > most:
        return False
    ends = [part.offset + part.size for part in parts]
    begins = [part.offset for part in parts]
    return begins == [0, *ends[:-1]] and {part.total for part in parts} == {ends[-1]}


def _whole(file: BinaryIO, parts: Iterable[Part]) -> bytes:
    found = bytearray()
    for part in parts:
        file.seek(part.at)
        found += file.read(part.size)
    return bytes(found)


def _take_in(rdf: etree._Element, extended: etree._Element) -> None:
    """Appends the properties of an extension; what the main packet has as well it keeps."""
    blocks = rdf.findall(_DESCRIPTION)
    known = {name for block in blocks for name in (*block.attrib, *(c.tag for c in block))}
    about = blocks[0].get(_ABOUT, "") if blocks else ""
    for block in extended.findall(_DESCRIPTION):
        for name in known.intersection(map(str, block.attrib)):
            block.attrib.pop(name)
        for child in [child for child in block if child.tag in known]:
            block.remove(child)
        block.set(_ABOUT, about)
        rdf.append(block)

"""Names that stand for people without one: "Person 12", where an export was asked for them.

Somebody may really be called so. `faceclust:Placeholders` lists those that are no names, because
most of them stand in the packets of other programs.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from lxml import etree

from faceclust.xmp.encodings import mentions
from faceclust.xmp.packet import add, array, clean, fold, items, parse, properties, q, remove, text

_TAG, _LI = q("faceclust:Placeholders"), q("rdf:li")
# Up to 0.3.0 they were not listed. Who writes a packet anew puts down what it was written with.
_EARLIER, _WRITTEN_WITH = re.compile(r"Person \d+"), "{adobe:ns:meta/}xmptk"


def read_placeholders(packet: bytes, names: Iterable[str]) -> frozenset[str]:
    """Which of the names in a packet stand for nobody in particular, folded.

    Raises:
        InputError: the packet is no XMP.
    """
    if not mentions(packet, "faceclust"):
        return frozenset()
    rdf = parse(packet)
    listed = {fold(text(li)) for li in _listed(rdf)}
    ours = rdf.getroottree().getroot().get(_WRITTEN_WITH) == "faceclust"
    return frozenset(
        fold(name) for name in names if fold(name) in listed or (ours and _EARLIER.fullmatch(name))
    )


def merge_placeholders(
    rdf: etree._Element, block: etree._Element, written: Iterable[str], gone: Collection[str]
) -> None:
    """Brings the list of a packet up to date.

    Args:
        rdf: the packet.
        block: its rdf:Description that takes new properties.
        written: the placeholders that the packet has now.
        gone: names that are none, or not there any more.
    """
    no_more = {fold(name) for name in gone}
    for li in _listed(rdf):
        if fold(text(li)) in no_more:
            remove(li)
    there = {fold(text(li)) for li in _listed(rdf)}
    for name in dict.fromkeys(map(clean, written)):
        if name and fold(name) not in there:
            found = properties(rdf, _TAG)
            add(array(found[0] if found else add(block, _TAG), "Bag"), _LI).text = name
    for value in properties(rdf, _TAG):
        if not items(value):
            remove(value)


def _listed(rdf: etree._Element) -> list[etree._Element]:
    return [li for value in properties(rdf, _TAG) for li in items(value)]

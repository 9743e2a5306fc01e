"""Everyone whom an XMP packet names: in a region, or in the photo without saying where."""

from __future__ import annotations

from dataclasses import dataclass

from lxml import etree

from faceclust.records import PhotoInfo
from faceclust.xmp.packet import clean, fields, fold, items, parse, properties, q, text
from faceclust.xmp.regions import MAX_FACES, Form, Region, named_item, read_regions, region_items

PERSON_IN_IMAGE = q("Iptc4xmpExt:PersonInImage")
# Both stand for people alone; an IPTC region without a box may be of anything.
_BOXLESS: tuple[Form, ...] = ("mwg", "mp")


@dataclass(frozen=True, slots=True)
class People:
    """Who is in a photo.

    Attributes:
        regions: named faces; boxes in the *displayed* photo.
        names: people without a usable box, each once, none of them in `regions`.
    """

    regions: tuple[Region, ...] = ()
    names: tuple[str, ...] = ()


def read_people(packet: bytes, info: PhotoInfo) -> People:
    """The people in an XMP packet or sidecar of any program: regions and `PersonInImage`.

    Args:
        packet: the XMP.
        info: of the photo that it belongs to.

    Raises:
        InputError: the packet is no XMP.
    """
    rdf = parse(packet)
    regions = read_regions(packet, info)
    seen = {fold(region.name) for region in regions}
    names: list[str] = []
    for name in [*listed(rdf), *_boxless(rdf)]:
        if name and fold(name) not in seen and len(names) < MAX_FACES:
            seen.add(fold(name))
            names.append(name)
    return People(tuple(regions), tuple(names))


def listed(rdf: etree._Element) -> list[str]:
    """The names in `PersonInImage`, as they stand there."""
    return [clean(text(li)) for value in properties(rdf, PERSON_IN_IMAGE) for li in items(value)]


def _boxless(rdf: etree._Element) -> list[str]:
    """Names of face regions, whether they have a box or not."""
    found = [(form, fields(li)) for form in _BOXLESS for li in region_items(rdf, form)[:MAX_FACES]]
    return [named_item(region, form) or "" for form, region in found]

"""The three forms of face regions in XMP: MWG, Microsoft and IPTC; reading and writing.

Sources: Metadata Working Group guidelines 2.0, section 5.9; Microsoft "People Tagging" schema;
IPTC Photo Metadata Standard 2019.1, image region structure.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from lxml import etree

from faceclust.records import Box, PhotoInfo
from faceclust.xmp.areas import decimal, read_area, read_box, struct, write_area
from faceclust.xmp.boxes import displayed_box, same_place
from faceclust.xmp.packet import (
    Field,
    add,
    add_struct,
    array,
    clean,
    field,
    fields,
    fold,
    items,
    parse,
    properties,
    q,
    remove,
    set_alternative,
    set_text,
    text,
)

Form: TypeAlias = Literal["mwg", "mp", "iptc"]
FORMS: tuple[Form, ...] = ("mwg", "mp", "iptc")

# The property of each form, the array of regions within it ("": it is that array), the name.
_TAGS: dict[Form, tuple[str, str, str]] = {
    "mwg": (q("mwg-rs:Regions"), q("mwg-rs:RegionList"), q("mwg-rs:Name")),
    "mp": (q("MP:RegionInfo"), q("MPRI:Regions"), q("MPReg:PersonDisplayName")),
    "iptc": (q("Iptc4xmpExt:ImageRegion"), "", q("Iptc4xmpExt:Name")),
}
_DIMENSIONS = q("mwg-rs:AppliedToDimensions")
_HUMAN = "http://cv.iptc.org/newscodes/imageregiontype/human"
# Picasa's contact id of a face that nobody has named.
_PICASA_UNNAMED = "ffffffffffffffff"
# More than any photo shows; comparing every two of a hostile million would take for ever.
MAX_FACES = 1000


@dataclass(frozen=True, slots=True)
class Region:
    """A named face; `box` is in the displayed photo unless a function says otherwise."""

    name: str
    box: Box


def read_regions(packet: bytes, info: PhotoInfo, forms: tuple[Form, ...] = FORMS) -> list[Region]:
    """The named faces in an XMP packet or sidecar of any program.

    Args:
        packet: the XMP.
        info: of the photo that it belongs to.
        forms: the region formats to look at, the most trusted first.

    Returns:
        Each face once; boxes in the *displayed* photo. Regions without a usable name or box, and
        those of anything but a face, are left out.

    Raises:
        InputError: the packet is no XMP.
    """
    rdf = parse(packet)
    boxes: dict[str, list[Box]] = {}
    found: list[Region] = []
    for form in forms:
        regions = [read_region(li, form, info) for li in region_items(rdf, form)[:MAX_FACES]]
        new = [
            region
            for region in regions
            if region
            and not any(same_place(region.box, b) for b in boxes.get(fold(region.name), ()))
        ]
        for region in new:
            boxes.setdefault(fold(region.name), []).append(region.box)
        found += new
    return [Region(region.name, displayed_box(region.box, info.orientation)) for region in found]


def stored_size(info: PhotoInfo) -> tuple[int, int]:
    """Width and height of the stored pixels."""
    turned = info.orientation in (5, 6, 7, 8)
    return (info.height, info.width) if turned else (info.width, info.height)


def region_items(rdf: etree._Element, form: Form) -> list[etree._Element]:
    """The rdf:li of every region, face or not, that a packet holds in one form."""
    top, inner, _ = _TAGS[form]
    found: list[Field | None] = [*properties(rdf, top)]
    if inner:
        found = [fields(value).get(inner) for value in properties(rdf, top)]
    return [
        li
        for value in found
        if value is not None and not isinstance(value, str)
        for li in items(value)
    ]


def read_region(li: etree._Element, form: Form, info: PhotoInfo) -> Region | None:
    """The face that an rdf:li describes, its box in the *stored* pixels; None where it is none."""
    region = fields(li)
    match form:
        case "mwg":
            box = read_area(region.get(q("mwg-rs:Area")))
        case "mp":
            box = read_box(text(region.get(q("MPReg:Rectangle"))).split(","))
        case "iptc":
            box = _read_iptc(region, info)
    name = named_item(region, form)
    return None if box is None or name is None else Region(name, box)


def is_face(li: etree._Element, form: Form) -> bool:
    """Whether an rdf:li can be of a face: IPTC has regions of anything."""
    return form != "iptc" or _is_human(fields(li).get(q("Iptc4xmpExt:rCtype")))


def named_item(region: dict[str, Field], form: Form) -> str | None:
    """The name that the fields of a region give to a face; None where it shows none or no face."""
    kind = text(region.get(q("mwg-rs:Type"))) if form == "mwg" else ""
    name = clean(text(region.get(_TAGS[form][2])))
    if not name or name.casefold() == _PICASA_UNNAMED or kind.casefold() not in ("", "face"):
        return None
    return name


def add_regions(
    rdf: etree._Element, block: etree._Element, form: Form, regions: list[Region]
) -> None:
    """Writes new faces, boxes in the *stored* pixels.

    Args:
        rdf: the packet.
        block: its rdf:Description that takes the property where there is none yet.
        form: one of the three formats.
        regions: what to write.
    """
    top, inner, name = _TAGS[form]
    found = properties(rdf, top)
    value = found[0] if found else (add_struct if inner else add)(block, top)
    bag = array(field(value, inner) if inner else value, "Bag")
    # digiKam stops reading at the first region without a name: ours have to stand before it.
    others = bag.iterchildren(q("rdf:li"))
    nameless = next((li for li in others if not text(fields(li).get(name)).strip()), None)
    for region in regions:
        li = add_struct(bag, q("rdf:li"))
        if nameless is not None:
            nameless.addprevious(li)
        _write_name(li, form, region.name)
        _write_type(li, form)
        _write_box(li, form, region.box)


def update_region(li: etree._Element, form: Form, old: Region, new: Region) -> None:
    """Writes what differs between two states of a face, boxes in the *stored* pixels."""
    if old.name != new.name:
        _write_name(li, form, new.name)
    if old.box != new.box:
        _write_box(li, form, new.box)


def remove_empty(rdf: etree._Element, form: Form) -> None:
    """Removes the property of a form that has no region left, unless it says anything else."""
    top, inner, _ = _TAGS[form]
    for value in properties(rdf, top):
        if not region_items(rdf, form) and not set(fields(value)) - {inner, _DIMENSIONS}:
            remove(value)


def set_dimensions(rdf: etree._Element, info: PhotoInfo) -> None:
    """Writes the stored size that the MWG regions of a packet refer to."""
    width, height = stored_size(info)
    for value in properties(rdf, _TAGS["mwg"][0]):
        dimensions = field(value, _DIMENSIONS)
        set_text(dimensions, q("stDim:w"), str(width))
        set_text(dimensions, q("stDim:h"), str(height))
        set_text(dimensions, q("stDim:unit"), "pixel")


def _read_iptc(region: dict[str, Field], info: PhotoInfo) -> Box | None:
    boundary = struct(region.get(q("Iptc4xmpExt:RegionBoundary")))
    shape = text(boundary.get(q("Iptc4xmpExt:rbShape")))
    if shape != "rectangle" or not _is_human(region.get(q("Iptc4xmpExt:rCtype"))):
        return None
    pixels = text(boundary.get(q("Iptc4xmpExt:rbUnit"))) == "pixel"
    width, height = stored_size(info) if pixels else (1, 1)
    corners = [text(boundary.get(q(f"Iptc4xmpExt:rb{key}"))) for key in "XYWH"]
    return read_box(corners, scale=(width, height))


def _is_human(kinds: Field | None) -> bool:
    """Whether one of the content types of an IPTC region is a human being."""
    if kinds is None or isinstance(kinds, str):
        return False
    entities = [fields(li).get(q("xmp:Identifier")) for li in items(kinds)]
    names = [name for value in entities for name in _texts(value)]
    return any(name.endswith("/imageregiontype/human") for name in names)


def _texts(value: Field | None) -> list[str]:
    if value is None or isinstance(value, str):
        return [value or ""]
    return [text(li) for li in items(value)] or [text(value)]


def _write_name(li: etree._Element, form: Form, name: str) -> None:
    tag = _TAGS[form][2]
    if form == "iptc":
        set_alternative(li, tag, name)
    else:
        set_text(li, tag, name)


def _write_type(li: etree._Element, form: Form) -> None:
    match form:
        case "mwg":
            set_text(li, q("mwg-rs:Type"), "Face")
        case "mp":
            pass
        case "iptc":
            kind = add_struct(array(add(li, q("Iptc4xmpExt:rCtype")), "Bag"), q("rdf:li"))
            set_alternative(kind, q("Iptc4xmpExt:Name"), "human")
            add(array(add(kind, q("xmp:Identifier")), "Bag"), q("rdf:li")).text = _HUMAN


def _write_box(li: etree._Element, form: Form, box: Box) -> None:
    numbers = {"X": box.x, "Y": box.y, "W": box.w, "H": box.h}
    match form:
        case "mwg":
            write_area(li, q("mwg-rs:Area"), box)
        case "mp":
            corners = ", ".join(decimal(number) for number in numbers.values())
            set_text(li, q("MPReg:Rectangle"), corners)
        case "iptc":
            boundary = field(li, q("Iptc4xmpExt:RegionBoundary"))
            set_text(boundary, q("Iptc4xmpExt:rbShape"), "rectangle")
            set_text(boundary, q("Iptc4xmpExt:rbUnit"), "relative")
            for key, number in numbers.items():
                set_text(boundary, q(f"Iptc4xmpExt:rb{key}"), decimal(number))

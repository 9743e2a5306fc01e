"""People merged into XMP that may belong to other programs.

What is replaced: regions of the same person, names that an earlier export of ours wrote and that
are not wanted any more, and our own notes. Everything else is kept, so a region of another program
is never deleted and an export can be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeAlias

from lxml import etree

from faceclust.errors import InputError
from faceclust.export.xmp.keywords import PERSONS, SUBJECTS, TREES
from faceclust.export.xmp.provenance import Previous
from faceclust.records import PhotoInfo, TaggedPhoto
from faceclust.xmp.boxes import same_place, stored_box
from faceclust.xmp.notes import merge_notes
from faceclust.xmp.packet import (
    add,
    clean,
    fold,
    lift_attribute,
    new_packet,
    own_block,
    parse,
    properties,
    q,
    remove,
    serialise,
)
from faceclust.xmp.placeholders import merge_placeholders
from faceclust.xmp.regions import (
    FORMS,
    Form,
    Region,
    add_regions,
    read_region,
    region_items,
    remove_empty,
    set_dimensions,
    update_region,
)

SidecarStyle: TypeAlias = Literal["full", "adobe"]

_RENAMED_IOU = 0.5
# What is longer is a depth map or another picture as text, and would be read at each export.
_MOST_TEXT = 1 << 16
_EMBEDDED_REMEDY = "write a sidecar instead"


@dataclass(frozen=True, slots=True)
class XmpOptions:
    """How people are written as XMP.

    Attributes:
        sidecar_style: "full" writes a.jpg.xmp (digiKam, darktable, Immich, PhotoPrism), "adobe"
            a.xmp (Lightroom); where several photos would share an a.xmp they get full names.
        embed: write into the photos themselves; a sidecar that exists is kept up to date.
        placeholders: write unnamed clusters too, under the name that they are shown with.
        root: what people stand below in hierarchical keywords; "/" between several levels.
    """

    sidecar_style: SidecarStyle = "full"
    embed: bool = False
    placeholders: bool = False
    root: str = "People"


def merge(
    packet: bytes | None,
    photo: TaggedPhoto,
    previous: Previous,
    options: XmpOptions,
    source: Path | None = None,
) -> bytes:
    """The packet with the photo's people in it.

    Args:
        packet: what is there already, from any program; None starts an empty one.
        photo: the people and where they are.
        previous: what our own earlier export wrote into this packet; of it, whatever is not
            wanted any more is taken out.
        options: how to write.
        source: the sidecar that `packet` was read from, for messages; None for the photo itself.

    Returns:
        The new packet, or `packet` itself where nothing changes in meaning.

    Raises:
        InputError: `packet` is no XMP.
    """
    if packet is None:
        rdf = new_packet()
        return serialise(_merged(rdf, own_block(rdf), photo, previous, options))
    try:
        rdf = parse(packet)
    except InputError as error:
        remedy = "repair it or move it away, then export again" if source else _EMBEDDED_REMEDY
        raise InputError(f"{source or photo.path}: {error}; {remedy}") from error
    declaration = packet.lstrip().startswith(b"<?xml ")
    before = serialise(rdf, declaration=declaration)
    _merged(rdf, own_block(rdf), photo, previous, options)
    after = serialise(rdf, declaration=declaration)
    return packet if before == after else after


def new_sidecar(
    seed: bytes | None, photo: TaggedPhoto, previous: Previous, options: XmpOptions
) -> bytes:
    """The content of a sidecar where there was none.

    A sidecar hides what is embedded from some programs, so it repeats it.

    Args:
        seed: the packet embedded in the photo, if any; ignored where it is no XMP.
        photo: the people and where they are.
        previous: as in `merge`.
        options: how to write.
    """
    try:
        rdf = new_packet() if seed is None else parse(seed)
    except InputError:
        rdf = new_packet()
    block = own_block(rdf)
    _seed_facts(rdf, block, photo.info)
    return serialise(_merged(rdf, block, photo, previous, options))


def wanted_regions(photo: TaggedPhoto, options: XmpOptions) -> list[Region]:
    """The faces of a photo that are to be written, boxes in the *stored* pixels."""
    regions = [
        Region(clean(region.name), stored_box(region.box, photo.info.orientation))
        for region in photo.regions
        if region.named or options.placeholders
    ]
    usable = [region for region in regions if region.name and region.box.w and region.box.h]
    return list(dict.fromkeys(usable))


def _merged(
    rdf: etree._Element,
    block: etree._Element,
    photo: TaggedPhoto,
    previous: Previous,
    options: XmpOptions,
) -> etree._Element:
    wanted = wanted_regions(photo, options)
    ours = {clean(name) for name in previous.names} - {""}
    for form in FORMS:
        _merge_regions(rdf, block, form, photo.info, wanted, ours)
    if wanted:
        set_dimensions(rdf, photo.info)
    for keyword, brought in (
        (PERSONS, ours),
        (SUBJECTS, previous.keywords),
        *((keyword, previous.of(tree)) for tree, keyword in TREES.items()),
    ):
        names = [keyword.of(region.name, options.root) for region in wanted]
        # A keyword that the user had given too was there before us, and stays.
        gone = {keyword.of(name, options.root) for name in ours} & set(map(clean, brought))
        keyword.merge(rdf, block, list(dict.fromkeys(names)), gone - set(names))
    named = {fold(region.name) for region in photo.regions if region.named}
    placeholders = {region.name for region in wanted if fold(region.name) not in named}
    merge_placeholders(rdf, block, sorted(placeholders), (ours - placeholders) | named)
    if photo.notes.author:
        boxes = [stored_box(r.box, photo.info.orientation) for r in photo.regions if r.named]
        merge_notes(rdf, block, photo.notes, photo.info, boxes, previous.notes)
    for emptied in rdf.findall(q("rdf:Description")):
        if not len(emptied) and not set(emptied.attrib) - {q("rdf:about"), "about"}:
            remove(emptied)
    return rdf


def _merge_regions(
    rdf: etree._Element,
    block: etree._Element,
    form: Form,
    info: PhotoInfo,
    wanted: list[Region],
    ours: set[str],
) -> None:
    read = [(li, read_region(li, form, info)) for li in region_items(rdf, form)]
    existing = [(li, region) for li, region in read if region]
    pairs = _pair(wanted, [region for _, region in existing], ours)
    for i, j in pairs.items():
        li, old = existing[j]
        update_region(li, form, old, wanted[i])
    new = [region for i, region in enumerate(wanted) if i not in pairs]
    if new:
        add_regions(rdf, block, form, new)
    retired = ours - {region.name for region in wanted}
    kept = set(pairs.values())
    stale = [li for j, (li, old) in enumerate(existing) if j not in kept and old.name in retired]
    for li in stale:
        remove(li)
    if stale:
        remove_empty(rdf, form)


def _pair(wanted: list[Region], existing: list[Region], ours: set[str]) -> dict[int, int]:
    """Which existing region each wanted one replaces; each existing one at most once.

    Best first: the same name at the same place; the same name elsewhere, if we wrote it; a name
    that we wrote and that is gone now, at the same place (a renamed person).
    """
    retired = ours - {region.name for region in wanted}
    keys = [fold(old.name) for old in existing]
    ranked: list[tuple[int, float, int, int]] = []
    for i, new in enumerate(wanted):
        key = fold(new.name)
        for j, old in enumerate(existing):
            if keys[j] == key and same_place(new.box, old.box):
                ranked.append((0, -new.box.iou(old.box), i, j))
            elif keys[j] == key and old.name in ours:
                ranked.append((1, -new.box.iou(old.box), i, j))
            elif old.name in retired and new.box.iou(old.box) > _RENAMED_IOU:
                ranked.append((2, -new.box.iou(old.box), i, j))
    pairs: dict[int, int] = {}
    for _, _, i, j in sorted(ranked):
        if i not in pairs and j not in pairs.values():
            pairs[i] = j
    return pairs


def _seed_facts(rdf: etree._Element, block: etree._Element, info: PhotoInfo) -> None:
    """Makes a packet copied out of a photo true of a sidecar, without the pictures in it."""
    extended, orientation = q("xmpNote:HasExtendedXMP"), q("tiff:Orientation")
    lift_attribute(rdf, extended)
    lift_attribute(rdf, orientation)
    for value in properties(rdf, extended):
        # The parts that it points to could not be read, and stay behind in the photo.
        remove(value)
    for known in rdf.iterchildren(q("rdf:Description")):
        for name in [name for name, value in known.attrib.items() if len(value) > _MOST_TEXT]:
            known.attrib.pop(name)
        for child in [child for child in known if len(child.text or "") > _MOST_TEXT]:
            known.remove(child)
    found = properties(rdf, orientation)
    (found[0] if found else add(block, orientation)).text = str(
        info.orientation if 1 <= info.orientation <= 8 else 1
    )

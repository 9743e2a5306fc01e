"""XMP packets as trees: hardened parsing, RDF's many notations, deterministic writing.

Properties are found by namespace URI, never by prefix; what is not asked for stays as it was.
Model and notations: XMP specification part 1 (ISO 16684-1), sections 6 and 7.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from functools import cache
from typing import TypeAlias

from lxml import etree

from faceclust.errors import InputError
from faceclust.xmp.encodings import unpadded

Field: TypeAlias = etree._Element | str

MAX_PACKET_BYTES = 8 << 20

PREFIXES = {
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "MP": "http://ns.microsoft.com/photo/1.2/",
    "MPRI": "http://ns.microsoft.com/photo/1.2/t/RegionInfo#",
    "MPReg": "http://ns.microsoft.com/photo/1.2/t/Region#",
    "MicrosoftPhoto": "http://ns.microsoft.com/photo/1.0/",
    "dc": "http://purl.org/dc/elements/1.1/",
    "digiKam": "http://www.digikam.org/ns/1.0/",
    "faceclust": "urn:faceclust:xmp:1.0/",
    "lr": "http://ns.adobe.com/lightroom/1.0/",
    "mwg-rs": "http://www.metadataworkinggroup.com/schemas/regions/",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "stArea": "http://ns.adobe.com/xmp/sType/Area#",
    "stDim": "http://ns.adobe.com/xap/1.0/sType/Dimensions#",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xml": "http://www.w3.org/XML/1998/namespace",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpNote": "http://ns.adobe.com/xmp/note/",
}
_PREFIX_OF = {uri: prefix for prefix, uri in PREFIXES.items()}
_SYNTAX = tuple(f"{{{PREFIXES[prefix]}}}" for prefix in ("rdf", "xml"))
_BLOCK_PREFIXES = {
    prefix: uri for prefix, uri in PREFIXES.items() if prefix not in ("rdf", "xml", "xmpNote")
}

_NEW = b"""<?xpacket begin="\xef\xbb\xbf" id="W5M0MpCehiHzreSzNTczkc9d"?>
<x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="faceclust">
<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"/>
</x:xmpmeta>
<?xpacket end="w"?>"""

# Controls but for white space, surrogates, U+FFFE and U+FFFF: XML 1.0 has no place for them.
_NO_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff\ufffe\uffff]")


@cache
def q(name: str) -> str:
    """The `{uri}local` form of a prefixed name such as "dc:subject"."""
    prefix, local = name.split(":")
    return f"{{{PREFIXES[prefix]}}}{local}"


_DESCRIPTION, _LI, _PARSE_TYPE = q("rdf:Description"), q("rdf:li"), q("rdf:parseType")
_CONTAINERS = (q("rdf:Bag"), q("rdf:Seq"), q("rdf:Alt"))


def clean(name: str) -> str:
    """`name` as it is written: NFC, white space collapsed, nothing that XML forbids."""
    return " ".join(unicodedata.normalize("NFC", _NO_XML.sub("", name)).split())


def fold(name: str) -> str:
    """The form in which two spellings of one name are equal."""
    return clean(name).casefold()


def new_packet() -> etree._Element:
    """The rdf:RDF of an empty packet."""
    return parse(_NEW)


def parse_xml(content: bytes, what: str) -> etree._Element:
    """The root of an XML document that may be hostile: no entities, no DTD, bounded in size.

    Raises:
        InputError: too large, not well-formed, or with a DTD; `what` it is begins the sentence.
    """
    if len(content) > MAX_PACKET_BYTES:
        raise InputError(f"{what} is over {MAX_PACKET_BYTES >> 20} MB")
    try:
        document, encoding = unpadded(content)
    except UnicodeDecodeError as error:
        raise InputError(f"{what} is not well-formed XML ({error.reason})") from error
    parser = etree.XMLParser(
        encoding=encoding,
        resolve_entities=False,
        no_network=True,
        load_dtd=False,
        huge_tree=False,
        remove_blank_text=True,
    )
    try:
        root: etree._Element = etree.fromstring(document, parser)
    except etree.XMLSyntaxError as error:
        raise InputError(f"{what} is not well-formed XML ({error.msg})") from error
    # Nothing that is read here needs a DTD; entities are declared in one.
    if root.getroottree().docinfo.internalDTD is not None:
        raise InputError(f"{what} holds a document type declaration")
    return root


def parse(packet: bytes) -> etree._Element:
    """Reads a packet or sidecar.

    Returns:
        Its rdf:RDF element; `serialise` finds the document around it.

    Raises:
        InputError: too large, not XML, with a DTD, or without rdf:RDF.
    """
    root = parse_xml(packet, "the XMP")
    rdf: etree._Element | None = next(root.iter(q("rdf:RDF")), None)
    if rdf is None:
        raise InputError("the XML holds no rdf:RDF and so is no XMP")
    return rdf


def serialise(rdf: etree._Element, *, declaration: bool = False) -> bytes:
    """The whole document around `rdf`, UTF-8, indented.

    Documents that differ only in layout and quoting give equal bytes.
    """
    tree = rdf.getroottree()
    etree.indent(tree, space=" ")
    return etree.tostring(tree, encoding="UTF-8", xml_declaration=declaration) + b"\n"


def same(one: bytes, other: bytes) -> bool:
    """Whether two packets say the same; what wraps them (exiftool changes it in PNG) is no matter.

    Raises:
        InputError: one of them cannot be read, as `parse` says.
    """
    return etree.tostring(parse(one), method="c14n") == etree.tostring(parse(other), method="c14n")


def properties(rdf: etree._Element, tag: str) -> list[etree._Element]:
    """All elements of the top-level property `tag`, whichever block they stand in."""
    return [found for block in rdf.iterchildren(_DESCRIPTION) for found in block.iterchildren(tag)]


def lift_attribute(rdf: etree._Element, tag: str) -> None:
    """Turns the attribute notation of the top-level property `tag` into an element."""
    for block in rdf.iterchildren(_DESCRIPTION):
        if tag in block.attrib:
            add(block, tag).text = str(block.attrib.pop(tag))


def remove(element: etree._Element) -> None:
    """Takes an element out of its parent."""
    parent = element.getparent()
    if parent is not None:
        parent.remove(element)


def own_block(rdf: etree._Element) -> etree._Element:
    """A new, empty rdf:Description about the same thing as the packet's first."""
    first = rdf.find(_DESCRIPTION)
    about = "" if first is None else first.get(q("rdf:about"), first.get("about", ""))
    block = etree.SubElement(rdf, _DESCRIPTION, nsmap=_BLOCK_PREFIXES)
    block.set(q("rdf:about"), about)
    return block


def add(parent: etree._Element, tag: str) -> etree._Element:
    """Appends an element `tag`, with its usual prefix where the namespace is not bound yet."""
    element = etree.SubElement(parent, tag)
    # lxml makes up "ns0" for what is not bound. Asking first, of every element, would take longer
    # than all else about it.
    if element.prefix is not None and element.prefix.startswith("ns"):
        uri = tag[1:].partition("}")[0]
        if uri not in parent.nsmap.values():
            parent.remove(element)
            element = etree.SubElement(parent, tag, nsmap={_PREFIX_OF[uri]: uri})
    return element


def add_struct(parent: etree._Element, tag: str) -> etree._Element:
    """Appends a struct `tag` in the parseType="Resource" notation."""
    struct = add(parent, tag)
    struct.set(_PARSE_TYPE, "Resource")
    return struct


def array(value: etree._Element, kind: str) -> etree._Element:
    """The container of an array property, made or turned into an rdf:`kind` where it is not one."""
    found = next(value.iterchildren(*_CONTAINERS), None)
    if found is None:
        single, value.text = text(value), None
        found = add(value, q(f"rdf:{kind}"))
        if single.strip():
            add(found, _LI).text = single
    found.tag = q(f"rdf:{kind}")
    return found


def items(value: etree._Element) -> list[etree._Element]:
    """The rdf:li of an array property, Bag, Seq or Alt."""
    return [li for found in value.iterchildren(*_CONTAINERS) for li in found.iterchildren(_LI)]


def holders(struct: etree._Element) -> Iterator[etree._Element]:
    """The elements whose attributes and children are the fields of a struct, first one first."""
    yield from struct.iterchildren(_DESCRIPTION)
    yield struct


def fields(struct: etree._Element) -> dict[str, Field]:
    """Fields of a struct by tag; attribute notation gives strings, the others elements."""
    found: dict[str, Field] = {}
    for holder in holders(struct):
        for name, value in holder.attrib.items():
            if _is_field(str(name)):
                found.setdefault(str(name), str(value))
        for child in holder.iterchildren("{*}*"):
            if not child.tag.startswith(_SYNTAX):
                found.setdefault(child.tag, child)
    return found


def text(value: Field | None) -> str:
    """The text of a simple, qualified or language-alternative value, "" where there is none."""
    if value is None or isinstance(value, str):
        return value or ""
    if not len(value):
        return value.text or ""
    languages = items(value)
    if languages:
        default = [li for li in languages if li.get(q("xml:lang")) == "x-default"]
        return text((default or languages)[0])
    qualified = [child for holder in holders(value) for child in holder.findall(q("rdf:value"))]
    return (qualified[0] if qualified else value).text or ""


def field(struct: etree._Element, tag: str) -> etree._Element:
    """The field `tag` of a struct as an element, made where there is none yet."""
    found = fields(struct).get(tag)
    if found is not None and not isinstance(found, str):
        return found
    for holder in holders(struct):
        holder.attrib.pop(tag, "")
    return add(_writable(struct), tag)


def set_text(struct: etree._Element, tag: str, value: str) -> None:
    """Sets a simple field in the notation that the struct already uses for it."""
    for holder in holders(struct):
        if tag in holder.attrib:
            holder.set(tag, value)
            return
        child = holder.find(tag)
        if child is not None:
            child.clear()
            child.text = value
            return
    add(_writable(struct), tag).text = value


def set_alternative(struct: etree._Element, tag: str, value: str) -> None:
    """Sets a language-alternative field to one x-default text."""
    for holder in holders(struct):
        holder.attrib.pop(tag, "")
        for child in holder.findall(tag):
            remove(child)
    li = add(add(add(_writable(struct), tag), q("rdf:Alt")), _LI)
    li.set(q("xml:lang"), "x-default")
    li.text = value


def _writable(struct: etree._Element) -> etree._Element:
    """The element to which a new field can be added in legal RDF."""
    node = struct.find(_DESCRIPTION)
    if node is not None:
        return node
    if struct.get(_PARSE_TYPE) != "Resource":
        for name in [name for name in map(str, struct.attrib) if _is_field(name)]:
            add(struct, name).text = str(struct.attrib.pop(name))
        struct.set(_PARSE_TYPE, "Resource")
    return struct


def _is_field(attribute: str) -> bool:
    """Whether an attribute is a field in short notation, not a part of RDF's or XML's syntax."""
    return attribute.startswith("{") and not attribute.startswith(_SYNTAX)

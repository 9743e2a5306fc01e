"""Picasa: `.picasa.ini` in each folder, and `contacts.xml`.

A photo's section holds `faces=rect64(LLLLTTTTRRRRBBBB),CONTACT;…`, four 16-bit fractions of the
photo and a contact's id; leading zeros may be missing. `[Contacts2]` says `CONTACT=Name;…`.
`[Contacts]` of older versions has no names: they are in contacts.xml, of Picasa's own folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from faceclust.records import Box
from faceclust.tags.found import Found
from faceclust.xmp import Region
from faceclust.xmp.packet import clean, parse_xml

INI_NAMES = (".picasa.ini", "picasa.ini")
CONTACTS_NAME = "contacts.xml"
_UNNAMED = "ffffffffffffffff"
_WHOLE = 65535
_MOST_FACES = 1000
_FACE = re.compile(r"rect64\(([0-9a-fA-F]{1,16})\)\s*,\s*([0-9a-zA-Z]+)")


@dataclass(frozen=True, slots=True)
class PicasaIni:
    """One `.picasa.ini`.

    Attributes:
        contacts: contact id to name.
        faces: file name of a photo to boxes in the displayed photo (None: unusable) and ids.
        damaged: file names of photos of which some face could not be read.
    """

    contacts: dict[str, str] = field(default_factory=dict)
    faces: dict[str, list[tuple[Box | None, str]]] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)


def read_ini(content: bytes) -> PicasaIni:
    """Read a `.picasa.ini`; lines that make no sense are passed over."""
    ini, section = PicasaIni(), ""
    for line in _decoded(content).splitlines():
        line = line.strip()
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
            continue
        key, _, value = line.partition("=")
        if section.casefold() == "contacts2":
            ini.contacts[_contact(key)] = clean(value.split(";")[0])
        elif key.casefold() == "faces":
            ini.faces[section] = list(_faces(value))
            if len(ini.faces[section]) < min(value.count("rect64"), _MOST_FACES):
                ini.damaged.add(section)
    return ini


def read_contacts(content: bytes) -> dict[str, str]:
    """Contact id to name, of a contacts.xml.

    Raises:
        InputError: it is no XML.
    """
    root = parse_xml(content, "the list of contacts")
    found = {}
    for contact in root.iter("contact"):
        name = clean(contact.get("name") or contact.get("display") or "")
        if name:
            found[_contact(contact.get("id", ""))] = name
    return found


def people_in(
    faces: list[tuple[Box | None, str]], contacts: Mapping[str, str], file: str
) -> tuple[Found, list[str]]:
    """The people of one photo, and the ids of contacts whose names nobody knows."""
    regions, names, unknown = [], [], []
    for box, contact in faces:
        if contact == _UNNAMED:
            continue
        name = contacts.get(contact)
        if not name:
            unknown.append(contact)
        elif box is None:
            names.append(name)
        else:
            regions.append(Region(name, box))
    return Found("picasa", file, tuple(regions), tuple(names), "displayed"), unknown


def _decoded(content: bytes) -> str:
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError:  # versions before 3.9 wrote the code page of the system
        return content.decode("cp1252", errors="replace")


def _contact(text: str) -> str:
    return text.strip().casefold().lstrip("0")


def _faces(value: str) -> Iterator[tuple[Box | None, str]]:
    for count, found in enumerate(_FACE.finditer(value)):
        if count == _MOST_FACES:
            return
        digits = found[1].zfill(16)
        left, top, right, bottom = (int(digits[i : i + 4], 16) / _WHOLE for i in range(0, 16, 4))
        box = Box(left, top, right - left, bottom - top)
        yield box if box.w > 0 and box.h > 0 else None, _contact(found[2])

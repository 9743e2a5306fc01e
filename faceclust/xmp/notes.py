"""What the user said that no standard has a place for, in a namespace of our own.

`faceclust:Faces` is a Bag of faces without a name: where (stArea), whom they do not show, whether
they are one unnamed person, ignored, or no face. `faceclust:People` is a Bag of the people who are
named in the photo, with date of birth and whether they are hidden. Every entry bears the library
whose user said so, because libraries may share photos.
"""

from __future__ import annotations

from collections.abc import Collection

from lxml import etree

from faceclust.records import Box, FaceNote, Notes, PersonNote, PhotoInfo
from faceclust.xmp.areas import read_area, write_area
from faceclust.xmp.boxes import displayed_box, stored_box
from faceclust.xmp.encodings import mentions
from faceclust.xmp.packet import (
    PREFIXES,
    add,
    add_struct,
    array,
    clean,
    fields,
    fold,
    items,
    parse,
    properties,
    q,
    remove,
    set_text,
    text,
)
from faceclust.xmp.regions import MAX_FACES

_FACES, _PEOPLE = q("faceclust:Faces"), q("faceclust:People")
_AUTHOR, _AREA, _IS_NOT = q("faceclust:Author"), q("faceclust:Area"), q("faceclust:IsNot")
_GROUP, _IGNORED, _NO_FACE = q("faceclust:Group"), q("faceclust:Ignored"), q("faceclust:NoFace")
_NAME, _BIRTH, _HIDDEN = q("faceclust:Name"), q("faceclust:Birth"), q("faceclust:Hidden")
_YES = "True"
_MOST_NAMES = 100
_MOST_TEXT = 300
_ALIKE = 0.9  # IoU of two boxes of one face, which both come from our own detector


def read_notes(packet: bytes, info: PhotoInfo) -> Notes:
    """The notes of all libraries in a packet; without author, boxes in the *displayed* photo.

    Raises:
        InputError: the packet is no XMP.
    """
    if not has_notes(packet):
        return Notes()
    rdf = parse(packet)
    faces = [_read_face(li, info) for li in _entries(rdf, _FACES)[:MAX_FACES]]
    people = [_read_person(li) for li in _entries(rdf, _PEOPLE)[:MAX_FACES]]
    return Notes(
        faces=tuple(face for face in faces if face is not None),
        people=tuple(person for person in people if person is not None),
    )


def has_notes(packet: bytes) -> bool:
    """Whether a packet can hold notes; tells without parsing."""
    return mentions(packet, PREFIXES["faceclust"])


def read_authors(packet: bytes) -> frozenset[str]:
    """The libraries whose notes a packet holds.

    Raises:
        InputError: the packet is no XMP.
    """
    return authors(parse(packet)) if has_notes(packet) else frozenset()


def authors(rdf: etree._Element) -> frozenset[str]:
    """The libraries whose notes a packet holds."""
    return frozenset(_by(li) for tag in (_FACES, _PEOPLE) for li in _entries(rdf, tag)) - {""}


def merge_notes(
    rdf: etree._Element,
    block: etree._Element,
    notes: Notes,
    info: PhotoInfo,
    named: list[Box],
    read: Collection[str] = (),
) -> None:
    """Brings the notes of a packet up to date.

    Gone are those that the same library wrote before or has taken over from another one, what
    others said of the faces that it speaks of now, and dates of birth that it contradicts.

    Args:
        rdf: the packet.
        block: its rdf:Description that takes new properties.
        notes: what the library's user says now; boxes in the displayed photo.
        info: of the photo.
        named: faces of the photo with a name, in the *stored* pixels.
        read: libraries whose notes this one has taken over.
    """
    faces = [(stored_box(note.box, info.orientation), note) for note in notes.faces]
    spoken_of, ours = [box for box, _ in faces] + named, {notes.author, *read}
    for li in _entries(rdf, _FACES):
        box = read_area(fields(li).get(_AREA))
        if _by(li) in ours or (box and any(box.iou(b) > _ALIKE for b in spoken_of)):
            remove(li)
    for box, face in faces:
        if box.w > 0 and box.h > 0:
            _write_face(_new(rdf, block, _FACES, notes.author), box, face)
    _merge_people(rdf, block, notes, read)
    for tag in (_FACES, _PEOPLE):
        for value in properties(rdf, tag):
            if not items(value):
                remove(value)


def _entries(rdf: etree._Element, tag: str) -> list[etree._Element]:
    return [li for value in properties(rdf, tag) for li in items(value)]


def _merge_people(
    rdf: etree._Element, block: etree._Element, notes: Notes, read: Collection[str]
) -> None:
    ours = {notes.author, *read}
    births = {fold(note.name): note.birth for note in notes.people}
    for li in _entries(rdf, _PEOPLE):
        theirs = _read_person(li)
        if _by(li) in ours or theirs is None or _contradicts(births.get(fold(theirs.name)), theirs):
            remove(li)
    for person in notes.people:
        _write_person(_new(rdf, block, _PEOPLE, notes.author), person)


def _contradicts(birth: str | None, theirs: PersonNote) -> bool:
    return None not in (birth, theirs.birth) and birth != theirs.birth


def _by(li: etree._Element) -> str:
    return text(fields(li).get(_AUTHOR))


def _new(rdf: etree._Element, block: etree._Element, tag: str, author: str) -> etree._Element:
    found = properties(rdf, tag)
    li = add_struct(array(found[0] if found else add(block, tag), "Bag"), q("rdf:li"))
    set_text(li, _AUTHOR, author)
    return li


def _write_face(li: etree._Element, box: Box, face: FaceNote) -> None:
    write_area(li, _AREA, box)
    if face.is_not:
        bag = array(add(li, _IS_NOT), "Bag")
        for name in face.is_not:
            add(bag, q("rdf:li")).text = clean(name)
    if face.group is not None:
        set_text(li, _GROUP, face.group)
    for tag, holds in ((_IGNORED, face.ignored), (_NO_FACE, face.no_face)):
        if holds:
            set_text(li, tag, _YES)


def _write_person(li: etree._Element, person: PersonNote) -> None:
    set_text(li, _NAME, clean(person.name))
    if person.birth is not None:
        set_text(li, _BIRTH, person.birth)
    if person.hidden:
        set_text(li, _HIDDEN, _YES)


def _read_face(li: etree._Element, info: PhotoInfo) -> FaceNote | None:
    found = fields(li)
    box, names = read_area(found.get(_AREA)), found.get(_IS_NOT)
    if box is None:
        return None
    listed = [] if names is None or isinstance(names, str) else items(names)[:_MOST_NAMES]
    return FaceNote(
        box=displayed_box(box, info.orientation),
        is_not=tuple(name for name in (clean(text(each)) for each in listed) if name),
        group=clean(text(found.get(_GROUP)))[:_MOST_TEXT] or None,
        ignored=text(found.get(_IGNORED)) == _YES,
        no_face=text(found.get(_NO_FACE)) == _YES,
    )


def _read_person(li: etree._Element) -> PersonNote | None:
    found = fields(li)
    name = clean(text(found.get(_NAME)))
    birth = clean(text(found.get(_BIRTH)))[:_MOST_TEXT] or None
    return PersonNote(name, birth, text(found.get(_HIDDEN)) == _YES) if name else None

"""XMP of a photo: sidecars of either naming, else what is embedded.

A sidecar that names anyone, or that we ourselves wrote, shadows what is embedded, as digiKam has
it: it is the newer word, and what it leaves out was taken away there.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import PurePath

from faceclust.records import PhotoInfo
from faceclust.tags.files import Names
from faceclust.tags.found import Found
from faceclust.xmp import Region, read_authors, read_notes, read_people, stored_box
from faceclust.xmp.packet import fold
from faceclust.xmp.placeholders import read_placeholders

_RAW = "RAW"


def sidecars_of(name: str, names: Names, twins: Mapping[str, str]) -> list[str]:
    """The sidecars of a photo that are there: a.jpg.xmp, then a.xmp.

    Args:
        name: file name of the photo.
        names: what is in its folder.
        twins: the photos of that folder whose stems read the same, `name` included: name to format.
            a.xmp belongs to the raw one of several; where that is not clear, to none.
    """
    stem = f"{PurePath(name).stem}.xmp"
    stems = {twin: f"{PurePath(twin).stem}.xmp" for twin in twins}
    found = [names.find(f"{name}.xmp", name)]
    if stem in names:
        exact = {twin: kind for twin, kind in twins.items() if stems[twin] == stem}
        found += [stem] if name in heirs(exact) else []
    elif name in heirs(twins):
        other = names.find(stem)
        # A.xmp is that of A.jpg, not of a.cr2.
        found += [other] if other not in stems.values() else []
    return [file for file in found if file is not None]


def heirs(twins: Mapping[str, str]) -> Collection[str]:
    """Which of several photos of one stem the sidecar named after the stem belongs to."""
    if len(twins) == 1:
        return twins.keys()
    raw = [name for name, kind in twins.items() if kind == _RAW]
    return raw if len(raw) == 1 else ()


def read_xmp(packet: bytes, info: PhotoInfo, file: str) -> Found:
    """The people in a packet or sidecar.

    Raises:
        InputError: it is no XMP.
    """
    people = read_people(packet, info)
    notes = read_notes(packet, info)
    names = [*(region.name for region in people.regions), *people.names]
    # Whom we noted is somebody who is called so.
    real = {fold(person.name) for person in notes.people}
    faces = tuple(replace(note, box=stored_box(note.box, info.orientation)) for note in notes.faces)
    return Found(
        "xmp",
        file,
        as_stored(people.regions, info),
        people.names,
        "stored",
        replace(notes, faces=faces),
        read_authors(packet),
        read_placeholders(packet, names) - real,
    )


def as_stored(regions: Sequence[Region], info: PhotoInfo) -> tuple[Region, ...]:
    """Regions of the displayed photo, their boxes as a packet holds them."""
    return tuple(Region(r.name, stored_box(r.box, info.orientation)) for r in regions)

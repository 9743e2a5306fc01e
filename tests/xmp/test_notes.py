from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.errors import InputError
from faceclust.export.xmp import NOTHING, XmpOptions, merge
from faceclust.records import Box, FaceNote, Notes, PersonNote, PhotoInfo, TaggedPhoto
from faceclust.xmp import read_notes, read_regions
from faceclust.xmp.notes import has_notes
from faceclust.xmp.packet import clean, same
from tests.export.xmp.samples import ANN, BOB, DIGIKAM, INFO, packet, tagged
from tests.xmp.test_boxes import grid_boxes

NAMES = st.text(min_size=1, max_size=20).filter(lambda name: clean(name) == name)
FACES = st.builds(
    FaceNote,
    box=grid_boxes(),
    is_not=st.lists(NAMES, max_size=3).map(tuple),
    group=st.none() | st.just("a1b2-7"),
    ignored=st.booleans(),
    no_face=st.booleans(),
)
PEOPLE = st.builds(
    PersonNote, name=NAMES, birth=st.none() | st.just("2015-07"), hidden=st.booleans()
)
NAMESPACE = (
    'xmlns:faceclust="urn:faceclust:xmp:1.0/" xmlns:stArea="http://ns.adobe.com/xmp/sType/Area#"'
)


def noting(*faces: FaceNote, by: str = "me", people: tuple[PersonNote, ...] = ()) -> TaggedPhoto:
    return replace(tagged(), notes=Notes(by, faces, people))


def written(before: bytes | None, photo: TaggedPhoto) -> bytes:
    return merge(before, photo, NOTHING, XmpOptions())


@given(
    st.lists(FACES, max_size=5, unique_by=lambda face: face.box),
    st.lists(PEOPLE, max_size=5, unique_by=lambda person: person.name.casefold()),
    st.integers(1, 8),
)
def test_what_is_noted_reads_back_the_same(
    faces: list[FaceNote], people: list[PersonNote], orientation: int
) -> None:
    info = PhotoInfo(4000, 3000, orientation, "JPEG")
    photo = TaggedPhoto(Path("/a.jpg"), Path("a.jpg"), info, (), Notes("me", (*faces,), (*people,)))
    content = written(None, photo)
    assert read_notes(content, info) == Notes("", tuple(faces), tuple(people))
    assert written(content, photo) == content
    assert read_regions(content, info) == []


def test_another_programs_packet_keeps_all_it_held() -> None:
    content = written(DIGIKAM, noting(FaceNote(ANN, no_face=True)))
    assert read_regions(content, INFO) == read_regions(DIGIKAM, INFO)
    assert b"Holiday" in content
    assert not has_notes(DIGIKAM)
    assert same(written(content, noting()), DIGIKAM)


def test_the_newest_word_of_a_library_replaces_its_older_ones_alone() -> None:
    first = written(None, noting(FaceNote(ANN, is_not=("Eve",)), FaceNote(BOB, no_face=True)))
    other = written(first, noting(FaceNote(Box(0.4, 0.6, 0.1, 0.1), ignored=True), by="other"))
    found = read_notes(other, INFO)
    assert [face.box for face in found.faces] == [ANN, BOB, Box(0.4, 0.6, 0.1, 0.1)]
    later = read_notes(written(other, noting(FaceNote(BOB, is_not=("Eve",)))), INFO)
    assert [(face.is_not, face.ignored) for face in later.faces] == [((), True), (("Eve",), False)]


def test_who_names_or_notes_a_face_overrules_what_other_libraries_noted_of_it() -> None:
    first = written(None, noting(FaceNote(ANN, is_not=("Eve",)), FaceNote(BOB, no_face=True)))
    photo = replace(tagged(("Eve", ANN)), notes=Notes("other", (FaceNote(BOB, ignored=True),), ()))
    assert read_notes(written(first, photo), INFO).faces == (FaceNote(BOB, ignored=True),)


def test_a_date_of_birth_is_noted_once() -> None:
    people = (PersonNote("Ann", "2015"), PersonNote("Bob"))
    first = written(None, noting(people=people))
    second = written(first, noting(people=(PersonNote("ann", "2016-01"),), by="other"))
    assert read_notes(second, INFO).people == (PersonNote("Bob"), PersonNote("ann", "2016-01"))


def test_what_another_library_knows_of_a_person_stays() -> None:
    theirs, ours = PersonNote("Ann", "2015", hidden=True), PersonNote("Ann")
    first = written(None, noting(people=(theirs,)))
    second = written(first, noting(people=(ours,), by="other"))
    assert read_notes(second, INFO).people == (theirs, ours)
    assert same(written(second, noting(people=(ours,), by="other")), second)


def test_a_photo_of_which_nothing_is_to_be_said_has_no_notes_left() -> None:
    first = written(None, noting(FaceNote(ANN, no_face=True)))
    assert not has_notes(written(first, noting()))


def area(x: str = "0.5") -> str:
    return f'<faceclust:Area stArea:x="{x}" stArea:y="0.5" stArea:w="0.1" stArea:h="0.1"/>'


def entry(*content: str) -> bytes:
    listed = "".join(f'<rdf:li rdf:parseType="Resource">{each}</rdf:li>' for each in content)
    return packet(f"<faceclust:Faces><rdf:Bag>{listed}</rdf:Bag></faceclust:Faces>", NAMESPACE)


def test_other_notations_and_damage() -> None:
    crowd = (
        "<faceclust:IsNot><rdf:Seq>" + "<rdf:li>Ann</rdf:li>" * 500 + "</rdf:Seq></faceclust:IsNot>"
    )
    content = entry(
        area() + "<faceclust:NoFace>True</faceclust:NoFace>",
        area("nan") + "<faceclust:NoFace>True</faceclust:NoFace>",
        "<faceclust:NoFace>True</faceclust:NoFace>",
        area("0.2") + crowd,
        area("0.3") + "<faceclust:IsNot>Ann</faceclust:IsNot>"
        "<faceclust:Ignored>yes</faceclust:Ignored>",
        area("0.4") + "<faceclust:Group>" + "x" * 5000 + "</faceclust:Group>",
    )  # fmt: skip
    first, second, third, last = read_notes(content, INFO).faces
    assert first == FaceNote(Box(0.45, 0.45, 0.1, 0.1), no_face=True)
    assert second.is_not == ("Ann",) * 100
    assert third == FaceNote(Box(0.25, 0.45, 0.1, 0.1))
    assert last.group == "x" * 300


def test_thousands_of_notes_are_cut_off() -> None:
    assert len(read_notes(entry(*[area()] * 5000), INFO).faces) == 1000


def test_what_is_no_xmp_is_told() -> None:
    with pytest.raises(InputError):
        read_notes(b"<a>urn:faceclust:xmp:1.0/", INFO)

"""What other programs' files hold, and what they may not do to us."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.errors import InputError
from faceclust.records import Box, PhotoInfo
from faceclust.tags import Names, listing, osxphotos, picasa, read_bounded
from faceclust.tags.sidecars import sidecars_of
from faceclust.xmp import People, read_people
from tests.export.xmp.samples import DIGIKAM, IPTC, MP, MWG, packet

INFO = PhotoInfo(4000, 3000, 1, "JPEG")


# --- Picasa ---


def test_an_ini_with_contacts_and_faces() -> None:
    ini = picasa.read_ini(
        b"[Contacts2]\r\n0abc=Ann Lee;;\r\n[a.jpg]\r\nstar=yes\r\n"
        b"faces=rect64(40008000c000ffff),abc;rect64(1000),ffffffffffffffff;"
        b"rect64(zz),abc;rect64(80004000800040),0abc\r\n[b.jpg]\nbackuphash=7\n"
    )
    found, unknown = picasa.people_in(ini.faces["a.jpg"], ini.contacts, "x")
    (first,) = found.regions
    assert first.name == "Ann Lee"
    assert first.box.x == pytest.approx(0.25, abs=1e-4)
    assert (first.box.w, first.box.h) == pytest.approx((0.5, 0.5), abs=1e-4)
    assert found.names == ("Ann Lee",)  # its last box is upside down
    assert unknown == []
    assert picasa.people_in([(None, "77")], {}, "x")[1] == ["77"]
    assert ini.damaged == {"a.jpg"}  # of the last one
    assert picasa.read_ini(b"[b.jpg]\nfaces=rect64(zzzz),7;rect64(1),7\n").damaged == {"b.jpg"}


def test_contacts_xml() -> None:
    content = b'<contacts><contact id="00ab" name="Ann" display="A"/><contact id="1"/></contacts>'
    assert picasa.read_contacts(content) == {"ab": "Ann"}
    with pytest.raises(InputError):
        picasa.read_contacts(b"<!DOCTYPE a [<!ENTITY b 'c'>]><contacts>&b;</contacts>")


def test_an_ini_in_an_old_code_page() -> None:
    ini = picasa.read_ini("[Contacts2]\n1=Zoë;;".encode("cp1252"))
    assert ini.contacts == {"1": "Zoë"}


@given(st.binary(max_size=300))
def test_any_bytes_are_an_ini(content: bytes) -> None:
    picasa.read_ini(b"[Contacts2]\n" + content + b"\n[a.jpg]\nfaces=" + content)


# --- Apple ---


def photos(content: bytes) -> list[osxphotos.ApplePhoto]:
    return list(osxphotos.read_list(io.BytesIO(content)))


def test_the_faces_of_an_apple_photo() -> None:
    face = {"name": "Ann", "center_x": 0.5, "center_y": 0.75, "size": 0.3}
    area = {"x": 0.25, "y": 0.5, "w": 0.1, "h": 0.2}
    fields = {
        "uuid": "A", "date": "2019-07-14T18:03:22.5+02:00", "persons": ["Ann", "Bob", "_UNKNOWN_"],
        "face_info": [face, {"name": "Cem", "mwg_rs_area": area}, {"name": "Dan", "size": "x"}, 3],
    }  # fmt: skip
    (photo,) = photos(json.dumps([fields]).encode())
    assert photo.taken_at == "2019-07-14T18:03:22"
    found = photo.people(INFO, "f")
    boxes = {region.name: region.box for region in found.regions}
    assert boxes["Ann"].x + boxes["Ann"].w / 2 == pytest.approx(0.5)
    assert boxes["Ann"].y + boxes["Ann"].h / 2 == pytest.approx(0.25)
    assert (boxes["Ann"].w, boxes["Ann"].h) == pytest.approx((0.3, 0.4))
    assert boxes["Cem"].iou(Box(0.2, 0.4, 0.1, 0.2)) > 0.99
    assert found.names == ("Dan", "Bob")
    turned = photo.people(PhotoInfo(3000, 4000, 6, "JPEG"), "f")
    assert turned.regions[1].box.iou(Box(0.4, 0.2, 0.2, 0.1)) > 0.99


@pytest.mark.parametrize(
    ("content", "is_one"),
    [
        (b'[{"uuid": "A"}]', True),
        (b'\xef\xbb\xbf\r\n [{"uuid": "A"}]', True),
        (b'[{"SourceFile": "a.jpg"}]', False),  # exiftool's
        (b'{"title": "a.jpg"}', False),  # Google's
        (b"", False),
    ],
)
def test_a_list_is_known_by_how_it_begins(tmp_path: Path, content: bytes, is_one: bool) -> None:
    (tmp_path / "a.json").write_bytes(content)
    assert osxphotos.is_list(tmp_path / "a.json") == is_one
    assert not osxphotos.is_list(tmp_path / "gone.json")
    (tmp_path / "link.json").symlink_to("a.json")
    assert not osxphotos.is_list(tmp_path / "link.json")


@given(st.lists(st.dictionaries(st.text(), st.text() | st.integers()), max_size=5))
def test_lists_are_read_piece_by_piece(fields: list[dict[str, object]]) -> None:
    given = [{**each, "uuid": "é" * 3} for each in fields]
    content = json.dumps(given, ensure_ascii=False, indent=1).encode("utf-8", "surrogatepass")
    try:
        content.decode()
    except UnicodeDecodeError:
        return
    before = osxphotos._CHUNK
    osxphotos._CHUNK = 7
    try:
        assert [photo.fields for photo in photos(content)] == given
    finally:
        osxphotos._CHUNK = before


@pytest.mark.parametrize(
    "content", [b"", b"{}", b"[1]", b'[{"uuid": "A"}', b"[" * 200_000, b'[{"a": 1}]', b"[\xff]"]
)
def test_what_is_no_list_of_apples(content: bytes) -> None:
    with pytest.raises(InputError):
        photos(content)


# --- XMP ---


def test_people_with_and_without_a_box() -> None:
    body = (
        "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Ann</rdf:li><rdf:li>Bob</rdf:li></rdf:Bag>"
        "</Iptc4xmpExt:PersonInImage><MP:RegionInfo rdf:parseType='Resource'><MPRI:Regions>"
        "<rdf:Bag><rdf:li MPReg:PersonDisplayName='Cem'/>"
        "<rdf:li MPReg:PersonDisplayName='Bob' MPReg:Rectangle='0.1, 0.1, 0.2, 0.2'/></rdf:Bag>"
        "</MPRI:Regions></MP:RegionInfo>"
    )
    found = read_people(packet(body, f"{IPTC} {MP} {MWG}"), INFO)
    assert [region.name for region in found.regions] == ["Bob"]
    assert found.names == ("Ann", "Cem")
    assert read_people(DIGIKAM, INFO).names == ()
    assert read_people(packet(""), INFO) == People()


def test_which_sidecars_a_photo_has() -> None:
    names = Names(("a.JPG.XMP", "a.xmp", "b.xmp", "b.jpg.xmp"))
    one = {"a.jpg": "JPEG"}
    assert sidecars_of("a.jpg", names, one) == ["a.JPG.XMP", "a.xmp"]
    pair = {"a.jpg": "JPEG", "a.cr2": "RAW"}
    assert sidecars_of("a.jpg", names, pair) == ["a.JPG.XMP"]
    assert sidecars_of("a.cr2", names, pair) == ["a.xmp"]
    twins = {"b.jpg": "JPEG", "b.png": "PNG"}
    assert [sidecars_of(name, names, twins) for name in twins] == [["b.jpg.xmp"], []]
    pair = {"c.cr2": "RAW", "C.jpg": "JPEG"}
    names = Names(("C.xmp",))
    assert [sidecars_of(name, names, pair) for name in pair] == [[], ["C.xmp"]]
    names = Names(("c.XMP",))
    assert [sidecars_of(name, names, pair) for name in pair] == [["c.XMP"], []]


# --- files ---


def test_names_are_found_as_they_are_or_by_the_only_one_like_them() -> None:
    names = Names(("a.jpg", "A.jpg", "a.jpg.xmp", "Zoe\u0308.jpg.XMP"))
    assert names.find("a.jpg.xmp", "a.jpg") == "a.jpg.xmp"
    assert names.find("A.jpg.xmp", "A.jpg") is None
    assert names.find("A.jpg.xmp") == "a.jpg.xmp"
    assert names.find("a.JPG") is None
    assert names.find("Zo\xeb.jpg.xmp", "Zo\xeb.jpg") == "Zoe\u0308.jpg.XMP"
    assert "A.jpg" in names
    assert "a.JPG" not in names
    assert names.find("\udce9.jpg") is None


def test_only_plain_files_of_bounded_size_are_read(tmp_path: Path) -> None:
    plain, link, pipe = (tmp_path / name for name in ("plain", "link", "pipe"))
    plain.write_bytes(b"12345")
    link.symlink_to(plain)
    os.mkfifo(pipe)
    assert read_bounded(plain, 5) == b"12345"
    for path, limit in ((plain, 4), (link, 9), (pipe, 9), (tmp_path, 9), (tmp_path / "no", 9)):
        with pytest.raises(InputError):
            read_bounded(path, limit)
    assert set(listing(tmp_path)) == {"plain", "link", "pipe"}
    assert not set(listing(tmp_path / "no"))

"""XMP in UTF-16 and UTF-32, wherever it may stand."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from faceclust.errors import InputError
from faceclust.export.xmp import NOTHING, XmpOptions, merge
from faceclust.records import FaceNote, Notes
from faceclust.xmp import read_embedded, read_notes, read_regions
from faceclust.xmp.encodings import mentions
from faceclust.xmp.notes import read_authors
from faceclust.xmp.packet import PREFIXES, parse, properties, q, same, serialise, text
from faceclust.xmp.people import read_people
from tests.export.xmp.samples import BOB, DIGIKAM, INFO, packet, tagged
from tests.xmp.test_extended import MAIN, PEOPLE, jpeg, main_packet, parts
from tests.xmp.test_extract import chunk

ENCODINGS = ["utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"]


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("begin", ["", "declared", "xpacket", "white space"])
@pytest.mark.parametrize("padding", ["", "\0", " " * 100 + "\n", "\0 \0"])
def test_a_packet_in_any_encoding_of_unicode(
    encoding: str, bom: str, begin: str, padding: str
) -> None:
    name = "Ćorić 李 \U0001f600 \u3c3e\u3e3c"
    body = packet(f"<dc:title>{name}</dc:title>", f'xmlns:dc="{PREFIXES["dc"]}"').decode()
    declared = encoding.upper().removesuffix("-LE").removesuffix("-BE")
    begins = {
        "": "",
        "declared": f'<?xml version="1.0" encoding="{declared}"?>',
        "xpacket": '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>',
        "white space": "" if bom else "\r\n ",
    }
    whole = (bom + begins[begin] + body + padding).encode(encoding)
    for content in (whole, whole + b"\0", whole + b"\0\0\0"):
        assert text(properties(parse(content), q("dc:title"))[0]) == name
    assert same(whole, serialise(parse(whole)))


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_damaged_characters_are_an_input_error(encoding: str) -> None:
    with pytest.raises(InputError, match="not well-formed"):
        parse(packet("<a>!</a>").decode().replace("!", "\ud800").encode(encoding, "surrogatepass"))


@pytest.mark.parametrize("encoding", ENCODINGS[1:])
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_packet_inside_a_photo(tmp_path: Path, suffix: str, encoding: str) -> None:
    wide, path = DIGIKAM.decode().encode(encoding) + b"\0" * 64, tmp_path / f"a{suffix}"
    options = {".jpg": {"xmp": wide}, ".tif": {"tiffinfo": {700: wide}}}
    Image.new("RGB", (8, 8)).save(path, **options.get(suffix, {}))
    if suffix == ".png":
        plain = path.read_bytes()
        late = chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + wide)
        path.write_bytes(plain[:-12] + late + plain[-12:])
    found = read_embedded(path)
    assert found is not None
    assert read_regions(found, INFO) == read_regions(DIGIKAM, INFO) != []


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_a_packet_of_several_parts(tmp_path: Path, encoding: str) -> None:
    extended = PEOPLE.decode().encode(encoding)
    main = main_packet(extended).decode().encode(encoding)
    found = read_embedded(jpeg(tmp_path / "a.jpg", [MAIN + main, *parts(extended)]))
    assert found is not None
    assert read_people(found, INFO).names == ("Ann",)


@pytest.mark.parametrize("encoding", ENCODINGS)
def test_notes_and_writing_into_what_another_program_wrote_anew(encoding: str) -> None:
    noted = replace(tagged(), notes=Notes("me", (FaceNote(BOB, no_face=True),)))
    wide = merge(DIGIKAM, noted, NOTHING, XmpOptions()).decode().encode(encoding)
    assert read_authors(wide) == {"me"}
    assert read_notes(wide, INFO).faces == (FaceNote(BOB, no_face=True),)
    assert mentions(wide, "digiKam:TagsList")
    assert not mentions(wide, "nobody")
    merged = merge(wide, tagged(("Ann", BOB)), NOTHING, XmpOptions())
    assert "Ann" in {region.name for region in read_regions(merged, INFO)}
    assert merge(merged, tagged(("Ann", BOB)), NOTHING, XmpOptions()) == merged

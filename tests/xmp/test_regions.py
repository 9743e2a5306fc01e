from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.errors import InputError
from faceclust.export.xmp import NOTHING, XmpOptions, merge
from faceclust.records import Box, PhotoInfo
from faceclust.xmp import Region, read_regions, stored_box
from faceclust.xmp.packet import clean
from faceclust.xmp.regions import FORMS, Form
from tests.export.xmp.samples import (
    ANN,
    BOB,
    DARKTABLE,
    DIGIKAM,
    INFO,
    IPTC,
    LIGHTROOM,
    MP,
    MWG,
    PICASA,
    packet,
    tagged,
)
from tests.xmp.test_boxes import grid_boxes


@given(
    st.lists(st.tuples(st.text(max_size=20), grid_boxes()), max_size=6, unique_by=lambda p: p[1]),
    st.integers(1, 8),
)
def test_what_is_written_reads_back_the_same_from_every_form(
    people: list[tuple[str, Box]], orientation: int
) -> None:
    info = PhotoInfo(4000, 3000, orientation, "JPEG")
    written = merge(None, tagged(*people, info=info), NOTHING, XmpOptions())
    wanted = [
        Region(clean(name), box)
        for name, box in people
        if clean(name) and clean(name).casefold() != "f" * 16
    ]
    for form in FORMS:
        assert read_regions(written, info, (form,)) == wanted


def test_programs_samples_are_read() -> None:
    assert read_regions(DIGIKAM, INFO) == [Region("Bob", BOB)]
    assert read_regions(DIGIKAM, INFO, ("mp",)) == [Region("Bob", BOB)]
    assert [region.name for region in read_regions(LIGHTROOM, INFO)] == ["Bob"]
    assert read_regions(DARKTABLE, INFO) == []


def test_picasas_unnamed_faces_are_left_out() -> None:
    assert read_regions(PICASA, INFO) == []


@pytest.mark.parametrize("orientation", range(1, 9))
def test_boxes_are_turned_to_the_displayed_photo(orientation: int) -> None:
    info = PhotoInfo(4000, 3000, orientation, "JPEG")
    (region,) = read_regions(DIGIKAM, info)
    assert stored_box(region.box, orientation) == BOB


MWG_AREA = 'stArea:x="0.2" stArea:y="0.35" stArea:w="0.2" stArea:h="0.3"'


def mwg(area: str, more: str = "<mwg-rs:Name>Bob</mwg-rs:Name>", container: str = "Bag") -> bytes:
    return packet(
        f'<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:{container}>'
        f'<rdf:li rdf:parseType="Resource">{more}<mwg-rs:Area {area}/></rdf:li>'
        f"</rdf:{container}></mwg-rs:RegionList></mwg-rs:Regions>",
        MWG,
    )


def iptc(boundary: str, kind: str = "human") -> bytes:
    return packet(
        '<Iptc4xmpExt:ImageRegion><rdf:Bag><rdf:li rdf:parseType="Resource">'
        '<Iptc4xmpExt:Name><rdf:Alt><rdf:li xml:lang="de">Robert</rdf:li>'
        '<rdf:li xml:lang="x-default">Bob</rdf:li></rdf:Alt></Iptc4xmpExt:Name>'
        '<Iptc4xmpExt:rCtype><rdf:Bag><rdf:li rdf:parseType="Resource"><xmp:Identifier><rdf:Bag>'
        f"<rdf:li>http://cv.iptc.org/newscodes/imageregiontype/{kind}</rdf:li></rdf:Bag>"
        "</xmp:Identifier></rdf:li></rdf:Bag></Iptc4xmpExt:rCtype>"
        f"<Iptc4xmpExt:RegionBoundary {boundary}/></rdf:li></rdf:Bag></Iptc4xmpExt:ImageRegion>",
        f'{IPTC} xmlns:xmp="http://ns.adobe.com/xap/1.0/"',
    )


def rectangle(unit: str, *numbers: float) -> str:
    corners = " ".join(
        f'Iptc4xmpExt:rb{key}="{number}"' for key, number in zip("XYWH", numbers, strict=True)
    )
    return f'Iptc4xmpExt:rbShape="rectangle" Iptc4xmpExt:rbUnit="{unit}" {corners}'


@pytest.mark.parametrize(
    "written",
    [
        mwg(MWG_AREA),
        mwg(MWG_AREA, container="Seq"),
        mwg(MWG_AREA, "<mwg-rs:Name>Bob</mwg-rs:Name><mwg-rs:Type>face</mwg-rs:Type>"),
        mwg(MWG_AREA + ' stArea:unit="normalized"').replace(b"mwg-rs", b"pfx"),
        iptc(rectangle("relative", 0.1, 0.2, 0.2, 0.3)),
        iptc(rectangle("pixel", 400, 600, 800, 900))
        .replace(b"Iptc4xmpExt:", b"iptcExt:")
        .replace(b"xmlns:Iptc4xmpExt=", b"xmlns:iptcExt="),
    ],
)
def test_other_notations_of_the_same_face(written: bytes) -> None:
    assert read_regions(written, INFO) == [Region("Bob", BOB)]


@pytest.mark.parametrize(
    "junk",
    [
        mwg(MWG_AREA.replace("0.35", "nan")),
        mwg(MWG_AREA.replace("0.35", "1e999")),
        mwg(MWG_AREA.replace("0.35", "")),
        mwg(MWG_AREA.replace("0.35", "9" * 100_000)),
        mwg(MWG_AREA.replace('stArea:w="0.2"', 'stArea:w="-0.2"')),
        mwg(MWG_AREA.replace('stArea:w="0.2"', 'stArea:w="0"')),
        mwg(MWG_AREA.replace('stArea:w="0.2"', "")),
        mwg(MWG_AREA.replace("0.2", "12.5").replace("0.35", "7")),
        mwg(MWG_AREA + ' stArea:unit="pixel"'),
        mwg(MWG_AREA, ""),
        mwg(MWG_AREA, "<mwg-rs:Name> \n </mwg-rs:Name>"),
        mwg(MWG_AREA, "<mwg-rs:Name>Rex</mwg-rs:Name><mwg-rs:Type>Pet</mwg-rs:Type>"),
        mwg(MWG_AREA, '<mwg-rs:Name>FFFFFFFFFFFFFFFF</mwg-rs:Name><mwg-rs:Area stArea:x="1"/>'),
        packet('<mwg-rs:Regions mwg-rs:RegionList="x"/>', MWG),
        packet("<mwg-rs:Regions>text</mwg-rs:Regions>", MWG),
        packet("<MP:RegionInfo><MPRI:Regions>text</MPRI:Regions></MP:RegionInfo>", MP),
        *(
            packet(
                "<MP:RegionInfo><MPRI:Regions><rdf:Bag><rdf:li "
                f'MPReg:PersonDisplayName="Bob" MPReg:Rectangle="{numbers}"/>'
                "</rdf:Bag></MPRI:Regions></MP:RegionInfo>",
                MP,
            )
            for numbers in ("", "0.1, 0.2, 0.3", "0,1, 0,2, 0,3, 0,4", "a, b, c, d", "0.1,0.2,0,0")
        ),
        iptc(rectangle("relative", 0.1, 0.2, 0.2, 0.3), kind="animal"),
        iptc(rectangle("relative", 0.1, 0.2, 0.2, 0.3).replace("rectangle", "circle")),
        iptc(rectangle("pixel", 0.1, 0.2, 0.2, 0.3).replace('rbH="0.3"', 'rbH=""')),
    ],
)
def test_malformed_regions_are_left_out(junk: bytes) -> None:
    assert read_regions(junk, INFO) == []


def test_a_face_repeated_in_several_forms_is_one() -> None:
    written = merge(DIGIKAM, tagged(("Ann", ANN), ("Bob", BOB)), NOTHING, XmpOptions())
    assert sorted(region.name for region in read_regions(written, INFO)) == ["Ann", "Bob"]


def test_no_xml_is_an_input_error() -> None:
    with pytest.raises(InputError):
        read_regions(b"JFIF", INFO)


TAGS = ("mwg-rs:Regions", "mwg-rs:RegionList", "mwg-rs:Area", "rdf:Bag", "rdf:li", "rdf:value")
trees = st.recursive(
    st.sampled_from(["", "Bob", "0.5", "<!-- c -->"]),
    lambda inner: st.builds(
        lambda tag, body: f"<{tag}>{body}</{tag}>",
        st.sampled_from((*TAGS, "rdf:Description", "mwg-rs:Name", "stArea:x")),
        st.lists(inner, max_size=4).map("".join),
    ),
    max_leaves=20,
)


@given(trees)
def test_no_tree_makes_reading_or_merging_raise(body: str) -> None:
    junk = packet(body, MWG)
    forms: tuple[Form, ...] = FORMS
    read_regions(junk, INFO, forms)
    once = merge(junk, tagged(("Ann", ANN)), NOTHING, XmpOptions())
    assert Region("Ann", ANN) in read_regions(once, INFO, ("mwg",))
    assert merge(once, tagged(("Ann", ANN)), NOTHING, XmpOptions()) == once

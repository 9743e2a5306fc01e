from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from faceclust.errors import InputError
from faceclust.export.xmp import NOTHING, XmpOptions, merge, written_in
from faceclust.export.xmp.merge import new_sidecar
from faceclust.records import Box, PersonRegion, PhotoInfo, TaggedPhoto
from faceclust.xmp import Region, read_regions
from faceclust.xmp.packet import PREFIXES, q
from faceclust.xmp.regions import FORMS
from tests.export.xmp.samples import (
    ANN,
    BOB,
    DARKTABLE,
    DIGIKAM,
    INFO,
    LIGHTROOM,
    MWG,
    PICASA,
    packet,
    tagged,
    wrote,
)
from tests.xmp.test_boxes import grid_boxes

OPTIONS = XmpOptions()
NOBODY = NOTHING
SAMPLES = [DIGIKAM, LIGHTROOM, DARKTABLE, PICASA]
KEYWORDS = {
    "Iptc4xmpExt:PersonInImage": "Bag",
    "dc:subject": "Bag",
    "lr:hierarchicalSubject": "Bag",
    "digiKam:TagsList": "Seq",
    "MicrosoftPhoto:LastKeywordXMP": "Bag",
}


def keywords(written: bytes, name: str) -> list[str]:
    """The items of a keyword property; its container has to be of the right kind."""
    root = etree.fromstring(written)
    found = list(root.iter(q(name)))
    assert len(found) <= 1
    if not found:
        return []
    (container,) = found[0]
    assert container.tag == q(f"rdf:{KEYWORDS[name]}")
    return [li.text or "" for li in container]


def names(written: bytes, info: PhotoInfo = INFO) -> dict[str, list[str]]:
    return {form: [r.name for r in read_regions(written, info, (form,))] for form in FORMS}


def everywhere(*people: str) -> dict[str, list[str]]:
    return {form: [*people] for form in FORMS}


def test_all_eight_properties_are_written_in_the_given_forms() -> None:
    info = PhotoInfo(3000, 4000, 6, "JPEG")
    written = merge(None, tagged(("Ann", Box(0.1, 0.2, 0.3, 0.4)), info=info), NOBODY, OPTIONS)
    root = etree.fromstring(written)
    assert keywords(written, "Iptc4xmpExt:PersonInImage") == ["Ann"]
    assert keywords(written, "dc:subject") == ["Ann"]
    assert keywords(written, "lr:hierarchicalSubject") == ["People|Ann"]
    assert keywords(written, "digiKam:TagsList") == ["People/Ann"]
    assert keywords(written, "MicrosoftPhoto:LastKeywordXMP") == ["People/Ann"]
    # Stored pixels: 4000 x 3000, (x, y) of the displayed photo is (y, 1 - x) there.
    dimensions = root.find(f".//{q('mwg-rs:AppliedToDimensions')}")
    assert dimensions is not None
    assert [child.text for child in dimensions] == ["4000", "3000", "pixel"]
    area = root.find(f".//{q('mwg-rs:Area')}")
    assert area is not None
    assert [child.text for child in area] == ["0.4", "0.75", "0.4", "0.3", "normalized"]
    rectangle = root.find(f".//{q('MPReg:Rectangle')}")
    assert rectangle is not None
    assert rectangle.text == "0.2, 0.6, 0.4, 0.3"
    boundary = root.find(f".//{q('Iptc4xmpExt:RegionBoundary')}")
    assert boundary is not None
    numbers = ["0.2", "0.6", "0.4", "0.3"]
    assert [child.text for child in boundary] == ["rectangle", "relative", *numbers]
    assert b"Rotation" not in written


def foreign(data: bytes) -> set[str]:
    """Every value that is not one of ours, with the path of tags that leads to it."""
    ours = {PREFIXES[p] for p in ("mwg-rs", "MP", "MPRI", "MPReg", "Iptc4xmpExt", "stArea")}
    ours |= {PREFIXES[p] for p in ("dc", "lr", "digiKam", "MicrosoftPhoto")}
    found = set()
    for element in etree.fromstring(data).iter("{*}*"):
        values = {**element.attrib, element.tag: (element.text or "").strip()}
        path = [node.tag for node in element.iterancestors()]
        found |= {
            f"{path} {tag}={value}"
            for tag, value in values.items()
            if str(tag)[1:].partition("}")[0] not in {*ours, PREFIXES["rdf"]} and value
        }
    return found


@pytest.mark.parametrize("sample", SAMPLES)
def test_foreign_properties_and_prefixes_survive(sample: bytes) -> None:
    written = merge(sample, tagged(("Ann", ANN), ("Bob", BOB)), NOBODY, OPTIONS)
    assert foreign(sample) <= foreign(written)
    root = etree.fromstring(sample)
    prefixes = {prefix for node in root.iter("{*}*") for prefix in node.nsmap}
    for prefix in prefixes:
        assert f"xmlns:{prefix}=".encode() in written


def test_darktables_history_survives_item_by_item() -> None:
    written = merge(DARKTABLE, tagged(("Ann", ANN)), NOBODY, OPTIONS)
    history = etree.fromstring(written).find(".//{http://darktable.sf.net/}history")
    before = etree.fromstring(DARKTABLE).find(".//{http://darktable.sf.net/}history")
    assert history is not None
    assert before is not None
    assert [dict(li.attrib) for li in history[0]] == [dict(li.attrib) for li in before[0]]
    assert written.startswith(b"<?xml version=")


@pytest.mark.parametrize("sample", [None, *SAMPLES])
def test_writing_twice_changes_nothing(sample: bytes | None) -> None:
    photo = tagged(("Ann", ANN), ("Bob", BOB), ("Zoe\u0308", Box(0.4, 0.1, 0.1, 0.1)))
    once = merge(sample, photo, NOBODY, OPTIONS)
    assert merge(once, photo, NOBODY, OPTIONS) is once
    assert merge(once, photo, written_in(once), OPTIONS) is once


@given(st.lists(st.tuples(st.text(max_size=6), grid_boxes()), min_size=1, max_size=5), st.data())
def test_any_export_can_be_repeated_and_taken_over(
    people: list[tuple[str, Box]], data: st.DataObject
) -> None:
    sample = data.draw(st.sampled_from([None, *SAMPLES]))
    once = merge(sample, tagged(*people), NOBODY, OPTIONS)
    before = written_in(sample) if sample else NOBODY
    assert merge(once, tagged(*people), written_in(once).less(before), OPTIONS) is once
    exported = wrote(*(name for name, _ in people))
    assert merge(once, tagged(*people), exported, OPTIONS) is once


def test_digikams_region_of_the_same_person_is_updated_not_doubled() -> None:
    near = Box(0.12, 0.22, 0.2, 0.3)
    assert 0.3 < near.iou(BOB) < 1
    written = merge(DIGIKAM, tagged(("Bob", near)), NOBODY, OPTIONS)
    for form in FORMS:
        assert read_regions(written, INFO, (form,)) == [Region("Bob", near)]
    # In digiKam's own notation, and without a second keyword.
    assert b'MPReg:PersonDisplayName="Bob"' in written
    assert keywords(written, "dc:subject") == ["Holiday", "Bob"]
    assert keywords(written, "digiKam:TagsList") == ["Holiday", "People/Bob"]


def test_extensions_of_an_updated_region_stay_in_it() -> None:
    written = merge(LIGHTROOM, tagged(("Bob", BOB)), NOBODY, OPTIONS)
    (yaw,) = etree.fromstring(written).iter("{http://ns.apple.com/faceinfo/1.0/}AngleInfoYaw")
    (region,) = yaw.iterancestors(q("rdf:li"))
    assert [child.text for child in region.iterchildren(q("mwg-rs:Name"))] == ["Bob"]
    assert names(written) == everywhere("Bob")


def test_a_foreign_region_elsewhere_or_of_another_name_is_kept() -> None:
    written = merge(DIGIKAM, tagged(("Bob", ANN), ("Ann", BOB)), NOBODY, OPTIONS)
    found = read_regions(written, INFO, ("mwg",))
    assert found == [Region("Bob", BOB), Region("Bob", ANN), Region("Ann", BOB)]


def test_regions_that_are_no_faces_stay() -> None:
    written = merge(DIGIKAM, tagged(), wrote("Bob"), OPTIONS)
    kinds = [
        kind for node in etree.fromstring(written).iter("{*}*") for kind in node.attrib.items()
    ]
    assert (q("mwg-rs:Type"), "Focus") in kinds


def test_our_regions_stand_before_those_without_a_name() -> None:
    written = merge(PICASA, tagged(("Ann", Box(0.1, 0.5, 0.1, 0.1))), NOBODY, OPTIONS)
    regions = etree.fromstring(written).find(f".//{q('mwg-rs:RegionList')}/{q('rdf:Bag')}")
    assert regions is not None
    assert [li.findtext(q("mwg-rs:Name")) for li in regions] == ["Ann", None, "f" * 16]


@pytest.mark.parametrize("sample", [None, LIGHTROOM, DARKTABLE, PICASA])
def test_a_renamed_person_leaves_no_trace_of_the_old_name(sample: bytes | None) -> None:
    first = merge(sample, tagged(("Ann", ANN)), NOBODY, OPTIONS)
    second = merge(first, tagged(("Anna", ANN)), wrote("Ann"), OPTIONS)
    for form, found in names(second).items():
        assert "Anna" in found, form
        assert "Ann" not in found, form
    for name in KEYWORDS:
        leaves = [keyword.split("/")[-1].split("|")[-1] for keyword in keywords(second, name)]
        assert leaves.count("Anna") == 1
        assert "Ann" not in leaves


def test_a_renamed_region_keeps_what_others_added_to_it() -> None:
    written = merge(LIGHTROOM, tagged(("Bobby", BOB)), wrote("Bob"), OPTIONS)
    assert names(written) == everywhere("Bobby")
    assert b"AngleInfoYaw" in written


def test_without_an_earlier_export_of_ours_nothing_goes_away() -> None:
    written = merge(DIGIKAM, tagged(("Bobby", BOB)), NOBODY, OPTIONS)
    assert names(written)["mwg"] == ["Bob", "Bobby"]
    assert names(written)["mp"] == ["Bob", "Bobby"]
    assert keywords(written, "dc:subject") == ["Holiday", "Bob", "Bobby"]


def test_a_new_case_of_a_name_replaces_our_old_one() -> None:
    first = merge(None, tagged(("ann", ANN)), NOBODY, OPTIONS)
    second = merge(first, tagged(("Ann", ANN)), wrote("ann"), OPTIONS)
    assert names(second) == everywhere("Ann")
    assert keywords(second, "digiKam:TagsList") == ["People/Ann"]


def test_two_people_who_swap_names_swap_boxes() -> None:
    first = merge(None, tagged(("Ann", ANN), ("Bob", BOB)), NOBODY, OPTIONS)
    photo = tagged(("Bob", ANN), ("Ann", BOB))
    second = merge(first, photo, wrote("Ann", "Bob"), OPTIONS)
    for form in FORMS:
        found = read_regions(second, INFO, (form,))
        assert set(found) == {Region("Bob", ANN), Region("Ann", BOB)}
        assert len(found) == 2


def test_when_all_people_are_gone_so_is_everything_of_ours() -> None:
    for sample in (DIGIKAM, LIGHTROOM, DARKTABLE):
        first = merge(sample, tagged(("Ann", ANN)), NOBODY, OPTIONS)
        second = merge(first, tagged(), wrote("Ann"), OPTIONS)
        assert b"Ann" not in second
        assert foreign(sample) <= foreign(second)
        assert read_regions(second, INFO) == read_regions(sample, INFO)
    first = merge(None, tagged(("Ann", ANN)), NOBODY, OPTIONS)
    second = merge(first, tagged(), wrote("Ann"), OPTIONS)
    assert not list(etree.fromstring(second).iter(q("rdf:Description")))


def test_a_property_is_written_into_the_block_that_holds_it() -> None:
    written = merge(LIGHTROOM, tagged(("Ann", ANN)), NOBODY, OPTIONS)
    blocks = etree.fromstring(written).findall(f".//{q('rdf:RDF')}/{q('rdf:Description')}")
    holding = {
        name: [i for i, block in enumerate(blocks) if block.find(q(name)) is not None]
        for name in ("dc:subject", "lr:hierarchicalSubject", "mwg-rs:Regions", "MP:RegionInfo")
    }
    assert holding == {
        "dc:subject": [1],
        "lr:hierarchicalSubject": [1],
        "mwg-rs:Regions": [2],
        "MP:RegionInfo": [3],
    }


def test_keywords_in_another_case_or_composition_are_not_doubled() -> None:
    written = merge(LIGHTROOM, tagged(("Bob", BOB)), NOBODY, OPTIONS)
    assert keywords(written, "dc:subject") == ["bob", "beach"]
    decomposed = packet(
        "<dc:subject><rdf:Bag><rdf:li>Zoe\u0308</rdf:li></rdf:Bag></dc:subject>",
        f'xmlns:dc="{PREFIXES["dc"]}"',
    )
    written = merge(decomposed, tagged(("Zoë", BOB)), NOBODY, OPTIONS)
    assert keywords(written, "dc:subject") == ["Zoe\u0308"]


def test_a_person_who_stands_deeper_in_the_users_tree_gets_no_second_place() -> None:
    tree = packet(
        "<lr:hierarchicalSubject><rdf:Bag><rdf:li>People|Family|bob</rdf:li></rdf:Bag>"
        "</lr:hierarchicalSubject>",
        f'xmlns:lr="{PREFIXES["lr"]}"',
    )
    written = merge(tree, tagged(("Bob", BOB)), NOBODY, OPTIONS)
    assert keywords(written, "lr:hierarchicalSubject") == ["People|Family|bob"]
    place = tree.replace(b"People|Family|bob", b"Places|Bob")
    written = merge(place, tagged(("Bob", BOB)), NOBODY, OPTIONS)
    assert keywords(written, "lr:hierarchicalSubject") == ["Places|Bob", "People|Bob"]


@pytest.mark.parametrize(
    ("body", "attribute"),
    [
        ("<dc:subject><rdf:Seq><rdf:li>sea</rdf:li></rdf:Seq></dc:subject>", ""),
        ("<dc:subject>sea</dc:subject>", ""),
        ("", 'dc:subject="sea"'),
    ],
)
def test_a_wrong_kind_of_container_is_put_right(body: str, attribute: str) -> None:
    sample = packet(body, f'xmlns:dc="{PREFIXES["dc"]}" {attribute}')
    written = merge(sample, tagged(("Ann", ANN)), NOBODY, OPTIONS)
    assert keywords(written, "dc:subject") == ["sea", "Ann"]


def test_the_microsoft_namespace_without_its_slash_is_recognised() -> None:
    sample = packet(
        "<m:LastKeywordXMP><rdf:Bag><rdf:li>People/Ann</rdf:li></rdf:Bag></m:LastKeywordXMP>",
        'xmlns:m="http://ns.microsoft.com/photo/1.0"',
    )
    assert merge(sample, tagged(("Ann", ANN)), NOBODY, OPTIONS).count(b"LastKeywordXMP>") == 2


def test_separators_in_names_do_not_make_levels() -> None:
    written = merge(None, tagged(("AC/DC|live", ANN)), NOBODY, OPTIONS)
    assert names(written) == everywhere("AC/DC|live")
    assert keywords(written, "dc:subject") == ["AC/DC|live"]
    assert keywords(written, "lr:hierarchicalSubject") == ["People|AC-DC-live"]
    assert keywords(written, "digiKam:TagsList") == ["People/AC-DC-live"]
    gone = merge(written, tagged(), wrote("AC/DC|live"), OPTIONS)
    assert keywords(gone, "digiKam:TagsList") == []


def test_the_root_of_the_hierarchy_may_have_levels() -> None:
    written = merge(None, tagged(("Ann", ANN)), NOBODY, XmpOptions(root="Who/Family"))
    assert keywords(written, "lr:hierarchicalSubject") == ["Who|Family|Ann"]
    assert keywords(written, "digiKam:TagsList") == ["Who/Family/Ann"]


@pytest.mark.parametrize(
    ("hostile", "name"),
    [
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
        ("]]>&amp;\"'", "]]>&amp;\"'"),
        ("\u202egnp.exe", "\u202egnp.exe"),
        ("x" * 300, "x" * 300),
        ("A\x00n\x1bn\ufffe", "Ann"),
        ("A\nn", "A n"),
    ],
)
def test_hostile_names_come_back_as_they_are_or_cleaned(hostile: str, name: str) -> None:
    written = merge(None, tagged((hostile, ANN)), NOBODY, OPTIONS)
    assert names(written) == everywhere(name)
    assert keywords(written, "dc:subject") == [name]


def test_names_and_boxes_that_hold_nothing_are_not_written() -> None:
    photo = tagged(("", ANN), ("\x00", ANN), ("Bob", Box(0.5, 0.5, 0, 0.1)), ("Ann", ANN))
    assert names(merge(None, photo, NOBODY, OPTIONS)) == everywhere("Ann")


def test_unnamed_clusters_are_written_on_request_only() -> None:
    region = PersonRegion(12, 1, "Person 12", ANN, named=False)
    photo = TaggedPhoto(Path("/a.jpg"), Path("a.jpg"), INFO, (region,))
    assert names(merge(None, photo, NOBODY, OPTIONS)) == everywhere()
    on = XmpOptions(placeholders=True)
    assert names(merge(None, photo, NOBODY, on)) == everywhere("Person 12")


def test_malformed_xmp_names_the_file_and_the_remedy() -> None:
    with pytest.raises(InputError, match=r"side\.xmp.*repair it or move it away"):
        merge(b"<x", tagged(("Ann", ANN)), NOBODY, OPTIONS, Path("side.xmp"))


@pytest.mark.parametrize("orientation", range(9))
def test_a_new_sidecar_repeats_the_embedded_packet_and_the_orientation(orientation: int) -> None:
    seed = packet(
        "<tiff:Orientation>3</tiff:Orientation><xmpNote:HasExtendedXMP>AB</xmpNote:HasExtendedXMP>",
        f'xmlns:tiff="{PREFIXES["tiff"]}" xmlns:xmpNote="{PREFIXES["xmpNote"]}"'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmp:Rating="3"',
    )
    photo = tagged(("Ann", ANN), info=PhotoInfo(30, 40, orientation, "JPEG"))
    for content in (
        new_sidecar(seed, photo, NOBODY, OPTIONS),
        new_sidecar(None, photo, NOBODY, OPTIONS),
    ):
        (value,) = etree.fromstring(content).iter(q("tiff:Orientation"))
        assert value.text == str(orientation or 1)
    seeded = new_sidecar(seed, photo, NOBODY, OPTIONS)
    assert b'xmp:Rating="3"' in seeded
    assert b"HasExtendedXMP" not in seeded


def test_a_new_sidecar_leaves_pictures_in_the_photo() -> None:
    depth = 'xmlns:GDepth="http://ns.google.com/photos/1.0/depthmap/"'
    large, small = "A" * 70_000, "image/jpeg"
    for seed in (
        packet(f"<GDepth:Data>{large}</GDepth:Data><GDepth:Mime>{small}</GDepth:Mime>", depth),
        packet("", f'{depth} GDepth:Data="{large}" GDepth:Mime="{small}"'),
    ):
        content = new_sidecar(seed, tagged(("Ann", ANN)), NOBODY, OPTIONS)
        assert b"GDepth:Mime" in content
        assert b"AAAA" not in content


def test_a_broken_embedded_packet_does_not_stop_a_sidecar() -> None:
    assert names(new_sidecar(b"<x", tagged(("Ann", ANN)), NOBODY, OPTIONS)) == everywhere("Ann")


def test_written_in_a_packet() -> None:
    assert written_in(DIGIKAM).names == {"Bob"}
    written = merge(DIGIKAM, tagged(("Ann", ANN), ("Bob", BOB)), NOBODY, OPTIONS)
    assert written_in(written).less(written_in(DIGIKAM)).names == {"Ann"}
    assert written_in(packet("", MWG)) == NOTHING

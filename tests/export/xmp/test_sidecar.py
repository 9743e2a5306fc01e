from __future__ import annotations

import errno
import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from faceclust.errors import InputError
from faceclust.export.plan import Action, EmbedXmp, WriteText
from faceclust.export.xmp import NOTHING, Previous, XmpOptions, plan, written_in
from faceclust.export.xmp.sidecar import sidecar_names
from faceclust.records import Box, TaggedPhoto
from faceclust.xmp import Region, read_regions
from faceclust.xmp.packet import MAX_PACKET_BYTES, items, parse, properties, q
from faceclust.xmp.regions import FORMS
from tests.export.xmp.judge import Exiftool, assert_seen, seen
from tests.export.xmp.samples import ANN, BOB, DARKTABLE, DIGIKAM, INFO, info_of, tagged, wrote

PEOPLE = (("Ann", Box(0.1, 0.2, 0.25, 0.3)), ("Zoë O'Hara <3>", Box(0.55, 0.123457, 0.2, 0.4)))
FORMATS = ("IMG_5195.HEIC", "iphone_13_pro_max.HEIC", "8bit-sRGB.avif", "denali.webp")


def nobody(_: Path) -> Previous:
    return NOTHING


def actions(photo: TaggedPhoto, previous: Previous = NOTHING, **options: Any) -> list[Action]:
    return list(plan([photo], XmpOptions(**options), lambda _: previous))


def written(action: Action) -> WriteText:
    assert isinstance(action, WriteText)
    return action


def on_disk(folder: Path, *people: tuple[str, Box], name: str = "a.jpg") -> TaggedPhoto:
    path = folder / name
    path.write_bytes(b"\xff\xd8\xff\xd9")
    return tagged(*people, path=path)


def test_a_new_sidecar_stands_beside_the_photo(tmp_path: Path) -> None:
    photo = on_disk(tmp_path, ("Ann", ANN))
    (action,) = map(written, actions(photo))
    assert action.path == tmp_path / "a.jpg.xmp"
    assert action.merged_from is None
    assert read_regions(action.content, INFO) == [Region("Ann", ANN)]
    assert not action.path.exists()


def test_an_existing_sidecar_is_merged_and_handed_over(tmp_path: Path) -> None:
    photo = on_disk(tmp_path, ("Ann", ANN))
    (tmp_path / "a.jpg.xmp").write_bytes(DARKTABLE)
    (action,) = map(written, actions(photo))
    assert action.merged_from == DARKTABLE
    assert b"darktable:history" in action.content
    assert b"tiff:Orientation>" not in action.content


def test_a_second_run_has_nothing_to_do(tmp_path: Path) -> None:
    photo = on_disk(tmp_path, ("Ann", ANN))
    for sidecar in (None, DIGIKAM):
        if sidecar:
            (tmp_path / "a.jpg.xmp").write_bytes(sidecar)
        (action,) = map(written, actions(photo))
        action.path.write_bytes(action.content)
        assert actions(photo) == []
        assert actions(photo, wrote("Ann")) == []


def test_no_people_and_no_earlier_export_is_no_action(tmp_path: Path) -> None:
    photo = on_disk(tmp_path)
    (tmp_path / "a.jpg.xmp").write_bytes(b"not even XML")
    assert actions(photo) == []


def test_people_who_are_gone_are_taken_out_but_no_sidecar_is_made_for_it(tmp_path: Path) -> None:
    assert actions(on_disk(tmp_path), wrote("Ann")) == []
    (first,) = map(written, actions(on_disk(tmp_path, ("Ann", ANN))))
    first.path.write_bytes(first.content)
    (second,) = map(written, actions(on_disk(tmp_path), wrote("Ann")))
    assert written_in(second.content).names == frozenset()


def test_errors_skip_the_photo_and_name_the_file(tmp_path: Path) -> None:
    names = ("a.jpg", "b.jpg", "c.jpg", "d.jpg", "e.jpg")
    photos = [on_disk(tmp_path, ("Ann", ANN), name=name) for name in names]
    (tmp_path / "a.jpg.xmp").write_bytes(b"<x")
    (tmp_path / "b.jpg.xmp").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "c.jpg.xmp").mkdir()
    (tmp_path / "d.jpg.xmp").write_bytes(b" " * (MAX_PACKET_BYTES + 1))
    errors: dict[Path, str] = {}
    planned = list(plan(photos, XmpOptions(), nobody, errors.__setitem__))
    assert [action.path.name for action in planned] == ["e.jpg.xmp"]
    assert [path.name for path in errors] == ["a.jpg", "b.jpg", "c.jpg", "d.jpg"]
    for path, reason in errors.items():
        assert f"{path}.xmp" in reason
        assert "move it away" in reason
    with pytest.raises(InputError):
        list(plan(photos, XmpOptions(), nobody))


def test_a_folder_that_may_not_be_read_skips_its_photos_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("closed", "open"):
        (tmp_path / folder).mkdir()
    closed, opened = (on_disk(tmp_path / folder, ("Ann", ANN)) for folder in ("closed", "open"))
    found = Path.stat

    def stat(path: Path, **options: bool) -> os.stat_result:
        if path.parent == closed.path.parent:
            raise PermissionError(errno.EACCES, "Permission denied")
        return found(path, **options)

    monkeypatch.setattr(Path, "stat", stat)
    errors: dict[Path, str] = {}
    planned = list(plan([closed, opened], XmpOptions(), nobody, errors.__setitem__))
    assert [action.path for action in planned] == [tmp_path / "open/a.jpg.xmp"]
    assert errors == {closed.path: "the photo cannot be read (Permission denied)"}


def test_adobe_names_unless_photos_would_share_a_sidecar(tmp_path: Path) -> None:
    for name in ("b.jpg", "B.HEIC", "c.jpg", "c.mov", "c.txt"):
        (tmp_path / name).touch()
    paths = [tmp_path / name for name in ("a.jpg", "a.heic", "b.jpg", "c.jpg", "d.e.jpg")]
    name_of = sidecar_names(paths, "adobe")
    assert [name_of(path).name for path in paths] == [
        "a.jpg.xmp",
        "a.heic.xmp",
        "b.jpg.xmp",
        "c.xmp",
        "d.e.xmp",
    ]


def test_embedding_plans_the_packet_and_keeps_a_sidecar_up_to_date(tmp_path: Path) -> None:
    photo = on_disk(tmp_path, ("Ann", ANN))
    (action,) = actions(photo, embed=True)
    assert isinstance(action, EmbedXmp)
    assert action.path == photo.path
    assert read_regions(action.packet, INFO) == [Region("Ann", ANN)]
    (tmp_path / "a.jpg.xmp").write_bytes(DIGIKAM)
    kinds = [type(action) for action in actions(photo, embed=True)]
    assert kinds == [EmbedXmp, WriteText]


def test_a_sidecar_of_a_photo_with_xmp_in_several_parts_has_it_all(extended_photo: Path) -> None:
    (action,) = actions(tagged(("Ann", ANN), path=extended_photo))
    content = written(action).content
    keywords = [li for value in properties(parse(content), q("dc:subject")) for li in items(value)]
    assert len(keywords) == 1501
    assert written_in(content).names == {"Ann", "Bob", "Cem"}


def test_embedding_refuses_where_something_could_be_lost(tmp_path: Path) -> None:
    packet = DIGIKAM.replace(b"digiKam:PickLabel=", b'xmlns:n="n" n:HasExtendedXMP="AB" digiKam:P=')
    segment = b"http://ns.adobe.com/xap/1.0/\0" + packet
    size = (len(segment) + 2).to_bytes(2, "big")
    extended = tagged(("Ann", ANN), path=tmp_path / "extended.jpg")
    extended.path.write_bytes(b"\xff\xd8\xff\xe1" + size + segment + b"\xff\xd9")
    cut = tagged(("Ann", ANN), path=tmp_path / "cut.jpg")
    cut.path.write_bytes(b"\xff\xd8\xff\xe1\x40\0")
    for photo in (extended, cut):
        with pytest.raises(InputError, match="write a sidecar instead"):
            actions(photo, embed=True)
        assert len(actions(photo)) == 1


@pytest.mark.parametrize("number", range(9))
def test_every_orientation_as_exiftool_sees_it(
    photos: Path,
    tmp_path: Path,
    exiftool: Exiftool,
    number: int,
) -> None:
    path = Path(shutil.copy(photos / "orientation" / f"Portrait_{number}.jpg", tmp_path))
    info = info_of(path)
    assert info.orientation == (number or 1)
    assert (info.width, info.height) == (1200, 1800)
    check_sidecar(tagged(*PEOPLE, info=info, path=path), exiftool)


@pytest.mark.parametrize("name", [*FORMATS, "canon_eos_6d.dng"])
def test_every_format_as_exiftool_sees_it(
    photos: Path, tmp_path: Path, exiftool: Exiftool, name: str
) -> None:
    path = Path(shutil.copy(photos / "formats" / name, tmp_path))
    check_sidecar(tagged(*PEOPLE, info=info_of(path), path=path), exiftool)


def check_sidecar(photo: TaggedPhoto, exiftool: Exiftool) -> None:
    (action,) = map(written, actions(photo))
    action.path.write_bytes(action.content)
    embedded, sidecar = exiftool([photo.path, action.path])
    assert_seen(sidecar, photo)
    assert sidecar["Orientation"] == photo.info.orientation
    for form in FORMS:
        wanted = [Region(name, box) for name, box in PEOPLE]
        assert read_regions(action.content, photo.info, (form,)) == wanted
    # What was embedded has come along; exiftool mixes in the packets of a HEIC's depth maps.
    if photo.path.suffix.lower() != ".heic":
        for tag, value in embedded.items():
            assert tag in {"SourceFile", "XMPToolkit", "Subject"} or sidecar[tag] == value, tag


def test_a_digikam_sidecar_as_exiftool_sees_it(tmp_path: Path, exiftool: Exiftool) -> None:
    photo = on_disk(tmp_path, ("Ann", ANN), ("Bob", BOB))
    (tmp_path / "a.jpg.xmp").write_bytes(DIGIKAM)
    (action,) = map(written, actions(photo))
    action.path.write_bytes(action.content)
    (tags,) = exiftool([action.path])
    tags["RegionInfo"]["RegionList"] = [
        region for region in tags["RegionInfo"]["RegionList"] if region["Type"] == "Face"
    ]
    for form, found in seen(tags).items():
        assert sorted(name for name, _ in found) == ["Ann", "Bob"], form
    assert tags["Rating"] == 4
    assert str(tags["PickLabel"]) == "3"
    assert tags["TagsList"] == ["Holiday", "People/Bob", "People/Ann"]

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from faceclust.errors import PhotoError, WriteError
from faceclust.export import disk
from faceclust.export.plan import EmbedXmp
from faceclust.export.xmp import NOTHING, XmpOptions, embed, inject, merge, plan
from faceclust.records import Box, TaggedPhoto
from faceclust.xmp import embedded_packet
from faceclust.xmp.packet import same
from tests.export.xmp.judge import Exiftool, assert_seen
from tests.export.xmp.samples import ANN, info_of, packet, tagged, wrote
from tests.xmp.test_extended import FURTHER, MAIN, jpeg, main_packet, parts

PEOPLE = (("Ann", Box(0.1, 0.2, 0.25, 0.3)), ("Zoë -O'Hara", Box(0.55, 0.123457, 0.2, 0.4)))
FORMATS = (
    "IMG_5195.HEIC",
    "iphone_13_pro_max.HEIC",
    "pug.heic",
    "8bit-sRGB.avif",
    "denali.webp",
    "canon_eos_6d.dng",
)
PACKET = merge(None, tagged(("Ann", ANN)), NOTHING, XmpOptions())


EMBED = XmpOptions(embed=True)


def in_parts(path: Path, keyword: str) -> Path:
    """A JPEG with a keyword in what extends its packet."""
    dc = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'
    said = f"<dc:subject><rdf:Bag><rdf:li>{keyword}</rdf:li></rdf:Bag></dc:subject>"
    rest = packet(said, dc)
    Image.new("RGB", (40, 30), "red").save(path)
    return jpeg(path, [MAIN + main_packet(rest), *parts(rest, 100)], path.read_bytes()[2:])


@pytest.fixture
def without_exiftool(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inject, "program", lambda _: None)


@pytest.fixture
def portrait(photos: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(photos / "orientation" / "Portrait_6.jpg", tmp_path / "a.jpg"))


def embedded_as_planned(photo: TaggedPhoto) -> Path:
    (action,) = plan([photo], XmpOptions(embed=True), lambda _: NOTHING)
    assert isinstance(action, EmbedXmp)
    before = photo.path.read_bytes()
    out = photo.path.with_name(f"out{photo.path.suffix}")
    embed(photo.path, action.packet, out)
    assert photo.path.read_bytes() == before
    again = TaggedPhoto(out, Path(out.name), photo.info, photo.regions)
    assert not list(plan([again], XmpOptions(embed=True), lambda _: wrote("Ann")))
    return out


def check(photo: TaggedPhoto, exiftool: Exiftool) -> None:
    out = embedded_as_planned(photo)
    before, after = exiftool([photo.path, out])
    assert_seen(after, photo)
    for tag, value in before.items():
        assert tag in {"SourceFile", "XMPToolkit", "Subject"} or after[tag] == value, tag


@pytest.mark.parametrize("number", range(9))
def test_every_orientation_with_exiftool(
    photos: Path, tmp_path: Path, exiftool: Exiftool, number: int
) -> None:
    path = Path(shutil.copy(photos / "orientation" / f"Portrait_{number}.jpg", tmp_path))
    check(tagged(*PEOPLE, info=info_of(path), path=path), exiftool)


@pytest.mark.parametrize("name", FORMATS)
def test_every_format_with_exiftool(
    photos: Path, tmp_path: Path, exiftool: Exiftool, name: str
) -> None:
    path = Path(shutil.copy(photos / "formats" / name, tmp_path))
    check(tagged(*PEOPLE, info=info_of(path), path=path), exiftool)


def test_xmp_in_several_parts_becomes_one_that_has_it_all(
    tmp_path: Path, exiftool: Exiftool
) -> None:
    photo = tagged(("Ann", ANN), path=in_parts(tmp_path / "a.jpg", "Holiday"))
    out = embedded_as_planned(photo)
    assert FURTHER not in out.read_bytes()
    (after,) = exiftool([out])
    assert_seen(after, photo)
    assert after["Subject"] == ["Holiday", "Ann"]
    assert after["Title"] == "T"


@pytest.mark.usefixtures("without_exiftool")
def test_xmp_in_several_parts_becomes_one_with_exiv2(tmp_path: Path) -> None:
    pytest.importorskip("exiv2")
    out = embedded_as_planned(tagged(("Ann", ANN), path=in_parts(tmp_path / "a.jpg", "Holiday")))
    assert b"Holiday" in (embedded_packet(out) or b"")


def test_xmp_that_needs_several_parts_is_left_as_it_is(
    extended_photo: Path, tmp_path: Path
) -> None:
    (action,) = plan([tagged(("Ann", ANN), path=extended_photo)], EMBED, lambda _: NOTHING)
    assert isinstance(action, EmbedXmp)
    with pytest.raises(PhotoError, match=r"over 64 kB.*write a sidecar"):
        embed(extended_photo, action.packet, tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exiftool_writes_what_other_programs_made(
    photos: Path, tmp_path: Path, exiftool: Exiftool, suffix: str
) -> None:
    path = tmp_path / f"a{suffix}"
    with Image.open(photos / "orientation" / "Portrait_1.jpg") as image:
        image.resize((180, 120)).save(path)
    check(tagged(*PEOPLE, info=info_of(path), path=path), exiftool)


@pytest.mark.usefixtures("without_exiftool")
@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".webp"])
def test_exiv2_writes_where_exiftool_is_missing(
    photos: Path, tmp_path: Path, exiftool: Exiftool, suffix: str
) -> None:
    pytest.importorskip("exiv2", reason="needs the extra faceclust[embed]")
    path = tmp_path / f"a{suffix}"
    with Image.open(photos / "orientation" / "Portrait_6.jpg") as image:
        image.resize((180, 120)).save(path, exif=image.getexif())
    check(tagged(*PEOPLE, info=info_of(path), path=path), exiftool)


@pytest.mark.parametrize("name", ["-all=.jpg", "%d%f.jpg", "@list.jpg", "a b'\"$(id).jpg", "ü.jpg"])
def test_names_that_look_like_options_are_only_names(
    portrait: Path, monkeypatch: pytest.MonkeyPatch, exiftool: Exiftool, name: str
) -> None:
    path = portrait.rename(portrait.with_name(name))
    monkeypatch.chdir(path.parent)
    embed(Path(name), PACKET, Path("out.jpg"))
    assert embedded_packet(Path("out.jpg")) is not None
    assert {entry.name for entry in path.parent.iterdir()} == {name, "out.jpg"}


def test_mode_and_time_are_kept(portrait: Path, exiftool: Exiftool) -> None:
    portrait.chmod(0o640)
    os.utime(portrait, ns=(10**18, 10**18))
    out = portrait.with_name("out.jpg")
    embed(portrait, PACKET, out)
    assert out.stat().st_mode == portrait.stat().st_mode
    assert out.stat().st_mtime_ns == 10**18


@pytest.mark.usefixtures("everybody_reads")
@pytest.mark.parametrize("program", ["exiftool", "exiv2"])
def test_the_copy_is_the_owners_alone_until_it_is_whole(
    portrait: Path, monkeypatch: pytest.MonkeyPatch, exiftool: Exiftool, program: str
) -> None:
    if program == "exiv2":
        pytest.importorskip("exiv2", reason="needs the extra faceclust[embed]")
        monkeypatch.setattr(inject, "program", lambda _: None)
    portrait.chmod(0o644)
    out = portrait.with_name("out.jpg")
    modes = []

    def look(step: Callable[[Path, bytes, Path], None]) -> Callable[[Path, bytes, Path], None]:
        def looked(path: Path, packet: bytes, out: Path) -> None:
            modes.append(out.stat().st_mode & 0o777)
            step(path, packet, out)
            modes.append(out.stat().st_mode & 0o777)

        return looked

    monkeypatch.setattr(inject, "_write", look(inject._write))
    monkeypatch.setattr(inject, "_verify", look(inject._verify))
    embed(portrait, PACKET, out)
    assert modes == [0o600] * 4
    assert out.stat().st_mode & 0o777 == 0o644


def test_a_photo_that_cannot_be_written_leaves_nothing_behind(
    tmp_path: Path, exiftool: Exiftool
) -> None:
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    with pytest.raises(PhotoError):
        embed(path, PACKET, tmp_path / "out.jpg")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jpg"]


@pytest.mark.usefixtures("without_exiftool")
def test_a_photo_that_exiv2_cannot_write_is_the_only_one_left_out(
    photos: Path, tmp_path: Path
) -> None:
    pytest.importorskip("exiv2", reason="needs the extra faceclust[embed]")
    path = Path(shutil.copy(photos / "formats" / "xiaomi.heic", tmp_path / "a.jpg"))
    with pytest.raises(PhotoError, match=r"exiv2 cannot write into it .*write a sidecar"):
        embed(path, PACKET, tmp_path / "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("program", ["exiftool", "exiv2"])
def test_a_full_disk_is_told_from_a_photo_that_cannot_be_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, exiftool: Exiftool, program: str
) -> None:
    if program == "exiv2":
        pytest.importorskip("exiv2", reason="needs the extra faceclust[embed]")
        monkeypatch.setattr(inject, "program", lambda _: None)
    path = tmp_path / "a.jpg"
    path.write_bytes(b"\xff\xd8\xff\xe0\0\x10JFIF")
    usage = shutil.disk_usage(tmp_path)._replace(free=0)
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: usage)
    with pytest.raises(OSError, match="No space left") as caught:
        embed(path, PACKET, tmp_path / "out.jpg")
    with pytest.raises(WriteError, match="the disk is full"):
        disk.reason(caught.value, path)
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("fault", ["packet", "picture"])
def test_a_copy_that_differs_is_refused(
    portrait: Path, monkeypatch: pytest.MonkeyPatch, exiftool: Exiftool, fault: str
) -> None:
    right = inject._with_exiftool

    def wrong(program: str, path: Path, packet: bytes, out: Path) -> None:
        if fault == "packet":
            packet = packet.replace(b">Ann<", b">Eve<")
            return right(program, path, packet, out)
        other = path.with_name("other.jpg")
        with Image.open(path) as image:
            image.rotate(90).save(other)
        return right(program, other, packet, out)

    monkeypatch.setattr(inject, "_with_exiftool", wrong)
    out = portrait.with_name("out.jpg")
    with pytest.raises(PhotoError, match="other XMP" if fault == "packet" else "another picture"):
        embed(portrait, PACKET, out)
    assert not out.exists()


def test_windows_gives_names_where_no_code_page_spoils_them(
    portrait: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, exiftool: Exiftool
) -> None:
    photo = portrait.rename(tmp_path / "Zoë 宝 #1 100%d.jpg")
    noting = tmp_path / "exiftool"
    noting.write_text(
        f'#!/bin/sh\necho "$@" > {tmp_path}/arguments\nexec {shutil.which("exiftool")} "$@"\n'
    )
    noting.chmod(0o755)
    monkeypatch.setattr(inject, "program", lambda _: str(noting))
    monkeypatch.setattr(disk, "ON_WINDOWS", True)
    embed(photo, PACKET, tmp_path / "out.jpg")
    found = embedded_packet(tmp_path / "out.jpg")
    assert found is not None
    assert same(found, PACKET)
    assert ".jpg" not in (tmp_path / "arguments").read_text()


def test_a_program_that_hangs_is_given_up(
    portrait: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    sleeper = tmp_path / "exiftool"
    sleeper.write_text("#!/bin/sh\nexec sleep 60\n")
    sleeper.chmod(0o755)
    monkeypatch.setattr(inject, "program", lambda _: str(sleeper))
    monkeypatch.setattr(inject, "_DEADLINE_S", 0.2)
    with pytest.raises(PhotoError) as caught:
        embed(portrait, PACKET, tmp_path / "out.jpg")
    assert caught.value.kind == "timeout"
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.usefixtures("without_exiftool")
def test_without_any_program_both_remedies_are_named(
    portrait: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "exiv2", None)
    with pytest.raises(WriteError, match=r"apt install.*brew install.*faceclust\[embed\]"):
        embed(portrait, PACKET, portrait.with_name("out.jpg"))


@pytest.mark.usefixtures("without_exiftool")
def test_formats_that_only_exiftool_writes_say_so(photos: Path, tmp_path: Path) -> None:
    path = Path(shutil.copy(photos / "formats" / "xiaomi.heic", tmp_path))
    with pytest.raises(PhotoError, match="only exiftool"):
        embed(path, PACKET, tmp_path / "out.heic")


def test_an_existing_packet_of_the_photo_is_merged(
    photos: Path, tmp_path: Path, exiftool: Exiftool
) -> None:
    path = Path(shutil.copy(photos / "formats" / "denali.webp", tmp_path))
    out = embedded_as_planned(tagged(*PEOPLE, info=info_of(path), path=path))
    (tags,) = exiftool([out])
    assert tags["CreatorTool"] == "Adobe Photoshop Lightroom 6.7 (Windows)"

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from faceclust.errors import InputError, PhotoError
from faceclust.export import xmp
from faceclust.pipeline import ExportRequest, Library, apart, export, import_tags, name
from faceclust.pipeline.apart import Apart
from faceclust.xmp import read_embedded
from tests.export.xmp.judge import Exiftool
from tests.export.xmp.test_inject import PACKET
from tests.synthetic import group, library, photo


class Hostile:
    """A worker to whom photos do what their names say."""

    def __call__(self, task: apart._Task) -> None:
        if "crash" in task.path.name:
            os.abort()
        time.sleep(60)


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apart, "_maker", Hostile)
    monkeypatch.setattr(apart, "SECONDS", 1.0)


@pytest.fixture
def album(tmp_path: Path, photos: Path) -> Iterator[Library]:
    """A person named Ann in crash.heic, which is a real one, and b.jpg."""
    with library(tmp_path / "album", photo("crash.heic", 1), photo("b.jpg", 1)) as opened:
        group(opened.db, (1, 2))
        name(opened, "1", "Ann")
        shutil.copy(photos / "formats" / "pug.heic", opened.root / "crash.heic")
        Image.new("RGB", (40, 30)).save(opened.root / "b.jpg")
        yield opened


def test_packets_are_read_as_everywhere(photos: Path) -> None:
    with Apart() as reader:
        for file in ("IMG_5195.HEIC", "pug.heic", "8bit-sRGB.avif", "denali.webp"):
            path = photos / "formats" / file
            assert reader.read(path) == read_embedded(path)


def test_what_cannot_be_read_is_told_as_everywhere(tmp_path: Path) -> None:
    broken = tmp_path / "a.heic"
    broken.write_bytes(b"\0\0\0\x18ftypheic" + b"\0" * 64)
    with Apart() as reader:
        for path in (broken, tmp_path / "nowhere.heic", tmp_path):
            with pytest.raises(InputError, match="cannot be read"):
                reader.read(path)


def test_embedding_is_that_of_the_exporter(
    photos: Path, tmp_path: Path, exiftool: Exiftool
) -> None:
    path, out, again = photos / "formats" / "pug.heic", tmp_path / "a.heic", tmp_path / "b.heic"
    with Apart() as writer:
        writer.embed(path, PACKET, out)
        xmp.embed(path, PACKET, again)
        assert out.read_bytes() == again.read_bytes()
        with pytest.raises(OSError, match="No such file"):
            writer.embed(path, PACKET, tmp_path / "nowhere" / "a.heic")


def test_more_pixels_than_a_scan_reads_are_refused(tmp_path: Path) -> None:
    Image.new("1", (8_000, 8_000)).save(tmp_path / "a.png")
    with Apart() as writer, pytest.raises(PhotoError, match="suspicious") as caught:
        writer.embed(tmp_path / "a.png", PACKET, tmp_path / "b.png")
    assert caught.value.kind == "too-large"
    assert not (tmp_path / "b.png").exists()


@pytest.mark.usefixtures("hostile")
def test_what_hangs_or_crashes_costs_one_photo(photos: Path, tmp_path: Path) -> None:
    shutil.copy(photos / "formats" / "pug.heic", tmp_path / "crash.heic")
    with Apart() as reader:
        with pytest.raises(InputError, match=r"crash\.heic: .*crashed its decoder.*sidecar"):
            reader.read(tmp_path / "crash.heic")
        with pytest.raises(PhotoError, match="took longer than 1 s"):
            reader.embed(tmp_path / "a.jpg", PACKET, tmp_path / "b.jpg")


@pytest.mark.usefixtures("hostile")
def test_an_import_goes_on_without_a_photo_that_crashes(album: Library) -> None:
    report = import_tags(album)
    assert [(problem.file, "crashed" in problem.reason) for problem in report.problems] == [
        ("crash.heic", True)
    ]


@pytest.mark.usefixtures("hostile")
def test_an_export_goes_on_without_a_photo_that_crashes(album: Library) -> None:
    assert export(album, ExportRequest("xmp"), lambda _: None).created == 2
    skipped = export(album, ExportRequest("xmp", embed=True), lambda _: None)
    assert skipped.skipped == 2

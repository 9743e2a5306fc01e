from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from faceclust.errors import OptionError, WriteError
from faceclust.pipeline import ExportRequest, Library
from faceclust.pipeline.export_request import ExportFormat, check, root_of
from tests.synthetic import library, photo


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    with library(tmp_path / "album", photo("a.jpg", 1)) as opened:
        yield opened


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (ExportRequest("folders"), "--format folders needs --to FOLDER"),
        (ExportRequest("symlinks"), "--format symlinks needs --to FOLDER"),
        (ExportRequest("xmp", to=Path("x")), "leave --to out"),
        (ExportRequest("json", to=Path("x"), embed=True), "--embed goes with --format xmp"),
        (ExportRequest("folders", to=Path("x"), crops=True), "--crops goes with"),
    ],
)
def test_options_that_do_not_go_together(
    album: Library, asked: ExportRequest, message: str
) -> None:
    with pytest.raises(OptionError, match=message):
        check(album, asked)


@pytest.mark.parametrize(
    ("wanted", "to", "message"),
    [
        ("json", "album", "is a folder; give a file, such as .*people.json"),
        ("csv", "file/people.csv", "file is a file, not a folder"),
        ("symlinks", "file/people", "file is a file, not a folder"),
        ("folders", "album/people", "lies in the library"),
    ],
)
def test_one_sentence_says_what_is_wrong_with_the_target(
    album: Library, tmp_path: Path, wanted: ExportFormat, to: str, message: str
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OptionError, match=message):
        check(album, ExportRequest(wanted, to=tmp_path / to))
    check(album, ExportRequest(wanted, to=tmp_path / "new" / "people"))


def test_crops_do_not_go_where_they_would_be_scanned_and_links_may(
    album: Library, tmp_path: Path
) -> None:
    (tmp_path / "link").symlink_to(album.root)
    for inside in (album.root / "people", tmp_path / "link"):
        with pytest.raises(OptionError, match=r"lies in the library, where the crops"):
            check(album, ExportRequest("symlinks", to=inside, crops=True))
        check(album, ExportRequest("symlinks", to=inside))
    check(album, ExportRequest("symlinks", to=tmp_path / "people", crops=True))


def test_a_read_only_target_is_named(
    album: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "access", lambda path, mode: path != tmp_path)
    with pytest.raises(WriteError, match="is read-only; choose another"):
        check(album, ExportRequest("folders", to=tmp_path / "new"))


def test_only_tables_are_written_of_photos_that_lie_elsewhere(
    album: Library, tmp_path: Path
) -> None:
    album.db.set_setting("address", "s3://bucket/photos")
    with pytest.raises(OptionError, match="s3://bucket/photos, where nothing is written"):
        check(album, ExportRequest("folders", to=tmp_path / "out"))
    check(album, ExportRequest("csv"))


def test_nothing_is_written_outside_of_one_folder(album: Library, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert root_of(album, ExportRequest("xmp")) == album.root
    assert root_of(album, ExportRequest("folders", to=out)) == out
    assert root_of(album, ExportRequest("json", to=out / "people.json")) == out

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faceclust.errors import OptionError, PersonError
from faceclust.pipeline import Library, ReportOptions, ReportRequest, name, report
from tests.synthetic import library


def test_a_page_is_written_once(album: Library, tmp_path: Path) -> None:
    name(album, "1", "Ann")
    target = tmp_path / "new" / "people.html"
    assert report(album, ReportRequest(target)).files == (target,)
    before = target.read_text(encoding="utf-8")
    assert "Ann" in before
    assert [p.name for p in target.parent.iterdir()] == ["people.html"]
    with pytest.raises(OptionError, match="--force"):
        report(album, ReportRequest(target))
    name(album, "1", "Bea")
    report(album, ReportRequest(target, force=True))
    assert "Bea" in target.read_text(encoding="utf-8")


def test_pictures_one_each_or_one_of_all(album: Library, tmp_path: Path) -> None:
    name(album, "1", "../Ann")
    name(album, "2", "A" * 300)
    one = tmp_path / "all.png"
    assert report(album, ReportRequest(one, "png")).files == (one,)
    folder = tmp_path / "sheets"
    written = report(album, ReportRequest(folder, "png")).files
    assert {path.parent for path in written} == {folder}
    assert len(written) == 2
    with pytest.raises(OptionError, match="--force"):
        report(album, ReportRequest(folder, "png"))


def test_who_is_counted_is_who_is_shown(album: Library, tmp_path: Path) -> None:
    written = report(album, ReportRequest(tmp_path / "page.html"))
    assert (written.people, written.faces) == (2, 5)
    everybody = ReportOptions(seen_once=True)
    written = report(album, ReportRequest(tmp_path / "all.html", options=everybody))
    assert (written.people, written.faces) == (3, 6)
    written = report(album, ReportRequest(tmp_path / "one", "png", replace(everybody, sheets=1)))
    assert (len(written.files), written.people, written.faces) == (1, 1, 3)


def test_targets_that_cannot_be(album: Library, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for request, message in (
        (ReportRequest(album.root / "x.png", "png"), "lies in the library"),
        (ReportRequest(album.root / "sheets", "png"), "lies in the library"),
        (ReportRequest(tmp_path), "is a folder"),
        (ReportRequest(tmp_path / "file", "png"), "is a file"),
    ):
        with pytest.raises(OptionError, match=message):
            report(album, request)


def test_nobody_to_show(tmp_path: Path) -> None:
    with library(tmp_path / "empty") as empty, pytest.raises(PersonError, match="nobody"):
        report(empty, ReportRequest(tmp_path / "x.html"))


@pytest.mark.usefixtures("everybody_reads")
def test_faces_are_the_owners_alone(album: Library, tmp_path: Path) -> None:
    folder = tmp_path / "sheets"
    written = report(album, ReportRequest(folder, "png")).files
    written += report(album, ReportRequest(tmp_path / "page.html")).files
    written += report(album, ReportRequest(tmp_path / "all.png", "png")).files
    assert {path.stat().st_mode & 0o777 for path in written} == {0o600}
    assert folder.stat().st_mode & 0o777 == 0o700

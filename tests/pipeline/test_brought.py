"""What exports brought into photos is known, also of exports that were stopped or failed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from faceclust.export import disk
from faceclust.export.disk import RefusedError
from faceclust.export.xmp import NOTHING, written_in
from faceclust.pipeline import Event, ExportRequest, Library, Summary, brought, export, name
from faceclust.records import PhotoInfo
from faceclust.store import journal
from tests.export.xmp.samples import DARKTABLE
from tests.synthetic import group, library, photo

XMP = ExportRequest("xmp")


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    """A photo of person 1, who is called Ann."""
    batch = [photo("a.jpg", 1, info=PhotoInfo(400, 300, 1, "JPEG"))]
    with library(tmp_path / "album", *batch) as opened:
        group(opened.db, (1,))
        Image.new("RGB", (400, 300)).save(opened.root / "a.jpg")
        name(opened, "1", "Ann")
        yield opened


def run(album: Library, request: ExportRequest = XMP) -> tuple[Summary, list[Event]]:
    events: list[Event] = []
    return export(album, request, events.append), events


def people(album: Library) -> set[str]:
    return set(written_in((album.root / "a.jpg.xmp").read_bytes()).names)


def ours(album: Library) -> set[str]:
    return set(brought.previous(album)(album.root / "a.jpg").names)


def test_names_are_ours_although_the_export_was_stopped_right_after_the_write(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as stopped:

        def stop(db: object, entry_id: int, state: str) -> None:
            if (album.root / "a.jpg.xmp").exists():
                raise KeyboardInterrupt

        stopped.setattr(journal, "set_state", stop)
        with pytest.raises(KeyboardInterrupt):
            run(album)
    assert people(album) == {"Ann"}
    assert run(album)[0].updated == 0
    name(album, "Ann", "Anna")
    run(album)
    assert people(album) == {"Anna"}


def test_what_a_failed_write_would_have_brought_is_not_ours(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    def changed(new: Path, path: Path) -> None:
        raise RefusedError(disk.CHANGED)

    with monkeypatch.context() as meanwhile:
        meanwhile.setattr(disk, "install", changed)
        summary, _ = run(album)
    assert summary.skipped == 1
    assert brought.previous(album)(album.root / "a.jpg") == NOTHING


def test_a_failed_sidecar_does_not_forget_what_was_embedded(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album.root / "a.jpg.xmp").write_bytes(DARKTABLE)
    replace = Path.replace

    def failing(new: Path, path: Path) -> Path:
        if path.suffix == ".xmp":
            raise OSError(errno.EIO, "Input/output error")
        return replace(new, path)

    monkeypatch.setattr(Path, "replace", failing)
    summary, _ = run(album, ExportRequest("xmp", embed=True))
    assert (summary.updated, summary.skipped) == (1, 1)
    assert ours(album) == {"Ann"}

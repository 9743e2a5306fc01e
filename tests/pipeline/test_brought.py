"""What exports brought into photos is known, also of exports that were stopped or failed."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

from faceclust.errors import PersonError
from faceclust.export import disk
from faceclust.export.disk import RefusedError
from faceclust.export.xmp import NOTHING, written_in
from faceclust.export.xmp.merge import SidecarStyle
from faceclust.pipeline import (
    Event,
    ExportRequest,
    Library,
    Summary,
    brought,
    export,
    name,
    undo,
    undo_export,
)
from faceclust.records import PhotoInfo
from faceclust.store import journal
from tests.export.xmp.samples import DARKTABLE
from tests.synthetic import LEFT, group, library, photo, put

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


@pytest.mark.parametrize("later", ["full", "adobe"])
def test_a_sidecar_whose_name_another_photo_shares_by_now_is_kept_up_to_date(
    album: Library, later: SidecarStyle
) -> None:
    """And says nothing of that photo's people."""
    run(album, ExportRequest("xmp", sidecar_style="adobe"))
    put(album.db, photo("a.png", 2, info=PhotoInfo(400, 300, 1, "PNG"), boxes=(LEFT,)))
    Image.new("RGB", (400, 300)).save(album.root / "a.png")
    _, other = group(album.db, (1,), (2,))
    name(album, str(other), "Bob")
    for old, called in (("Ann", "Anna"), ("Anna", "Annie")):
        name(album, old, called)
        run(album, ExportRequest("xmp", sidecar_style=later))
        for sidecar in ("a.xmp", "a.jpg.xmp"):
            assert set(written_in((album.root / sidecar).read_bytes()).names) == {called}
    assert set(written_in((album.root / "a.png.xmp").read_bytes()).names) == {"Bob"}


def test_the_only_name_is_taken_out_again(album: Library) -> None:
    run(album)
    undo(album)
    assert run(album)[0].updated == 1
    assert people(album) == set()
    undo_export(album, dry_run=False, on_event=lambda event: None)
    undo_export(album, dry_run=False, on_event=lambda event: None)
    with pytest.raises(PersonError, match="Nobody has a name yet"):
        run(album)

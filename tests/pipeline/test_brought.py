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
from faceclust.store import Scanned, catalogue, intake, journal
from faceclust.xmp.packet import PREFIXES
from tests.export.xmp.samples import DARKTABLE, packet
from tests.synthetic import LEFT, group, library, photo, put

XMP = ExportRequest("xmp")
LISTED = "Iptc4xmpExt:PersonInImage"


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


def ours(album: Library, file: str = "a.jpg") -> set[str]:
    return set(brought.previous(album)(album.root / file).names)


def take_back(album: Library) -> Summary:
    return undo_export(album, dry_run=False, on_event=lambda event: None)


def leave(album: Library, file: str) -> None:
    """As a scan marks what is gone, or excluded."""
    with album.db.transaction() as sql:
        intake.mark_missing(sql, [file])
        intake.forget_moved(sql)


def overwrite(album: Library, content: str, *people: int) -> None:
    """Put another photo in the place of the one that is there."""
    put(album.db, photo("a.jpg", *people, content=content, info=PhotoInfo(400, 300, 1, "JPEG")))


def move(album: Library, new: str) -> None:
    """Move the photo, without its sidecar, and scan."""
    (album.root / "a.jpg").rename(album.root / new)
    with album.db.transaction() as sql:
        known = catalogue.photo_by_hash(album.db, "content of b'a.jpg'")
        assert known is not None
        intake.link_file(sql, Scanned(new, 1000, 1), known[0])


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


# --- photos that are not where they were ---


def test_names_go_out_of_a_sidecar_whose_photo_was_overwritten(album: Library) -> None:
    run(album)
    overwrite(album, "somebody else", 2)
    assert ours(album) == {"Ann"}
    overwrite(album, "and again", 3)
    run(album)
    assert people(album) == set()
    assert ours(album) == {"Ann"}
    take_back(album)
    assert people(album) == {"Ann"}
    take_back(album)
    assert not (album.root / "a.jpg.xmp").exists()
    assert ours(album) == set()


def test_names_go_out_of_a_shared_sidecar_whose_photo_was_overwritten(album: Library) -> None:
    run(album, ExportRequest("xmp", sidecar_style="adobe"))
    put(album.db, photo("a.png", info=PhotoInfo(400, 300, 1, "PNG")))
    Image.new("RGB", (400, 300)).save(album.root / "a.png")
    overwrite(album, "somebody else", 2)
    run(album, ExportRequest("xmp", sidecar_style="adobe"))
    assert set(written_in((album.root / "a.xmp").read_bytes()).names) == set()


def test_names_that_went_along_with_a_photo_are_not_those_of_its_successor(album: Library) -> None:
    run(album)
    move(album, "b.jpg")
    (album.root / "a.jpg.xmp").rename(album.root / "b.jpg.xmp")
    Image.new("RGB", (400, 300)).save(album.root / "a.jpg")
    overwrite(album, "somebody else", 2)
    assert (ours(album), ours(album, "b.jpg")) == (set(), {"Ann"})
    take_back(album)
    assert ours(album, "b.jpg") == {"Ann"}


def test_what_is_said_of_a_copy_is_not_ours_when_scans_leave_the_other_out(album: Library) -> None:
    (album.root / "backup").mkdir()
    Image.new("RGB", (400, 300)).save(album.root / "backup" / "a.jpg")
    put(album.db, photo("backup/a.jpg", 1, content="content of b'a.jpg'"))
    by_hand = f"<{LISTED}><rdf:Bag><rdf:li>Ann</rdf:li></rdf:Bag></{LISTED}>"
    (album.root / "a.jpg.xmp").write_bytes(
        packet(by_hand, f'xmlns:Iptc4xmpExt="{PREFIXES["Iptc4xmpExt"]}"')
    )
    run(album)
    leave(album, "backup/a.jpg")
    assert ours(album) == set()
    name(album, "Ann", "Zoe")
    run(album)
    assert people(album) == {"Ann", "Zoe"}


def test_an_export_of_a_photo_that_scans_leave_out_since_is_taken_back_whole(
    album: Library,
) -> None:
    run(album)
    leave(album, "a.jpg")
    assert take_back(album).removed == 1
    put(album.db, photo("a.jpg", 1, info=PhotoInfo(400, 300, 1, "JPEG")))
    assert ours(album) == set()


def test_what_an_undo_took_back_where_the_photo_was_is_not_ours(album: Library) -> None:
    run(album)
    move(album, "b.jpg")
    leave(album, "a.jpg")
    assert ours(album, "b.jpg") == {"Ann"}
    assert take_back(album).removed == 1
    assert ours(album, "b.jpg") == set()


def test_names_are_ours_where_only_the_case_of_the_photos_name_changed(album: Library) -> None:
    run(album)
    move(album, "A.jpg")
    leave(album, "a.jpg")
    # File systems that ignore case have it under the old name, too.
    (album.root / "a.jpg").touch()
    assert ours(album, "A.jpg") == {"Ann"}

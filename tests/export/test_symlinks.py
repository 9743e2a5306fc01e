import os
from pathlib import Path

import pytest

from faceclust.export.plan import PlaceSymlink, WriteText
from faceclust.export.symlinks import SymlinkOptions, plan
from faceclust.records import TaggedPhoto
from tests.export.memory import MemoryJournal, run, take_back, tree
from tests.export.test_folders import photo


@pytest.fixture
def library(tmp_path: Path) -> list[TaggedPhoto]:
    """Two photos of Ann, one with Bob, that are really there."""
    tagged = [photo("a/1.jpg", (1, 1, "Ann")), photo("b/1.jpg", (2, 1, "Ann"), (3, 2, "Bob"))]
    library = []
    for one in tagged:
        path = tmp_path / "library" / one.relative
        path.parent.mkdir(parents=True)
        path.write_text(str(one.relative))
        library.append(TaggedPhoto(path, one.relative, one.info, one.regions))
    return library


def links_lead_home(out: Path, library: list[TaggedPhoto], journal: MemoryJournal) -> list[str]:
    summary, _ = run(list(plan(library, SymlinkOptions(), out)), journal, out)
    assert summary.created == 3
    links = [path for path in out.rglob("*") if path.is_symlink()]
    for link in links:
        assert not link.readlink().is_absolute()
        assert link.read_text().endswith("1.jpg")
    return sorted(path.relative_to(out).as_posix() for path in links)


def test_links_are_relative_and_lead_to_the_photos(
    tmp_path: Path, library: list[TaggedPhoto]
) -> None:
    names = links_lead_home(tmp_path / "out", library, MemoryJournal())
    assert names[0].startswith("Ann/1 (")
    assert names[1:] == ["Ann/1.jpg", "Bob/1.jpg"]
    assert (tmp_path / "out/Ann/1.jpg").readlink() == Path("../../library/a/1.jpg")


def test_they_survive_moving_everything_together(
    tmp_path: Path, library: list[TaggedPhoto]
) -> None:
    whole = tmp_path / "whole"
    whole.mkdir()
    (tmp_path / "library").rename(whole / "library")
    moved = [TaggedPhoto(whole / "library" / p.relative, *_rest(p)) for p in library]
    links_lead_home(whole / "out", moved, MemoryJournal())
    whole.rename(tmp_path / "elsewhere")
    assert (tmp_path / "elsewhere/out/Bob/1.jpg").read_text() == "b/1.jpg"


def _rest(one: TaggedPhoto) -> tuple[object, ...]:
    return one.relative, one.info, one.regions


def test_out_and_library_reached_through_symbolic_links(
    tmp_path: Path, library: list[TaggedPhoto]
) -> None:
    deep = tmp_path / "disk/deep/real"
    deep.mkdir(parents=True)
    (tmp_path / "out").symlink_to(deep)
    (tmp_path / "photos").symlink_to(tmp_path / "library")
    through = [TaggedPhoto(tmp_path / "photos" / p.relative, *_rest(p)) for p in library]
    journal = MemoryJournal()
    links_lead_home(tmp_path / "out", through, journal)
    assert (deep / "Ann/1.jpg").is_symlink()
    take_back(journal)
    assert tree(deep) == {}


def test_a_link_to_another_drive_names_the_photo_in_full(
    tmp_path: Path, library: list[TaggedPhoto], monkeypatch: pytest.MonkeyPatch
) -> None:
    def relpath(*_: object) -> str:
        raise ValueError("path is on mount 'D:', start on mount 'C:'")

    monkeypatch.setattr("faceclust.export.symlinks.os.path.relpath", relpath)
    journal, out = MemoryJournal(), tmp_path / "out"
    summary, _ = run(list(plan(library, SymlinkOptions(), out)), journal, out)
    assert summary.created == 3
    assert (out / "Ann/1.jpg").readlink() == tmp_path / "library/a/1.jpg"
    summary, _ = run(list(plan(library, SymlinkOptions(), out)), journal, out)
    assert summary.unchanged == 3
    take_back(journal)
    assert not out.exists()


def test_crops_are_files_named_after_photo_and_face(library: list[TaggedPhoto]) -> None:
    crops = {1: b"jpeg 1", 3: b"jpeg 3"}
    actions = list(plan(library, SymlinkOptions(crops=True), Path("/out"), crops.get))
    assert actions == [
        WriteText(Path("/out/Ann/1 1.jpg"), b"jpeg 1"),
        WriteText(Path("/out/Bob/1 3.jpg"), b"jpeg 3"),
    ]


def test_whole_photos_ask_for_no_crop(library: list[TaggedPhoto]) -> None:
    def crop(face_id: int) -> bytes:
        raise AssertionError(face_id)

    actions = list(plan(library, SymlinkOptions(), Path("/out"), crop))
    assert all(isinstance(action, PlaceSymlink) for action in actions)
    assert len(actions) == 3


def test_a_second_run_changes_nothing(tmp_path: Path, library: list[TaggedPhoto]) -> None:
    journal, out = MemoryJournal(), tmp_path / "out"
    links_lead_home(out, library, journal)
    before = tree(tmp_path, times=True)
    summary, _ = run(list(plan(library, SymlinkOptions(), out)), journal, out)
    assert (summary.unchanged, summary.created) == (3, 0)
    assert tree(tmp_path, times=True) == before


def test_a_photo_that_moved_within_the_library_gets_its_link_updated(
    tmp_path: Path, library: list[TaggedPhoto]
) -> None:
    journal, out = MemoryJournal(), tmp_path / "out"
    links_lead_home(out, library, journal)
    first = library[0]
    os.rename(first.path, tmp_path / "library/b/0.jpg")  # noqa: PTH104 - as a file manager does
    action = PlaceSymlink(out / "Ann/1.jpg", Path("../../library/b/0.jpg"))
    summary, _ = run([action], journal, out)
    assert summary.updated == 1
    assert (out / "Ann/1.jpg").read_text() == "a/1.jpg"

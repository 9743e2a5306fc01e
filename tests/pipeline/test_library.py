from __future__ import annotations

import os
import shutil
import sqlite3
import time
from pathlib import Path

import pytest

from faceclust.cluster.methods import ClusterOptions
from faceclust.errors import InputError, LibraryError, OptionError, StoreError
from faceclust.pipeline.library import find_library, for_scan, kept_if_used
from faceclust.pipeline.places import database_path
from faceclust.pipeline.settings import remember, settings
from faceclust.records import Decision
from faceclust.store import ledger
from tests.synthetic import face_ids, photo, put


@pytest.fixture
def album(tmp_path: Path) -> Path:
    return make(tmp_path / "album")


def make(folder: Path, db: Path | None = None) -> Path:
    """Start a library as a scan of `folder` would."""
    folder.mkdir(parents=True, exist_ok=True)
    library, _ = for_scan(folder, db)
    library.db.close()
    return folder


def root_of(folder: Path | str | None = None, db: Path | None = None) -> Path:
    with find_library(folder, db) as library:
        return library.root


def scanned_as(folder: Path | str, db: Path | None = None) -> tuple[Path, Path]:
    library, inside = for_scan(folder, db)
    with library:
        return library.root, inside


# --- which library a scan goes to ---


def test_a_scan_starts_a_library_at_its_folder(tmp_path: Path) -> None:
    folder = tmp_path / "Ann's photos ☀"
    folder.mkdir()
    assert scanned_as(folder) == (folder, folder)
    path = database_path(folder)
    assert path.is_file()
    assert path.parent.name.startswith("Ann_s_photos__-")


def test_a_scan_of_a_folder_inside_goes_to_the_innermost_library(album: Path) -> None:
    (album / "2019" / "july").mkdir(parents=True)
    assert scanned_as(album / "2019" / "july") == (album, album / "2019" / "july")
    # A library inside another one can only come from --db elsewhere or from before.
    outer = make(album.parent)
    assert scanned_as(album / "2019")[0] == album
    assert scanned_as(outer) == (outer, outer)


def test_a_folder_is_known_by_every_way_that_leads_there(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "link").symlink_to(album)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    for way in ("link", "album", "./album/../album", "~/album"):
        assert scanned_as(Path(way)) == (album, album)
        assert root_of(Path(way)) == album


def test_a_folder_whose_name_is_not_utf_8(tmp_path: Path) -> None:
    folder = make(tmp_path / os.fsdecode(b"caf\xe9"))
    assert root_of(folder) == folder


def test_folders_of_one_name_have_databases_of_their_own(tmp_path: Path) -> None:
    assert database_path(tmp_path / "a" / "DCIM") != database_path(tmp_path / "b" / "DCIM")
    assert len(database_path(tmp_path / ("x" * 250)).parent.name) <= 60


def test_what_cannot_be_scanned(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere does not exist"):
        for_scan(tmp_path / "nowhere")
    (tmp_path / "file").touch()
    with pytest.raises(InputError, match="file is not a folder"):
        for_scan(tmp_path / "file")
    with pytest.raises(InputError, match="below does not exist"):
        for_scan(tmp_path / "file" / "below")


def test_a_database_elsewhere_belongs_to_its_folder(tmp_path: Path) -> None:
    db = tmp_path / "elsewhere.db"
    album = make(tmp_path / "album", db)
    assert not database_path(album).exists()
    (album / "2019").mkdir()
    assert scanned_as(album / "2019", db) == (album, album / "2019")
    with pytest.raises(LibraryError, match=r"elsewhere\.db is the library of .*album"):
        for_scan(tmp_path, db)


# --- which library a command means ---


def test_without_a_library_a_scan_is_proposed(tmp_path: Path) -> None:
    with pytest.raises(LibraryError, match=r"no library; run `faceclust scan FOLDER`"):
        find_library()
    with pytest.raises(LibraryError, match="no library that holds"):
        find_library(tmp_path)
    with pytest.raises(LibraryError, match=r"no library at .*x\.db"):
        find_library(db=tmp_path / "x.db")


def test_the_library_one_is_in_comes_before_the_one_used_last(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = make(tmp_path / "other")
    used(other)
    monkeypatch.chdir(tmp_path)
    assert root_of() == other
    (album / "2019").mkdir()
    monkeypatch.chdir(album / "2019")
    assert root_of() == album
    assert root_of(other) == other
    with pytest.raises(LibraryError, match="no library that holds"):
        find_library(tmp_path)


def used(root: Path) -> None:
    later = time.time() + 100
    os.utime(database_path(root), (later, later))


def test_who_only_looks_at_a_library_uses_it(album: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    assert root_of(album) == root_of() == album
    assert root_of(db=database_path(other)) == root_of() == other
    # A scan that goes on elsewhere writes, and that is a use, too.
    used(album)
    assert root_of() == album
    shutil.rmtree(database_path(album).parent)
    assert root_of() == other


def test_a_library_in_a_folder_that_cannot_be_written_can_be_asked(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("pathlib.Path.write_text", refused)
    assert root_of(album) == root_of() == album


def test_a_database_of_one_s_own_is_never_the_one_used_last(album: Path, tmp_path: Path) -> None:
    make(tmp_path / "other", tmp_path / "other.db")
    assert root_of(db=tmp_path / "other.db") == tmp_path / "other"
    assert root_of() == album


def test_a_given_database_comes_before_everything(album: Path, tmp_path: Path) -> None:
    make(tmp_path / "other", tmp_path / "other.db")
    assert root_of(album, tmp_path / "other.db") == tmp_path / "other"


def test_a_library_whose_folder_is_gone_can_still_be_asked(album: Path) -> None:
    album.rmdir()
    assert root_of() == album
    assert root_of(album) == album


@pytest.mark.parametrize("inside", [True, False])
def test_a_damaged_library_is_not_said_to_be_none(
    album: Path, monkeypatch: pytest.MonkeyPatch, inside: bool
) -> None:
    make(album.parent / "other")
    database_path(album).write_bytes(os.urandom(5000))
    used(album)
    monkeypatch.chdir(album if inside else "/")
    with pytest.raises(StoreError, match="damaged"):
        find_library()
    with pytest.raises(StoreError, match="damaged"):
        find_library(album)
    (album / "2019").mkdir()
    with pytest.raises(StoreError, match="damaged"):
        for_scan(album / "2019")


def test_a_newer_library_is_not_said_to_be_none(album: Path) -> None:
    db = sqlite3.connect(database_path(album), isolation_level=None)
    db.execute("INSERT INTO migrations VALUES ('m9999', '2031')")
    db.close()
    with pytest.raises(StoreError, match="newer faceclust"):
        find_library()


def test_no_library_is_opened_but_the_one_that_is_meant(album: Path, tmp_path: Path) -> None:
    other = make(tmp_path / "other")
    database_path(other).write_bytes(os.urandom(5000))
    assert root_of(album) == album
    assert scanned_as(album)[0] == album


# --- remembered settings ---


def test_flags_are_remembered_until_others_are_given(album: Path) -> None:
    with find_library(album) as library:
        flags: dict[str, dict[str, object]] = {
            "scan": {"profile": "buffalo_l", "device": None},
            "walk": {"exclude": ["*.gif"], "recursive": None},
        }
        assert settings(library, flags).walk.exclude == ("*.gif",)
        remember(library, flags)
        again = settings(library, {"scan": {"profile": None}, "walk": {"exclude": None}})
        assert (again.scan.profile, again.walk.exclude) == ("buffalo_l", ("*.gif",))
        remember(library, {"scan": {"profile": "mobile"}})
        last = settings(library, {})
        assert (last.scan.profile, last.walk.exclude) == ("mobile", ("*.gif",))


def test_what_a_part_leaves_out_is_not_left_out_of_the_library(album: Path) -> None:
    with find_library(album) as library:
        remember(library, {"walk": {"exclude": ["*.gif"]}}, album)
        part: dict[str, dict[str, object]] = {
            "scan": {"profile": "buffalo_l"},
            "walk": {"exclude": ["july"], "recursive": False},
        }
        there = settings(library, part).walk
        assert (there.exclude, there.recursive) == (("july",), False)
        remember(library, part, album / "2019")
        later = settings(library, {})
        assert (later.walk.exclude, later.walk.recursive) == (("*.gif",), True)
        assert later.scan.profile == "buffalo_l"


def test_what_went_wrong_is_not_remembered(album: Path) -> None:
    with find_library(album) as library:
        assert settings(library, {"cluster": {"k": 7}}).cluster.k == 7
        for wrong in ({"method": "magic"}, {"k": "x"}, {"method": "kmeans", "threshold": 0.5}):
            with pytest.raises(OptionError, match="--"):
                settings(library, {"cluster": wrong})
        assert settings(library, {}).cluster == ClusterOptions()


def test_limit_and_retry_hold_for_one_run(album: Path) -> None:
    with find_library(album) as library:
        once = settings(library, {}, limit=5, retry_errors=True)
        assert (once.walk.limit, once.scan.retry_errors) == (5, True)
        remember(library, {"scan": {}})
        assert settings(library, {}).walk.limit is None


def test_flags_come_after_the_file_in_the_library(album: Path) -> None:
    (album / "faceclust.toml").write_text("[cluster]\nk = 20\n[detector]\nmin_face = 60\n")
    with find_library(album) as library:
        assert settings(library, {}).cluster.k == 20
        remember(library, {"cluster": {"k": 30}})
        found = settings(library, {})
        assert (found.cluster.k, found.detector.min_face) == (30, 60)


def test_another_method_does_not_take_the_threshold_of_the_last(album: Path) -> None:
    with find_library(album) as library:
        remember(library, {"cluster": {"method": "hac", "threshold": 0.9, "k": None}})
        assert settings(library, {"cluster": {"k": 9}}).cluster.threshold == 0.9
        for method in ("components", "kmeans"):
            flags = {"cluster": {"method": method, "num_people": 4}}
            assert settings(library, flags).cluster.threshold is None


# --- photos at an address ---


def test_a_library_of_an_address_is_found_by_it(tmp_path: Path) -> None:
    for_scan("s3://bucket/photos")[0].db.close()
    for place in ("s3://bucket/photos", "s3://bucket/photos/2019/"):
        with find_library(place) as library:
            assert library.place == "s3://bucket/photos"
    with pytest.raises(LibraryError, match="no library of s3://bucket; run `faceclust scan s3:"):
        find_library("s3://bucket")
    with find_library() as library:
        assert library.place == "s3://bucket/photos"
    assert not library.root.exists()


def test_a_database_belongs_to_one_address(tmp_path: Path) -> None:
    db = tmp_path / "own.db"
    for_scan("s3://bucket/photos", db)[0].db.close()
    opened, inside = for_scan("s3://bucket/photos/2019", db)
    with opened:
        assert inside == opened.root / "2019"
    for other in ("s3://bucket/photos-2", "s3://bucket"):
        with pytest.raises(LibraryError, match="is the library of s3://bucket/photos, which"):
            for_scan(other, db)
    with pytest.raises(LibraryError, match="is the library of s3://bucket/photos, which"):
        for_scan(tmp_path, db)
    make(tmp_path / "album", tmp_path / "local.db")
    with pytest.raises(LibraryError, match=r"is the library of .*album, which"):
        for_scan("s3://bucket/photos", tmp_path / "local.db")


def test_a_file_address_is_a_folder(album: Path) -> None:
    assert scanned_as(f"file://{album}") == (album, album)
    assert root_of(f"file://{album}") == album


# --- libraries of places that were a mistake, or have moved ---


def test_a_library_into_which_nothing_came_is_not_kept(tmp_path: Path) -> None:
    library, _ = for_scan("s3://mistyped")
    with library, kept_if_used(library):
        path = library.db.path
        assert path.exists()
    assert not path.parent.exists()
    with pytest.raises(LibraryError, match="no library"):
        find_library("s3://mistyped")
    kept, _ = for_scan("s3://mistyped", tmp_path / "own.db")
    with kept, kept_if_used(kept):
        pass
    assert (tmp_path / "own.db").exists()


def test_a_library_goes_on_where_its_folder_has_moved(album: Path, tmp_path: Path) -> None:
    db = database_path(album)
    with find_library(album) as library:
        put(library.db, photo("a.jpg", 1))
    moved = tmp_path / "elsewhere" / "photos"
    moved.parent.mkdir()
    album.rename(moved)
    # A scan before anybody thought of it began anew: nothing was said there yet.
    make(moved)
    library, inside = for_scan(moved, db)
    with library:
        assert (library.root, inside) == (moved, moved)
        assert list(face_ids(library.db)) == ["a.jpg"]
    assert not db.exists()
    with find_library(moved) as library:
        assert list(face_ids(library.db)) == ["a.jpg"]


def test_a_library_moves_to_an_empty_folder_on_windows(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, moved, rename = database_path(album), tmp_path / "moved", Path.rename
    album.rename(moved)
    home = database_path(moved)
    home.parent.mkdir()

    def windows(path: Path, target: Path) -> Path:
        if target.exists():
            raise FileExistsError(17, "File exists")
        return rename(path, target)

    monkeypatch.setattr(Path, "rename", windows)
    library, _ = for_scan(moved, db)
    with library:
        assert (library.root, library.db.path) == (moved, home)


def test_a_library_that_cannot_be_renamed_goes_on_where_it_is(
    album: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: Path) -> Path:
        raise PermissionError(13, "Access is denied")

    db, moved = database_path(album), tmp_path / "moved"
    album.rename(moved)
    monkeypatch.setattr(Path, "rename", refused)
    library, _ = for_scan(moved, db)
    with library:
        assert (library.root, library.db.path) == (moved, db)


def test_a_library_that_moves_overwrites_no_answers(album: Path, tmp_path: Path) -> None:
    db, moved = database_path(album), tmp_path / "moved"
    album.rename(moved)
    make(moved)
    with find_library(moved) as library:
        ledger.put_decision(library.db, Decision(0, "name", (1,), 1, name="Ann"))
    library, _ = for_scan(moved, db)
    with library:
        assert library.db.path == db
    with find_library(moved) as library:
        assert len(ledger.decisions(library.db)) == 1

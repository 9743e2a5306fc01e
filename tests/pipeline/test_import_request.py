from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faceclust.errors import InputError
from faceclust.pipeline import Library
from faceclust.pipeline.import_request import Wanted, wanted
from tests.synthetic import library, photo


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    with library(tmp_path / "album", photo("sub/a.jpg", 1)) as opened:
        (opened.root / "sub").mkdir()
        for file in ("sub/a.jpg", "sub/a.jpg.json"):
            (opened.root / file).write_text("{}")
        yield opened


def test_what_is_named_is_sorted_by_kind(album: Library, tmp_path: Path) -> None:
    apple, contacts = tmp_path / "apple.json", tmp_path / "Contacts.xml"
    apple.write_text('[{"uuid": "A"}]')
    contacts.touch()
    given = [apple, contacts, album.root / "sub", album.root / "sub/a.jpg.json"]
    assert wanted(album, given, ("xmp",)) == Wanted(
        ("xmp",), {"sub", "sub/a.jpg.json"}, [apple], [contacts]
    )


def test_a_photo_is_meant_by_its_folders_and_by_the_files_with_its_tags(album: Library) -> None:
    files = ["sub/a.jpg", "sub/a.jpg.xmp"]
    assert files in Wanted()
    for named in ("sub", *files, "."):
        assert files in Wanted(named={named})
    assert files not in Wanted(named={"su", "sub/b.jpg"})
    assert files not in Wanted(lists=[Path("apple.json")])


def test_what_is_no_use_is_refused_in_one_sentence(album: Library, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing does not exist"):
        wanted(album, [album.root / "nothing"], ("xmp",))
    with pytest.raises(InputError, match="is not in the library"):
        wanted(album, [tmp_path], ("xmp",))
    album.db.set_setting("address", "s3://bucket/photos")
    with pytest.raises(InputError, match="s3://bucket/photos, where tags are not looked for"):
        wanted(album, (), ("xmp",))

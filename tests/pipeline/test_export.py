from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from PIL import Image

from faceclust.errors import OptionError, PersonError
from faceclust.export.plan import LinkKind
from faceclust.export.xmp import written_in
from faceclust.export.xmp.merge import SidecarStyle
from faceclust.photos import content_hash
from faceclust.pipeline import (
    Event,
    ExportRequest,
    Library,
    Summary,
    brought,
    export,
    ignore,
    merge,
    name,
    table_pieces,
    undo_export,
)
from faceclust.pipeline.export import _is_same_place, tagged_photos
from faceclust.pipeline.people import all_people
from faceclust.records import PhotoInfo
from faceclust.store import Scanned, catalogue, intake, journal
from faceclust.xmp.packet import PREFIXES, items, parse, properties, q, text
from tests.export.xmp.samples import MWG, packet
from tests.synthetic import LEFT, MIDDLE, group, library, photo, put

XMP = ExportRequest("xmp")
INFO = PhotoInfo(400, 300, 1, "JPEG")
SUBJECT = 'xmlns:dc="http://purl.org/dc/elements/1.1/"'


def region(person: str, x: float) -> str:
    """A region of another program's."""
    return (
        '<mwg-rs:Regions rdf:parseType="Resource">'
        '<mwg-rs:AppliedToDimensions stDim:w="400" stDim:h="300" stDim:unit="pixel"/>'
        '<mwg-rs:RegionList><rdf:Bag><rdf:li><rdf:Description mwg-rs:Type="Face" '
        f'mwg-rs:Name="{person}"><mwg-rs:Area stArea:x="{x}" stArea:y="0.45" stArea:w="0.2" '
        'stArea:h="0.3" stArea:unit="normalized"/></rdf:Description></rdf:li></rdf:Bag>'
        "</mwg-rs:RegionList></mwg-rs:Regions>"
    )


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    """Photos a and b: person 1 in the middle of both, person 2 at the left of a."""
    batch = [photo("a.jpg", 1, 2, info=INFO), photo("b.jpg", 1, info=INFO)]
    with library(tmp_path / "album", *batch) as opened:
        group(opened.db, (1, 3), (2,))
        for file in ("a.jpg", "b.jpg"):
            Image.new("RGB", (400, 300)).save(opened.root / file)
        yield opened


def run(album: Library, request: ExportRequest = XMP) -> tuple[Summary, list[Event]]:
    events: list[Event] = []
    return export(album, request, events.append), events


def undo(album: Library) -> Summary:
    return undo_export(album, dry_run=False, on_event=lambda event: None)


def sidecar(album: Library, file: str = "a.jpg") -> Path:
    return album.root / f"{file}.xmp"


def people(album: Library, file: str = "a.jpg") -> set[str]:
    return set(written_in(sidecar(album, file).read_bytes()).names)


def ours(album: Library, file: str = "a.jpg") -> set[str]:
    return set(brought.previous(album)(album.root / file).names)


# --- which names are ours ---


def test_a_renamed_person_is_renamed_everywhere(album: Library) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    assert run(album)[0] == Summary(created=2)
    assert (people(album), people(album, "b.jpg")) == ({"Ann", "Bob"}, {"Ann"})
    name(album, "Ann", "Anna")
    assert run(album)[0] == Summary(updated=2)
    assert (people(album), people(album, "b.jpg")) == ({"Anna", "Bob"}, {"Anna"})
    assert not re.search(rb"\bAnn\b", sidecar(album).read_bytes())
    assert run(album)[0] == Summary()


def test_names_are_ours_wherever_the_photo_goes(album: Library) -> None:
    """As a scan sees it: the photos were moved together with their sidecars."""
    name(album, "1", "Ann")
    run(album)
    (album.root / "2019").mkdir()
    for file in ("a.jpg", "b.jpg"):
        photos = {path: number for path, number, _ in catalogue.photos_with_files(album.db)}
        (album.root / file).rename(album.root / "2019" / file)
        sidecar(album, file).rename(sidecar(album, f"2019/{file}"))
        with album.db.transaction() as sql:
            intake.link_file(sql, Scanned(f"2019/{file}", 1000, 1), photos[file])
            intake.mark_missing(sql, [file])
            intake.forget_moved(sql)
    name(album, "Ann", "Zoe")
    assert run(album)[0] == Summary(updated=2)
    assert (people(album, "2019/a.jpg"), people(album, "2019/b.jpg")) == ({"Zoe"}, {"Zoe"})
    undo(album)
    assert people(album, "2019/a.jpg") == {"Ann"}
    undo(album)  # of the first export nothing can be taken back
    assert ours(album, "2019/a.jpg") == {"Ann"}
    name(album, "Zoe", "Eve")
    run(album)
    assert people(album, "2019/a.jpg") == {"Eve"}


def test_names_are_ours_whoever_finds_the_photo_under_its_new_name(album: Library) -> None:
    """Files that were numbered anew, and are read anew: by other networks, say."""
    name(album, "1", "Ann")
    run(album)
    photos = {"a.jpg": "z.jpg", "b.jpg": "a.jpg"}
    for old, new in photos.items():
        (album.root / old).rename(album.root / new)
        sidecar(album, old).rename(sidecar(album, new))
    batch = [
        photo("z.jpg", 1, 2, info=INFO, content="content of b'a.jpg'"),
        photo("a.jpg", 1, info=INFO, content="content of b'b.jpg'"),
    ]
    with album.db.transaction() as sql:
        intake.put_scanned(sql, batch[::-1], "another", "model-a")
        intake.mark_missing(sql, ["b.jpg"])
        intake.forget_moved(sql)
    name(album, "Ann", "Zoe")
    run(album)
    assert (people(album), people(album, "z.jpg")) == ({"Zoe"}, {"Zoe"})


def test_what_another_program_says_of_a_copy_of_the_photo_is_not_ours(album: Library) -> None:
    name(album, "1", "Ann")
    copy = photo("copy.jpg", 1, 2, info=INFO, content="content of b'a.jpg'")
    put(album.db, copy)
    Image.new("RGB", (400, 300)).save(album.root / "copy.jpg")
    sidecar(album, "copy.jpg").write_bytes(packet(region("Ann", 0.5), MWG))
    run(album)
    name(album, "Ann", "Zoe")
    run(album)
    assert people(album) == {"Zoe"}
    assert people(album, "copy.jpg") == {"Ann", "Zoe"}


@pytest.mark.parametrize(("style", "other"), [("full", "adobe"), ("adobe", "full")])
def test_sidecars_of_the_other_style_do_not_go_on_saying_what_no_longer_holds(
    album: Library, style: SidecarStyle, other: SidecarStyle
) -> None:
    places = {"full": "a.jpg.xmp", "adobe": "a.xmp"}
    name(album, "1", "Ann")
    run(album, replace(XMP, sidecar_style=style))
    name(album, "Ann", "Zoe")
    assert run(album, replace(XMP, sidecar_style=other))[0] == Summary(created=2, updated=2)
    for file in places.values():
        assert set(written_in((album.root / file).read_bytes()).names) == {"Zoe"}
    assert run(album, replace(XMP, sidecar_style=other))[0].updated == 0
    undo(album)
    assert not (album.root / places[other]).exists()
    assert set(written_in((album.root / places[style]).read_bytes()).names) == {"Ann"}
    (album.root / places[other]).write_bytes(packet(region("Bob", 0.5), MWG))
    run(album, replace(XMP, sidecar_style=style))
    assert set(written_in((album.root / places[other]).read_bytes()).names) == {"Bob"}


def test_names_are_ours_when_the_whole_library_has_moved(album: Library, tmp_path: Path) -> None:
    name(album, "1", "Ann")
    run(album)
    moved = Library(album.root.rename(tmp_path / "elsewhere"), album.db)
    moved.db.set_setting("root", str(moved.root))
    name(moved, "Ann", "Zoe")
    assert run(moved)[0] == Summary(updated=2)
    assert people(moved) == {"Zoe"}


def test_a_person_who_is_not_there_any_more_is_taken_out(album: Library) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    run(album)
    ignore(album, "Bob")
    run(album)
    assert people(album) == {"Ann"}
    merge(album, ["Ann", "2"])
    run(album)
    assert people(album) == {"Ann"}


def test_what_another_program_wrote_is_not_ours(album: Library) -> None:
    sidecar(album).write_bytes(packet(region("Ann", 0.85), MWG))
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    run(album)
    assert people(album) == {"Ann", "Bob"}
    assert ours(album) == {"Bob"}
    name(album, "Ann", "Cem")
    name(album, "Bob", "Dan")
    run(album)
    assert people(album) == {"Ann", "Cem", "Dan"}
    assert ours(album) == {"Bob", "Cem", "Dan"}


def test_names_inside_the_photo_are_not_ours_when_a_sidecar_repeats_them(album: Library) -> None:
    Image.new("RGB", (400, 300)).save(album.root / "a.jpg", xmp=packet(region("Eve", 0.85), MWG))
    name(album, "1", "Ann")
    run(album)
    assert people(album) == {"Ann", "Eve"}
    assert ours(album) == {"Ann"}


def test_a_photo_with_broken_xmp_inside_does_not_stop_the_others(album: Library) -> None:
    Image.new("RGB", (400, 300)).save(album.root / "a.jpg", xmp=b"<x:xmpmeta>no end")
    name(album, "1", "Ann")
    assert run(album)[0] == Summary(created=2)
    assert people(album) == people(album, "b.jpg") == {"Ann"}
    assert ours(album) == {"Ann"}


def test_a_broken_sidecar_is_skipped_and_left(album: Library) -> None:
    sidecar(album).write_bytes(b"<x:xmpmeta>no end")
    name(album, "1", "Ann")
    _, events = run(album)
    assert [(e.status, e.path.name) for e in events if e.reason] == [("skipped", "a.jpg")]
    assert sidecar(album).read_bytes() == b"<x:xmpmeta>no end"
    assert ours(album) == set()
    assert people(album, "b.jpg") == {"Ann"}


def test_what_was_not_written_is_not_remembered(album: Library) -> None:
    name(album, "1", "Ann")
    run(album, ExportRequest("xmp", dry_run=True))
    assert journal.last_export(album.db) is None
    sidecar(album).symlink_to(album.root / "b.jpg")
    run(album)
    assert ours(album) == set()
    assert ours(album, "b.jpg") == {"Ann"}


def test_a_keyword_that_the_user_gave_stays(album: Library) -> None:
    keyword = "<dc:subject><rdf:Bag><rdf:li>Ann</rdf:li></rdf:Bag></dc:subject>"
    sidecar(album).write_bytes(packet(keyword, SUBJECT))
    name(album, "1", "Ann")
    run(album)
    name(album, "Ann", "Anna")
    run(album)
    assert re.search(rb"<rdf:li>Ann</rdf:li>", sidecar(album).read_bytes())


def tags(album: Library) -> dict[str, list[str]]:
    """The keywords of a.jpg's sidecar."""
    rdf = parse(sidecar(album).read_bytes())
    names = ("dc:subject", *TREES)
    return {
        name: [text(li) for value in properties(rdf, q(name)) for li in items(value)]
        for name in names
    }


TREES = ("lr:hierarchicalSubject", "digiKam:TagsList", "MicrosoftPhoto:LastKeywordXMP")
NAMESPACES = " ".join(
    f'xmlns:{prefix}="{PREFIXES[prefix]}"' for prefix in ("dc", "lr", "digiKam", "MicrosoftPhoto")
)


@pytest.mark.parametrize("given", ["dc:subject", *TREES])
def test_a_keyword_in_one_place_is_the_users_and_those_beside_it_are_ours(
    album: Library, given: str
) -> None:
    def leaf(name: str) -> str:
        return {"dc:subject": name, TREES[0]: f"People|{name}"}.get(given, f"People/{name}")

    body = f"<{given}><rdf:Bag><rdf:li>{leaf('Ann')}</rdf:li></rdf:Bag></{given}>"
    sidecar(album).write_bytes(packet(body, NAMESPACES))
    name(album, "1", "Ann")
    run(album)
    for renamed in ("Anna", "Annie"):
        name(album, "1", renamed)
        run(album)
        for place, found in tags(album).items():
            assert len(found) == 1 + (place == given), place
            assert found[-1].endswith(renamed), place
        assert tags(album)[given][0] == leaf("Ann")


# --- the way back ---


def test_undoing_forgets_the_names_and_goes_back_one_export(album: Library) -> None:
    name(album, "1", "Ann")
    run(album)
    first = sidecar(album).read_bytes()
    name(album, "2", "Bob")
    run(album)
    assert ours(album) == {"Ann", "Bob"}
    assert undo(album) == Summary(restored=1)
    assert sidecar(album).read_bytes() == first
    assert ours(album) == {"Ann"}
    assert undo(album).removed == 2
    assert ours(album) == set()
    with pytest.raises(PersonError, match="no export to take back"):
        undo(album)


def test_what_an_undo_must_leave_stays_ours(album: Library) -> None:
    name(album, "1", "Ann")
    run(album)
    edited = sidecar(album).read_bytes().replace(b"<dc:subject>", b"<dc:title/><dc:subject>")
    sidecar(album).write_bytes(edited)
    summary = undo(album)
    assert (summary.left, summary.removed) == (1, 1)
    assert (ours(album), ours(album, "b.jpg")) == ({"Ann"}, set())
    name(album, "Ann", "Anna")
    run(album)
    assert people(album) == {"Anna"}


def test_an_undo_that_is_only_shown_changes_nothing(album: Library) -> None:
    name(album, "1", "Ann")
    run(album)
    before = sidecar(album).read_bytes()
    events: list[Event] = []
    summary = undo_export(album, dry_run=True, on_event=events.append)
    assert summary.removed == 2
    assert sidecar(album).read_bytes() == before
    assert undo(album).removed == 2


# --- what is written ---


def test_each_photo_comes_with_the_people_in_it(album: Library) -> None:
    name(album, "1", "Ann")
    photos = list(tagged_photos(album, all_people(album)))
    assert [photo.path for photo in photos] == [album.root / "a.jpg", album.root / "b.jpg"]
    assert [(r.name, r.named, r.box) for r in photos[0].regions] == [
        ("Ann", True, MIDDLE),
        ("Person 2", False, LEFT),
    ]
    ignore(album, "2")
    assert [len(p.regions) for p in tagged_photos(album, all_people(album))] == [1, 1]
    with album.db.transaction() as sql:
        intake.mark_missing(sql, ["a.jpg"])
    assert [p.relative.name for p in tagged_photos(album, all_people(album))] == ["b.jpg"]


def test_tables_can_be_printed_and_written(album: Library, tmp_path: Path) -> None:
    name(album, "1", "Ann")
    document = json.loads(b"".join(table_pieces(album, ExportRequest("json"))))
    assert [p["name"] for p in document["people"]] == ["Ann", None]
    target = tmp_path / "out" / "people.csv"
    request = ExportRequest("csv", to=target)
    assert not request.to_stdout
    assert run(album, request)[0].created >= 1
    assert target.read_bytes() == b"".join(table_pieces(album, request))
    assert ExportRequest("csv", to=Path("-")).to_stdout
    assert undo(album).removed >= 1
    assert not target.parent.exists()


def test_of_many_tables_the_journal_holds_the_last_but_one_only(
    album: Library, tmp_path: Path
) -> None:
    target, other = tmp_path / "out" / "people.json", tmp_path / "other.json"
    texts = []
    for old, called in pairwise(("1", "Ann", "Anna", "Annie", "Annika")):
        name(album, old, called)
        run(album, ExportRequest("json", to=target))
        texts.append(target.read_bytes())
    run(album, ExportRequest("json", to=other))
    assert held(album) == [texts[2]]
    undo(album)
    assert not other.exists()
    undo(album)
    assert target.read_bytes() == texts[2]
    assert held(album) == []
    undo(album)
    assert not target.exists()
    undo(album)
    assert not target.parent.exists()
    with pytest.raises(PersonError, match="no export to take back"):
        undo(album)


def held(album: Library) -> list[bytes]:
    """The contents of files in the journal."""
    rows = album.db.rows("SELECT before FROM export_entries WHERE before IS NOT NULL")
    return [before for (before,) in rows]


def test_the_photos_of_a_table_are_in_order_of_their_names(tmp_path: Path) -> None:
    names = ["z.jpg", "caf\udce9.jpg", "caf\U0001f600.jpg", "a.jpg"]
    with library(tmp_path / "album", *(photo(name, 1) for name in names)) as album:
        document = json.loads(b"".join(table_pieces(album, ExportRequest("json"))))
    assert [each["path"] for each in document["photos"]] == sorted(names)


def test_placeholders_are_written_where_asked_for(album: Library, tmp_path: Path) -> None:
    with pytest.raises(PersonError, match=r"Nobody has a name yet.*--placeholders"):
        run(album)
    assert journal.last_export(album.db) is None
    run(album, ExportRequest("xmp", placeholders=True))
    assert people(album) == {"Person 1", "Person 2"}
    run(album, ExportRequest("folders", to=tmp_path / "named", placeholders=False))
    assert not (tmp_path / "named").exists()
    run(album, ExportRequest("folders", to=tmp_path / "all"))
    assert "Person 1" in {folder.name for folder in (tmp_path / "all").iterdir()}


@pytest.mark.parametrize(
    "request_",
    [
        XMP,
        replace(XMP, embed=True),
        replace(XMP, dry_run=True),
        ExportRequest("folders", to=Path("out")),
        ExportRequest("folders", to=Path("out"), placeholders=False),
        ExportRequest("symlinks", to=Path("out")),
        ExportRequest("symlinks", to=Path("out"), crops=True),
    ],
)
def test_each_photo_counts_when_it_is_written(
    album: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request_: ExportRequest
) -> None:
    monkeypatch.chdir(tmp_path)
    name(album, "1", "Ann")
    written: set[str] = set()
    told: list[tuple[int, int, set[str]]] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total, set(written)))

    export(album, request_, lambda event: written.add(event.path.name[0]), progress)
    assert told == [(1, 2, {"a"}), (2, 2, {"a", "b"})]
    told.clear()
    export(album, request_, lambda event: None, progress)  # nothing is left to write
    assert [counts[:2] for counts in told] == [(1, 2), (2, 2)]


def test_a_photo_that_is_left_out_counts_as_well(album: Library) -> None:
    name(album, "1", "Ann")
    (album.root / "b.jpg").unlink()
    sidecar(album).write_bytes(b"<x:xmpmeta>no end")
    told: list[tuple[int, int]] = []
    summary = export(album, XMP, lambda event: None, lambda *counts: told.append(counts))
    assert (summary.skipped, told) == (2, [(1, 2), (2, 2)])


def test_what_cannot_be_done_is_not_begun(album: Library) -> None:
    with pytest.raises(OptionError, match="--format folders needs --to FOLDER"):
        run(album, ExportRequest("folders"))
    assert journal.last_export(album.db) is None


def test_paths_that_differ_in_case_are_one_where_the_file_system_says_so(tmp_path: Path) -> None:
    lower, upper = tmp_path / "ann" / "a.jpg", tmp_path / "Ann" / "a.jpg"
    lower.parent.mkdir()
    lower.write_bytes(b"")
    assert not _is_same_place(lower, upper)
    assert not _is_same_place(lower, None)
    if not upper.exists():  # as the file system of a Mac has it
        upper.parent.symlink_to(lower.parent)
    assert _is_same_place(lower, upper)
    assert _is_same_place(lower.parent, upper.parent)


@pytest.mark.parametrize("link", ["copy", "hard"])
def test_a_renamed_persons_old_folder_goes_although_the_photos_have_moved(
    tmp_path: Path, link: LinkKind
) -> None:
    root, out = tmp_path / "album", tmp_path / "out"
    root.mkdir()
    (root / "a.jpg").write_bytes(b"a photo")
    scanned = photo("a.jpg", 1, info=INFO, content=content_hash(root / "a.jpg"))
    with library(root, scanned) as album:
        group(album.db, (1,))
        name(album, "1", "Ann")
        folders = ExportRequest("folders", to=out, link=link)
        run(album, folders)
        (root / "2019").mkdir()
        (root / "a.jpg").rename(root / "2019/a.jpg")
        with album.db.transaction() as sql:
            intake.link_file(sql, Scanned("2019/a.jpg", 7, 1), 1)
            intake.mark_missing(sql, ["a.jpg"])
            intake.forget_moved(sql)
        name(album, "Ann", "Anna")
        assert run(album, folders)[0].left == 0
        assert [folder.name for folder in out.iterdir()] == ["Anna"]
        (root / "2019/a.jpg").rename(tmp_path / "away.jpg")
        assert undo(album).left
        assert (out / "Anna/a.jpg").exists()

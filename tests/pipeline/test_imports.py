from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faceclust.errors import InputError, PersonError
from faceclust.pipeline import (
    ImportReport,
    Library,
    all_people,
    birth,
    differ,
    ignore,
    import_tags,
    log,
    merge,
    name,
    not_a_face,
    open_hints,
    reject,
    undo,
    undo_import,
)
from faceclust.pipeline.gather import _Walk, gather
from faceclust.pipeline.import_request import wanted
from faceclust.pipeline.shots import by_folder
from faceclust.records import Box, Decision, PhotoInfo
from faceclust.store import Scanned, catalogue, intake, ledger
from faceclust.tags import SOURCES, Problem, Source, picasa
from faceclust.xmp import read_embedded
from tests.export.xmp.samples import MWG, packet
from tests.synthetic import LEFT, MIDDLE, group, library, photo, put

INFO = PhotoInfo(400, 300, 1, "JPEG", "2019-07-14T18:03:22")


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    """Person 1 in the middle of a, b, c and d; person 2 at the left of a and b."""
    batch = [
        photo("a.jpg", 1, 2, info=INFO), photo("b.jpg", 1, 2, info=INFO),
        photo("c.jpg", 1, info=INFO), photo("sub/d.jpg", 1, info=INFO),
    ]  # fmt: skip
    with library(tmp_path / "album", *batch) as opened:
        group(opened.db, (1, 3, 5, 6), (2, 4))
        (opened.root / "sub").mkdir()
        for file in ("a.jpg", "b.jpg", "c.jpg", "sub/d.jpg"):
            Image.new("RGB", (400, 300)).save(opened.root / file)
        yield opened


def region(person: str, box: Box) -> str:
    return (
        f'<rdf:li><rdf:Description mwg-rs:Type="Face" mwg-rs:Name="{person}"><mwg-rs:Area '
        f'stArea:x="{box.x + box.w / 2}" stArea:y="{box.y + box.h / 2}" stArea:w="{box.w}" '
        f'stArea:h="{box.h}" stArea:unit="normalized"/></rdf:Description></rdf:li>'
    )


def tag(album: Library, file: str, **people: Box) -> None:
    """A sidecar as another program writes it."""
    listed = "".join(region(person, box) for person, box in people.items())
    body = (
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>'
        f"{listed}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    )
    (album.root / f"{file}.xmp").write_bytes(packet(body, MWG))


def google(album: Library, file: str, *people: str) -> None:
    document = {"title": file, "people": [{"name": person} for person in people]}
    (album.root / f"{file}.json").write_text(json.dumps(document))


def named(album: Library) -> dict[str | int, tuple[int, ...]]:
    return {person.name or person.id: person.faces for person in all_people(album)}


def no_problem(problem: Problem) -> None:
    raise AssertionError(problem)


def kinds(report: ImportReport) -> list[str]:
    return [conflict.kind for conflict in report.conflicts]


def test_seeds_spread_to_their_cluster_and_keep_its_number(album: Library) -> None:
    tag(album, "a.jpg", Ann=MIDDLE, Bob=LEFT)
    report = import_tags(album)
    assert report.people == {"Ann": 1, "Bob": 1}
    assert named(album) == {"Ann": (1, 3, 5, 6), "Bob": (2, 4)}
    assert [person.id for person in all_people(album)] == [1, 2]
    decisions = ledger.decisions(album.db)
    assert {(d.kind, d.source) for d in decisions} == {("name", "import")}
    assert len({d.batch for d in decisions}) == 1


def test_again_changes_nothing_and_one_undo_takes_all_back(album: Library) -> None:
    tag(album, "a.jpg", Ann=MIDDLE, Bob=LEFT)
    google(album, "b.jpg", "Eve", "Dan")
    import_tags(album)
    count = len(ledger.decisions(album.db))
    assert import_tags(album).people == {}
    assert len(ledger.decisions(album.db)) == count
    undo(album)
    assert named(album) == {1: (1, 3, 5, 6), 2: (2, 4)}
    assert open_hints(album) == []
    with pytest.raises(PersonError, match="no import"):
        undo_import(album)
    with pytest.raises(PersonError, match="no decision"):
        undo(album)


def test_an_import_is_taken_back_from_below_later_answers(album: Library) -> None:
    tag(album, "a.jpg", Ann=MIDDLE)
    import_tags(album)
    name(album, "2", "Bob")
    assert {d.name for d in undo_import(album)} == {"Ann"}
    assert named(album) == {1: (1, 3, 5, 6), "Bob": (2, 4)}


def test_a_dry_run_writes_nothing(album: Library) -> None:
    tag(album, "a.jpg", Ann=MIDDLE)
    report = import_tags(album, dry_run=True)
    assert report.people == {"Ann": 1}
    assert ledger.decisions(album.db) == []


def test_what_the_user_said_is_listed_not_overruled(album: Library) -> None:
    name(album, "1", "Ann")
    reject(album, 5, "Ann")
    not_a_face(album, 4)
    tag(album, "a.jpg", Eve=MIDDLE)
    tag(album, "c.jpg", Ann=MIDDLE)
    tag(album, "b.jpg", Bob=LEFT)
    before = named(album)
    assert sorted(kinds(import_tags(album))) == ["named-otherwise", "not-a-face", "rejected"]
    assert named(album) == before
    ignore(album, "2")
    tag(album, "a.jpg", Bob=LEFT)
    assert "hidden" in kinds(import_tags(album))


def test_faces_that_the_user_parted_get_no_common_name(album: Library) -> None:
    reject(album, 5, "1")
    tag(album, "a.jpg", Ann=MIDDLE)
    tag(album, "c.jpg", Ann=MIDDLE)
    assert kinds(import_tags(album)) == ["parted", "parted"]
    undo(album)
    differ(album, "1", "2")
    tag(album, "b.jpg", Ann=LEFT)
    report = import_tags(album)
    assert (kinds(report), report.people) == (["parted", "parted", "parted"], {})
    tag(album, "b.jpg", Bob=LEFT)
    assert import_tags(album).people == {"Ann": 2, "Bob": 1}
    assert named(album) == {"Ann": (1, 3, 5, 6), "Bob": (2, 4)}


def test_nobody_is_in_a_photo_from_before_the_birth(album: Library) -> None:
    put(album.db, photo("late.jpg", 1, info=replace(INFO, taken_at="2020-01-01T12:00:00")))
    group(album.db, (1, 3, 5, 6, 7), (2, 4))
    name(album, str(next(p.id for p in all_people(album) if 7 in p.faces)), "Ann")
    birth(album, "Ann", "2019-07-15")
    tag(album, "a.jpg", Ann=MIDDLE)
    google(album, "c.jpg", "Ann")
    report = import_tags(album)
    assert (kinds(report), report.people, report.known) == (["too-early"], {}, 0)
    tag(album, "a.jpg", Eve=MIDDLE)
    assert import_tags(album).people == {"Eve": 1}


def test_who_is_ignored_is_not_brought_back(album: Library) -> None:
    name(album, "2", "Bob")
    ignore(album, "Bob")
    tag(album, "c.jpg", Bob=MIDDLE)
    assert kinds(import_tags(album)) == ["hidden"]
    assert [person.ignored for person in all_people(album) if person.name == "Bob"] == [True]


def test_an_import_is_one_entry_of_the_log_and_one_step_of_undo(album: Library) -> None:
    name(album, "2", "Bob")
    tag(album, "a.jpg", Ann=MIDDLE)
    tag(album, "c.jpg", Eve=MIDDLE)
    google(album, "b.jpg", "Dan", "Fay")
    import_tags(album)
    (ours,) = (entry for entry in log(album) if entry.kind == "import")
    assert (ours.who, ours.stands, ours.faces) == (None, True, 2)
    name(album, "Bob", "Rob")
    assert {d.name for d in undo(album, 2)} == {"Rob", "Ann", "Eve", "Dan", "Fay"}
    assert [(entry.kind, entry.stands) for entry in log(album)] == [
        ("undo", False), ("undo", False), ("name", False), ("import", False), ("name", True),
    ]  # fmt: skip
    assert ours.decision.id in {entry.decision.undoes for entry in log(album, 2)}
    assert len(log(album, 1)) == 1


def test_two_sources_that_disagree(album: Library) -> None:
    tag(album, "a.jpg", Ann=MIDDLE)
    (album.root / ".picasa.ini").write_text(
        "[Contacts2]\n7=Eve;;\n[a.jpg]\nfaces=rect64(66664ccc99999999),7\n"
    )
    report = import_tags(album)
    assert kinds(report) == ["two-names"]
    assert report.conflicts[0].names == ("Ann", "Eve")
    assert import_tags(album, (), ("picasa",)).people == {"Eve": 1}


def test_a_name_that_the_user_gave_gathers_more(album: Library) -> None:
    name(album, "2", "Bob")
    tag(album, "a.jpg", Bob=LEFT)
    tag(album, "c.jpg", Bob=MIDDLE)
    report = import_tags(album)
    assert (report.people, report.known) == ({"Bob": 1}, 1)
    # The user had seen the rest of the cluster when he named Bob, and left it out.
    assert named(album) == {1: (1, 3, 6), "Bob": (2, 4, 5)}


def test_what_was_merged_unnamed_is_named_whole(album: Library) -> None:
    merge(album, ["1", "2"])
    group(album.db, (1, 3, 5), (6,), (2, 4))
    tag(album, "sub/d.jpg", Ann=MIDDLE)
    import_tags(album)
    assert named(album) == {"Ann": (1, 2, 3, 4, 5, 6)}


def test_a_sidecar_shadows_what_is_inside(album: Library) -> None:
    body = (
        '<mwg-rs:Regions rdf:parseType="Resource"><mwg-rs:RegionList><rdf:Bag>'
        f"{region('Old', MIDDLE)}</rdf:Bag></mwg-rs:RegionList></mwg-rs:Regions>"
    )
    for file in ("a.jpg", "c.jpg"):
        Image.new("RGB", (400, 300)).save(album.root / file, xmp=packet(body, MWG))
    tag(album, "a.jpg", New=MIDDLE)
    (album.root / "c.jpg.xmp").write_bytes(packet(""))  # says nothing of people
    report = import_tags(album)
    assert report.people == {"New": 1, "Old": 1}


def test_hints_wait_until_a_face_has_the_name(album: Library) -> None:
    google(album, "a.jpg", "Ann")
    report = import_tags(album)
    assert [hint.name for hint in report.hints] == ["Ann"]
    (hint,) = open_hints(album)
    assert (hint.name, hint.path, hint.faces) == ("Ann", "a.jpg", (1, 2))
    name(album, "1", "Ann")
    assert open_hints(album) == []
    google(album, "c.jpg", "Eve")
    assert [h.name for h in import_tags(album).hints] == ["Eve"]


def test_hints_are_read_from_their_own_photos_only(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    for everything in ("live_boxes", "photos_with_files"):
        monkeypatch.setattr(catalogue, everything, None)
    with monkeypatch.context() as patch:
        patch.setattr("faceclust.pipeline.imports.all_people", None)
        assert open_hints(album) == []
    with album.db.transaction() as sql:
        intake.link_file(sql, Scanned("0.jpg", 1000, 1), 3)
    photos = (3, 1, 99)  # the last is not there
    hints = [Decision(0, "hint", name=who, photos=photos) for who in ("Eve", "Cem")]
    ledger.put_decisions(album.db, hints)
    found = [(hint.path, hint.name, hint.photo) for hint in open_hints(album)]
    assert found == [("0.jpg", "Cem", 3), ("0.jpg", "Eve", 3), ("a.jpg", "Cem", 1),
                     ("a.jpg", "Eve", 1)]  # fmt: skip
    name(album, "1", "Eve")
    assert [(h.name, h.faces) for h in open_hints(album) if h.photo == 1] == [("Cem", (2,))]


def test_a_name_whose_box_shows_no_face_is_no_hint_for_another(album: Library) -> None:
    tag(album, "c.jpg", Ann=Box(0.05, 0.8, 0.1, 0.1))
    google(album, "c.jpg", "Ann")
    report = import_tags(album)
    assert (report.people, report.hints, kinds(report)) == ({}, (), ["no-face"])


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("A&#x202e;nn", "A nn"),
        ("x" * 10_000, None),
        ("12", None),
        ("&lt;script&gt;", "<script>"),
        ("عائشة", "عائشة"),
        ("Person 12", "Person 12"),
    ],
)
def test_hostile_names(album: Library, given: str, kept: str | None) -> None:
    tag(album, "c.jpg", **{given: MIDDLE})
    report = import_tags(album)
    assert list(report.people) == ([kept] if kept else [])
    assert kinds(report) == (["bad-name"] if kept is None else [])
    assert all(len(n) <= 80 for conflict in report.conflicts for n in conflict.names)


def test_hostile_files_are_recorded_and_skipped(album: Library, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    tag(album, "c.jpg", Ann=MIDDLE)
    (album.root / "c.jpg.xmp").rename(outside / "c.jpg.xmp")
    bomb = b'<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa">]><x>&a;</x>'
    (album.root / "a.jpg.xmp").write_bytes(bomb)
    (album.root / "b.jpg.xmp").mkdir()
    (album.root / "c.jpg.xmp").symlink_to(outside / "c.jpg.xmp")
    (album.root / "a.jpg.json").write_bytes(b"[" * 100_000)
    with (album.root / "b.jpg.json").open("wb") as huge:
        huge.truncate(1 << 30)
    (album.root / "sub" / "d.jpg").unlink()
    (album.root / "sub").rmdir()
    (album.root / "sub").symlink_to(outside, target_is_directory=True)
    (album.root / ".picasa.ini").write_bytes(b"\xff\x00[Contacts2]\n" + b"faces=" * 10_000)
    report = import_tags(album)
    assert report.people == {}
    problems = {problem.file: problem.reason for problem in report.problems}
    assert "document type" in problems["a.jpg.xmp"]
    assert "not a regular file" in problems["b.jpg.xmp"]
    assert "not a regular file" in problems["c.jpg.xmp"]
    assert "JSON" in problems["a.jpg.json"]
    assert "over" in problems["b.jpg.json"]
    assert "link" in problems["sub"]


def test_takeout_gives_no_photo_the_names_of_another(tmp_path: Path) -> None:
    long = "x" * 46
    files = [
        f"{long}a.jpg",
        f"{long}b.jpg",
        "IMG_1.jpg",
        "IMG_1(1).jpg",
        "sky (2).jpg",
        "odd(1).jpg",
    ]
    batch = [photo(file, number, info=INFO) for number, file in enumerate(files, 1)]
    said = {
        f"{long}.json": (f"{long}bob.jpg", "Bob"),
        f"{long}(1).json": (f"{long}ann.jpg", "Ann"),
        "IMG_1.jpg.supplemental-metadata.json": ("IMG_1.jpg", "Cem"),
        "IMG_1.jpg.supplemental-me(1).json": ("IMG_1.jpg", "Dan"),
        "sky (2).jpg.json": ("sky (2).jpg", "Eve"),
        "odd(1).jpg.json": ("odd(1).jpg", "Fay"),
        "odd.jpg(1).json": ("odd.jpg", "Gil"),
    }
    with library(tmp_path / "album", *batch) as album:
        for file in files:
            (album.root / file).write_bytes(b"")
        for file, (title, person) in said.items():
            document = {"title": title, "people": [{"name": person}]}
            (album.root / file).write_text(json.dumps(document))
        (album.root / "z.json").write_text("{")
        request = wanted(album, (), ("takeout",))
        found = {shot.name: each.names for shot, each in gather(album, request, no_problem)}
        one = wanted(album, [album.root / f"{long}(1).json"], ("takeout",))
        alone = [shot.name for shot, _ in gather(album, one, no_problem)]
    assert found == {
        f"{long}a.jpg": ("Ann",),
        f"{long}b.jpg": ("Bob",),
        "IMG_1.jpg": ("Cem",),
        "IMG_1(1).jpg": ("Dan",),
        "sky (2).jpg": ("Eve",),
    }
    assert alone == [f"{long}a.jpg"]


def test_photos_whose_names_differ_in_case_or_form_only_keep_their_own(tmp_path: Path) -> None:
    composed, decomposed = "Zo\xeb.jpg", "Zoe\u0308.jpg"
    files = ["a.jpg", "A.jpg", composed, decomposed, "b.JPG", "c\xeb.jpg", "d.jpg", "D.jpg"]
    batch = [photo(file, number, info=INFO) for number, file in enumerate(files, 1)]
    said = {
        "a.jpg": "Ann", "A.jpg": "Bob", composed: "Cem", "b.jpg": "Dan", "ce\u0308.jpg": "Eve",
        "d.JPG": "Fay",
    }  # fmt: skip
    with library(tmp_path / "album", *batch) as album:
        for file in files:
            Image.new("RGB", (400, 300)).save(album.root / file)
        if len([*album.root.iterdir()]) < len(files):
            pytest.skip("this file system takes such names for one")
        for file, person in said.items():
            tag(album, file, **{person: MIDDLE})
            google(album, file, f"{person} by Google")
            if file != "d.JPG":
                face = f"[{file}]\nfaces=rect64(3fff3fffbfffbfff),{len(person)}{person}\n"
                contact = f"[Contacts2]\n{len(person)}{person}={person} by Picasa;;\n"
                with (album.root / ".picasa.ini").open("a", encoding="utf-8") as ini:
                    ini.write(contact + face)
        found: dict[str, list[str]] = {file: [] for file in files}
        for shot, each in gather(album, wanted(album, (), SOURCES), no_problem):
            found[shot.name] += [region.name for region in each.regions] + [*each.names]
    assert found == {
        "a.jpg": ["Ann", "Ann by Picasa", "Ann by Google"],
        "A.jpg": ["Bob", "Bob by Picasa", "Bob by Google"],
        composed: ["Cem", "Cem by Picasa", "Cem by Google"],
        decomposed: [],
        "b.JPG": ["Dan", "Dan by Picasa", "Dan by Google"],
        "c\xeb.jpg": ["Eve", "Eve by Picasa", "Eve by Google"],
        "d.jpg": [],
        "D.jpg": [],
    }


def test_only_what_was_named_is_read(album: Library, tmp_path: Path) -> None:
    tag(album, "a.jpg", Bob=LEFT)
    tag(album, "c.jpg", Ann=MIDDLE)
    tag(album, "sub/d.jpg", Ann=MIDDLE)
    root = album.root
    assert import_tags(album, [root / "sub"], dry_run=True).people == {"Ann": 1}
    assert import_tags(album, [root / "a.jpg.xmp"], dry_run=True).people == {"Bob": 1}
    assert import_tags(album, [root / "c.jpg", root / "sub"], dry_run=True).people == {"Ann": 2}
    assert import_tags(album, [root], dry_run=True).people == {"Ann": 2, "Bob": 1}
    assert import_tags(album, (), ("takeout",), dry_run=True).people == {}
    for wrong in (tmp_path, root / "nothing"):
        with pytest.raises(InputError):
            import_tags(album, [wrong])


@pytest.mark.parametrize("sources", [(), ("xmp",), ("picasa",), ("takeout",), ("osxphotos",)])
def test_every_photo_that_was_looked_at_is_counted(
    album: Library, tmp_path: Path, sources: tuple[Source, ...]
) -> None:
    tag(album, "a.jpg", Ann=MIDDLE)
    (album.root / "b.jpg.xmp").write_bytes(b"<x:xmpmeta>no end")
    (album.root / "sub").rename(tmp_path / "outside")
    (album.root / "sub").symlink_to(tmp_path / "outside", target_is_directory=True)
    told: list[tuple[int, int]] = []
    import_tags(album, (), sources, progress=lambda *counts: told.append(counts))
    done = [count for count, _ in told]
    assert done == sorted(done)
    assert {total for _, total in told} == {4}
    assert done[-1] == 4
    if "xmp" in sources or not sources:
        assert set(done) == {1, 2, 3, 4}
    told.clear()
    import_tags(album, [album.root / "a.jpg"], progress=lambda *counts: told.append(counts))
    assert told[-1] == (4, 4)


def test_apple_photos_are_found_by_path_and_by_name_and_date(
    album: Library, tmp_path: Path
) -> None:
    def entry(person: str, **fields: object) -> dict[str, object]:
        face = {"name": person, "center_x": 0.5, "center_y": 0.55, "size": 0.2}
        return {"uuid": "U", "face_info": [face], "persons": [person], **fields}

    apple = tmp_path / "apple.json"
    date = "2019-07-14T18:03:22+02:00"
    apple.write_text(
        json.dumps([
            entry("Ann", path=str(album.root / "a.jpg")),
            entry("Ann", original_filename="D.JPG", date=date),
            entry("Eve", original_filename="c.jpg", date="1999" + date[4:], original_filesize=7),
        ])
    )  # fmt: skip
    report = import_tags(album, [apple])
    assert report.people == {"Ann": 2}
    assert [problem.reason for problem in report.problems] == [
        "1 of its photos are not in this library"
    ]


class Counted(dict[str, str]):
    """Contacts that count how often all of them are gone through."""

    walks = 0

    def __iter__(self) -> Iterator[str]:
        Counted.walks += 1
        return super().__iter__()

    def keys(self) -> Any:
        Counted.walks += 1
        return super().keys()


def test_contacts_are_not_gone_through_again_for_each_photo(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    rect = "rect64(66664ccc99998000)"
    (album.root / ".picasa.ini").write_text(
        "[Contacts2]\n7=Ann;;\n" + "".join(f"[{file}.jpg]\nfaces={rect},7\n" for file in "abc")
    )
    read = picasa.read_ini

    def counted(content: bytes) -> picasa.PicasaIni:
        ini = read(content)
        return replace(ini, contacts=Counted(ini.contacts))

    monkeypatch.setattr(picasa, "read_ini", counted)
    assert import_tags(album, (), ("picasa",)).people == {"Ann": 3}
    assert Counted.walks <= 1


def test_a_folder_s_own_contacts_come_before_those_of_others(album: Library) -> None:
    rect = "rect64(66664ccc99998000)"
    (album.root / ".picasa.ini").write_text(f"[Contacts2]\n8=Bo;;\n[a.jpg]\nfaces={rect},7\n")
    (album.root / "sub" / ".picasa.ini").write_text(
        f"[Contacts2]\n8=Cy;;\n7=Ann;;\n[d.jpg]\nfaces={rect},8\n"
    )
    found = gather(album, wanted(album, (), ("picasa",)), no_problem)
    named = {shot.path: [r.name for r in said.regions] for shot, said in found}
    assert named == {"a.jpg": ["Ann"], "sub/d.jpg": ["Cy"]}


def test_of_folders_that_disagree_the_first_names_a_contact(album: Library) -> None:
    (album.root / ".picasa.ini").write_text("[Contacts2]\n8=Bo;;\n9=;;\n")
    (album.root / "sub" / ".picasa.ini").write_text("[Contacts2]\n8=Cy;;\n9=Di;;\n7=Ann;;\n")
    request = wanted(album, (), ("picasa",))
    walk = _Walk(album, request, no_problem, by_folder(album), read_embedded)
    assert walk._contacts() == {"8": "Bo", "9": "", "7": "Ann"}


def test_contacts_of_another_folder_and_of_contacts_xml(album: Library, tmp_path: Path) -> None:
    rect = "rect64(66664ccc99999999)"
    (album.root / ".picasa.ini").write_text("[Contacts2]\n0007=Ann;;\n")
    (album.root / "sub" / "Picasa.ini").write_text(f"[d.jpg]\nfaces={rect},7\n")
    assert import_tags(album, dry_run=True).people == {"Ann": 1}
    (album.root / ".picasa.ini").write_text(f"[c.jpg]\nfaces={rect},8\n")
    report = import_tags(album, dry_run=True)
    assert report.people == {}
    assert len(report.problems) == 2
    contacts = tmp_path / "contacts.xml"
    contacts.write_text(
        '<contacts><contact id="7" name="Ann"/><contact id="8" name="Bo"/></contacts>'
    )
    assert import_tags(album, [contacts]).people == {"Ann": 1, "Bo": 1}


def test_nothing_scanned(tmp_path: Path) -> None:
    with library(tmp_path / "empty") as empty, pytest.raises(PersonError, match="no faces yet"):
        import_tags(empty)

"""Answers that names do not carry: exported, the database wiped, scanned, imported."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from faceclust.cluster.methods import ClusterOptions
from faceclust.people import not_faces, placed
from faceclust.pipeline import (
    ExportRequest,
    ImportReport,
    Library,
    all_people,
    birth,
    cluster,
    differ,
    export,
    hide,
    ignore,
    import_tags,
    merge,
    name,
    not_a_face,
    reject,
    split,
    suggestions,
    undo,
    undo_export,
    undo_import,
)
from faceclust.pipeline.people import dates, live_faces
from faceclust.records import Decision, Person, PhotoInfo
from faceclust.store import Scanned, ledger
from tests.export.xmp.samples import packet
from tests.pipeline.test_decide import COUNT, STEP, Evening, Steps, of_year, renew
from tests.synthetic import MODEL, group, library, photo

XMP = ExportRequest("xmp")


def picture(path: Path) -> None:
    path.parent.mkdir(exist_ok=True, parents=True)
    Image.new("RGB", (40, 30)).save(path)


def write(album: Library, request: ExportRequest = XMP) -> None:
    failed: list[str] = []
    export(album, request, lambda e: failed.append(e.reason) if e.status == "skipped" else None)
    assert failed == []


@contextmanager
def again(album: Library, *batch: Scanned, options: ClusterOptions | None) -> Iterator[Library]:
    """A new library of the same photos with the same embeddings, clustered anew."""
    with library(album.root, *batch, db=album.root.with_name("again.db")) as new:
        model = album.db.setting("model") or ""
        if model != MODEL:
            renew(new, int(model.removeprefix(f"{MODEL}-")))
        # Ids of people have nothing to do with those of the old library.
        ledger.new_ids(new.db, 50)
        if options is not None:
            cluster(new, options)
        yield new


def named(album: Library) -> dict[str, tuple[tuple[int, ...], str | None, bool]]:
    return {p.name: (p.faces, p.birth, p.hidden) for p in shown(album) if p.name}


def shown(album: Library) -> list[Person]:
    return [person for person in all_people(album) if not person.ignored]


def made(album: Library) -> set[tuple[tuple[int, ...], bool]]:
    """Faces that the user put together as somebody without a name, and whether ignored."""
    decisions = ledger.decisions(album.db)
    where = placed(decisions, live_faces(album), dates(album, decisions))
    groups: dict[int, set[int]] = {}
    for face, person in where.group.items():
        if person not in where.names or person in where.ignored:
            groups.setdefault(person, set()).add(face)
    return {(tuple(sorted(faces)), person in where.ignored) for person, faces in groups.items()}


def anybody(album: Library) -> bool:
    return any(person.name for person in all_people(album))


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=14), st.integers(0, 14))
def test_everything_comes_back_whatever_was_decided(steps: Steps, when: int) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        batch = [of_year(f"{i:02}.jpg", i % 4, 2000 + i) for i in range(COUNT)]
        root = Path(scratch) / "album"
        for scanned in batch:
            picture(root / scanned.path)
        with library(root, *batch) as album:
            renew(album, 0)
            cluster(album, ClusterOptions())
            evening, last = Evening(album), "partition"
            for kind, *rest in (*steps[:when], ("name", 1, 1, "Ann"), *steps[when:]):
                if kind == "undo":
                    evening.undo(int(rest[0]))
                elif kind == "cluster":
                    seed, method, anew = rest
                    last = method
                    renew(album, seed)
                    cluster(album, ClusterOptions(method), anew=bool(anew))
                else:
                    evening.act(kind, *rest)  # type: ignore[arg-type]
            if not anybody(album):
                return
            write(album)
            with again(album, *batch, options=ClusterOptions(last)) as new:
                report = import_tags(new)
                assert report.conflicts == ()
                assert named(new) == named(album)
                assert made(new) == made(album)
                assert not_faces(ledger.decisions(new.db)) == not_faces(ledger.decisions(album.db))
                once_more = import_tags(new)
                assert (once_more.people, once_more.answers) == ({}, 0)
                assert once_more.conflicts == ()


# Photos a to d show person 1 in the middle (faces 1, 3, 5, 6), a and b person 2 (2, 4).
INFO = PhotoInfo(400, 300, 6, "JPEG", "2019-07-14T18:03:22")
BATCH = (
    photo("a.jpg", 1, 2, info=INFO), photo("b.jpg", 1, 2, info=INFO),
    photo("c.jpg", 1, info=INFO), photo("sub/d.jpg", 1, info=INFO),
)  # fmt: skip
CLUSTERS = ((1, 3, 5, 6), (2, 4))


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    with library(tmp_path / "album", *BATCH) as opened:
        group(opened.db, *CLUSTERS)
        for scanned in BATCH:
            picture(opened.root / scanned.path)
        yield opened


@contextmanager
def restored(album: Library) -> Iterator[Library]:
    with again(album, *BATCH, options=None) as new:
        group(new.db, *CLUSTERS)
        yield new


def faces(album: Library) -> dict[str, tuple[int, ...]]:
    return {person.name: person.faces for person in all_people(album) if person.name}


def kinds(report: ImportReport) -> list[str]:
    return [conflict.kind for conflict in report.conflicts]


def noted(album: Library) -> set[str]:
    """The sidecars that hold notes of ours on faces."""
    found = album.root.rglob("*.xmp")
    return {path.name for path in found if b"faceclust:Faces" in path.read_bytes()}


def test_a_rejected_face_stays_out(album: Library) -> None:
    name(album, "1", "Ann")
    reject(album, 6, "Ann")
    write(album)
    assert noted(album) == {"d.jpg.xmp"}
    with restored(album) as new:
        report = import_tags(new)
        assert (report.people, report.answers) == ({"Ann": 3}, 1)
        assert faces(new) == {"Ann": (1, 3, 5)}
        group(new.db, (1, 3, 5, 6), (2, 4))
        assert faces(new) == {"Ann": (1, 3, 5)}
        undo_import(new)
        assert faces(new) == {}


def test_a_rejection_that_is_taken_back_leaves_its_sidecar(album: Library) -> None:
    name(album, "1", "Ann")
    reject(album, 6, "Ann")
    write(album)
    undo(album)
    write(album)
    assert noted(album) == set()
    undo_export(album, dry_run=False, on_event=lambda event: None)
    assert noted(album) == {"d.jpg.xmp"}
    not_a_face(album, 5)
    write(album)
    assert noted(album) == {"c.jpg.xmp"}
    undo(album, 2)
    name(album, "2", "Bob")
    write(album)
    assert noted(album) == set()


def test_nothing_else_is_noted(album: Library) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    reject(album, 4, "Bob")
    name(album, str(next(p.id for p in all_people(album) if 4 in p.faces)), "Eve")
    ignore(album, "Bob")
    write(album)
    assert noted(album) == {"a.jpg.xmp"}
    assert b"Bob" not in b"".join(path.read_bytes() for path in album.root.rglob("*.xmp"))


def test_unnamed_people_are_one_again(album: Library) -> None:
    name(album, "1", "Ann")
    reject(album, 6, "Ann")
    merge(album, ["2", str(next(p.id for p in all_people(album) if 6 in p.faces))])
    write(album)
    with restored(album) as new:
        import_tags(new)
        assert faces(new) == {"Ann": (1, 3, 5)}
        assert made(new) == made(album) == {((2, 4, 6), False)}


def test_births_and_hidden_people_come_back(album: Library) -> None:
    name(album, "1", "Ann")
    birth(album, "Ann", "2015-07")
    hide(album, "Ann")
    write(album)
    with restored(album) as new:
        assert import_tags(new).answers == 2
        (ann,) = [person for person in all_people(new) if person.name]
        assert (ann.birth, ann.hidden) == ("2015-07", True)
        birth(new, "Ann", "2016")
        assert kinds(import_tags(new)) == ["two-births"]


@pytest.mark.parametrize("born", ["2999", "yesterday", "2015-13"])
def test_dates_that_are_none_are_left_out(album: Library, born: str) -> None:
    name(album, "1", "Ann")
    birth(album, "Ann", "2015")
    write(album)
    for path in album.root.rglob("*.xmp"):
        path.write_text(path.read_text("utf-8").replace(">2015<", f">{born}<"), "utf-8")
    with restored(album) as new:
        assert import_tags(new).answers == 0


def test_a_name_from_elsewhere_for_a_rejected_face_is_a_contradiction(album: Library) -> None:
    name(album, "1", "Ann")
    reject(album, 6, "Ann")
    write(album)
    path = album.root / "sub" / "d.jpg.xmp"
    theirs = (album.root / "c.jpg.xmp").read_text("utf-8")
    notes = (
        path.read_text("utf-8").partition("<faceclust:Faces>")[2].partition("</faceclust:Faces>")
    )
    start, _, end = theirs.rpartition("</rdf:Description>")
    path.write_text(
        f"{start}<faceclust:Faces>{notes[0]}</faceclust:Faces></rdf:Description>{end}", "utf-8"
    )
    with restored(album) as new:
        assert kinds(import_tags(new)) == ["rejected"]
        assert faces(new) == {"Ann": (1, 3, 5)}


def test_what_was_nobodys_stays_nobodys_but_new_photos_join(album: Library) -> None:
    name(album, "1", "Ann")
    write(album)
    last = max(path.stat().st_mtime_ns for path in album.root.rglob("*.xmp"))
    old, new = photo("e.jpg", 1, info=INFO), replace(photo("f.jpg", 1), mtime_ns=last + 1)
    with again(album, *BATCH, old, new, options=None) as later:
        group(later.db, (1, 3, 5, 6, 7, 8), (2, 4))
        import_tags(later)
        assert faces(later) == {"Ann": (1, 3, 5, 6, 8)}
        assert [person.faces for person in all_people(later) if not person.name] == [(2, 4), (7,)]


def test_a_dry_run_notes_nothing(album: Library) -> None:
    name(album, "1", "Ann")
    write(album, ExportRequest("xmp", dry_run=True))
    assert album.db.setting("author") is None
    reject(album, 6, "Ann")
    write(album)
    with restored(album) as new:
        assert import_tags(new, dry_run=True).answers == 1
        assert ledger.decisions(new.db) == []
        assert faces(new) == {}


def test_two_examples_differ_again(album: Library) -> None:
    name(album, "1", "Ann")
    split(album, "Ann", [1, 6])
    differ(album, "Ann", "2")
    write(album)
    with restored(album) as new:
        import_tags(new)
        assert faces(new) == faces(album)
        assert made(new) == made(album)
        ours, theirs = (
            placed(ledger.decisions(each.db), live_faces(each)).rejected for each in (album, new)
        )
        assert {face for face, _ in ours} >= {face for face, _ in theirs} >= {2, 4}


# --- the library that was restored goes on where the lost one was ---


def number(album: Library, face: int) -> str:
    return str(next(person.id for person in all_people(album) if face in person.faces))


def sidecars(album: Library) -> str:
    return "".join(path.read_text("utf-8") for path in sorted(album.root.rglob("*.xmp")))


def restore_again(album: Library) -> dict[str, tuple[int, ...]]:
    """Everybody whom a third library finds in the sidecars."""
    with library(album.root, *BATCH, db=album.root.with_name("third.db")) as third:
        group(third.db, *CLUSTERS)
        assert import_tags(third).conflicts == ()
        return faces(third)


@pytest.mark.parametrize("again_exported", [False, True])
def test_what_the_lost_library_wrote_is_replaced(album: Library, again_exported: bool) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    reject(album, 6, "Ann")
    write(album)
    with restored(album) as new:
        import_tags(new)
        if again_exported:
            write(new)
        name(new, "Ann", "Anna")
        reject(new, 5, "Anna")
        name(new, number(new, 6), "Anna")
        ignore(new, "Bob")
        write(new)
        now = sidecars(new)
        assert "Bob" not in now
        assert ">Ann<" not in now
        assert now.count("IsNot>") == 2
        assert faces(new) == {"Anna": (1, 3, 6), "Bob": (2, 4)}
        assert restore_again(new) == {"Anna": (1, 3, 6)}


def test_what_was_not_taken_over_stays(album: Library) -> None:
    name(album, "1", "Ann")
    write(album)
    before = sidecars(album)
    with restored(album) as new:
        name(new, number(new, 2), "Bob")
        write(new)
        assert restore_again(new) == {"Ann": (1, 3, 5, 6), "Bob": (2, 4)}
        import_tags(new)
        undo_import(new)
        name(new, number(new, 1), "Eve")
        write(new)
        assert ">Ann<" in sidecars(new)
        assert before.count(">Ann<") == sidecars(new).count(">Ann<")


def test_faces_that_are_parted_from_their_cluster_are_asked_about(album: Library) -> None:
    name(album, "1", "Ann")
    write(album)
    (album.root / "c.jpg.xmp").unlink()
    with restored(album) as new:
        import_tags(new)
        assert faces(new) == {"Ann": (1, 3, 6)}
        (question,) = suggestions(new)
        asked = {question.person, *(candidate.person for candidate in question.candidates)}
        assert {number(new, 5), number(new, 1)} <= set(map(str, asked))


def test_who_was_here_already_keeps_all_faces(album: Library) -> None:
    name(album, "1", "Ann")
    write(album)
    for file in ("a.jpg", "c.jpg", "sub/d.jpg"):
        (album.root / f"{file}.xmp").unlink()
    with restored(album) as new:
        group(new.db, (1, 3, 5), (2, 4), (6,))
        name(new, number(new, 1), "Ann")
        group(new.db, (1, 3, 5, 6), (2, 4))
        assert faces(new) == {"Ann": (1, 3, 5, 6)}
        import_tags(new)
        assert faces(new) == {"Ann": (1, 3, 5, 6)}


def test_an_import_of_a_folder_parts_nobody(album: Library) -> None:
    name(album, "1", "Ann")
    write(album)
    with restored(album) as new:
        import_tags(new, [new.root / "sub"])
        assert faces(new) == {"Ann": (1, 3, 5, 6)}


def test_a_birth_of_someone_whom_the_user_had_made_of_two(album: Library) -> None:
    name(album, "1", "Ann")
    birth(album, "Ann", "2015")
    write(album)
    with again(album, *BATCH, options=None) as new:
        group(new.db, (1, 3), (5, 6), (2, 4))
        merge(new, [number(new, 1), number(new, 5)])
        import_tags(new)
        (ann,) = [person for person in all_people(new) if person.name]
        assert (ann.faces, ann.birth) == ((1, 3, 5, 6), "2015")


def test_the_users_date_of_birth_stands_where_nobody_is_left(album: Library) -> None:
    name(album, "1", "Ann")
    birth(album, "Ann", "2015")
    write(album)
    with restored(album) as new:
        name(new, number(new, 1), "Ann")
        number_of_ann = next(person.id for person in all_people(new) if person.name)
        # As earlier versions stored it, though no photo is that new.
        made = Decision(0, "birth", (), number_of_ann, name="Ann", date="2020")
        ledger.put_decision(new.db, made)
        assert "two-births" in kinds(import_tags(new))


def test_numbers_that_an_export_gave_for_names_are_left_out_and_counted(album: Library) -> None:
    for number, path in enumerate(sorted(album.root.rglob("*.jpg"))):
        if number % 2:  # another program's sidecar, which keeps no word of who wrote into it
            path.with_name(f"{path.name}.xmp").write_bytes(packet(""))
    name(album, "2", "Person 7")
    write(album, ExportRequest("xmp", placeholders=True))
    with restored(album) as new:
        report = import_tags(new)
        assert list(report.people) == ["Person 7"]
        assert (report.placeholders, kinds(report)) == (4, [])
        assert {person.name for person in all_people(new)} == {None, "Person 7"}

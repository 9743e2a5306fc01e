"""What is printed where, on a tiny library made up in memory."""

from __future__ import annotations

import errno
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from PIL import Image
from rich.cells import cell_len
from rich.console import Console
from rich.progress import Progress, TaskID

from faceclust.__main__ import main
from faceclust.cli.console import console
from faceclust.config import Config
from faceclust.errors import StoreError
from faceclust.graph import gpu
from faceclust.pipeline import Library, Match, ScanReport, for_scan, name
from faceclust.records import PhotoInfo
from faceclust.store import Scanned
from tests.export.xmp.samples import IPTC, packet
from tests.synthetic import describe, group, library, photo, put

LONG = "a folder with a long name/" * 6 + "c.jpg"
Capture = pytest.CaptureFixture[str]


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    undated = PhotoInfo(4000, 3000, 1, "JPEG")
    batch = [
        photo("a.jpg", 1), photo("2019/b.jpg", 1), photo(LONG, 2, info=undated),
        photo("d.jpg", 2, info=undated), photo("e.jpg", 3),
        Scanned("x.jpg", 7, 1, error_kind="truncated", error="ends too early"),
    ]  # fmt: skip
    with library(tmp_path / "album", *batch, db=tmp_path / "library.db") as opened:
        group(opened.db, (1, 2), (3, 4), (5,))
        name(opened, "1", "Ann [bold] Ćorić")
        yield opened


def run(capsys: Capture, album: Library, *arguments: object, code: int = 0) -> tuple[str, str]:
    words = [str(argument) for argument in arguments]
    assert main([*words, "--db", str(album.db.path)]) == code
    return capsys.readouterr()


def lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.splitlines()]


# --- what a person reads ---


@pytest.mark.parametrize("letters", ["Maria [b] ", "x", "李"])
def test_a_long_name_leaves_room_for_the_table(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch, letters: str
) -> None:
    long = (letters * 300)[:300].strip()
    name(album, "3", long)
    read = io.StringIO()
    terminal = Console(file=read, soft_wrap=True, force_terminal=True, width=300, color_system=None)
    with monkeypatch.context() as patch:
        patch.setattr("faceclust.cli.people.out", terminal)
        run(capsys, album, "people")
    (row,) = (line for line in lines(read.getvalue()) if "e.jpg" in line)
    begun, rest = row.split("…")
    number, shown = begun.split(maxsplit=1)
    assert (number, rest.split()[-1]) == ("3", "e.jpg")
    assert long.startswith(shown.rstrip())
    assert 38 <= cell_len(shown) <= 39
    assert long in run(capsys, album, "people")[0]
    assert json.loads(run(capsys, album, "people", "--json")[0])[-1]["name"] == long


def test_people(capsys: Capture, album: Library) -> None:
    out, err = run(capsys, album, "people")
    assert [line.split() for line in lines(out)] == [
        ["number", "name", "faces", "photos", "from", "to", "face", "best", "photo"],
        ["1", "Ann", "[bold]", "Ćorić", "2", "2", "2019-07-14", "2019-07-14", "1", "a.jpg"],
        ["2", "2", "2", "3", *LONG.split()],
    ]
    assert err == "and 1 stranger (see --strangers)\n"
    out, err = run(capsys, album, "people", "--all")
    assert len(lines(out)) == 4
    assert err == ""


def test_why_there_is_nobody_to_list(capsys: Capture, album: Library, tmp_path: Path) -> None:
    assert run(capsys, album, "people", "--hidden") == ("", "Nobody is hidden or ignored.\n")
    for person in "12":
        run(capsys, album, "hide", person)
    said = run(capsys, album, "people")
    assert said == ("", "Nobody but 1 stranger (see --strangers)\n")
    name(album, "3", "Eve")
    assert run(capsys, album, "people", "--strangers") == ("", "Nobody is a stranger.\n")
    run(capsys, album, "hide", "3")
    assert run(capsys, album, "people") == ("", "Everybody is hidden or ignored (see --hidden).\n")
    shown, err = run(capsys, album, "people", "--hidden")
    assert (len(lines(shown)), err) == (4, "")
    with library(tmp_path / "other", photo("a.jpg"), db=tmp_path / "other.db") as empty:
        said = run(capsys, empty, "people")
    assert said == ("", "No faces yet; faceclust scan FOLDER finds those in your photos.\n")


def test_the_faces_of_a_person(capsys: Capture, album: Library) -> None:
    out, _ = run(capsys, album, "people", "2")
    assert lines(out) == [f"       3              {LONG}", "       4              d.jpg"]
    out, _ = run(capsys, album, "people", "Ann [bold] Ćorić")
    assert lines(out) == ["       2  2019-07-14  2019/b.jpg", "       1  2019-07-14  a.jpg"]


def test_guesses_of_appearance(capsys: Capture, album: Library) -> None:
    describe(album.db, 1, 3, 4)
    out, err = run(capsys, album, "people", 2)
    assert lines(out)[1] == "       4              d.jpg  [female]"
    assert "guesses of appearance" in err
    first, *rows = lines(run(capsys, album, "people", "--all")[0])
    assert "looks (guessed)" in first
    assert ["female" in row for row in rows] == [True, True, False]
    found = json.loads(run(capsys, album, "people", 2, "--json")[0])
    assert found[0]["attributes"]["gender"] == {"value": "female", "probability": 1.0}
    assert found[0]["attributes"]["hat"]["value"] == "no"


def test_found_faces(
    capsys: Capture, album: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    matches = [
        Match(1, 0.4567, 3, 2, None, LONG), Match(2, 0.1, 1, 1, "Ann [bold]", "a.jpg"),
    ]  # fmt: skip
    asked: list[object] = []

    def search(_: object, *words: object, **options: object) -> list[Match]:
        asked.extend([words, options])
        return matches

    monkeypatch.setattr("faceclust.pipeline.search", search)
    out, err = run(capsys, album, "search", "a man", "--person", "Ann", "--limit", 2)
    assert asked == [("a man",), {"limit": 2, "who": "Ann"}]
    assert [line.split() for line in lines(out)] == [
        ["1", "0.457", "3", "2", *LONG.split()], ["2", "0.100", "1", "Ann", "[bold]", "a.jpg"],
    ]  # fmt: skip
    assert err == ""
    crops = tmp_path / "crops"
    out, _ = run(capsys, album, "search", "a man", "--json", "--crops", crops)
    assert json.loads(out)[0] == {
        "rank": 1, "score": 0.4567, "face": 3, "person": 2, "name": None, "file": LONG,
    }  # fmt: skip
    assert (crops / "0001 face 3.jpg").read_bytes() == b"jpeg of 2"
    assert "not empty" in run(capsys, album, "search", "a man", "--crops", crops, code=1)[1]


def test_status(capsys: Capture, album: Library) -> None:
    out, err = run(capsys, album, "status")
    assert lines(out) == [
        f"             library  {album.root}",
        f"            database  {album.db.path}",
        "               files  6",
        "              photos  5",
        "               faces  5",
        "              people  2",
        "           seen once  1",
        "               named  1",
        "              hidden  0",
        "              errors  1",
        "             missing  0",
        "               model  model-a",
        "                clip  none",
        "        clustered by  infomap",
        "        stale photos  0",
        "   unclustered faces  0",
    ]
    assert err == ""
    assert run(capsys, album, "status", "--errors")[0] == "x.jpg: ends too early\n"


def test_answers_are_confirmed(capsys: Capture, album: Library) -> None:
    out, err = run(capsys, album, "name", 2, "Bob")
    assert (out, err) == ("Bob (number 2) has 2 faces.\n", "")
    out, err = run(capsys, album, "name", "Bob", "Ann [bold] Ćorić")
    assert out == "Ann [bold] Ćorić (number 1) has 4 faces.\n"
    assert err.startswith("Joined with number 1, who was Ann [bold] Ćorić already")
    assert (
        run(capsys, album, "undo")[0] == "Taken back: name Ann [bold] Ćorić of number 2, 2 faces.\n"
    )
    assert run(capsys, album, "merge", 2, 3)[0] == "2, 3 are one person now: Bob, 3 faces.\n"
    assert run(capsys, album, "reject", 3, "Bob")[0].startswith("Face 3 now belongs to number ")
    assert run(capsys, album, "not-a-face", 5)[0] == "Face 5 is left out from now on.\n"
    assert run(capsys, album, "ignore", "Bob")[0].endswith("is ignored from now on.\n")
    group(album.db, (1, 2), (3,), (5,))
    assert run(capsys, album, "reject", 4, "Bob")[0] == "Face 4 waits for the next clustering.\n"


# --- what a program reads ---


def test_cluster_tells_whom_it_has_enlarged(capsys: Capture, album: Library) -> None:
    put(album.db, photo("new.jpg", 1))
    group(album.db, (1, 2), (3, 4), (5,), (6,))
    assert "Ćorić has 3 faces now, not 2." in run(capsys, album, "cluster")[1]
    assert "Ćorić" not in run(capsys, album, "cluster")[1]


def test_json(capsys: Capture, album: Library) -> None:
    found = json.loads(run(capsys, album, "people", "--all", "--json")[0])
    assert [person["name"] for person in found] == ["Ann [bold] Ćorić", None, None]
    assert found[0] == {
        "id": 1, "name": "Ann [bold] Ćorić", "birth": None, "faces": 2, "photos": 2,
        "first": "2019-07-14T18:03:22", "last": "2019-07-14T18:03:22", "best_face": 1,
        "best_photo": "a.jpg", "attributes": {}, "stranger": False,
    }  # fmt: skip
    assert json.loads(run(capsys, album, "people", "2", "--json")[0])[0]["file"] == LONG
    assert json.loads(run(capsys, album, "status", "--json")[0])["photos"] == 5
    errors = json.loads(run(capsys, album, "status", "--errors", "--json")[0])
    assert errors == [{"file": "x.jpg", "kind": "truncated", "reason": "ends too early"}]


def test_tables_can_be_read_while_another_process_is_at_work(
    capsys: Capture, album: Library
) -> None:
    with album.db.exclusive():
        assert json.loads(run(capsys, album, "export", "--format", "json")[0])["people"]
        out, err = run(capsys, album, "cluster", code=2)
    assert out == ""
    assert "Another faceclust is working" in err


# --- more and less ---


def test_quiet_says_only_what_went_wrong(capsys: Capture, album: Library) -> None:
    csv = str(album.root / "people.csv")
    for command in (
        "name 2 Bob", "undo", "merge 2 3", "not-a-face 5", "reject 3 2", "ignore 2",
        "cluster --method components", f"export --format csv --to {csv}",
    ):  # fmt: skip
        assert run(capsys, album, "-q", *command.split()) == ("", ""), command
    out, err = run(capsys, album, "-q", "people")
    assert len(lines(out)) >= 2
    assert err == ""
    assert "no person" in run(capsys, album, "-q", "name", "99", "Bob", code=1)[1]


def test_verbose_says_why(capsys: Capture, album: Library) -> None:
    (album.root.parent / "broken.db").write_bytes(os.urandom(5000))
    for options, causes in (((), 0), (("-v",), 1)):
        assert main([*options, "people", "--db", str(album.root.parent / "broken.db")]) == 2
        assert capsys.readouterr().err.count("because of DatabaseError") == causes


# --- exit codes ---


def test_exit_codes(capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    run(capsys, album, "people")
    for mistake in (["people", "99"], ["people", "--nonsense"], ["nonsense"], ["name", "1"],
                    ["export", "--format", "pdf"], ["cluster", "--k", "0"],
                    ["cluster", "--method", "magic"], ["cluster", "--wait", "-1"]):  # fmt: skip
        out, err = run(capsys, album, *mistake, code=1)
        assert out == ""
        assert err
        assert "Traceback" not in err
    (album.root.parent / "junk.db").write_bytes(os.urandom(5000))
    assert main(["people", "--db", str(album.root.parent / "junk.db")]) == 2
    assert main(["people", "--db", str(album.root.parent / "nowhere.db")]) == 1
    assert main([]) == 1
    capsys.readouterr()

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("faceclust.pipeline.status", interrupted)
    _, err = run(capsys, album, "status", code=130)
    assert err.startswith("Stopped.")


def test_a_failing_command_is_not_remembered(capsys: Capture, album: Library) -> None:
    run(capsys, album, "cluster", "--method", "kmeans", code=1)
    assert "by partition" in run(capsys, album, "cluster")[0]
    run(capsys, album, "cluster", "--method", "components", "--threshold", "0.9")
    assert "by components at 0.9" in run(capsys, album, "cluster")[0]


# --- where the output goes ---


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("[red]x[/]", r"\[red]x\[/]"),
        ("a\x1b[31mb\nc", "a\ufffd[31mb\ufffdc"),
        ("a\u202eb\udce9", "a\ufffdb\ufffd"),
        ("9.41\u202fAM\u3000\u00a0", "9.41\u202fAM\u3000\u00a0"),
        ("علی\u200cرضا 👩\u200d👧 Ćorić", "علی\u200cرضا 👩\u200d👧 Ćorić"),
    ],
)
def test_text_from_outside_is_shown_and_never_acts(text: str, shown: str) -> None:
    assert console.escape(text) == shown


def start(album: Library, command: str, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """Run a shell command in which $F stands for faceclust."""
    tool = f"{sys.executable} -m faceclust"
    return subprocess.run(
        ["/bin/sh", "-c", command],
        env={**os.environ, "F": tool, "DB": str(album.db.path), **environment},
        capture_output=True,
        check=False,
        timeout=60,
    )


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
def test_a_pipe_gets_one_plain_line_a_person(album: Library) -> None:
    done = start(album, "$F people --all --db $DB | cat", TERM="xterm-256color", COLUMNS="40")
    assert len(done.stdout.splitlines()) == 4
    assert b"\x1b" not in done.stdout
    assert LONG.encode() in done.stdout


@pytest.mark.skipif(sys.platform == "win32", reason="needs a shell")
@pytest.mark.parametrize("command", ["people --all", "people --json", "export -f json", "--help"])
def test_a_reader_that_goes_away_hears_no_complaint(album: Library, command: str) -> None:
    words = command if command == "--help" else f"{command} --db $DB"
    done = start(album, f"($F {words}; echo $? >&2) | true")
    assert done.stderr.strip() in (b"0", b"1")


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere such a folder stays")
def test_a_working_folder_that_is_gone_is_what_is_complained_of(album: Library) -> None:
    gone = album.root.parent / "gone"
    gone.mkdir()
    done = start(
        album, f"cd {gone} && rmdir {gone} && $F people", PYTHONPATH=str(Path(__file__).parents[2])
    )
    assert done.returncode == 1
    assert done.stderr.startswith(b"faceclust: The folder in which this was started is gone;")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_output_that_finds_no_room(album: Library) -> None:
    done = start(album, "$F people --db $DB > /dev/full")
    assert done.returncode == 2
    assert done.stderr.startswith(b"faceclust: The output cannot be written (No space left")


def test_a_file_that_nothing_was_foreseen_for_is_named(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied", "/photos/closed")

    monkeypatch.setattr("faceclust.pipeline.find_library", fail)
    assert main(["people"]) == 2
    assert "/photos/closed cannot be used (Permission denied)" in capsys.readouterr().err


def test_colours_only_where_they_are_wanted(album: Library) -> None:
    broken = "$F people 99 --db $DB"
    assert b"\x1b[" in start(album, broken, FORCE_COLOR="1", TERM="xterm").stderr
    plain = start(album, broken, FORCE_COLOR="1", TERM="xterm", NO_COLOR="1").stderr
    assert b"\x1b[3" not in plain
    assert b"\x1b[" not in start(album, broken).stderr


def test_an_encoding_that_has_no_word_for_a_name(album: Library) -> None:
    done = start(album, "$F people --db $DB", PYTHONIOENCODING="ascii")
    assert done.returncode == 0, done.stderr
    assert rb"Ann [bold] \u0106ori\u0107" in done.stdout


def test_an_error_is_one_line(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise StoreError("a\nb [red]c")

    monkeypatch.setattr("faceclust.pipeline.find_library", fail)
    assert main(["people"]) == 2
    assert capsys.readouterr().err == "faceclust: a\ufffdb [red]c\n"


# --- a scan ---


def test_what_is_not_given_is_not_changed(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Config] = []

    def fake(library: Library, folder: Path, config: Config, **_: object) -> ScanReport:
        seen.append(config)
        locked = [("locked", "Permission denied")]
        return ScanReport(found=6, read=2, errors=1, excluded=3, folders=locked)

    monkeypatch.setattr("faceclust.pipeline.scan", fake)
    given = ["--exclude", "*.gif", "--exclude", "trash/", "--min-face", "40", "--no-recursive"]
    out, err = run(capsys, album, "scan", album.root, *given, "--limit", "9")
    assert lines(out) == [
        "6 photos: 2 read, 0 unchanged, 0 moved or copied, 1 unreadable, 0 gone (0 s).",
        "5 faces, 2 people seen more than once, 1 seen once, 1 with a name.",
    ]
    assert lines(err)[0].startswith("Pairs of faces scored by edges-universal (")
    assert lines(err)[1:] == [
        "3 known photos left out by --exclude or --no-recursive: "
        "in no list until --exclude '' and --recursive bring them back, with their names.",
        "Folder locked was left out: Permission denied",
        "1 photo cannot be read; why: faceclust status --errors",
    ]
    assert run(capsys, album, "-q", "scan", album.root) == ("", "")
    assert seen[1].walk.exclude == seen[0].walk.exclude == ("*.gif", "trash/")
    assert seen[1].detector.min_face == 40
    assert (seen[0].walk.limit, seen[1].walk.limit) == (9, None)
    assert not seen[1].walk.recursive
    report = json.loads(run(capsys, album, "scan", album.root, "--json")[0])
    assert report["scan"]["found"] == 6
    assert report["cluster"]["faces"] == 5


def test_what_a_part_leaves_out_holds_for_that_scan(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[Config] = []

    def fake(library: Library, folder: Path, config: Config, **_: object) -> ScanReport:
        seen.append(config)
        return ScanReport(found=6, excluded=3)

    monkeypatch.setattr("faceclust.pipeline.scan", fake)
    (album.root / "2019").mkdir()
    flags = ["--no-recursive", "--exclude", "*.gif", "--min-face", "40"]
    _, err = run(capsys, album, "scan", album.root / "2019", *flags)
    assert (
        "3 known photos left out by --exclude or --no-recursive: in no list until the next scan "
        "without them brings them back, with their names."
    ) in lines(err)
    run(capsys, album, "scan", album.root)
    assert [(c.walk.recursive, c.walk.exclude) for c in seen] == [(False, ("*.gif",)), (True, ())]
    assert seen[1].detector.min_face == 40


def test_import_says_what_it_took_and_what_not(capsys: Capture, album: Library) -> None:
    document = {"title": "e.jpg", "people": [{"name": "Cem [red]"}]}
    (album.root / "e.jpg.json").write_text(json.dumps(document))
    (album.root / "a.jpg.json").write_text(json.dumps({**document, "people": [{"name": "Eve"}]}))
    (album.root / "d.jpg.json").write_text("{")
    out, err = run(capsys, album, "import", "--from", "takeout")
    assert lines(out) == [
        "Cem [red]: 1 face",
        "1 face of 1 person named from 2 photos; 0 known already, 0 contradictions.",
    ]
    assert "skipped: d.jpg.json: not JSON, or damaged" in err
    assert "1 name without a place in their photo" in err
    out, err = run(capsys, album, "import", "--hints")
    assert lines(out) == ["Eve: a.jpg (without a name: nobody)"]
    out, _ = run(capsys, album, "undo", "import", "--dry-run")
    assert out.startswith("Would be taken back: the import of 20")
    out, _ = run(capsys, album, "undo")
    assert out.endswith(", 1 face.\n")
    _, err = run(capsys, album, "undo", "import", code=1)
    assert "no import to take back" in err


def test_what_is_told_on_the_way_is_no_markup(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(gpu, "unusable", lambda: "run `pip install 'faceclust[clip]'`.")
    _, err = run(capsys, album, "cluster", "--method", "components", "--device", "cuda")
    assert "run `pip install 'faceclust[clip]'`." in err


def test_hints_say_whom_to_name(capsys: Capture, album: Library) -> None:
    document = {"title": "e.jpg", "people": [{"name": "Cem"}, {"name": "Eve"}]}
    (album.root / "e.jpg.json").write_text(json.dumps(document))
    run(capsys, album, "import")
    assert lines(run(capsys, album, "import", "--hints")[0]) == [
        "Cem: e.jpg (without a name: 3)", "Eve: e.jpg (without a name: 3)",
    ]  # fmt: skip
    (first, _) = json.loads(run(capsys, album, "import", "--hints", "--json")[0])
    assert first == {
        "name": "Cem", "photo": "e.jpg", "unnamed_faces": [5], "unnamed_people": [3],
    }  # fmt: skip


def test_an_empty_pipe_imports_nothing(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    (album.root / "e.jpg.json").write_text(json.dumps({"people": [{"name": "Cem"}]}))
    pipe(monkeypatch, b"\n")
    out, err = run(capsys, album, "import", "-", code=1)
    assert out == ""
    assert "No path came through the pipe; nothing was imported." in err


@pytest.mark.parametrize("end", [b"\n", b"\r\n"])
@pytest.mark.skipif(sys.platform in ("darwin", "win32"), reason="there all names are Unicode")
def test_piped_paths_are_what_the_file_system_has(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch, end: bytes
) -> None:
    odd = [b"caf\xe9.jpg", "a\u2028b.jpg".encode(), b"c\x0bd.jpg"]
    put(album.db, *(photo(os.fsdecode(name), 4) for name in odd))
    paths = [os.path.join(os.fsencode(album.root), name) for name in odd]  # noqa: PTH118 - bytes
    listed = "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Cem</rdf:li></rdf:Bag>"
    for path in paths:
        Path(os.fsdecode(path)).touch()
        sidecar = packet(f"{listed}</Iptc4xmpExt:PersonInImage>", IPTC)
        Path(os.fsdecode(path + b".xmp")).write_bytes(sidecar)
    pipe(monkeypatch, end.join([*paths, b""]))
    found = json.loads(run(capsys, album, "import", "-", "--json")[0])
    assert (found["photos"], found["problems"]) == (3, [])
    pipe(monkeypatch, b"/nowhere/caf\xe9.jpg")
    _, err = run(capsys, album, "import", "-", code=1)
    assert "/nowhere/caf\ufffd.jpg does not exist" in err


def test_paths_that_come_through_a_pipe_of_windows(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There names are Unicode, and what most programs write is the code page."""

    def decode(path: str | bytes) -> str:
        return path if isinstance(path, str) else path.decode("utf-8", "surrogatepass")

    monkeypatch.setattr("os.fsdecode", decode)
    monkeypatch.setattr("locale.getpreferredencoding", lambda do_setlocale=True: "cp1252")
    listed = "<Iptc4xmpExt:PersonInImage><rdf:Bag><rdf:li>Cem</rdf:li></rdf:Bag>"
    files = ("café.jpg", "naïve.jpg")
    put(album.db, *(photo(file, 4) for file in files))
    for file in files:
        (album.root / file).touch()
        sidecar = packet(f"{listed}</Iptc4xmpExt:PersonInImage>", IPTC)
        (album.root / f"{file}.xmp").write_bytes(sidecar)
    of_code_page, of_utf_8 = (str(album.root / file) for file in files)
    pipe(monkeypatch, of_code_page.encode("cp1252") + b"\r\n" + of_utf_8.encode() + b"\r\n")
    found = json.loads(run(capsys, album, "import", "-", "--json")[0])
    assert (found["photos"], found["problems"]) == (2, [])
    pipe(monkeypatch, b"C:/nowhere/\x81\xe9.jpg\r\n")
    _, err = run(capsys, album, "import", "-", code=1)
    assert "nowhere/\ufffdé.jpg does not exist" in err


def test_numbers_that_an_export_gave_for_names_are_told(capsys: Capture, album: Library) -> None:
    for path in ("a.jpg", "2019/b.jpg", LONG, "d.jpg", "e.jpg"):
        (album.root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (40, 30)).save(album.root / path)
    run(capsys, album, "export", "--format", "xmp", "--placeholders")
    out, err = run(capsys, album, "import")
    assert "left out: 3 names such as Person 12, which exports of faceclust gave" in err
    assert "0 faces of 0 people named from 5 photos" in out
    assert json.loads(run(capsys, album, "import", "--json")[0])["placeholders"] == 3


def pipe(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """A pipe as with most locales: text that is no UTF-8 is an error there."""
    stdin = io.TextIOWrapper(io.BytesIO(content), encoding="utf-8", errors="strict")
    monkeypatch.setattr(sys, "stdin", stdin)


def test_a_damaged_file_that_was_named_is_a_failure(capsys: Capture, album: Library) -> None:
    path = album.root / "e.jpg.json"
    path.write_text("{")
    _, err = run(capsys, album, "import", path, code=1)
    assert "skipped: e.jpg.json: not JSON, or damaged" in err
    run(capsys, album, "import")


def test_merging_says_what_it_overrules(capsys: Capture, album: Library) -> None:
    name(album, "2", "Bob")
    run(capsys, album, "differ", "Bob", "1")
    assert "differ of Ann [bold] Ćorić and Bob" in run(capsys, album, "log")[0]
    _, err = run(capsys, album, "merge", "1", "Bob")
    assert "You had said that they are not; that holds no more." in err
    assert "Nobody is called Bob any more." in err
    run(capsys, album, "undo")
    assert "Bob" in run(capsys, album, "people")[0]
    run(capsys, album, "undo", "2")
    assert run(capsys, album, "merge", "1", "2")[1] == ""


def test_capitals_do_not_make_two_people_unnoticed(capsys: Capture, album: Library) -> None:
    name(album, "2", "Bob Lee")
    assert lines(run(capsys, album, "people", "BOB LEE")[0])
    _, err = run(capsys, album, "name", "3", "bob lee")
    assert "Bob Lee (number 2) is somebody else; `faceclust merge 2 3` makes them one." in err
    assert len(lines(run(capsys, album, "people", "bob lee")[0])) == 1
    run(capsys, album, "people", "BOB LEE", code=1)


def test_review_as_json(capsys: Capture, album: Library) -> None:
    assert json.loads(run(capsys, album, "review", "--json")[0]) == []
    with album.db.transaction() as sql:
        sql.execute("INSERT INTO doubts VALUES (1, 3, 2.5)")
    (question,) = json.loads(run(capsys, album, "review", "--json")[0])
    assert question["person"] == {"id": 1, "name": "Ann [bold] Ćorić", "faces": 2}
    (candidate,) = question["candidates"]
    assert {key: candidate[key] for key in ("id", "name", "faces")} == {
        "id": 2, "name": None, "faces": 2,
    }  # fmt: skip
    assert 0 < candidate["probability"] < 1
    assert question["faces_per_click"] > 0


def test_a_scan_that_finds_another_at_work_leaves_its_library(
    capsys: Capture, tmp_path: Path
) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    working, _ = for_scan(folder)
    with working, working.db.exclusive():
        assert main(["scan", str(folder)]) == 2
        assert "Another faceclust" in capsys.readouterr().err
        assert working.db.path.exists()


def test_a_report_tells_programs_what_it_wrote(
    capsys: Capture, album: Library, tmp_path: Path
) -> None:
    page, sheets = tmp_path / "people.html", tmp_path / "sheets"
    assert json.loads(run(capsys, album, "report", "--to", page, "--json")[0]) == {
        "format": "html", "people": 2, "faces": 4, "files": [str(page)],
    }  # fmt: skip
    given = ("report", "--all", "--format", "png", "--to", sheets)
    out, err = run(capsys, album, *given, "--json")
    written = json.loads(out)
    assert (written["format"], written["people"], written["faces"], err) == ("png", 3, 5, "")
    assert written["files"] == [str(sheets / file.name) for file in map(Path, written["files"])]
    assert {*map(Path, written["files"])} == {*sheets.iterdir()}
    again = run(capsys, album, *given, "--force")[0]
    assert again.splitlines() == written["files"]


def test_an_export_tells_programs_what_it_wrote(
    capsys: Capture, album: Library, tmp_path: Path
) -> None:
    to = tmp_path / "people"
    given = ("export", "--format", "csv", "--to", to, "--json")
    planned = json.loads(run(capsys, album, *given, "--dry-run")[0])
    assert (planned["dry_run"], planned["created"]) == (True, 1)
    assert not to.exists()
    written = json.loads(run(capsys, album, *given)[0])
    assert written["files"] == [{"status": "created", "path": str(to), "reason": None}]
    again = json.loads(run(capsys, album, *given)[0])
    assert (again["unchanged"], again["files"]) == (1, [])
    to.write_text("mine\n")
    kept = json.loads(run(capsys, album, *given, code=1)[0])
    assert kept["skipped"] == 1
    assert kept["files"][0]["reason"]
    assert to.read_text() == "mine\n"
    _, err = run(capsys, album, "export", "-f", "csv", "--to", "-", "--json", code=1)
    assert "leave it out with --to -" in err


# --- how far it is ---


def put_files(album: Library) -> None:
    for file in ("a.jpg", "2019/b.jpg", LONG, "d.jpg", "e.jpg"):
        (album.root / file).parent.mkdir(parents=True, exist_ok=True)
        (album.root / file).touch()


def bars(monkeypatch: pytest.MonkeyPatch) -> list[tuple[object, ...]]:
    """What is drawn from now on, with stderr taken for a terminal: titles and counts of photos."""
    seen: list[tuple[object, ...]] = []
    update = Progress.update

    def noted(bar: Progress, task: TaskID, **fields: object) -> None:
        update(bar, task, **fields)  # type: ignore[arg-type]
        (drawn,) = bar.tasks
        seen.append((drawn.description, drawn.completed, drawn.total))

    monkeypatch.setattr(Progress, "update", noted)
    screen = Console(file=io.StringIO(), force_terminal=True)
    monkeypatch.setattr("faceclust.cli.console.err", screen)
    return seen


@pytest.mark.parametrize(
    "command", [("export", "-f", "folders", "--to", "out"), ("import", "--from", "xmp")]
)
def test_a_terminal_is_shown_how_far_it_is(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path,
    command: tuple[str, ...],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    put_files(album)
    plain = run(capsys, album, *command, "--dry-run")
    seen = bars(monkeypatch)
    assert run(capsys, album, *command, "--dry-run")[0] == plain[0]
    assert {what for what, _, _ in seen} == {f"{command[0].capitalize()}ing"}
    assert seen[-1][1:] == (5, 5)
    seen.clear()
    run(capsys, album, *command, "--json")
    run(capsys, album, "-q", *command)
    assert seen == []


def test_lines_of_a_dry_run_on_a_terminal_are_not_broken_by_a_bar(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_files(album)
    seen = bars(monkeypatch)
    monkeypatch.setattr("faceclust.cli.export.out", Console(force_terminal=True))
    run(capsys, album, "export", "-f", "folders", "--to", tmp_path / "out", "--dry-run")
    assert seen == []


def test_a_scan_and_a_comparison_of_methods_show_what_they_are_at(
    capsys: Capture, album: Library, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    put_files(album)

    def fake(*_: object, progress: Callable[[ScanReport], None], **__: object) -> ScanReport:
        progress(ScanReport(read=2, faces=1))
        progress(ScanReport(read=2, unchanged=3, described=4))
        return ScanReport(found=5)

    monkeypatch.setattr("faceclust.pipeline.scan", fake)
    seen = bars(monkeypatch)
    run(capsys, album, "scan", album.root)
    assert seen == [("Scanning", 0, 5), ("1 face", 2, 5), ("4 described", 5, 5)]
    seen.clear()
    labels = tmp_path / "labels.csv"
    labels.write_text("file,person\na.jpg,[b]\n2019/b.jpg,[b]\nd.jpg,c\n", encoding="utf-8")
    run(capsys, album, "eval", "--ablate", "--labels", labels)
    _, _, rows = seen[0]
    assert [what for what, _, _ in seen[:2]] == ["infomap", "fc-es"]
    assert [(done, total) for _, done, total in seen] == [(i, rows) for i in range(len(seen))]


def test_shards_without_a_cluster_are_refused(capsys: Capture, album: Library) -> None:
    out, err = run(capsys, album, "scan", album.root, "--shards", "shards", code=1)
    assert out == ""
    sentence = "--shards is where a Ray cluster keeps faces; give --engine ray with it."
    assert err == f"faceclust: {sentence}\n"


def test_a_database_is_written_anew_only_when_that_is_asked_for(
    capsys: Capture, album: Library
) -> None:
    db = album.db.path
    assert "go with --compact only" in run(capsys, album, "doctor", code=1)[1]
    refused = run(capsys, album, "doctor", "--compact", code=2)[1]
    assert f"{db} is in use by another faceclust; try again when it has finished." in refused
    album.db.close()
    out, _ = run(capsys, album, "doctor", "--compact")
    assert out.startswith(f"{db} takes 0.")
    said = json.loads(run(capsys, album, "doctor", "--compact", "--json")[0])
    assert said == {"database": str(db), "before": db.stat().st_size, "after": db.stat().st_size}

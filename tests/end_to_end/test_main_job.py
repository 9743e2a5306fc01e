"""The real command on real photos with the real weights: scan, name, export, undo, again."""

from __future__ import annotations

import csv
import json
import shlex
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image, ImageOps

from tests.conftest import Run

pytestmark = pytest.mark.slow


@pytest.fixture
def cast(photos: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(photos / "cast", tmp_path / "cast"))


def people(faceclust: Run, *options: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(
        faceclust("people", "--all", "--json", *options).stdout
    )
    return found


def faces(faceclust: Run, who: object) -> list[dict[str, object]]:
    found: list[dict[str, object]] = json.loads(faceclust("people", who, "--json").stdout)
    return found


def test_each_actor_has_a_cluster_of_their_own(faceclust: Run, cast: Path) -> None:
    faceclust("scan", cast)
    owner: dict[str, object] = {}
    for person in people(faceclust):
        for face in faces(faceclust, person["id"]):
            owner.setdefault(str(face["file"]), person["id"])
    actors = {folder.name: {owner[f"{folder.name}/{p.name}"] for p in folder.iterdir()}
              for folder in cast.iterdir() if folder.is_dir()}  # fmt: skip
    assert len(actors) == 8
    assert all(len(clusters) == 1 for clusters in actors.values()), actors
    assert len({clusters.pop() for clusters in actors.values()}) == 8


def test_the_album_is_clustered_well_with_defaults(faceclust: Run, photos: Path) -> None:
    faceclust("scan", photos / "album")
    report = json.loads(
        faceclust("eval", "--labels", photos / "album" / "labels.csv", "--json").stdout
    )
    assert report["faces"] == 514
    assert report["people"] == 210
    assert report["bcubed"]["f"] >= 0.98
    assert report["pairwise"]["f"] >= 0.97
    assert set(report) == {
        "faces", "people", "clusters", "pairwise", "bcubed", "method", "threshold", "seconds",
        "peak_rss_mb", "clicks", "edges",
    }  # fmt: skip
    for metric in ("pairwise", "bcubed"):
        assert set(report[metric]) == {"precision", "recall", "f"}


def test_an_evening_of_naming_survives_everything(faceclust: Run, cast: Path) -> None:
    faceclust("scan", cast)
    sheldon = next(p for p in people(faceclust) if "sheldon" in str(p["best_photo"]))
    before = {face["face"] for face in faces(faceclust, sheldon["id"])}
    faceclust("name", sheldon["id"], "Sheldon Čoper")
    for command in (
        "cluster --method infomap --threshold 0.9",
        "cluster --method components",
        "scan",
    ):
        faceclust(*command.split(), *([cast] if command == "scan" else []))
        assert {f["face"] for f in faces(faceclust, "Sheldon Čoper")} >= before
    # A changed setting reads every photo anew; faces keep their ids, and so their names.
    faceclust("scan", cast, "--min-face", "30")
    assert {f["face"] for f in faces(faceclust, "Sheldon Čoper")} >= before
    # Moved photos are known by their content.
    (cast / "moved").mkdir()
    for photo in (cast / "sheldon").iterdir():
        photo.rename(cast / "moved" / photo.name)
    again = faceclust("scan", cast)
    assert "5 moved or copied" in again.stdout
    assert " 0 read" in again.stdout
    assert {f["face"] for f in faces(faceclust, "Sheldon Čoper")} >= before


def test_deleted_photos_are_marked_and_come_back(
    faceclust: Run, cast: Path, tmp_path: Path
) -> None:
    faceclust("scan", cast)
    person = next(p for p in people(faceclust) if "penny" in str(p["best_photo"]))
    faceclust("name", person["id"], "Penny")
    count = len(faces(faceclust, "Penny"))
    shutil.move(cast / "penny", tmp_path / "away")
    assert "5 gone" in faceclust("scan", cast).stdout
    assert len(faces(faceclust, "Penny")) == count - 5
    shutil.move(tmp_path / "away", cast / "penny")
    assert " 0 read" in faceclust("scan", cast).stdout
    assert len(faces(faceclust, "Penny")) == count
    assert "5 known photos left out" in faceclust("scan", cast, "--exclude", "penny").stderr
    assert len(faces(faceclust, "Penny")) == count - 5
    assert " 0 read" in faceclust("scan", cast, "--exclude", "").stdout
    assert len(faces(faceclust, "Penny")) == count


def test_the_library_of_a_folder_that_has_moved_goes_on(faceclust: Run, cast: Path) -> None:
    raj = cast / "raj"
    faceclust("scan", raj)
    faceclust("name", people(faceclust)[0]["id"], "Raj")
    before = faces(faceclust, "Raj")
    moved = raj.rename(cast / "Raj's photos")
    refused = faceclust("scan", moved, code=1).stderr
    arguments = shlex.split(refused.partition("`")[2].partition("`")[0])
    assert arguments[:3] == ["faceclust", "scan", str(moved)]
    assert " 0 read, 5 unchanged" in faceclust(*arguments[1:]).stdout
    assert faces(faceclust, "Raj") == before


def test_an_edited_photo_keeps_its_names(faceclust: Run, cast: Path) -> None:
    faceclust("scan", cast)
    person = next(p for p in people(faceclust) if "raj" in str(p["best_photo"]))
    faceclust("name", person["id"], "Raj")
    before = {face["face"] for face in faces(faceclust, "Raj")}
    for photo in (cast / "raj").iterdir():
        photo.write_bytes(photo.read_bytes() + b"\0" * 7)
    assert "5 read" in faceclust("scan", cast).stdout
    assert {face["face"] for face in faces(faceclust, "Raj")} == before


def test_a_cropped_photo_and_one_whose_name_was_taken_keep_theirs(
    faceclust: Run, cast: Path
) -> None:
    faceclust("scan", cast)
    person = next(p for p in people(faceclust) if "raj" in str(p["best_photo"]))
    faceclust("name", person["id"], "Raj")
    of = {str(face["file"]): face["face"] for face in faces(faceclust, "Raj")}
    with Image.open(cast / "raj" / "raj2.png") as whole:
        # What crops and what widens a photo moves its faces alike.
        wide = ImageOps.expand(whole.convert("RGB"), (whole.width, 0, 0, whole.height))
    wide.save(cast / "raj" / "raj2.png")
    # The new photo of the old name is looked at first, and kept before its turn comes.
    (cast / "zoo").mkdir()
    (cast / "raj" / "raj1.png").rename(cast / "zoo" / "raj1.png")
    shutil.copy(cast / "amy" / "amy1.png", cast / "raj" / "raj1.png")
    (cast / "raj" / "raj1.png").write_bytes((cast / "raj" / "raj1.png").read_bytes() + b"\0")
    faceclust("scan", cast / "raj")
    faceclust("scan", cast)
    after = {str(face["file"]): face["face"] for face in faces(faceclust, "Raj")}
    of["zoo/raj1.png"] = of.pop("raj/raj1.png")
    assert after == of


def test_another_photo_under_an_old_name_does_not_inherit_the_name(
    faceclust: Run, cast: Path
) -> None:
    faceclust("scan", cast)
    person = next(p for p in people(faceclust) if "raj" in str(p["best_photo"]))
    faceclust("name", person["id"], "Raj")
    shutil.copy(cast / "amy" / "amy1.png", cast / "raj" / "raj1.png")
    (cast / "amy" / "amy1.png").write_bytes((cast / "raj" / "raj2.png").read_bytes() + b"\0")
    faceclust("scan", cast)
    files = {face["file"] for face in faces(faceclust, "Raj")}
    assert "raj/raj1.png" not in files
    assert "amy/amy1.png" in files


def test_decisions_can_be_made_and_taken_back(faceclust: Run, cast: Path) -> None:
    faceclust("scan", cast)
    first, second = people(faceclust)[:2]
    faceclust("merge", first["id"], second["id"])
    merged = faces(faceclust, first["id"])
    assert len(merged) == int(str(first["faces"])) + int(str(second["faces"]))
    faceclust("undo")
    assert len(faces(faceclust, first["id"])) == first["faces"]
    face = faces(faceclust, first["id"])[0]["face"]
    faceclust("reject", face, first["id"])
    faceclust("cluster")
    assert face not in {f["face"] for f in faces(faceclust, first["id"])}
    faceclust("not-a-face", face)
    faceclust("cluster")
    assert all(
        face not in {f["face"] for f in faces(faceclust, p["id"])} for p in people(faceclust)[:3]
    )
    faceclust("ignore", second["id"])
    assert second["id"] not in {p["id"] for p in people(faceclust)}


def test_an_evening_of_decisions_on_real_faces(faceclust: Run, cast: Path) -> None:
    faceclust("scan", cast, "--exclude", "raj/raj1.png")
    found = {
        str(person["best_photo"]).split("/")[0]: person["id"]
        for person in people(faceclust)
        if "/" in str(person["best_photo"])
    }
    faceclust("merge", found["raj"], found["penny"])
    faceclust("name", found["raj"], "Raj")
    of_photo = {str(f["file"]): f["face"] for f in faces(faceclust, "Raj")}
    split = faceclust(
        "split", "Raj", "--like", of_photo["raj/raj2.png"], "--like", of_photo["penny/penny1.png"]
    )
    assert split.stdout.startswith("Raj keeps ")
    mine = {str(f["file"]) for f in faces(faceclust, "Raj")}
    assert not any(file.startswith("penny/") for file in mine)
    assert {f"raj/raj{n}.png" for n in range(2, 6)} <= mine
    before = {str(p["id"]): p["faces"] for p in people(faceclust) if p["name"] is None}
    faceclust("scan", cast, "--exclude", "")
    now = {str(f["file"]) for f in faces(faceclust, "Raj")}
    assert now == mine | {"raj/raj1.png"}
    assert {str(p["id"]): p["faces"] for p in people(faceclust) if p["name"] is None} == before
    faceclust("cluster", "--method", "components", "--threshold", "0.2")
    assert mine <= {str(f["file"]) for f in faces(faceclust, "Raj")}
    log = json.loads(faceclust("log", "--json").stdout)
    assert [entry["kind"] for entry in log] == ["split", "name", "merge"]
    assert "born 1981" in faceclust("birth", "Raj", "1981").stdout
    assert "Taken back: birth" in faceclust("undo", "2").stdout
    assert any(str(f["file"]).startswith("penny/") for f in faces(faceclust, "Raj"))
    assert "cannot be taken back" in faceclust("undo", "x", code=1).stderr


def test_folders_symlinks_json_and_csv(faceclust: Run, cast: Path, tmp_path: Path) -> None:
    faceclust("scan", cast)
    penny = next(p for p in people(faceclust) if "penny" in str(p["best_photo"]))
    faceclust("name", penny["id"], "Penny / Kaley")
    dry = faceclust("export", "--format", "folders", "--to", tmp_path / "out", "--dry-run")
    assert "would be created" in dry.stdout
    assert not (tmp_path / "out").exists()
    faceclust("export", "--format", "folders", "--to", tmp_path / "out")
    exported = [p for p in (tmp_path / "out").iterdir() if p.name.startswith("Penny")]
    assert len(exported) == 1
    assert len(list(exported[0].iterdir())) == penny["photos"]
    again = faceclust("export", "--format", "folders", "--to", tmp_path / "out")
    assert "created" not in again.stdout
    faceclust("undo", "export")
    assert not (tmp_path / "out").exists()
    faceclust("export", "--format", "symlinks", "--to", tmp_path / "links")
    links = [p for p in (tmp_path / "links").rglob("*") if p.is_symlink()]
    assert links
    assert all(p.exists() and not p.readlink().is_absolute() for p in links)
    document = json.loads(faceclust("export", "--format", "json").stdout)
    assert "Penny / Kaley" in {person["name"] for person in document["people"]}
    rows = list(csv.DictReader(faceclust("export", "--format", "csv").stdout.splitlines()))
    assert sum(row["person"] == "Penny / Kaley" for row in rows) == penny["faces"]


def test_the_database_is_its_owner_s_alone(faceclust: Run, cast: Path, own_data: Path) -> None:
    faceclust("scan", cast, "--limit", "3")
    kept = [p for p in own_data.rglob("*") if p.is_file()]
    assert kept
    assert all(stat.S_IMODE(p.stat().st_mode) & 0o077 == 0 for p in kept), kept
    assert all(
        stat.S_IMODE(p.stat().st_mode) & 0o077 == 0 for p in own_data.rglob("*") if p.is_dir()
    )


def test_scanning_a_subfolder_adds_to_the_library_it_lies_in(faceclust: Run, cast: Path) -> None:
    faceclust("scan", cast, "--exclude", "penny/")
    faceclust("scan", cast / "howard")
    status = json.loads(faceclust("status", "--json").stdout)
    assert status["library"] == str(cast)
    assert status["missing"] == 0
    # What a subfolder's own scan leaves out is back with the next one of everything.
    count = status["files"]
    assert " left out by --exclude" in faceclust("scan", cast / "howard", "--exclude", "*").stderr
    assert " 0 read" in faceclust("scan", cast).stdout
    status = json.loads(faceclust("status", "--json").stdout)
    assert (status["files"], status["missing"]) == (count, 0)


def test_mistakes_get_one_sentence(faceclust: Run, cast: Path, tmp_path: Path) -> None:
    def sentence(*arguments: object, code: int = 1) -> str:
        done = faceclust(*arguments, code=code)
        assert done.stdout == ""
        return done.stderr

    assert "does not exist" in sentence("scan", tmp_path / "nowhere")
    assert "is not a folder" in sentence("scan", cast / "happy.jpg")
    assert "faceclust scan" in sentence("people")
    faceclust("scan", cast, "--limit", "5")
    assert "no person 'Nobody'" in sentence("name", "Nobody", "Ann")
    assert "is empty" in sentence("name", people(faceclust)[0]["id"], "   ")
    assert "--to" in sentence("export", "--format", "folders")
    assert "Nobody has a name yet" in sentence("export", "--format", "xmp")
    assert "no export" in sentence("undo", "export")
    assert "no decision" in sentence("undo")
    assert "--method" in sentence("cluster", "--method", "magic")
    assert "not_there.csv" in sentence("eval", "--labels", tmp_path / "not_there.csv")
    assert "No such option" in sentence("scan", cast, "--nonsense")


def test_what_a_new_user_stumbled_over(faceclust: Run, cast: Path, tmp_path: Path) -> None:
    faceclust("scan", cast)
    first = people(faceclust)[0]["id"]
    faceclust("name", first, "Stu")
    # A dry run takes nothing back.
    assert "Would be taken back: name Stu" in faceclust("undo", "--dry-run").stdout
    assert faces(faceclust, "Stu")
    # An answer that changes nothing is none: one undo is enough.
    faceclust("name", "Stu", "Stu")
    faceclust("undo")
    faceclust("people", "Stu", code=1)
    # A mistyped library is not another one.
    assert "is not a folder" in faceclust("people", "-l", cast / "typo", code=1).stderr
    # -q may stand anywhere.
    assert faceclust("scan", "-q", cast).stderr == ""
    # A full disk at the other end of stdout is a sentence too.
    if Path("/dev/full").exists():
        with Path("/dev/full").open("w") as full:
            command = [sys.executable, "-m", "faceclust", "people", "--json"]
            done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
        assert done.returncode == 2
        assert b"Traceback" not in done.stderr


def test_a_limit_counts_photos_that_are_read(faceclust: Run, cast: Path) -> None:
    for _ in range(3):
        report = json.loads(faceclust("scan", cast, "--limit", "5", "--json").stdout)["scan"]
        assert report["read"] == 5
    assert report["unchanged"] == 10


def test_folders_follow_a_new_name(faceclust: Run, cast: Path, tmp_path: Path) -> None:
    faceclust("scan", cast)
    first = people(faceclust)[0]
    faceclust("name", first["id"], "Stu")
    faceclust("export", "-f", "folders", "--to", tmp_path / "out")
    (tmp_path / "out" / "Stu" / "mine.txt").write_text("not faceclust's")
    faceclust("name", "Stu", "Stewart")
    faceclust("export", "-f", "folders", "--to", tmp_path / "out")
    assert [p.name for p in (tmp_path / "out" / "Stu").iterdir()] == ["mine.txt"]
    assert len(list((tmp_path / "out" / "Stewart").iterdir())) == first["photos"]


def test_a_target_that_cannot_be_written_is_one_sentence(
    faceclust: Run, cast: Path, tmp_path: Path
) -> None:
    faceclust("scan", cast, "--limit", "10")
    (tmp_path / "file").write_text("")
    for target in (tmp_path / "file", cast / "inside"):
        done = faceclust("export", "-f", "folders", "--to", target, code=1)
        assert len(done.stderr.splitlines()) == 1
        assert "--to" in done.stderr
    assert "give a file" in faceclust("export", "-f", "json", "--to", tmp_path, code=1).stderr


def test_nothing_is_written_for_photos_that_are_gone(faceclust: Run, cast: Path) -> None:
    faceclust("scan", cast)
    faceclust("name", people(faceclust)[0]["id"], "Ann")
    shutil.rmtree(cast)
    done = faceclust("export", "-f", "xmp", code=1)
    assert "the photo is gone" in done.stderr
    assert not cast.exists()


def test_the_sample_photos_show_seven_people(faceclust: Run, tmp_path: Path) -> None:
    faceclust("sample", tmp_path / "sample")
    faceclust("scan", tmp_path / "sample")
    assert [person["faces"] for person in people(faceclust)] == [1] * 7


def test_a_folder_without_photos_is_said_to_be_one(faceclust: Run, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    scan = faceclust("scan", tmp_path / "empty")
    assert "0 photos" in scan.stdout
    assert "No photos were found" in scan.stderr
    told = json.loads(faceclust("scan", tmp_path / "empty", "--json").stdout)
    assert (told["scan"]["found"], told["cluster"]["faces"]) == (0, 0)

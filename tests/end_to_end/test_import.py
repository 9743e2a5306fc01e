"""Names that come back: the real command, real photos, real weights, files as exiftool writes."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faceclust.records import Box
from faceclust.xmp import stored_box
from tests.conftest import Run
from tests.end_to_end.test_xmp import STORED, orientation_of

pytestmark = pytest.mark.slow

ORIENTATIONS = range(1, 9)


def turn(group: Image.Image, folder: Path) -> None:
    """A group photo in all eight orientations."""
    for orientation in ORIENTATIONS:
        stored = group if orientation == 1 else group.transpose(STORED[orientation])
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(folder / f"turned_{orientation}.jpg", exif=exif, quality=95)


@pytest.fixture
def library(photos: Path, tmp_path: Path) -> Path:
    """Group photos in all orientations and formats, portraits, and another group."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    root = tmp_path / "library"
    shutil.copytree(photos / "cast" / "amy", root / "amy")
    group = Image.open(photos / "cast" / "bbt2.jpg").convert("RGB")
    turn(group, root)
    for suffix in ("png", "tif", "webp", "avif", "heic"):
        group.save(root / f"group.{suffix}")
    shutil.copytree(photos / "orientation", root / "orientation")
    return root


def named_faces(faceclust: Run) -> dict[str, list[tuple[str, tuple[float, ...]]]]:
    """Name and place of every named face of each photo, by file."""
    document = json.loads(faceclust("export", "--format", "json").stdout)
    return {
        photo["path"]: sorted(
            (face["name"], tuple(round(v, 4) for v in face["box"].values()))
            for face in photo["faces"]
            if face["name"]
        )
        for photo in document["photos"]
    }


def people(faceclust: Run) -> list[dict[str, Any]]:
    return [*json.loads(faceclust("people", "--all", "--json").stdout)]


def imported(faceclust: Run, *arguments: object) -> dict[str, Any]:
    return dict(json.loads(faceclust("import", "--json", *arguments).stdout))


@pytest.mark.parametrize("how", [[], ["--sidecar-style", "adobe"], ["--embed"]])
def test_the_same_people_come_back(
    faceclust: Run, library: Path, own_data: Path, how: list[str]
) -> None:
    if "--embed" in how and shutil.which("exiftool") is None:
        pytest.skip("needs exiftool to embed")
    faceclust("scan", library)
    for person in people(faceclust):
        faceclust("name", person["id"], f"N° {person['id']} <b>|/ Ω")
    before = named_faces(faceclust)
    assert sum(map(len, before.values())) > 40
    faceclust("export", "--format", "xmp", *how)
    shutil.rmtree(own_data)
    said = faceclust("scan", library).stderr
    assert ("faceclust import takes over names in them" in said) == ("--embed" not in how)
    assert not any(named_faces(faceclust).values())
    report = imported(faceclust)
    assert report["conflicts"] == report["problems"] == report["hints"] == []
    assert named_faces(faceclust) == before
    again = imported(faceclust)
    assert again["people"] == {}
    assert again["known"] == sum(map(len, before.values()))
    assert "the import of" in faceclust("undo").stdout
    assert not any(named_faces(faceclust).values())
    imported(faceclust)
    faceclust("undo", "import")
    assert not any(named_faces(faceclust).values())
    faceclust("undo", "import", code=1)


def faces_of(faceclust: Run, who: str) -> list[int]:
    return [face["face"] for face in json.loads(faceclust("people", who, "--json").stdout)]


def told(faceclust: Run) -> list[tuple[Any, ...]]:
    """What is known of people, beside who is where."""
    both = (people(faceclust), json.loads(faceclust("people", "--hidden", "--json").stdout))
    return sorted(
        (each["name"], each["birth"], hidden)
        for hidden, listed in enumerate(both)
        for each in listed
        if each["name"]
    )


@pytest.mark.parametrize("how", [[], ["--embed"]])
def test_every_answer_comes_back(
    faceclust: Run, photos: Path, tmp_path: Path, own_data: Path, how: list[str]
) -> None:
    if "--embed" in how and shutil.which("exiftool") is None:
        pytest.skip("needs exiftool to embed")
    album = tmp_path / "album"
    shutil.copytree(photos / "cast", album)
    faceclust("scan", album)
    first, second, third, fourth, fifth, *_ = (str(person["id"]) for person in people(faceclust))
    for number, word in ((first, "Ann"), (second, "Bob"), (third, "Cem"), (fourth, "Dan")):
        faceclust("name", number, word)
    wrong, other = faces_of(faceclust, "Ann")[:2]
    faceclust("reject", wrong, "Ann")
    faceclust("reject", other, "Ann")
    eve = next(p["id"] for p in people(faceclust) if other in faces_of(faceclust, str(p["id"])))
    faceclust("name", eve, "Eve")
    exemplars = faces_of(faceclust, "Bob")
    faceclust("split", "Bob", "--like", exemplars[0], "--like", exemplars[-1])
    faceclust("not-a-face", faces_of(faceclust, "Cem")[0])
    faceclust("birth", "Cem", "1970-05")
    faceclust("hide", "Dan")
    faceclust("ignore", fifth)
    before, facts = named_faces(faceclust), told(faceclust)
    assert ("Cem", "1970-05", 0) in facts
    assert ("Dan", None, 1) in facts
    faceclust("export", "--format", "xmp", *how)
    shutil.rmtree(own_data)
    faceclust("scan", album)
    dry = imported(faceclust, "--dry-run")
    report = imported(faceclust)
    assert report == dry
    assert report["conflicts"] == report["problems"] == report["hints"] == []
    assert named_faces(faceclust) == before
    assert told(faceclust) == facts
    # Nor does a later clustering bring back what was rejected.
    faceclust("cluster")
    after = named_faces(faceclust)
    for file, found in before.items():
        assert set(found) <= set(after[file])
    again = imported(faceclust)
    assert (again["people"], again["answers"], again["conflicts"]) == ({}, 0, [])


def test_photos_that_were_embedded_are_known_where_they_are_moved_to(
    faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool to embed")
    album = tmp_path / "album"
    shutil.copytree(photos / "cast" / "amy", album / "amy")
    faceclust("scan", album)
    faceclust("name", people(faceclust)[0]["id"], "Ann")
    faceclust("export", "--format", "xmp", "--embed")
    (album / "2015").mkdir()
    (album / "amy").rename(album / "2015" / "amy")
    scanned = json.loads(faceclust("scan", album, "--json").stdout)["scan"]
    assert scanned["read"] == 0
    assert any(person["name"] == "Ann" for person in people(faceclust))


# --- files that exiftool writes as other programs do ---

NAMES = ("Ann", "Bob", "Cem")
DISPLAYED, AS_STORED = True, False


def faces_by_place(faceclust: Run) -> dict[str, list[Box]]:
    """The boxes of each photo, from left to right."""
    document = json.loads(faceclust("export", "--format", "json").stdout)
    return {
        photo["path"]: sorted((Box(**face["box"]) for face in photo["faces"]), key=lambda b: b.x)
        for photo in document["photos"]
    }


def loose(box: Box) -> Box:
    """The face with all the hair, as other programs draw it."""
    return Box(box.x - box.w * 0.2, box.y - box.h * 0.3, box.w * 1.4, box.h * 1.5)


def mwg(boxes: list[Box], dimensions: tuple[int, int]) -> str:
    regions = ",".join(
        f"{{Name={name},Type=Face,Area={{X={b.x + b.w / 2:.6f},Y={b.y + b.h / 2:.6f},"
        f"W={b.w:.6f},H={b.h:.6f},Unit=normalized}}}}"
        for name, b in zip(NAMES, boxes, strict=True)
    )
    w, h = dimensions
    return f"-RegionInfo={{AppliedToDimensions={{W={w},H={h},Unit=pixel}},RegionList=[{regions}]}}"


def mp(boxes: list[Box], _: tuple[int, int]) -> str:
    regions = ",".join(
        f"{{PersonDisplayName={name},Rectangle={b.x:.6f}|, {b.y:.6f}|, {b.w:.6f}|, {b.h:.6f}}}"
        for name, b in zip(NAMES, boxes, strict=True)
    )
    return f"-RegionInfoMP={{Regions=[{regions}]}}"


def iptc(boxes: list[Box], _: tuple[int, int]) -> str:
    human = "http://cv.iptc.org/newscodes/imageregiontype/human"
    regions = ",".join(
        f"{{Name={name},RCtype=[{{Identifier=[{human}]}}],RegionBoundary={{RbShape=rectangle,"
        f"RbUnit=relative,RbX={b.x:.6f},RbY={b.y:.6f},RbW={b.w:.6f},RbH={b.h:.6f}}}}}"
        for name, b in zip(NAMES, boxes, strict=True)
    )
    return f"-ImageRegion=[{regions}]"


def write(path: Path, *tags: str) -> None:
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("needs exiftool to write as other programs do")
    subprocess.run(
        [program, "-q", "-config", "", "-struct", "-overwrite_original", *tags, str(path)],
        check=True, capture_output=True, timeout=60,
    )  # fmt: skip


def test_what_exiftool_wrote_in_every_orientation(
    faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    import pillow_heif

    library = tmp_path / "library"
    library.mkdir()
    group = Image.open(photos / "cast" / "bbt2.jpg").convert("RGB")
    turn(group, library)
    pillow_heif.register_heif_opener()
    group.save(library / "group.heic")
    faceclust("scan", library)
    places = faces_by_place(faceclust)
    assert all(len(boxes) == 3 for boxes in places.values())
    for form, frame in itertools.product((mwg, mp, iptc), (AS_STORED, DISPLAYED)):
        for name, boxes in places.items():
            orientation = 1 if frame is DISPLAYED else orientation_of(library / name)
            # The dimensions lie, as those of some programs do.
            there = [stored_box(loose(box), orientation) for box in boxes]
            write(library / name, "-xmp:all=", form(there, (7, 3)))
        report = imported(faceclust, "--from", "xmp")
        assert report["people"] == dict.fromkeys(NAMES, 9), (form, frame)
        assert report["conflicts"] == report["problems"] == []
        document = json.loads(faceclust("export", "--format", "json").stdout)
        for photo in document["photos"]:
            shown = sorted(photo["faces"], key=lambda face: face["box"]["x"])
            assert [face["name"] for face in shown] == list(NAMES), (form, frame, photo["path"])
        faceclust("undo", "import")


def test_picasa_apple_and_google_together(faceclust: Run, photos: Path, tmp_path: Path) -> None:
    library = tmp_path / "library"
    shutil.copytree(photos / "cast" / "amy", library / "amy")
    shutil.copy(photos / "cast" / "bbt2.jpg", library / "group.jpg")
    shutil.copy(photos / "cast" / "bbt3.jpg", library / "other.jpg")
    faceclust("scan", library)
    places = faces_by_place(faceclust)
    with Image.open(library / "group.jpg") as group:
        size = group.size
    left, middle, right = places["group.jpg"]
    rects = [
        "".join(f"{round(v * 65535):04x}" for v in (b.x, b.y, b.x + b.w, b.y + b.h))
        for b in (left, middle)
    ]
    (library / ".picasa.ini").write_text(
        "[Contacts2]\n1111=Ann;;\n2222=Bob;;\n[group.jpg]\n"
        f"faces=rect64({rects[0]}),1111;rect64({rects[1].lstrip('0')}),2222;\n"
    )
    apple = {
        "uuid": "A", "path": str(library / "group.jpg"), "persons": ["Cem", "_UNKNOWN_"],
        "face_info": [{
            "name": "Cem", "center_x": right.x + right.w / 2, "center_y": 1 - right.y - right.h / 2,
            "size": right.h * size[1] / max(size),
        }],
    }  # fmt: skip
    (tmp_path / "apple.json").write_text(json.dumps([apple, {**apple, "path": "/else.jpg"}]))
    first, *_ = sorted((library / "amy").iterdir())
    google = {"title": first.name, "people": [{"name": "Amy"}]}
    (first.parent / f"{first.name}.supplemental-meta.json").write_text(json.dumps(google))
    dry = imported(faceclust, "--dry-run", library, tmp_path / "apple.json")
    assert not any(named_faces(faceclust).values())
    report = imported(faceclust, library, tmp_path / "apple.json")
    assert report == dry
    assert report["people"] == {"Amy": 1, "Ann": 1, "Bob": 1, "Cem": 1}
    assert report["used_hints"] == 1
    assert [p["reason"] for p in report["problems"]] == ["1 of its photos are not in this library"]
    named = named_faces(faceclust)
    assert [name for name, _ in sorted(named["group.jpg"], key=lambda f: f[1][0])] == [
        "Ann", "Bob", "Cem",
    ]  # fmt: skip
    # The seed spread to the photos that the clustering finds her in.
    assert sum(name == "Amy" for faces in named.values() for name, _ in faces) > 1


def test_paths_come_through_a_pipe(faceclust: Run, photos: Path, tmp_path: Path) -> None:
    library = Path(shutil.copytree(photos / "cast" / "amy", tmp_path / "amy"))
    first, second, *_ = sorted(library.iterdir())
    named = "Amy Farrah Fowler"
    for path in (first, second):
        document = {"title": path.name, "people": [{"name": named}]}
        Path(f"{path}.json").write_text(json.dumps(document))
    faceclust("scan", library)
    report = json.loads(faceclust("import", "--json", "-", input=f"{first}\n").stdout)
    assert report["photos"] == 1
    assert [*report["people"], *(hint["name"] for hint in report["hints"])] == [named]
    faceclust("import", tmp_path, code=1)
    faceclust("import", library / "nothing.jpg", code=1)

"""Names in real photos, written by the real command and read back by exiftool."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from PIL import Image

from faceclust.records import Box
from faceclust.xmp import displayed_box
from tests.conftest import Run
from tests.export.xmp.judge import Exiftool, seen

pytestmark = pytest.mark.slow


# What a camera does to the picture before it notes the orientation: the inverse of showing it.
STORED = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


@pytest.fixture
def library(photos: Path, tmp_path: Path) -> Path:
    """Group photos in all orientations, and in all formats that hold faces."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    root = tmp_path / "library"
    root.mkdir()
    group = Image.open(photos / "cast" / "bbt2.jpg").convert("RGB")
    for orientation in range(1, 9):
        stored = group if orientation == 1 else group.transpose(STORED[orientation])
        exif = Image.Exif()
        exif[0x0112] = orientation
        stored.save(root / f"turned_{orientation}.jpg", exif=exif, quality=95)
    for suffix in ("png", "tif", "webp", "avif", "heic"):
        group.save(root / f"group.{suffix}")
    return root


def name_everyone(faceclust: Run, library: Path) -> dict[str, list[dict[str, object]]]:
    """Name each person after its number; return each file's faces as the JSON export has them."""
    faceclust("scan", library)
    for person in json.loads(faceclust("people", "--all", "--json").stdout):
        faceclust("name", person["id"], f"N° {person['id']} <b>|/")
    document = json.loads(faceclust("export", "--format", "json").stdout)
    return {photo["path"]: photo["faces"] for photo in document["photos"] if photo["faces"]}


def by_place(faces: list[dict[str, object]]) -> list[dict[str, object]]:
    return sorted(faces, key=lambda face: face["box"]["x"])  # type: ignore[index]


def check(tags: dict[str, object], faces: list[dict[str, object]], orientation: int) -> None:
    """Exiftool sees the very names and boxes that the JSON export shows, in all three forms."""
    for form, found in seen(tags).items():
        assert sorted(name for name, _ in found) == sorted(str(f["name"]) for f in faces), form
        for name, box in found:
            shown = displayed_box(box, orientation)
            face = next(f for f in faces if f["name"] == name)
            wanted = Box(**face["box"])  # type: ignore[arg-type]
            assert shown.iou(wanted) > 0.99, (form, shown, wanted)


def orientation_of(path: Path) -> int:
    """What a program that reads the file must apply to its stored pixels."""
    import pillow_heif

    pillow_heif.register_heif_opener()
    with Image.open(path) as image:
        return int(image.info.get("original_orientation") or image.getexif().get(0x0112, 1))


@pytest.mark.parametrize("embed", [False, True])
def test_names_in_every_orientation_and_format(
    faceclust: Run,
    library: Path,
    exiftool: Exiftool,
    embed: bool,
) -> None:
    originals = {path.name: path.read_bytes() for path in library.iterdir()}
    faces = name_everyone(faceclust, library)
    assert set(faces) == set(originals)
    assert all(len(shown) == 3 for shown in faces.values())
    # The eight turned copies show the same faces in the same places.
    for shown in faces.values():
        for face, first in zip(by_place(shown), by_place(faces["turned_1.jpg"]), strict=True):
            assert Box(**face["box"]).iou(Box(**first["box"])) > 0.9  # type: ignore[arg-type]
    options = ["--embed"] if embed else []
    faceclust("export", "--format", "xmp", *options)
    written = [library / (name if embed else f"{name}.xmp") for name in faces]
    for tags, (name, shown) in zip(exiftool(written), faces.items(), strict=True):
        check(tags, shown, orientation_of(library / name))
    if not embed:
        assert all((library / name).read_bytes() == data for name, data in originals.items())
    again = faceclust("export", "--format", "xmp", *options)
    assert "created" not in again.stdout
    assert "updated" not in again.stdout
    faceclust("undo", "export")
    assert {path.name: path.read_bytes() for path in library.iterdir()} == originals


def test_a_renamed_person_is_renamed_and_foreign_tags_stay(
    faceclust: Run,
    photos: Path,
    tmp_path: Path,
    exiftool: Exiftool,
) -> None:
    library = Path(shutil.copytree(photos / "cast" / "amy", tmp_path / "amy"))
    sidecar = library / "amy1.png.xmp"
    faceclust("scan", library)
    (person,) = json.loads(faceclust("people", "--json").stdout)
    faceclust("name", person["id"], "Amy")
    faceclust("export", "--format", "xmp")
    by_hand = sidecar.read_bytes().replace(
        b"<dc:subject>",
        b"<xmp:Rating xmlns:xmp='http://ns.adobe.com/xap/1.0/'>4</xmp:Rating><dc:subject>",
    )
    assert by_hand != sidecar.read_bytes()
    sidecar.write_bytes(by_hand)
    faceclust("name", "Amy", "Amy Farrah Fowler")
    faceclust("export", "--format", "xmp")
    (tags,) = exiftool([sidecar])
    assert {name for name, _ in seen(tags)["mwg"]} == {"Amy Farrah Fowler"}
    assert tags["PersonInImage"] == ["Amy Farrah Fowler"]
    assert tags["Rating"] == 4


def test_an_embedded_name_does_not_make_the_photo_a_stranger(
    faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    if shutil.which("exiftool") is None:
        pytest.skip("needs exiftool to embed")
    library = Path(shutil.copytree(photos / "cast" / "amy", tmp_path / "amy"))
    faceclust("scan", library)
    (person,) = json.loads(faceclust("people", "--json").stdout)
    faceclust("name", person["id"], "Amy")
    before = json.loads(faceclust("people", "Amy", "--json").stdout)
    faceclust("export", "--format", "xmp", "--embed")
    assert len(list(library.glob("*_original"))) == len({face["file"] for face in before})
    faceclust("scan", library)
    after = json.loads(faceclust("people", "Amy", "--json").stdout)
    assert {face["face"] for face in after} == {face["face"] for face in before}

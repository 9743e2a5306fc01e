"""Folders of photos for the benchmarks, made from the real ones of photos.tar."""

from __future__ import annotations

import tarfile
from pathlib import Path

from PIL import Image

PHOTOS = Path(__file__).resolve().parents[3] / "shared" / "data" / "photos.tar"
LARGE = (4032, 3024)


def unpack(folder: Path) -> Path:
    """photos.tar without the broken files, whose cost is not that of a photo."""
    if not PHOTOS.is_file():
        raise SystemExit(f"This benchmark needs the real photos in {PHOTOS}.")
    with tarfile.open(PHOTOS) as tar:
        members = [m for m in tar.getmembers() if not m.name.startswith("broken")]
        tar.extractall(folder, members, filter="data")
    return folder


def copies(folder: Path, times: int) -> Path:
    """photos.tar, and its JPEGs over and over, as photos of other content with the same picture."""
    jpegs = sorted(unpack(folder).rglob("*.jpg"))
    for path in jpegs:
        for number in range(1, times):
            copy = path.with_stem(f"{path.stem}-{number}")
            copy.write_bytes(path.read_bytes() + number.to_bytes(8, "big"))
    return folder


def large(folder: Path, count: int) -> Path:
    """12-megapixel JPEGs: each a wall of six enlarged pictures of the album, all different."""
    album = sorted((unpack(folder / "source") / "album").glob("*.jpg"))
    out = folder / "large"
    out.mkdir()
    for i in range(count):
        wall = Image.new("RGB", LARGE, (96, 104, 112))
        for j in range(2):
            with Image.open(album[(2 * i + j) % len(album)]) as picture:
                wall.paste(picture.resize((1500, 1500)), (300 + 1900 * j, 700))
        path = out / f"large_{i:04}.jpg"
        wall.save(path, quality=92)
        with path.open("ab") as file:  # the walls repeat after some hundreds
            file.write(i.to_bytes(8, "big"))
    return out


def many(folder: Path, count: int) -> Path:
    """Small photos of which no two have the same content: the album over and over, with a tail."""
    album = [p.read_bytes() for p in sorted((unpack(folder / "source") / "album").glob("*.jpg"))]
    out = folder / "many"
    for i in range(count):
        path = out / f"{i // 1000:03}" / f"photo_{i:06}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(album[i % len(album)] + i.to_bytes(8, "big"))
    return out

"""Small tar files in the formats of the training data, drawn by the tests themselves."""

from __future__ import annotations

import csv
import io
import tarfile
from pathlib import Path

import numpy as np
from PIL import Image

from faceclust.train.wordings import CELEBA

FOLDERS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def picture(seed: int, side: int = 112) -> Image.Image:
    """Smooth coloured noise, another for each seed."""
    noise = np.random.default_rng(seed).integers(0, 256, (7, 7, 3)).astype(np.uint8)
    return Image.fromarray(noise).resize((side, side), Image.Resampling.BICUBIC)


def pack(path: Path, names: list[str], side: int = 112) -> None:
    """A tar of pictures, each of its own colours."""
    with tarfile.open(path, "w") as tar:
        for seed, name in enumerate(names):
            stream = io.BytesIO()
            image = picture(seed, side)
            image.save(stream, "PNG" if name.endswith(".png") else "WEBP", lossless=True)
            member = tarfile.TarInfo(name)
            member.size = stream.tell()
            tar.addfile(member, io.BytesIO(stream.getvalue()))


def write_data(folder: Path, people: int = 12) -> None:
    """Every file that training reads, with a few faces each."""
    ages = (3, 20, 40, 70)
    pack(folder / "attr-age.tar",
         [f"{ages[k % 4]}_{k % 2}_0_2017{k:04}.webp" for k in range(people)])  # fmt: skip
    celeb = [f"celeba_{k}/{k:06}.webp" for k in range(people)]
    pack(folder / "train-celeb.tar", celeb)
    columns = ["file", *CELEBA, "Male"]
    with (folder / "train-celeb-attributes.csv").open("w", newline="", encoding="ascii") as file:
        writer = csv.writer(file)
        writer.writerow(columns)
        writer.writerows([f"{k:06}", *((k + c) % 2 for c in range(40))] for k in range(people))
    for name in ("pins", "pubfig", "family"):
        pack(folder / f"train-{name}.tar", [f"P{k}/{k}.webp" for k in range(4)])
    pack(folder / "attr-ckplus.tar",
         [f"{f}/S{k:03}_001_0.png" for k in range(4) for f in ("anger", "contempt", "happy")],
         48)  # fmt: skip
    pack(folder / "attr-expression.tar",
         [f"{split}/{f}/{k}.webp" for split in ("train", "validation", "test")
          for f in FOLDERS for k in range(2)], 48)  # fmt: skip


def write_yaws(cache: Path, folder: Path) -> None:
    """Poses as the detector would have left them: every third face in profile."""
    cache.mkdir(exist_ok=True)
    for name in ("attr-age", "train-celeb", "train-pins", "train-pubfig", "train-family"):
        with tarfile.open(folder / f"{name}.tar") as tar:
            count = len(tar.getnames())
        degrees = np.where(np.arange(count) % 3 == 0, 60, 5).astype(np.float32)
        np.save(cache / f"{name}.yaw.npy", degrees)

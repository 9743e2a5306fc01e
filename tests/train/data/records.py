"""A RecordIO writer of its own, made from the format's description, not from the reader."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
from PIL import Image

MAGIC = b"\x0a\x23\xd7\xce"


def picture(person: int, photo: int, side: int = 112) -> bytes:
    """A JPEG of colours that are the person's own, with a little of the photo's."""
    colours = np.random.default_rng(person).integers(0, 256, (7, 7, 3))
    noise = np.random.default_rng((person, photo)).integers(-12, 13, (7, 7, 3))
    image = Image.fromarray((colours + noise).clip(0, 255).astype(np.uint8))
    stream = io.BytesIO()
    image.resize((side, side), Image.Resampling.BICUBIC).save(stream, "JPEG", quality=95)
    return stream.getvalue()


def header(flag: int, label: float | list[float], key: int) -> bytes:
    """IRHeader `IfQQ`, and the labels behind it where flag says that there are some."""
    first = label if isinstance(label, int | float) else 0.0
    more = b"" if isinstance(label, int | float) else struct.pack(f"<{len(label)}f", *label)
    return struct.pack("<IfQQ", flag, first, key, 0) + more


class Writer:
    """Writes `<stem>.rec` and `<stem>.idx` record by record."""

    def __init__(self, folder: Path, stem: str = "train") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.rec, self.idx = folder / f"{stem}.rec", folder / f"{stem}.idx"
        self.data, self.lines = b"", ""

    def add(self, key: int, payload: bytes) -> None:
        """A payload, cut where the magic number stands in it at a multiple of 4 bytes."""
        self.lines += f"{key}\t{len(self.data)}\n"
        cuts = [i for i in range(0, len(payload) - 3, 4) if payload[i : i + 4] == MAGIC]
        starts = [0, *(cut + 4 for cut in cuts)]
        pieces = [payload[a:b] for a, b in zip(starts, [*cuts, len(payload)], strict=True)]
        for number, piece in enumerate(pieces):
            last = number == len(pieces) - 1
            flag = 0 if len(pieces) == 1 else 1 if number == 0 else 3 if last else 2
            word = flag << 29 | len(piece)
            self.data += MAGIC + word.to_bytes(4, "little") + piece + b"\0" * (-len(piece) % 4)

    def close(self) -> None:
        self.rec.write_bytes(self.data)
        self.idx.write_text(self.lines)


def faces_emore(folder: Path, photos: list[int]) -> None:
    """InsightFace's layout: record 0, the images, and a record for each identity."""
    writer, total = Writer(folder), sum(photos)
    writer.add(0, header(2, [total + 1, total + 1 + len(photos)], 0))
    ranges, key = [], 1
    for person, count in enumerate(photos):
        ranges.append((key, key + count))
        for photo in range(count):
            writer.add(key, header(2, [person, 0], key) + picture(person, photo))
            key += 1
    for begin, end in ranges:
        writer.add(key, header(2, [begin, end], key))
        key += 1
    writer.close()
    (folder / "property").write_text(f"{len(photos)},112,112")


def im2rec(folder: Path, labels: list[float]) -> None:
    """Flag 0: the label stands in the header, and there are images only."""
    writer = Writer(folder)
    for key, label in enumerate(labels):
        writer.add(key, header(0, label, key) + picture(int(label), key))
    writer.close()

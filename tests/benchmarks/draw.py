"""The figures of `tests.benchmarks.rivals` as one picture."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from PIL import Image, ImageDraw, ImageFont

from faceclust.train.journal import COLOURS, GRID, INK, PAPER

if TYPE_CHECKING:
    from PIL.ImageFont import FreeTypeFont

Row: TypeAlias = dict[str, Any]
SIZE, EDGE, FONT, LINE = (1200, 560), 64, 14, 17
LEFT, RIGHT = (150, 560), (680, 985)  # where the two panels begin and end
OURS, OTHERS = COLOURS[1], "#8a94a6"


def draw(routes: Sequence[Row], methods: Sequence[Row], path: Path) -> None:
    """Left the routes' photos a second, right the methods' seconds by faces, both with BCubed F."""
    image = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    font = ImageFont.load_default(FONT)
    _bars(pen, font, [row for row in routes if "fails" not in row])
    _curves(pen, font, [row for row in methods if "fails" not in row])
    part = path.with_name(f"{path.name}.part")
    image.save(part, path.suffix[1:].upper(), **({"quality": 90} if path.suffix == ".webp" else {}))
    part.replace(path)


def _bars(pen: ImageDraw.ImageDraw, font: FreeTypeFont | Any, rows: Sequence[Row]) -> None:
    start, end = LEFT
    pen.text((20, 20), "Photos a second, from files to people; peak memory; BCubed F", INK, font)
    fastest = max((row["photos a second"] for row in rows), default=1)
    for place, row in enumerate(rows):
        y = EDGE + 24 + place * 88
        pen.text((20, y - 20), row["route"], INK, font)
        width = (end - start) * row["photos a second"] / fastest
        colour = OURS if row["route"] == "faceclust" else OTHERS
        pen.rectangle([20, y, 20 + width, y + 26], colour)
        best = f", {100 * row['best F BCubed']:.2f} at its best" if "best F BCubed" in row else ""
        said = (
            f"{row['photos a second']:.1f}/s   {row['MB']:.0f} MB   F {100 * row['F BCubed']:.2f}"
        )
        pen.text((20, y + 30), said + best, INK, font)


def _curves(pen: ImageDraw.ImageDraw, font: FreeTypeFont | Any, rows: Sequence[Row]) -> None:
    start, end = RIGHT
    top, bottom = EDGE, SIZE[1] - EDGE
    pen.text((start - 40, 20), "Seconds by faces, the search apart; BCubed F at the end", INK, font)
    if not rows:
        return
    faces = [math.log10(row["faces"]) for row in rows]
    seconds = [math.log10(max(row["seconds"], 0.01)) for row in rows]
    low, high = math.floor(min(seconds)), math.ceil(max(seconds))

    def place(row: Row) -> tuple[float, float]:
        across = (math.log10(row["faces"]) - min(faces)) / ((max(faces) - min(faces)) or 1)
        up = (math.log10(max(row["seconds"], 0.01)) - low) / ((high - low) or 1)
        return start + across * (end - start), bottom - up * (bottom - top)

    for power in range(low, high + 1):
        y = bottom - (power - low) / ((high - low) or 1) * (bottom - top)
        pen.line([(start, y), (end, y)], GRID)
        pen.text((start - 50, y - 9), f"{10.0**power:g} s", INK, font)
    for size in sorted({row["faces"] for row in rows}):
        x, _ = place({"faces": size, "seconds": 1})
        pen.text((x - 20, bottom + 8), f"{size:,}", INK, font)
    ends = []
    for number, method in enumerate(dict.fromkeys(row["method"] for row in rows)):
        own = [row for row in rows if row["method"] == method]
        colour = OURS if method == "partition" else COLOURS[(0, 2, 3, 4)[number % 4]]
        line = [place(row) for row in own]
        pen.line(line, colour, width=4 if method == "partition" else 2)
        for x, y in line:
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], colour)
        size = own[-1]["faces"]
        stops = "" if size == max(row["faces"] for row in rows) else f" (to {size:,})"
        ends.append((line[-1], f"{method} {100 * own[-1]['F BCubed']:.1f}{stops}", colour))
    _labels(pen, font, ends)


def _labels(
    pen: ImageDraw.ImageDraw,
    font: FreeTypeFont | Any,
    ends: Sequence[tuple[tuple[float, float], str, str]],
) -> None:
    """What each curve is, to the right of all, none over another, with a line to its end."""
    free = float(EDGE - LINE)
    for (x, y), said, colour in sorted(ends, key=lambda end: end[0][1]):
        free = max(free + LINE, y - LINE / 2)
        pen.line([(x, y), (RIGHT[1] + 18, free + LINE / 2)], colour)
        pen.text((RIGHT[1] + 22, free), said, colour, font)

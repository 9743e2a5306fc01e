"""What a training says on the way: `losses.jsonl`, and its curve as `losses.png`."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeAlias

Row: TypeAlias = dict[str, Any]
SIZE, EDGE = (960, 540), 60
PAPER, INK, GRID = "white", "black", "#dddddd"
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00")  # Okabe and Ito, 2008


class Journal:
    """Appends rows to `losses.jsonl` of a run's folder and passes them on.

    Args:
        folder: of the run.
        tell: is given every row, those that are not kept (drawn libraries) as well.
    """

    def __init__(self, folder: Path, tell: Callable[[Row], None]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.path, self._tell = folder / "losses.jsonl", tell
        self._last = max((_order(row) for row in read(self.path)), default=(-1, -1))

    def __call__(self, row: Row) -> None:
        """Keep a row, once: after a kill the steps since the checkpoint are gone through again."""
        self._tell(row)
        if "step" in row and _order(row) > self._last:
            self._last = _order(row)
            with self.path.open("a", encoding="utf-8") as stream:
                stream.write(json.dumps(row) + "\n")


def _order(row: Row) -> tuple[int, int]:
    return int(row.get("step", -1)), int(row.get("epoch", 0))


def read(path: Path) -> list[Row]:
    """The rows of a `losses.jsonl`; what a kill cut off is left out."""
    if not path.is_file():
        return []
    rows = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        try:
            row = json.loads(line)
        except ValueError:
            continue
        if isinstance(row, dict) and isinstance(row.get("step"), int):
            rows.append(row)
    return rows


def draw(rows: Sequence[Row], path: Path) -> None:
    """Draw every figure of the rows against the step, each scaled to the height of the picture."""
    from PIL import Image, ImageDraw

    names = sorted({key for row in rows for key, value in row.items() if isinstance(value, float)})
    curves = {
        name: [(row["step"], row[name]) for row in rows if isinstance(row.get(name), float)]
        for name in names
        if name != "seconds"
    }
    image = Image.new("RGB", SIZE, PAPER)
    pen = ImageDraw.Draw(image)
    width, height = SIZE
    last = max((row["step"] for row in rows), default=1) or 1
    for tenth in range(11):
        y = EDGE + tenth * (height - 2 * EDGE) // 10
        pen.line([(EDGE, y), (width - EDGE, y)], GRID)
    for number, (name, points) in enumerate(curves.items()):
        low, high = (f(value for _, value in points) for f in (min, max))
        span = (high - low) or 1.0
        line = [
            (EDGE + step / last * (width - 2 * EDGE),
             height - EDGE - (value - low) / span * (height - 2 * EDGE))
            for step, value in points
        ]  # fmt: skip
        colour = COLOURS[number % len(COLOURS)]
        pen.line(line, colour, width=2)
        for x, y in line if len(line) < 60 else ():
            pen.ellipse([x - 3, y - 3, x + 3, y + 3], colour)
        label = f"{name}: {low:.4g} to {high:.4g}"
        pen.text((EDGE + 220 * (number % 4), 8 + 16 * (number // 4)), label, colour)
    pen.text((EDGE, height - EDGE + 10), f"step 0 to {last}", INK)
    part = path.with_suffix(".part")
    image.save(part, "PNG")
    part.replace(path)

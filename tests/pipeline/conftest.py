from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faceclust.pipeline import Library
from tests.synthetic import group, library, photo


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    """Six photos of three people, clustered: faces 1 2 3 | 4 5 | 6 with numbers 1, 2 and 3."""
    people = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 3}
    batch = [photo(f"{name}.jpg", person) for name, person in people.items()]
    with library(tmp_path / "album", *batch) as opened:
        group(opened.db, (1, 2, 3), (4, 5), (6,))
        yield opened

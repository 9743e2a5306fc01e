"""The pictures in README are of the page as it is."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from tests.review.browser import CHROMIUM

ROOT = Path(__file__).resolve().parents[2]
KEPT = ROOT / "tests" / "review" / "shown"
SHOWN = ("people", "question", "person")
MOST_BYTES = 150_000


def test_the_pictures_are_in_readme_and_small() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for name in SHOWN:
        path = Path("tests", "review", "shown", f"{name}.webp")
        assert str(path) in readme
        assert (ROOT / path).stat().st_size < MOST_BYTES


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM}")
def test_the_pictures_can_be_taken_again(shared_data: Path, tmp_path: Path) -> None:
    pytest.importorskip("playwright.sync_api", reason="needs playwright")
    if not (shared_data / "photos.tar").is_file():
        pytest.skip("needs the real photos in photos.tar")
    from tests.review import pictures

    pictures.main(tmp_path / "shown")
    for name in SHOWN:
        taken = tmp_path / "shown" / f"{name}.webp"
        with Image.open(taken) as new, Image.open(KEPT / taken.name) as kept:
            assert new.size == kept.size
            # A page that failed to show anything has but a few colours.
            colours = new.convert("RGB").resize((200, 150)).getcolors(maxcolors=1 << 24)
        assert colours is not None
        assert len(colours) > 2000
        assert taken.stat().st_size < MOST_BYTES

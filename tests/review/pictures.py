"""The pictures of the page in README, from the album of photos.tar.

python -m tests.review.pictures tests/review/shown

They show news photos of public figures, which are used for research only.
"""

from __future__ import annotations

import csv
import io
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from faceclust import pipeline
from faceclust.pipeline import Library
from tests.benchmarks import corpus
from tests.review.browser import CHROMIUM, FLAGS, served

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DESK, PHONE = {"width": 1180, "height": 760}, {"width": 390, "height": 760}
SURE = 0.9
QUALITY = 82


def prepare(library: Library, labels: Path) -> None:
    """An evening's work: most people named, the strangers in the background ignored."""
    with labels.open(newline="", encoding="utf-8") as file:
        name_of = {row["file"]: row["person"].replace("_", " ") for row in csv.DictReader(file)}
    for number, found in enumerate(pipeline.summaries(library)[:60]):
        who = str(found.person.id)
        files = [str(face["file"]) for face in pipeline.faces_of(library, who)]
        (name, count), *_ = Counter(name_of[file] for file in files).most_common(1)
        if count < SURE * len(files):
            pipeline.ignore(library, who)
        elif number % 4 != 3:
            pipeline.name(library, who, name)


def shoot(browser: Browser, address: str, folder: Path) -> None:
    """Three pictures: everyone, a question, and one person on a phone in the dark."""
    origin = address.split("/?")[0]
    for name, path, size, scheme in (
        ("people", "/", DESK, "light"),
        ("question", "/suggestions", DESK, "light"),
        ("person", "/people/{named}", PHONE, "dark"),
    ):
        context = browser.new_context(viewport=size, color_scheme=scheme)  # type: ignore[arg-type]
        context.set_default_timeout(120_000)
        page = context.new_page()
        page.goto(address)
        page.wait_for_url(f"{origin}/", wait_until="commit")
        found = page.request.get(f"{origin}/api/people?show=named&count=1").json()["people"]
        page.goto(origin + path.format(named=found[0]["id"]))
        page.wait_for_selector("main img")
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(1000)
        image = Image.open(io.BytesIO(page.screenshot()))
        image.save(folder / f"{name}.webp", quality=QUALITY, method=6)
        context.close()


def main(folder: Path) -> None:
    """Scan the album, name people, and take the pictures."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as scratch:
        album = corpus.unpack(Path(scratch) / "photos") / "album"
        database = Path(scratch) / "library.db"
        command = [sys.executable, "-m", "faceclust", "-q", "scan", str(album), "--db"]
        subprocess.run([*command, str(database)], check=True)
        with pipeline.find_library(db=database) as library:
            prepare(library, album / "labels.csv")
        with served(database) as running, sync_playwright() as play:
            browser = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
            shoot(browser, running.address, folder)
            browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))

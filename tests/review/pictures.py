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
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from playwright.sync_api import sync_playwright

from faceclust import pipeline
from faceclust.pipeline import Library, PersonSummary
from faceclust.records import Person
from faceclust.store import ledger
from tests.benchmarks import corpus
from tests.review.browser import CHROMIUM, FLAGS, served
from tests.review.conftest import doubt

if TYPE_CHECKING:
    from playwright.sync_api import Browser

DESK, PHONE = {"width": 1180, "height": 760}, {"width": 390, "height": 760}
SURE = 0.9
NAMED_FROM = 4  # faces
QUALITY = 82


# Large crops are there in place of the small ones that are shown first.
SHARP = """() => {
    const shown = [...document.querySelectorAll(".card img, .cover img, .side .face img")]
        .filter(image => image.getBoundingClientRect().top < innerHeight);
    return shown.length && shown.every(image => image.complete
        && (image.src.includes("large") || image.closest(".faces")));
}"""


def prepare(library: Library, labels: Path) -> None:
    """An evening's work: most people named, the strangers in the background ignored."""
    with labels.open(newline="", encoding="utf-8") as file:
        name_of = {row["file"]: row["person"].replace("_", " ") for row in csv.DictReader(file)}

    def who_is(found: PersonSummary) -> str | None:
        """The name that the labels give; None where several people are mixed up."""
        files = [str(face["file"]) for face in pipeline.faces_of(library, str(found.person.id))]
        (name, count), *_ = Counter(map(name_of.get, files)).most_common(1)
        return name if count >= SURE * len(files) else None

    take_apart(library, next(filter(who_is, pipeline.summaries(library))).person)
    for number, found in enumerate(pipeline.summaries(library)[:60]):
        name = who_is(found)
        if name is None:
            pipeline.ignore(library, str(found.person.id))
        elif number % 4 != 3 and len(found.person.faces) >= NAMED_FROM:
            pipeline.name(library, str(found.person.id), name)


def take_apart(library: Library, person: Person) -> None:
    """Raise a question as large libraries do: one person in three clusters that look alike."""
    newest = ledger.newest_clustering(library.db)
    assert newest is not None
    whole, *parts = person.faces[:5], person.faces[5:8], person.faces[8:]
    membership = dict(newest.membership)
    for part, number in zip(parts, ledger.new_ids(library.db, len(parts)), strict=True):
        membership.update(dict.fromkeys(part, number))
    ledger.put_clustering(library.db, replace(newest, membership=membership))
    doubt(library, *((one, other) for part in parts for one in whole for other in part))


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
        page.wait_for_function(SHARP)
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

"""The review page of a large library: start, first paint, scrolling, answers.

python -m tests.benchmarks.review [--people 5000] [--faces 100000]

The library is made up (faces drawn by arithmetic), the page is served by the real command and
shown by a real Chromium without a GPU.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playwright.sync_api import sync_playwright

from faceclust import pipeline
from tests.benchmarks import made_up
from tests.review.browser import CHROMIUM, FLAGS, served

if TYPE_CHECKING:
    from playwright.sync_api import Page

PAINT = """async () => {
    for (;;) {
        const shown = [...document.querySelectorAll('.card img')].filter(i => i.complete && i.naturalWidth);
        const paint = performance.getEntriesByName('first-contentful-paint')[0];
        if (paint && shown.length >= 12) return [paint.startTime, performance.now()];
        await new Promise(requestAnimationFrame);
    }
}"""  # noqa: E501
SCROLL = """async ({ seconds, step }) => {
    const times = [];
    const start = performance.now();
    for (let last = start; last - start < seconds * 1000;) {
        const now = await new Promise(requestAnimationFrame);
        times.push(now - last);
        last = now;
        scrollBy({ top: step, behavior: 'instant' });
    }
    return times.slice(2);
}"""


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--people", type=int, default=5000)
    parser.add_argument("--faces", type=int, default=100_000)
    wanted = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        library = made_up.library(Path(scratch) / "library", wanted.people, wanted.faces)
        database = library.db.path
        library.db.close()
        print(f"{wanted.people} people, {wanted.faces} faces")
        _parts(database)
        started = time.perf_counter()
        with served(database) as running, sync_playwright() as play:
            print(f"from the command to the address: {time.perf_counter() - started:.2f} s")
            browser = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
            _page(browser.new_page(viewport={"width": 1280, "height": 860}), running.address)
            browser.close()


def _parts(database: Path) -> None:
    with pipeline.find_library(db=database) as library:
        for what, act in (
            ("read the library", lambda: pipeline.gallery(library)),
            ("again, unchanged", lambda: pipeline.gallery(library)),
            ("name somebody", lambda: pipeline.name(library, "7", "Ann")),
            ("read what that changed", lambda: pipeline.gallery(library)),
            ("undo", lambda: pipeline.undo(library)),
        ):
            started, cpu = time.perf_counter(), time.process_time()
            act()
            took, cpu = time.perf_counter() - started, time.process_time() - cpu
            print(f"{what}: {1000 * took:.1f} ms ({1000 * cpu:.1f} ms of processor time)")


def _page(page: Page, address: str) -> None:
    page.goto(address)
    page.wait_for_url(lambda url: "token" not in url, wait_until="commit")
    paints = []
    for _ in range(5):
        page.reload(wait_until="commit")
        paints.append(page.evaluate(PAINT))
    paint, faces = (statistics.median(each) for each in zip(*paints, strict=True))
    print(f"first contentful paint {paint:.0f} ms, faces in sight {faces:.0f} ms (median of 5)")
    page.wait_for_timeout(2000)
    for step in (20, 200):
        _frames(page.evaluate(SCROLL, {"seconds": 4, "step": step}), f"scrolling {step} px a frame")
    page.goto(page.url.split("/?")[0].rstrip("/") + "/people/7")
    page.wait_for_selector(".head.person h1")
    page.keyboard.press("h")
    page.wait_for_selector(".toast")
    took = []
    for _ in range(4):
        page.locator(".toast").evaluate("toast => toast.remove()")
        page.wait_for_timeout(300)
        started = time.perf_counter()
        page.keyboard.press("h")
        page.wait_for_selector(".toast")
        took.append(time.perf_counter() - started)
    print(f"from a key to its answer: {1000 * statistics.median(took):.0f} ms (median of 4)")


def _frames(times: list[Any], what: str) -> None:
    late = sum(each > 25 for each in times)
    print(
        f"{what}: median frame {statistics.median(times):.1f} ms, {len(times)} frames, "
        f"{late} later than 25 ms"
    )


if __name__ == "__main__":
    main()

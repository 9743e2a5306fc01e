"""An evening with the page, in a real Chromium, mostly by keyboard."""

from __future__ import annotations

import io
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from PIL import Image, ImageDraw

from faceclust import pipeline
from faceclust.pipeline import Library
from faceclust.records import Box, Decision, PhotoInfo
from faceclust.store import Scanned, ledger
from tests.review.browser import CHROMIUM, FLAGS, Served, served
from tests.review.conftest import doubt, people, taken
from tests.synthetic import group, library, photo

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page

playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason=f"needs Chromium at {CHROMIUM}"),
]
HOSTILE = '<script>document.title="broken"</script><img src=x onerror=alert(1)>'
RTL = "\u0639\u0644\u06cc\u200c\u0631\u0636\u0627"
SIZES = (6, 5, 4, 3, 2, 2)  # faces of the people numbered 1, 2, …


def picture(person: int, number: int) -> bytes:
    """A photo that shows a disc in a colour of the person's own."""
    image = Image.new("RGB", (400, 300), (200, 200, 190))
    colour = (40 * person % 256, 90 + 20 * person % 256, 150)
    ImageDraw.Draw(image).ellipse((150, 90, 250 - number, 180), fill=colour)
    out = io.BytesIO()
    image.save(out, "JPEG")
    return out.getvalue()


def scanned(root: Path, person: int, number: int) -> Scanned:
    data = picture(person, number)
    path = f"{person}-{number}.jpg"
    (root / path).write_bytes(data)
    info = PhotoInfo(400, 300, 1, "JPEG", f"{2010 + number}-0{1 + number}-14T10:00:00")
    found = photo(path, person, info=info, boxes=(Box(0.37, 0.3, 0.26, 0.3),))
    return replace(found, size=len(data), thumbnails=(data,))


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    root = tmp_path / "album"
    root.mkdir()
    batch = [scanned(root, p, n) for p, size in enumerate(SIZES, 1) for n in range(size)]
    broken = Scanned("<b>broken</b>.jpg", 7, 1, error_kind="truncated", error="ends too early")
    with library(root, *batch, broken) as opened:
        clusters, first = [], 1
        for size in SIZES:
            clusters.append(tuple(range(first, first + size)))
            first += size
        group(opened.db, *clusters)
        yield opened


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        yield browser
        browser.close()


@pytest.fixture
def context(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser of one's own, in which nothing may go wrong unseen and nobody else be asked."""
    context = chromium.new_context(viewport={"width": 1100, "height": 800})
    context.set_default_timeout(60_000)
    wrong: list[str] = []
    asked: set[str] = set()

    def complain(line: ConsoleMessage) -> None:
        if "Content Security Policy" in line.text or "Trusted" in line.text:
            wrong.append(line.text)

    context.on("weberror", lambda error: wrong.append(str(error.error)))
    context.on("console", complain)
    context.on("request", lambda request: asked.add("/".join(request.url.split("/")[:3])))
    yield context
    context.close()
    assert not wrong
    assert len(asked) <= 2
    assert all(address.startswith("http://127.0.0.1:") for address in asked)


@pytest.fixture
def server(album: Library) -> Iterator[Served]:
    with served(album.db.path) as running:
        yield running


@pytest.fixture
def page(context: BrowserContext, server: Served) -> Page:
    return opened(context, server)


def opened(context: BrowserContext, server: Served, path: str = "/") -> Page:
    page = context.new_page()
    page.goto(server.address)
    page.wait_for_url(f"{server.origin}/", wait_until="commit")
    if path != "/":
        page.goto(server.origin + path)
    page.wait_for_selector("main:not([aria-busy]) h1")
    return page


def press(page: Page, *keys: str) -> None:
    for key in keys:
        page.keyboard.press(key)


def quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def said(page: Page, text: str) -> None:
    """Wait for a notice, which a screen reader would read out."""
    page.wait_for_selector(
        f"#toasts[role=status] .toast:has-text({json.dumps(text, ensure_ascii=False)})"
    )


def heading(page: Page, text: str) -> None:
    page.wait_for_selector(f"main:not([aria-busy]) h1:text-is({quoted(text)})")


def until(what: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not what():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- an evening, by keyboard alone ---


def test_naming_rejecting_merging_splitting_and_undoing_by_keyboard(
    page: Page, album: Library
) -> None:
    before = people(album)
    press(page, "ArrowDown", "Enter")
    heading(page, "Number 1")
    press(page, "n")
    page.keyboard.type("Ann")
    press(page, "Enter")
    said(page, "Named Ann")
    heading(page, "Ann")
    # Two faces are somebody else.
    press(page, "ArrowDown", "x", "ArrowRight", "x", "s")
    said(page, "2 faces of Ann moved to a new person")
    until(lambda: len(people(album)["Ann"]) == 4)
    press(page, "ArrowDown", "x", "r")
    said(page, "1 face taken from Ann")
    press(page, "a", "Escape", "Escape")
    heading(page, "People")
    # Merge the second and the third of the list.
    press(page, "ArrowDown", "ArrowRight", "x", "ArrowRight", "x", "m")
    said(page, "faces now")
    press(page, "z")
    said(page, "Taken back: joined")
    for _ in range(3):
        page.wait_for_selector("#undo:not([disabled])")
        page.wait_for_timeout(100)
        press(page, "z")
        said(page, "Taken back")
        page.locator(".toast").evaluate("toast => toast.remove()")
    until(lambda: people(album) == before)


def test_a_known_name_is_completed_and_joins(page: Page, album: Library) -> None:
    pipeline.name(album, "1", "Zoë Ćorić")
    page.goto(page.url + "people/2")
    heading(page, "Number 2")
    press(page, "n")
    page.keyboard.type("zo")
    page.wait_for_selector("[role=option]:has-text('Zoë Ćorić')")
    press(page, "ArrowDown", "Enter")
    said(page, "Joined with Zoë Ćorić, who has 11 faces now")
    page.wait_for_url("**/people/1")  # on with the person that number 2 became part of
    heading(page, "Zoë Ćorić")
    press(page, "z")
    until(lambda: people(album).get(2) == (7, 8, 9, 10, 11))


def test_merging_hiding_and_the_date_of_birth(page: Page, album: Library) -> None:
    pipeline.name(album, "1", "Ann")
    page.goto(page.url + "people/3")
    heading(page, "Number 3")
    press(page, "m")
    page.keyboard.type("ann")
    page.wait_for_selector("[role=option]")
    press(page, "Enter")
    said(page, "Ann has 10 faces now")
    heading(page, "Ann")
    press(page, "b")
    page.keyboard.type("2011")
    press(page, "Enter")
    said(page, "2 faces taken on earlier days left")
    press(page, "h")
    said(page, "Ann hidden")
    page.wait_for_selector("button:has-text('Show again')")
    press(page, "h")
    said(page, "Ann shown again")


def test_questions_are_answered_with_one_key_each(page: Page, album: Library) -> None:
    pipeline.name(album, "1", "Ann")
    doubt(album, *product(range(1, 7), range(7, 12)))  # is number 2 Ann, too?
    doubt(album, *product(range(12, 16), range(16, 21)), log_odds=1.0)  # are 4 and 5 number 3?
    press(page, "q")
    heading(page, "Is this Ann, too?")
    press(page, "s")
    heading(page, "Which of these are the same person?")
    page.wait_for_selector("[role=checkbox][aria-checked=true] >> nth=1")
    press(page, "2")
    page.wait_for_selector("button:has-text('Yes, 1; 1 not')")
    press(page, "y")
    said(page, "faces now")
    page.wait_for_selector(".empty:has-text('skipped again')")
    page.locator(".empty button").click()
    heading(page, "Is this Ann, too?")
    page.reload()
    heading(page, "Is this Ann, too?")
    press(page, "n")
    said(page, "Not Ann")
    page.wait_for_selector(".empty")
    assert people(album)["Ann"] == (1, 2, 3, 4, 5, 6)
    assert len(people(album)) == len(SIZES) - 1
    press(page, "z")
    heading(page, "Is this Ann, too?")


def test_a_name_that_another_program_knows_is_given_by_a_click(page: Page, album: Library) -> None:
    ledger.put_decision(album.db, Decision(0, "hint", name="<b>Zoë", photos=(1,)))
    page.goto(page.url + "photos/1")
    page.wait_for_selector(".waiting h2:has-text('<b>Zoë is in this photo, too')")
    page.get_by_role("button", name="Number 1 is <b>Zoë").click()
    page.locator(".waiting h2").wait_for(state="detached")
    assert people(album)["<b>Zoë"] == (1, 2, 3, 4, 5, 6)


def test_the_photo_and_its_boxes(page: Page, album: Library) -> None:
    page.goto(page.url + "people/1")
    page.locator(".faces a").first.click()
    image = page.locator(".stage > img")
    image.wait_for()
    until(lambda: image.evaluate("image => image.naturalWidth") == 400)
    box, stage = page.locator(".box").bounding_box(), page.locator(".stage").bounding_box()
    assert box is not None
    assert stage is not None
    assert (box["x"] - stage["x"]) / stage["width"] == pytest.approx(0.37, abs=0.01)
    assert box["height"] / stage["height"] == pytest.approx(0.3, abs=0.01)
    heading(page, "1-0.jpg")
    press(page, "ArrowRight")
    heading(page, "1-1.jpg")
    press(page, "b")
    page.locator(".box").wait_for(state="hidden")
    press(page, "Escape")
    heading(page, "Number 1")
    (album.root / "1-5.jpg").unlink()
    page.goto(page.url.split("/people")[0] + "/photos/6")
    page.wait_for_selector(".lost:has-text('the file is gone')")


def test_unreadable_photos_history_and_search(page: Page, album: Library) -> None:
    pipeline.name(album, "2", "Bob")
    press(page, "u")
    page.wait_for_selector("li:has-text('<b>broken</b>.jpg'):has-text('ends too early')")
    press(page, "l")
    page.wait_for_selector("li:has-text('named Bob, 5 faces')")
    press(page, "/")
    page.keyboard.type("bo")
    page.wait_for_selector(".card:has-text('Bob')")
    until(lambda: page.locator(".card").count() == 1)
    press(page, "Enter")
    page.wait_for_selector(".card a:focus")
    press(page, "Enter")
    heading(page, "Bob")
    press(page, "/")
    page.keyboard.type("a smiling child")
    press(page, "Enter")  # nobody is called so
    heading(page, "“a smiling child”")
    page.wait_for_selector(".summary:has-text('no CLIP embeddings yet')")


# --- what goes wrong ---


@pytest.mark.parametrize("name", [HOSTILE, RTL, "x" * 300, "Robert'); DROP TABLE faces;--"])
def test_hostile_names_are_only_text(page: Page, album: Library, name: str) -> None:
    pipeline.name(album, "1", name)
    pipeline.name(album, "2", "Bob")
    for path in ("", "people/1", "photos/1?person=1", "suggestions", "log", "?words=x"):
        page.goto(f"{page.url.split('//')[0]}//{page.url.split('/')[2]}/{path}")
        page.wait_for_selector("main:not([aria-busy]) h1")
        page.wait_for_timeout(150)
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), path
        assert page.locator("main script, main img[src=x]").count() == 0
    page.goto(page.url.split("/?")[0] + "/people/1")
    heading(page, name)
    assert page.title() == f"{name} · faceclust"
    press(page, "n")  # in the dialog, too, and with itself completed
    page.wait_for_selector("dialog[open]")
    press(page, "End")
    page.keyboard.type("!")
    press(page, "Enter")
    if len(name) < 300:
        said(page, "Named")
        until(lambda: f"{name}!" in people(album))


def test_two_tabs_know_of_each_other(
    context: BrowserContext, server: Served, album: Library
) -> None:
    one, two = opened(context, server, "/people/1"), opened(context, server, "/people/1")
    one.bring_to_front()
    press(one, "n")
    one.keyboard.type("Ann")
    press(one, "Enter")
    said(one, "Named Ann")
    heading(two, "Ann")
    two.bring_to_front()
    press(two, "z")
    said(two, "Taken back: named Ann")
    heading(one, "Number 1")
    assert set(people(album)) == {1, 2, 3, 4, 5, 6}


def test_a_stale_tab_is_told_so(context: BrowserContext, server: Served, album: Library) -> None:
    page = opened(context, server, "/people/2")
    press(page, "n")
    page.keyboard.type("Bob")
    pipeline.merge(album, ["1", "2"])  # from a terminal meanwhile
    press(page, "Enter")
    page.wait_for_selector(".toast.bad:has-text('no person number 2 any more')")
    page.wait_for_selector("h1:has-text('Not here any more')")
    assert "Bob" not in people(album)


def test_a_reload_in_the_middle_applies_nothing_twice(page: Page, album: Library) -> None:
    page.goto(page.url + "people/1")
    heading(page, "Number 1")
    page.route("**/api/answers", lambda route: (route.fetch(), time.sleep(0.3), route.abort())[0])
    press(page, "n")
    page.keyboard.type("Ann")
    press(page, "Enter")
    page.wait_for_timeout(200)
    page.unroute_all(behavior="ignoreErrors")
    page.reload()
    heading(page, "Ann")  # it had arrived, though the reply was lost
    assert len(pipeline.log(album)) == 1
    press(page, "z")
    said(page, "Taken back: named Ann")
    heading(page, "Number 1")


def test_a_lost_reply_is_asked_for_again_and_counts_once(page: Page, album: Library) -> None:
    page.goto(page.url + "people/1")
    heading(page, "Number 1")
    sent: list[str] = []

    def lose_the_first(route: Any) -> None:
        sent.append(route.request.post_data)
        if len(sent) == 1:
            route.fetch()  # it arrives, but the reply does not
            route.abort()
        else:
            route.continue_()

    page.route("**/api/answers", lose_the_first)
    press(page, "h")
    said(page, "Number 1 hidden")
    assert len(sent) == 2
    assert sent[0] == sent[1]
    assert len(pipeline.log(album)) == 1


def test_a_double_click_is_one_answer(page: Page, album: Library) -> None:
    page.goto(page.url + "people/1")
    page.locator("button:has-text('Ignore')").dblclick()
    said(page, "ignored")
    page.wait_for_timeout(300)
    assert len(pipeline.log(album)) == 1


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.03])
def test_a_server_that_is_killed_during_a_click_loses_nothing(
    context: BrowserContext, album: Library, moment: float
) -> None:
    with served(album.db.path) as running:
        page = opened(context, running, "/people/1")
        press(page, "n")
        page.keyboard.type("Ann")
        press(page, "Enter")
        said(page, "Named Ann")
        page.goto(f"{running.origin}/people/2")
        heading(page, "Number 2")
        killer = threading.Timer(moment, running.kill)
        killer.start()
        press(page, "h")
        killer.join()
        page.wait_for_timeout(200)
        press(page, "h")  # the first one may have been answered in time, and nothing asked since
        page.wait_for_selector(".ended[role=alert]:has-text('faceclust has ended')")
    state = people(album)
    assert state["Ann"] == (1, 2, 3, 4, 5, 6)
    assert state[2] == (7, 8, 9, 10, 11)
    assert next(album.db.rows("PRAGMA integrity_check"))[0] == "ok"
    done = len(pipeline.log(album))
    assert done in (1, 2)  # the click counts or does not, but never by half
    with served(album.db.path) as running:
        page = opened(context, running, "/people/2")
        page.wait_for_selector(
            "button:has-text('Show again')" if done == 2 else "button:has-text('Hide')"
        )


def test_answers_while_a_scan_writes(page: Page, album: Library) -> None:
    """Naming goes on while another process adds photos and clusters anew."""
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(album.db.path)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert writer.stdout is not None
    writer.stdout.readline()
    for number in (1, 2, 3):
        page.goto(f"{page.url.split('/people')[0].rstrip('/')}/people/{number}")
        heading(page, f"Number {number}")
        press(page, "n")
        page.keyboard.type(f"Person {number}")
        press(page, "Enter")
        said(page, f"Named Person {number}")
    writer.send_signal(signal.SIGTERM)
    writer.communicate()
    assert {"Person 1", "Person 2", "Person 3"} <= set(people(album))
    assert next(album.db.rows("PRAGMA integrity_check"))[0] == "ok"


WRITER = """
import sys, itertools
from faceclust.store import open_database
from tests.synthetic import photo, put
from pathlib import Path
with open_database(Path(sys.argv[1])) as db:
    for n in itertools.count():
        put(db, *(photo(f"new/{n}-{i}.jpg", 50 + i) for i in range(20)))
        print(n, flush=True)
"""


# --- how it is to use ---


def test_the_command_ends_well_and_says_where_it_is(album: Library) -> None:
    with served(album.db.path) as running:
        assert running.process.stderr is not None
        assert "only this machine" in running.process.stderr.readline()
        code, err = running.end()
    assert code == 0
    assert "Ended" in err
    assert "Traceback" not in err


def test_a_port_that_is_taken_is_one_sentence(album: Library) -> None:
    with served(album.db.path) as running:
        port = running.origin.rsplit(":", 1)[1]
        done = subprocess.run(
            [sys.executable, "-m", "faceclust", "review", "--no-browser", "--port", port,
             "--db", str(album.db.path)],
            capture_output=True, text=True, check=False, timeout=60,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert "--port another" in done.stderr


NAMELESS = """
() => [...document.querySelectorAll("a[href], button, input, select, [role], img")]
    .filter(element => element.offsetParent !== null)
    .filter(element => {
        const labelled = element.getAttribute("aria-labelledby");
        const name = element.getAttribute("aria-label") || element.getAttribute("alt")
            || (labelled && document.getElementById(labelled)?.textContent)
            || element.textContent.trim() || element.title;
        const decoration = element.tagName === "IMG" && element.hasAttribute("alt");
        const structure = ["status", "list", "presentation", "group", "toolbar", "alert"]
            .includes(element.getAttribute("role"));
        return !name && !decoration && !structure;
    }).map(element => element.outerHTML.slice(0, 200))
"""
SMALL = """
() => [...document.querySelectorAll("button, .chip, nav a, select")]
    .filter(element => element.offsetParent !== null && element.getBoundingClientRect().height < 28)
    .map(element => element.outerHTML.slice(0, 120))
"""
CONTRAST = """
() => {
    const parse = colour => {
        const canvas = Object.assign(document.createElement("canvas"), { width: 1, height: 1 });
        const pen = canvas.getContext("2d");
        pen.fillStyle = colour; pen.fillRect(0, 0, 1, 1);
        return [...pen.getImageData(0, 0, 1, 1).data].slice(0, 3).map(v => {
            v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; });
    };
    const light = c => 0.2126 * c[0] + 0.7152 * c[1] + 0.0722 * c[2];
    const ground = element => {
        for (; element; element = element.parentElement) {
            const colour = getComputedStyle(element).backgroundColor;
            if (!/, 0\\)$/.test(colour) && colour !== "transparent") return colour;
        }
        return "white";
    };
    return [...document.querySelectorAll("main *, header *, dialog *")]
        .filter(e => e.offsetParent !== null && !e.disabled && !e.closest(".candidate, .stage")
            && [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim()))
        .map(e => {
            const [a, b] = [light(parse(getComputedStyle(e).color)), light(parse(ground(e)))];
            return [(Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05), e.outerHTML.slice(0, 100)];
        }).filter(([ratio]) => ratio < 4.5);
}
"""
FOCUSED = """
() => {
    const focused = document.activeElement;
    const outlined = [focused, ...focused.children]
        .some(element => getComputedStyle(element).outlineStyle !== "none");
    return [(focused.getAttribute("aria-label") ?? focused.textContent).trim(),
            outlined || focused.matches("input")];
}
"""
PATHS = (
    "/",
    "/search?text=a+smile",
    "/people/1",
    "/photos/1?person=1",
    "/suggestions",
    "/log",
    "/errors",
    "/people/999",
)


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 360])
def test_every_page_has_names_room_and_contrast(
    chromium: Browser, server: Served, album: Library, width: int, scheme: str
) -> None:
    pipeline.name(album, "1", "Ann")
    context = chromium.new_context(
        viewport={"width": width, "height": 780}, color_scheme=scheme, has_touch=width < 500
    )  # type: ignore[arg-type]
    page = opened(context, server)
    for path in PATHS:
        page.goto(server.origin + path)
        page.wait_for_selector("main:not([aria-busy]) h1")
        page.wait_for_timeout(200)
        assert page.evaluate(NAMELESS) == [], path
        assert page.evaluate(SMALL) == [], path
        assert page.evaluate(CONTRAST) == [], path
        assert page.evaluate("document.scrollingElement.scrollWidth <= innerWidth"), path
        assert page.locator("h1:visible").count() == 1
        assert page.locator("html[lang=en], main#main, header nav[aria-label]").count() == 3
        assert page.evaluate("document.title").endswith("faceclust")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (int(background.split("(")[1].split(",")[0]) < 100) == (scheme == "dark")
    press(page, "?")
    assert page.evaluate(NAMELESS) == []
    assert page.locator("dialog[open]").get_attribute("aria-labelledby") == "dialog-title"
    press(page, "Escape")
    context.close()


def test_tab_reaches_everything_and_focus_shows(page: Page) -> None:
    seen = []
    page.wait_for_selector(".card")
    while len(seen) < 40:
        press(page, "Tab")
        if page.evaluate("document.activeElement === document.body"):
            break  # round, and out of the page
        name, outlined = page.evaluate(FOCUSED)
        seen.append(name)
        assert outlined, name
    assert seen[0] == "Skip to content"
    for wanted in ("People", "Suggestions", "Search by name or looks", "Order", "Number 1, 6 faces",
                   "Select Number 1"):  # fmt: skip
        assert wanted in seen, seen


def test_the_theme_can_be_chosen_and_stays(page: Page) -> None:
    page.locator("#theme").click()  # auto → light
    page.locator("#theme").click()  # light → dark
    page.reload()
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    assert page.locator("#theme").get_attribute("aria-label") == "Theme: dark"


def test_only_what_is_in_sight_exists(context: BrowserContext, tmp_path: Path) -> None:
    many = [photo(f"{i}.jpg", i, info=taken(i)) for i in range(1500)]
    with library(tmp_path / "many", *many, db=tmp_path / "many.db") as opened_library:
        group(opened_library.db, *((2 * i + 1, 2 * i + 2) for i in range(750)))
        with served(tmp_path / "many.db") as running:
            page = opened(context, running)
            page.wait_for_selector(".card")
            assert page.locator(".card").count() < 120
            page.keyboard.press("ArrowDown")
            page.keyboard.press("End")
            page.wait_for_selector(".card[aria-posinset='750'] a:focus")
            assert page.locator(".card").count() < 120
            assert page.locator(".card").last.get_attribute("aria-setsize") == "750"

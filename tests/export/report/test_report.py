"""The report as it is written, and as a real browser shows it."""

from __future__ import annotations

import io
import re
import shutil
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from faceclust.export.report import ReportOptions, figures, overview, page, person_sheet
from faceclust.export.report.page import bars, years
from faceclust.records import Person

HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src=https://example.invalid/x onerror=alert(1)>',
    "{{ 7 * 7 }} {% raw %} &amp; </style>",
    "عائشة \u05d0\u05d1\u05d2",
    "x" * 300,
]
GROUND = "getComputedStyle(document.body).backgroundColor"
COUNTS = {"people": 20, "named": 5, "faces": 60, "photos": 40}


def jpeg(face: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (112, 112), (face * 40 % 255, 90, 140)).save(out, "JPEG")
    return out.getvalue()


def library(names: list[str | None]) -> tuple[list[Person], dict[int, tuple[str, str, float]]]:
    people = [Person(i, name, tuple(range(10 * i, 10 * i + 3))) for i, name in enumerate(names, 1)]
    facts = {
        face: (f"{face}.jpg", f"{2000 + face % 25}-0{face % 9 + 1}-11T00:00:00", float(face))
        for person in people
        for face in person.faces
    }
    return people, facts


def html(names: list[str | None], **options: int) -> str:
    chosen = ReportOptions(**options)  # type: ignore[arg-type]
    people, facts = library(names)
    return "".join(page(figures(people, facts, chosen), "<b>Home", COUNTS, jpeg, chosen))


def test_who_is_shown_and_in_which_order() -> None:
    people = [
        Person(1, None, (1, 2)), Person(2, "Ann", (3,)), Person(3, None, (4,)),
        Person(4, "Bob", (5, 6, 7)), Person(5, "Eve", (8,), ignored=True),
    ]  # fmt: skip
    facts = {face: (f"{face // 2}.jpg", f"201{face}-05-01T10:00:00", face) for face in range(1, 9)}
    shown = figures(people, facts, ReportOptions())
    assert [person.label for person in shown] == ["Bob", "Ann", "Person 1"]
    bob = shown[0]
    assert (bob.faces, bob.photos, bob.first, bob.last) == (3, 2, "2015-05-01", "2017-05-01")
    assert bob.best == (7, 5)  # one of a photo, the best first
    assert bob.months == {"2015-05": 1, "2016-05": 1, "2017-05": 1}
    assert len(figures(people, facts, ReportOptions(seen_once=True))) == 4


def test_the_timeline_shades_by_share_of_the_fullest_month() -> None:
    rows = years(Counter({"2019-07": 100, "2019-08": 1, "2021-01": 50}))
    assert [(row.year, row.total) for row in rows] == [("2021", 50), ("2019", 101)]
    shades = {month: shade for row in rows for month, _, shade in row.months}
    assert (shades["2019-07"], shades["2019-08"], shades["2021-01"]) == (4, 1, 2)
    assert shades["2019-01"] == 0
    assert bars({"2019-07": 2, "2020-01": 4}) == [("2019", 2, 0.5), ("2020", 4, 1.0)]
    assert years(Counter({f"{year:04}-01": 1 for year in range(1, 9999)}))[-1].year > "9000"


def test_names_are_text_and_nothing_is_outside() -> None:
    text = html([*HOSTILE])
    assert "<script" not in text
    assert "<img src=https" not in text
    assert "&#34;&gt;&lt;img" in text
    assert "{{ 7 * 7 }}" in text
    # Inside of tags: what a name says is text.
    tags = re.findall(r"<[a-z][^>]*>", text)
    assert not [tag for tag in tags if re.search(r"""(?:src|href)\s*=\s*(?!["']?data:)""", tag)]
    assert "url(" not in text


def test_a_large_library_is_capped_and_says_so() -> None:
    text = html([f"N{i}" for i in range(60)], sheets=10, portraits=20)
    assert text.count("data:image/jpeg") == 10 * 3 + 20
    assert "And 30 more, without pictures" in text
    assert "N59" in text


def test_five_thousand_people_stay_small() -> None:
    people, facts = library([f"Person of the family {i}" for i in range(5000)])
    chosen = ReportOptions()
    small = jpeg(1)
    pieces = page(figures(people, facts, chosen), "L", COUNTS, lambda face: small, chosen)
    assert sum(map(len, pieces)) < 8_000_000


def test_sheets_are_pictures() -> None:
    people, facts = library([*HOSTILE, None])
    shown = figures(people, facts, ReportOptions())
    sheet = Image.open(io.BytesIO(overview(shown, "Home", jpeg)))
    assert sheet.size[0] >= 6 * 112
    many = shown * 100
    assert Image.open(io.BytesIO(overview(many, "Home", jpeg))).size[1] < 6000
    own = Image.open(io.BytesIO(person_sheet(shown[0], lambda face: b"no jpeg")))
    assert own.format == "PNG"


@pytest.fixture(scope="module")
def chromium() -> str:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("needs Chromium to look at the page")
    pytest.importorskip("playwright.sync_api", reason="needs playwright to drive Chromium")
    return program


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_browser_shows_it_without_a_word_or_a_request(
    chromium: str, tmp_path: Path, scheme: Any
) -> None:
    from playwright.sync_api import sync_playwright

    file = tmp_path / "report.html"
    file.write_text(html([*HOSTILE, "Ann"], sheets=5, portraits=1), encoding="utf-8")
    said: list[str] = []
    asked: list[str] = []
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        view = browser.new_page(color_scheme=scheme, viewport={"width": 390, "height": 800})
        view.on("console", lambda message: said.append(message.text))
        view.on("pageerror", lambda error: said.append(str(error)))
        view.on("request", lambda request: asked.append(request.url))
        view.goto(file.as_uri())
        labels = view.locator("h3, figcaption bdi").all_inner_texts()
        title, ground = (
            view.title(),
            view.evaluate("getComputedStyle(document.body).backgroundColor"),
        )
        wide = view.evaluate("document.documentElement.scrollWidth")
        seen = view.locator("img").evaluate_all("all => all.filter(i => i.naturalWidth).length")
        view.emulate_media(media="print")
        printed = view.evaluate(GROUND)
        browser.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("data:", file.as_uri()))] == []
    assert [label.strip() for label in labels] == [*HOSTILE, "Ann"]
    assert title == "People in <b>Home"
    assert (ground == "rgb(21, 23, 26)") == (scheme == "dark")
    assert printed == "rgb(255, 255, 255)"
    assert wide <= 390  # nothing sticks out of a phone
    assert seen > 0

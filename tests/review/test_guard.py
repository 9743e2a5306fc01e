"""Who may ask, and what every answer says about itself."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from faceclust.review.app import HERE, PAGES, create_app
from faceclust.review.guard import TICKET_SECONDS, Ticket
from faceclust.review.session import Session
from tests.review.conftest import ORIGIN, PORT, TOKEN, Page

ADDRESSES = [
    "/", "/search", "/suggestions", "/people/1", "/photos/1", "/log", "/errors",
    "/api/state", "/api/people", "/api/names", "/api/people/1", "/api/photos/1", "/api/log",
    "/api/errors", "/api/search", "/api/suggestions", "/faces/1.jpg", "/faces/1/large.jpg",
    "/photos/1.jpg", "/static/main.js", "/nowhere",
]  # fmt: skip
COOKIE = f"faceclust-{PORT}"


def test_the_addresses_are_all_there_are(page: Page) -> None:
    routes = page.client.app.routes  # type: ignore[attr-defined]
    paths = {route.path.replace("{number:int}", "1") for route in routes}
    assert paths - {"/static", "/api/answers"} == set(ADDRESSES) - {"/static/main.js", "/nowhere"}
    assert len(PAGES) == 7


def test_without_the_token_nothing_is_told(stranger: TestClient) -> None:
    for cookies in ({}, {COOKIE: ""}, {COOKIE: "wrong"}, {COOKIE: "ü"}, {"other": TOKEN}):
        headers = {"Cookie": "; ".join(f"{k}={v}" for k, v in cookies.items()).encode()}
        for path in ADDRESSES:
            response = stranger.get(path, headers=headers)
            assert response.status_code == 403, path
            assert "locked" in response.text


@pytest.mark.parametrize("given", ["", "wrong", TOKEN[:-1], TOKEN + "x", "é", "%00", "\udce9"])
def test_a_wrong_token_opens_nothing(stranger: TestClient, given: str) -> None:
    response = stranger.get("/", params={"token": given.encode("utf-8", "surrogateescape")})
    assert response.status_code == 403
    assert "set-cookie" not in response.headers


def test_the_token_becomes_a_cookie_that_no_script_and_no_other_site_can_use(
    stranger: TestClient,
) -> None:
    response = stranger.get("/", params={"token": TOKEN})
    cookie = response.headers["set-cookie"].lower()
    assert "httponly" in cookie
    assert "samesite=strict" in cookie
    assert "max-age" not in cookie  # gone with the browser
    # It goes on to an address that does not bear the token.
    assert '<meta http-equiv="refresh" content="0; url=/">' in response.text
    assert TOKEN not in response.text
    assert stranger.get("/").status_code == 200


@pytest.fixture
def now() -> list[float]:
    """The time, which a test may set."""
    return [1000.0]


@pytest.fixture
def ticket(now: list[float]) -> Ticket:
    return Ticket(lambda: now[0])


@pytest.fixture
def browsers(session: Session, ticket: Ticket) -> list[TestClient]:
    """Three of them, none of which was given anything."""
    app = create_app(session, TOKEN, PORT, ticket)
    return [TestClient(app, base_url=ORIGIN) for _ in range(3)]


def test_a_ticket_opens_the_page_once(browsers: list[TestClient], ticket: Ticket) -> None:
    first, second, third = browsers
    response = first.get("/", params={"token": ticket.text})
    assert ticket.text not in response.text
    assert first.get("/api/state").status_code == 200
    refused = second.get("/", params={"token": ticket.text})
    assert refused.status_code == 403
    assert "set-cookie" not in refused.headers
    assert "Open the address that <code>faceclust review</code> printed" in refused.text
    assert "has been used already" in refused.text
    assert second.get("/api/state").status_code == 403
    # The printed address opens it as often as one likes.
    for browser in (second, third):
        assert browser.get("/", params={"token": TOKEN}).status_code == 200
        assert browser.get("/api/state").status_code == 200


def test_a_browser_that_is_restored_opens_its_first_address_again(
    browsers: list[TestClient], ticket: Ticket
) -> None:
    for _ in range(2):
        opened = browsers[0].get("/", params={"token": ticket.text})
        assert opened.status_code == 200
        assert 'content="0; url=/"' in opened.text


def test_a_ticket_is_not_the_cookie(browsers: list[TestClient], ticket: Ticket) -> None:
    assert ticket.text != TOKEN
    headers = {"Cookie": f"{COOKIE}={ticket.text}"}
    assert browsers[0].get("/api/state", headers=headers).status_code == 403


def test_a_ticket_expires(browsers: list[TestClient], ticket: Ticket, now: list[float]) -> None:
    now[0] += TICKET_SECONDS + 1
    refused = browsers[0].get("/", params={"token": ticket.text})
    assert refused.status_code == 403
    assert "has been used already" not in refused.text
    assert browsers[0].get("/", params={"token": TOKEN}).status_code == 200


def test_a_guess_does_not_use_the_ticket_up(browsers: list[TestClient], ticket: Ticket) -> None:
    for guess in ("", "é", ticket.text[:-1]):
        refused = browsers[0].get("/", params={"token": guess})
        assert refused.status_code == 403
        assert "has been used already" not in refused.text
    assert browsers[0].get("/", params={"token": ticket.text}).status_code == 200


@pytest.mark.parametrize(
    "host",
    ["evil.example", f"evil.example:{PORT}", "127.0.0.1", "127.0.0.1:1", f"[::1]:{PORT}",
     f"127.0.0.1:{PORT}.evil.example", f"LOCALHOST:{PORT}@evil", ""],
)  # fmt: skip
def test_another_host_is_refused_even_with_the_token(page: Page, host: str) -> None:
    response = page.client.get("/api/state", headers={"Host": host})
    assert response.status_code == 421


def test_localhost_is_this_host(page: Page) -> None:
    headers = {"Host": f"localhost:{PORT}", "Cookie": f"{COOKIE}={TOKEN}"}
    assert page.client.get("/api/state", headers=headers).status_code == 200


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"Origin": "null"},
        {"Origin": "http://evil.example"},
        {"Origin": f"http://localhost:{PORT}"},  # the host was 127.0.0.1
        {"Origin": "http://127.0.0.1:1"},
        {"Origin": f"https://127.0.0.1:{PORT}"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "cross-site"},
        {"Origin": ORIGIN, "Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_pages_cannot_answer(page: Page, headers: dict[str, str]) -> None:
    body = {"key": "12345678", "kind": "name", "people": [page.person(1)], "name": "Evil"}
    response = page.client.post("/api/answers", json=body, headers=headers)
    assert response.status_code == 403
    assert page.get("/api/people/1")["person"]["name"] is None


@pytest.mark.parametrize("headers", [
    {"Sec-Fetch-Site": "cross-site"}, {"Sec-Fetch-Site": "same-site"},
    {"Origin": "http://evil.example"},
])  # fmt: skip
@pytest.mark.parametrize("path", ["/api/state", "/faces/1.jpg"])
def test_other_pages_cannot_look(page: Page, path: str, headers: dict[str, str]) -> None:
    assert page.client.get(path, headers=headers).status_code == 403


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_looking_is_all_that_can_be_done_elsewhere(page: Page, method: str) -> None:
    for path in ADDRESSES:
        response = page.client.request(method, path, headers={"Origin": ORIGIN})
        assert response.status_code in (404, 405), path


def test_answers_cannot_be_given_by_looking(page: Page) -> None:
    assert page.client.get("/api/answers").status_code == 405


def test_every_answer_is_locked_down(page: Page) -> None:
    strangers = TestClient(page.client.app, base_url=ORIGIN)
    for client, path in product((page.client, strangers), ADDRESSES):
        headers = client.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "script-src 'self';" in policy
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert headers["x-frame-options"] == "DENY"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-resource-policy"] == "same-origin"
        assert headers["cache-control"].split(",")[0] in ("no-store", "private")
        assert "access-control-allow-origin" not in headers


def test_only_pictures_are_kept_by_the_browser(page: Page) -> None:
    assert page.client.get("/faces/1.jpg").headers["cache-control"] == "private, max-age=600"
    assert page.client.get("/api/people/1").headers["cache-control"] == "no-store"


def test_the_page_has_nothing_inline_and_asks_nobody_else() -> None:
    sources = [
        *HERE.rglob("*.html"),
        *HERE.rglob("*.js"),
        *HERE.rglob("*.css"),
        *HERE.rglob("*.svg"),
    ]
    assert len(sources) > 10
    for source in sources:
        text = source.read_text().replace("http://www.w3.org/", "")
        assert not re.search(r"https?://|//[a-z]+\.[a-z]", text), source
        if source.suffix == ".html":
            assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son[a-z]+=", text), source
        if source.suffix == ".js":
            assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|eval\(", text)


@pytest.mark.parametrize(
    "path",
    ["/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2f..%2f..%2fpyproject.toml",
     "/static//etc/passwd", "/static/", "/photos/..%2f1.jpg", "/faces/a.jpg", "/faces/-1.jpg",
     "/faces/1.5.jpg"],
)  # fmt: skip
def test_no_path_leads_out(page: Page, path: str) -> None:
    assert page.client.get(path).status_code == 404


def test_what_the_page_serves_is_in_the_package() -> None:
    assert (HERE / "templates" / "page.html").is_file()
    assert Path("review") / "static" / "main.js" == (HERE / "static" / "main.js").relative_to(
        HERE.parent
    )

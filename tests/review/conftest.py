from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from faceclust import pipeline
from faceclust.pipeline import Library
from faceclust.records import PhotoInfo
from faceclust.review.app import create_app
from faceclust.review.session import Session
from faceclust.store import Scanned
from tests.synthetic import group, library, photo

TOKEN, PORT = "t0ken" * 5, 4321
ORIGIN = f"http://127.0.0.1:{PORT}"


def taken(day: int) -> PhotoInfo:
    """A photo of some day in July; people who were seen on one day only are strangers."""
    return PhotoInfo(4000, 3000, 1, "JPEG", f"2019-07-{10 + day % 20}T18:03:22")


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    """Six photos of three people, faces 1 2 3 | 4 5 | 6, numbers 1, 2 and 3; one unreadable.

    Number 3, seen once, is a stranger.
    """
    people = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 3}
    batch = [
        photo(f"{name}.jpg", person, info=taken(day))
        for day, (name, person) in enumerate(people.items())
    ]
    broken = Scanned("x<b>.jpg", 7, 1, error_kind="truncated", error="ends too early")
    with library(tmp_path / "album", *batch, broken) as opened:
        group(opened.db, (1, 2, 3), (4, 5), (6,))
        yield opened


@pytest.fixture
def session(album: Library) -> Iterator[Session]:
    session = Session(album.db.path)
    yield session
    session.close()


@pytest.fixture
def stranger(session: Session) -> Iterator[TestClient]:
    """A browser that was not given the token."""
    with TestClient(create_app(session, TOKEN, PORT), base_url=ORIGIN) as client:
        yield client


class Page:
    """The page's own modules, as the server sees them."""

    def __init__(self, client: TestClient) -> None:
        self.client = client
        self.keys = 0

    def get(self, path: str, code: int = 200) -> Any:
        response = self.client.get(path)
        assert response.status_code == code, response.text
        return response.json()

    def person(self, number: int) -> list[object]:
        """A person and the mark that goes with an answer about them."""
        return [number, self.get(f"/api/people/{number}")["person"]["mark"]]

    def answer(self, kind: str, *, code: int = 200, **fields: Any) -> Any:
        self.keys += 1
        body = {"key": f"key number {self.keys}", "kind": kind, **fields}
        response = self.client.post("/api/answers", json=body, headers={"Origin": ORIGIN})
        assert response.status_code == code, response.text
        return response.json()


@pytest.fixture
def page(stranger: TestClient) -> Page:
    assert stranger.get("/", params={"token": TOKEN}).status_code == 200
    return Page(stranger)


def people(library: Library) -> dict[str | int, tuple[int, ...]]:
    return {person.name or person.id: person.faces for person in pipeline.all_people(library)}


def doubt(library: Library, *pairs: tuple[int, int], log_odds: float = 2.0) -> None:
    """Let the newest clustering have left these pairs of faces apart, though they look alike."""
    with library.db.transaction() as sql:
        sql.executemany("INSERT INTO doubts VALUES (?, ?, ?)", ((*p, log_odds) for p in pairs))

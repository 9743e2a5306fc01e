"""What the page shows and what its answers do, without a browser."""

from __future__ import annotations

import mimetypes
import threading
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from starlette.testclient import TestClient

from faceclust.errors import OptionError
from faceclust.pipeline import Library, Match, Memo, all_people, ignore, name, undo
from faceclust.pipeline import people as pipeline_people
from faceclust.records import Decision
from faceclust.review import views
from faceclust.review.answers import parse
from faceclust.review.app import create_app
from faceclust.review.session import Session
from faceclust.store import intake, ledger
from tests.review.conftest import ORIGIN, PORT, TOKEN, Page, doubt, people
from tests.synthetic import group, photo, put

HOSTILE = "<script>alert(1)</script>"
RTL = "علی\u200cرضا"


def listed(page: Page, query: str = "") -> list[int]:
    return [person["id"] for person in page.get(f"/api/people{query}")["people"]]


def test_the_list_comes_in_stretches(page: Page) -> None:
    assert listed(page) == [1, 2]
    assert listed(page, "?show=strangers") == [3]
    assert listed(page, "?start=1&count=1") == [2]
    assert listed(page, "?start=9&count=100") == []
    assert page.get("/api/people?count=1")["total"] == 2


@pytest.mark.parametrize("query", [
    "?start=-1", "?count=x", "?start=1e3", "?start=٣", "?count=99999999999999", "?show=all",
    "?order=random", "?start=",
])  # fmt: skip
def test_a_list_that_is_none(page: Page, query: str) -> None:
    assert "error" in page.get(f"/api/people{query}", 400)


def test_scripts_and_styles_have_their_types_whatever_the_system_says(
    session: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    # As the registry of Windows may have it.
    for end in (".js", ".css"):
        monkeypatch.setitem(mimetypes.types_map, end, "text/plain")
        mimetypes.add_type("text/plain", end)
    with TestClient(create_app(session, TOKEN, PORT), base_url=ORIGIN) as client:
        client.get(f"/?token={TOKEN}")
        types = [
            client.get(f"/static/{path}").headers["content-type"].partition(";")[0]
            for path in ("main.js", "style.css")
        ]
    assert types == ["text/javascript", "text/css"]


def test_search_forgives_case_and_accents(page: Page, album: Library) -> None:
    name(album, "1", "Zoë Ćorić")
    for words in ("zoe", "coric", "ZOË cor", "  zo  "):
        assert listed(page, f"?words={words}") == [1]
    assert listed(page, "?words=oric") == []
    assert [each["name"] for each in page.get("/api/names?typed=cor")] == ["Zoë Ćorić"]


def test_search_by_looks(page: Page, album: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "CLIP" in page.get("/api/search?text=a smile", 400)["error"]
    assert "empty" in page.get("/api/search?text= ", 400)["error"]
    found = [Match(rank=1, score=0.3, face=5, person=2, name=None, file="e.jpg")]
    monkeypatch.setattr("faceclust.pipeline.search", lambda *_, **__: found)
    (shown,) = page.get("/api/search?text=a smile")
    assert (shown["face"], shown["photo"], shown["person"]["id"]) == (5, 5, 2)


def test_a_number_finds_somebody_without_a_name(page: Page) -> None:
    assert [each["id"] for each in page.get("/api/names?typed=2")] == [2]


def test_a_person_over_time(page: Page) -> None:
    shown = page.get("/api/people/1")
    assert [face for face, _, _ in shown["faces"]] == [1, 2, 3]
    assert [date for _, _, date in shown["faces"]] == [f"2019-07-1{i}" for i in range(3)]
    assert shown["person"]["photos"] == 3


def test_a_photo_and_who_is_in_it(page: Page) -> None:
    shown = page.get("/api/photos/4")
    assert (shown["file"], shown["width"]) == ("d.jpg", 4000)
    assert shown["faces"][0]["person"]["id"] == 2
    assert page.client.get("/photos/4.jpg").status_code == 404  # made up: no such file
    assert "gone" in page.get("/photos/4.jpg", 404)["error"]


def test_names_that_wait_for_a_face_are_shown_with_their_photo(page: Page, album: Library) -> None:
    ledger.put_decision(album.db, Decision(0, "hint", name="Zoe", photos=(4, 5)))
    assert page.get("/api/photos/4")["waiting"] == [{"name": "Zoe", "faces": [4]}]
    assert page.get("/api/photos/1")["waiting"] == []
    name(album, "2", "Zoe")
    assert page.get("/api/photos/4")["waiting"] == []


@pytest.mark.parametrize("number", [0, 7, 99, 2**62, 2**63, 10**30])
def test_ids_out_of_range(page: Page, number: int) -> None:
    for path in ("people", "photos"):
        page.get(f"/api/{path}/{number}", 404)
    for path in (f"/faces/{number}.jpg", f"/faces/{number}/large.jpg", f"/photos/{number}.jpg"):
        assert page.client.get(path).status_code == 404


def test_what_could_not_be_read(page: Page) -> None:
    assert page.get("/api/errors") == [
        {"file": "x<b>.jpg", "kind": "truncated", "reason": "ends too early"}
    ]


def test_a_file_whose_name_is_no_text(page: Page, album: Library) -> None:
    put(album.db, photo("caf\udce9.jpg", 1))
    assert page.get("/api/photos/7")["file"] == "caf?.jpg"


@pytest.mark.parametrize("given", [HOSTILE, RTL, "x" * 300, "'; DROP TABLE faces; --", "${7*7}"])
def test_names_come_back_as_they_went(page: Page, given: str) -> None:
    reply = page.answer("name", people=[page.person(1)], name=given)
    assert reply["person"] == 1
    assert page.get("/api/people/1")["person"]["name"] == given
    # The page itself holds no name at all: they are put in as text by its modules.
    assert given not in page.client.get("/people/1").text


def test_every_answer_is_one_decision(page: Page, album: Library) -> None:
    page.answer("name", people=[page.person(1)], name="Ann")
    assert people(album)["Ann"] == (1, 2, 3)
    page.answer("merge", people=[page.person(1), page.person(2)])
    assert people(album)["Ann"] == (1, 2, 3, 4, 5)
    page.answer("reject", people=[page.person(1)], faces=[4, 5])
    assert people(album)["Ann"] == (1, 2, 3)
    page.answer("not-a-face", people=[page.person(3)], faces=[6])
    assert all(6 not in faces for faces in people(album).values())
    for aside in ("hide", "ignore"):
        page.answer(aside, people=[page.person(1)])
        assert listed(page, "?show=hidden") == [1]
        page.answer("show", people=[page.person(1)])
        assert listed(page, "?show=hidden") == []
    new = page.answer("split-off", people=[page.person(1)], faces=[2])["person"]
    assert people(album)[new] == (2,)
    page.answer("birth", people=[page.person(1)], name="2019-07-25", code=400)  # in no photo, then
    assert people(album)["Ann"] == (1, 3)


def test_questions_and_their_answers(page: Page, album: Library) -> None:
    doubt(album, (1, 4), (2, 5), (3, 6), (1, 6))
    asked = page.get("/api/suggestions")
    assert asked["total"] == 1
    (question,) = asked["suggestions"]
    assert question["person"]["id"] == 1
    assert {each["person"]["id"] for each in question["candidates"]} == {2, 3}
    assert all(0 < each["probability"] < 1 for each in question["candidates"])
    everybody = [page.person(number) for number in (1, 2, 3)]
    page.answer("same", people=everybody, yes=[2], code=400)  # and number 3?
    page.answer("same", people=everybody, yes=[2], no=[3])
    assert people(album) == {1: (1, 2, 3, 4, 5), 3: (6,)}
    assert page.get("/api/suggestions") == {"total": 0, "suggestions": []}
    # One question, one undo, though it took two decisions; in a terminal as well.
    page.answer("undo", expected=page.get("/api/state")["undo"]["id"])
    assert people(album) == {1: (1, 2, 3), 2: (4, 5), 3: (6,)}
    assert page.get("/api/suggestions")["suggestions"][0]["key"] == question["key"]
    page.answer("same", people=[page.person(number) for number in (1, 2, 3)], yes=[2], no=[3])
    assert page.get("/api/state")["undo"]["what"].endswith(", and 1 more")
    undo(album)
    assert people(album) == {1: (1, 2, 3), 2: (4, 5), 3: (6,)}
    assert page.get("/api/suggestions")["suggestions"][0]["key"] == question["key"]


def test_undoing_an_answer_leaves_older_ones_alone(page: Page, album: Library) -> None:
    doubt(album, (1, 4), (2, 5), (3, 6), (1, 6))
    page.answer("name", people=[page.person(1)], name="Ann")
    everybody = [page.person(number) for number in (1, 2, 3)]
    page.answer("same", people=everybody, yes=[2], no=[3])
    page.answer("undo", expected=page.get("/api/state")["undo"]["id"])
    assert people(album) == {"Ann": (1, 2, 3), 2: (4, 5), 3: (6,)}
    page.answer("undo", expected=page.get("/api/state")["undo"]["id"])
    assert people(album) == {1: (1, 2, 3), 2: (4, 5), 3: (6,)}


def test_questions_beyond_those_that_were_skipped(
    page: Page, album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(views, "MOST_ASKED", 0)
    doubt(album, (1, 4), (2, 5))
    assert page.get("/api/suggestions")["suggestions"] == []
    for skipped in ("1", "9999"):
        asked = page.get(f"/api/suggestions?skipped={skipped}")
        assert (asked["total"], len(asked["suggestions"])) == (1, 1)
    for nonsense in ("x", "-1", "²"):
        assert page.get(f"/api/suggestions?skipped={nonsense}")["suggestions"] == []


def test_the_history_tells_what_stands(page: Page) -> None:
    page.answer("name", people=[page.person(1)], name="Ann")
    page.answer("birth", people=[page.person(1)], name="1990")
    page.answer("split", people=[page.person(1)], faces=[1, 2])
    page.answer("undo", expected=page.get("/api/state")["undo"]["id"])
    entries = page.get("/api/log")
    assert [each["stands"] for each in entries[1:]] == [False, True, True]
    assert entries[-1]["what"] == "named Ann, 3 faces"
    assert entries[-2]["what"] == "Ann was born 1990"
    assert entries[0]["undoes"] == entries[1]["id"]


def test_undo_takes_back_whole_answers(page: Page, album: Library) -> None:
    before = people(album)
    page.answer("hide", people=[page.person(1), page.person(2)])
    page.answer("reject", people=[page.person(1)], faces=[1, 2])
    for _ in range(2):
        offered = page.get("/api/state")["undo"]
        page.answer("undo", expected=offered["id"])
    assert people(album) == before
    assert page.get("/api/state")["undo"] is None
    page.answer("undo", expected=0, code=409)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("hide", {}),
        ("ignore", {}),
        ("same", {"no": [2, 3]}),
        ("same", {"yes": [2, 3]}),
        ("same", {"yes": [3], "no": [2]}),
    ],
)
def test_a_click_on_several_people_looks_at_all_people_once_and_is_kept_whole(
    page: Page,
    album: Library,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
    fields: dict[str, list[int]],
) -> None:
    before = people(album)
    everybody = [page.person(number) for number in (1, 2, 3)]
    resolved, kept = [], []
    resolve, put = pipeline_people.resolve, ledger.put_decisions
    monkeypatch.setattr(
        pipeline_people, "resolve", lambda *given: resolved.append(1) or resolve(*given)
    )
    monkeypatch.setattr(ledger, "put_decisions", lambda *given: kept.append(1) or put(*given))
    page.answer(kind, people=everybody, **fields)
    assert (len(resolved), len(kept)) == (1, 1)  # what it has come to, for the next page
    page.answer("undo", expected=page.get("/api/state")["undo"]["id"])
    assert people(album) == before
    assert page.get("/api/state")["undo"] is None


def test_a_click_shows_the_hidden_and_the_ignored(page: Page, album: Library) -> None:
    page.answer("ignore", people=[page.person(1), page.person(2)])
    page.answer("hide", people=[page.person(3), page.person(1)])  # who is ignored, stays so
    assert [(p.ignored, p.hidden) for p in all_people(album)] == [
        (True, False),
        (True, False),
        (False, True),
    ]
    page.answer("show", people=[page.person(number) for number in (1, 2, 3)])
    assert not any(p.ignored or p.hidden for p in all_people(album))


def test_an_import_is_one_answer_to_take_back(page: Page, album: Library) -> None:
    before = people(album)
    made = Decision(0, "name", batch=90, source="import")
    ledger.put_decisions(
        album.db,
        [
            replace(made, faces=(1,), person=1, spare=91, name="Ann"),
            replace(made, faces=(4,), person=2, spare=92, name="Bob"),
            replace(made, kind="hint", name="Eve", photos=(1,)),
        ],
    )
    assert set(people(album)) == {"Ann", "Bob", 3}
    (entry,) = page.get("/api/log")
    offered = page.get("/api/state")["undo"]
    assert (entry["what"], entry["person"]) == ("imported names from other programs", None)
    assert (offered["what"], offered["id"]) == (entry["what"], entry["id"])
    page.answer("undo", expected=offered["id"])
    assert people(album) == before
    took, entry = page.get("/api/log")
    assert (took["undoes"], entry["stands"]) == (entry["id"], False)


def test_a_stale_undo_takes_back_nothing_else(page: Page, album: Library) -> None:
    page.answer("name", people=[page.person(1)], name="Ann")
    seen = page.get("/api/state")["undo"]
    name(album, "2", "Bob")  # in another tab
    refusal = page.answer("undo", expected=seen["id"], code=409)
    assert "Bob" in refusal["error"]
    assert set(people(album)) == {"Ann", "Bob", 3}


def test_an_answer_counts_once(page: Page, album: Library) -> None:
    body = {"key": "the same key", "kind": "name", "people": [page.person(1)], "name": "Ann"}
    replies = [
        page.client.post("/api/answers", json=body, headers={"Origin": ORIGIN}).json()
        for _ in range(3)
    ]
    assert replies[0] == replies[1] == replies[2]
    undo(album)
    assert set(people(album)) == {1, 2, 3}


def test_an_answer_that_failed_may_be_given_again(page: Page) -> None:
    body = {"key": "the same key", "kind": "name", "people": [page.person(1)], "name": " "}
    for text, code in ((" ", 400), ("Ann", 200)):
        sent = {**body, "name": text}
        response = page.client.post("/api/answers", json=sent, headers={"Origin": ORIGIN})
        assert response.status_code == code


def test_answers_about_people_who_changed_meanwhile_are_refused(page: Page, album: Library) -> None:
    seen = page.person(1)
    name(album, "1", "Ann")
    assert "Ann has changed" in page.answer("hide", people=[seen], code=409)["error"]
    seen = page.person(3)
    ignore(album, "3")
    assert "has changed" in page.answer("name", people=[seen], name="Cem", code=409)["error"]
    seen = page.person(2)
    page.answer("merge", people=[page.person(1), page.person(2)])
    assert "any more" in page.answer("hide", people=[seen], code=409)["error"]


def test_a_clustering_meanwhile_is_noticed(page: Page, album: Library) -> None:
    seen = page.person(1)
    group(album.db, (1, 2), (3, 4, 5, 6))
    page.answer("hide", people=[seen], code=409)


def test_photos_that_go_meanwhile_are_noticed_in_time(
    monkeypatch: pytest.MonkeyPatch, album: Library, stranger: TestClient, session: Session
) -> None:
    stranger.get("/", params={"token": TOKEN})
    page = Page(stranger)
    assert len(page.get("/api/people/1")["faces"]) == 3
    monkeypatch.setattr(session, "_memo", Memo(patience=0.0))
    with album.db.transaction() as sql:
        intake.mark_missing(sql, ["a.jpg"])
    assert len(page.get("/api/people/1")["faces"]) == 2


def test_many_tabs_at_once_lose_nothing(page: Page, album: Library) -> None:
    marks = {number: page.person(number) for number in (1, 2, 3)}
    client = page.client
    codes: list[int] = []

    def press(tab: int) -> None:
        number = 1 + tab % 3
        body = {
            "key": f"tab number {tab}", "kind": "name", "people": [marks[number]],
            "name": f"Tab {tab}",
        }  # fmt: skip
        codes.append(client.post("/api/answers", json=body, headers={"Origin": ORIGIN}).status_code)

    threads = [threading.Thread(target=press, args=[tab]) for tab in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    # For each person one answer came first; the others were about somebody who had changed.
    assert sorted(codes) == [200] * 3 + [409] * 9
    assert sorted(people(album).values()) == [(1, 2, 3), (4, 5), (6,)]
    assert all(str(name).startswith("Tab") for name in people(album))


GOOD = {"key": "12345678", "kind": "name", "people": [[1, "m"]], "faces": [1], "name": "Ann"}


@pytest.mark.parametrize("wrong", [
    [], "text", 7, {}, {**GOOD, "key": "short"}, {**GOOD, "key": "x" * 65},
    {**GOOD, "key": 12345678}, {**GOOD, "kind": "delete"}, {**GOOD, "kind": ["name"]},
    {**GOOD, "name": None}, {**GOOD, "expected": "1"}, {**GOOD, "expected": True},
    {**GOOD, "faces": "1"}, {**GOOD, "faces": [0]}, {**GOOD, "faces": [2**63]},
    {**GOOD, "faces": [1.0]}, {**GOOD, "faces": [True]}, {**GOOD, "faces": [[1]]},
    {**GOOD, "people": {"1": "m"}}, {**GOOD, "people": [1]}, {**GOOD, "people": [[1]]},
    {**GOOD, "people": [["1", "m"]]}, {**GOOD, "faces": [1] * 20_001},
])  # fmt: skip
def test_what_is_no_answer(page: Page, wrong: object) -> None:
    response = page.client.post("/api/answers", json=wrong, headers={"Origin": ORIGIN})
    assert response.status_code == 400
    assert response.json()["error"].endswith(".")


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*GOOD, "expected"]), inner),
)


@given(json_values)
def test_nothing_that_is_sent_breaks_the_form(body: object) -> None:
    try:
        given = parse(body)
    except OptionError:
        return
    assert given.kind


@pytest.mark.parametrize(
    ("content", "kind", "code"),
    [
        (b"{", "application/json", 400),
        (b"\xff", "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"key": 1}', "text/plain", 415),
        (b"key=1", "application/x-www-form-urlencoded", 415),
        (b"{}", "", 415),
        (b" " * (1 << 20) + b"{}", "application/json", 413),
    ],
)
def test_bodies_that_are_no_json(page: Page, content: bytes, kind: str, code: int) -> None:
    headers = {"Origin": ORIGIN, "Content-Type": kind}
    response = page.client.post("/api/answers", content=content, headers=headers)
    assert response.status_code == code
    assert response.json()["error"]


def test_answers_to_nobody(page: Page) -> None:
    for kind in ("name", "merge", "reject", "split"):
        page.answer(kind, name="Ann", code=409 if kind == "merge" else 400)
    page.answer("not-a-face", faces=[99], code=409)
    page.answer("reject", people=[page.person(1)], faces=[6], code=409)


def test_the_token_is_in_no_answer(page: Page) -> None:
    for path in ("/", "/api/state", "/static/main.js", "/nowhere"):
        assert TOKEN not in page.client.get(path).text

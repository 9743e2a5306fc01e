from __future__ import annotations

import getpass
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceclust.records import Decision
from faceclust.store import Database, StoredClustering, ledger, open_database
from tests.synthetic import MODEL, group, photo, put


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "library.db", create=True) as opened:
        put(opened, *(photo(f"{i}.jpg", i) for i in range(1, 7)))
        yield opened


def test_the_newest_clustering_counts(db: Database) -> None:
    assert ledger.newest_clustering(db) is None
    group(db, (1, 2), (3,))
    first, second = ledger.new_ids(db, 2)
    wanted = StoredClustering(MODEL, "hac", {"threshold": 0.5, "k": None}, {1: first, 2: second})
    ledger.put_clustering(db, wanted)
    assert ledger.newest_clustering(db) == wanted


def test_a_clustering_of_nothing_is_one_too(db: Database) -> None:
    group(db, (1, 2))
    group(db)
    newest = ledger.newest_clustering(db)
    assert newest is not None
    assert newest.membership == {}


def test_faces_are_moved_in_a_new_clustering(db: Database) -> None:
    first, second = group(db, (1, 2, 3), (4, 5))
    before = ledger.newest_clustering(db)
    (third,) = ledger.new_ids(db, 1)
    for _ in range(5):
        ledger.put_moved(db, {3: third, 4: third})
    newest = ledger.newest_clustering(db)
    assert before is not None
    assert newest == replace(before, membership={1: first, 2: first, 3: third, 4: third, 5: second})
    assert db.row("SELECT count(*) FROM clusterings") == (ledger.KEPT_CLUSTERINGS,)


def test_only_the_last_clusterings_are_kept(db: Database) -> None:
    for _ in range(7):
        group(db, (1, 2), (3,))
    assert db.row("SELECT count(*) FROM clusterings") == (ledger.KEPT_CLUSTERINGS,)
    assert db.row("SELECT count(*) FROM memberships") == (3 * ledger.KEPT_CLUSTERINGS,)


def test_ids_are_never_given_twice(db: Database) -> None:
    given = [ledger.new_ids(db, count) for count in (3, 0, 2)]
    with db.transaction() as sql:
        sql.execute("DELETE FROM identifiers")
    given.append(ledger.new_ids(db, 1))
    flat = [number for ids in given for number in ids]
    assert flat == sorted(set(flat))
    assert len(flat) == 6


def test_a_decision_notes_when_by_whom_and_what_was_known(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(getpass, "getuser", lambda: "ann")
    group(db, (1, 2), (3, 5))  # a scan has found face 6, which nothing has grouped yet
    ledger.put_decisions(db, [Decision(0, "not-a-face", (2,), known=99)])
    (kept,) = ledger.decisions(db)
    assert (kept.id, kept.faces, kept.known, kept.made_by) == (1, (2,), 5, "ann")
    assert kept.made_at.endswith("+00:00")


def test_decisions_of_one_step_are_one_batch(db: Database) -> None:
    one, two, three = (Decision(0, "hide", (face,), face) for face in (1, 2, 3))
    ledger.put_steps(db, [(one,), (two, three)])
    made = ledger.decisions(db)
    assert [decision.faces for decision in made] == [(1,), (2,), (3,)]
    batch = made[1].batch
    assert [decision.batch for decision in made] == [None, batch, batch]
    spares = [decision.spare for decision in made]
    assert None not in [batch, *spares]
    assert len({batch, *spares}) == 4


def test_a_system_without_user_names(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody() -> str:
        raise KeyError("uid not found")

    monkeypatch.setattr(getpass, "getuser", nobody)
    ledger.put_decisions(db, [Decision(0, "undo", undoes=1)])
    assert ledger.decisions(db)[0].made_by == "unknown"


def test_without_faces_nothing_was_known(tmp_path: Path) -> None:
    with open_database(tmp_path / "empty.db", create=True) as db:
        ledger.put_decisions(db, [Decision(0, "undo", undoes=1)])
        assert ledger.decisions(db)[0].known == 0


DECISIONS = st.builds(
    Decision,
    id=st.just(0),
    kind=st.sampled_from(["name", "merge", "reject", "not-a-face", "ignore", "undo"]),
    faces=st.lists(st.integers(1, 6)).map(tuple),
    person=st.none() | st.integers(0, 2**40),
    others=st.lists(st.integers(0, 2**40)).map(tuple),
    name=st.none() | st.text(),
    spare=st.none() | st.integers(0, 2**40),
    undoes=st.none() | st.integers(0, 2**40),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(DECISIONS, max_size=4))
def test_decisions_come_back_as_they_were_made_and_in_order(
    db: Database, made: list[Decision]
) -> None:
    before = len(ledger.decisions(db))
    ledger.put_decisions(db, made)
    kept = ledger.decisions(db)[before:]
    assert [replace(d, id=0, known=0, made_at="", made_by="") for d in kept] == made
    assert all(a.id < b.id for a, b in pairwise(kept))

"""Decisions that every later clustering must respect, through the real pipeline and store."""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from collections.abc import Callable
from contextlib import suppress
from copy import deepcopy
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from faceclust.answers import add_up
from faceclust.cluster.methods import ClusterOptions, Method
from faceclust.errors import OptionError, PersonError
from faceclust.pipeline import (
    Library,
    all_people,
    answer,
    birth,
    cluster,
    differ,
    hide,
    ignore,
    log,
    merge,
    name,
    not_a_face,
    reject,
    split,
    summaries,
    undo,
    undo_import,
)
from faceclust.pipeline.people import find
from faceclust.pipeline.selected import not_faces
from faceclust.records import Decision, Person, PhotoInfo
from faceclust.store import Scanned, ledger
from tests.synthetic import MODEL, face_ids, group, library, photo, put


def faces(album: Library) -> dict[str | int, tuple[int, ...]]:
    return {person.name or person.id: person.faces for person in all_people(album)}


def number_of(album: Library, face: int) -> int:
    return next(person.id for person in all_people(album) if face in person.faces)


def of_year(path: str, person: int, year: int) -> Scanned:
    return photo(path, person, info=PhotoInfo(40, 30, 1, "JPEG", f"{year}-06-15T12:00:00"))


def test_a_person_is_split_by_two_examples(album: Library) -> None:
    merge(album, ["1", "2"])
    name(album, "1", "Ann")
    old, new = split(album, "Ann", [2, 4])
    assert old == Person(1, "Ann", (1, 2, 3))
    assert (new.name, new.faces) == (None, (4, 5))
    cluster(album, ClusterOptions("kmeans", num_people=1))
    assert {1, 2, 3} <= {*faces(album)["Ann"]}
    assert {4, 5} <= {*find(all_people(album), str(new.id)).faces}
    undo(album)
    assert faces(album)["Ann"][:5] == (1, 2, 3, 4, 5)


@pytest.mark.parametrize("like", [[1], [1, 1], [1, 4], [1, 2, 3]])
def test_a_split_needs_two_faces_of_the_person(album: Library, like: list[int]) -> None:
    with pytest.raises(PersonError, match="two different faces"):
        split(album, "1", like)


def test_two_people_are_never_put_together(album: Library) -> None:
    differ(album, "1", "2")
    for options in (ClusterOptions("kmeans", num_people=1), ClusterOptions("hac", threshold=1e-6)):
        cluster(album, options)
        for person in all_people(album):
            assert not ({1, 2, 3} & {*person.faces} and {4, 5} & {*person.faces})
    with pytest.raises(PersonError, match="are one person"):
        differ(album, "1", "1")


@pytest.mark.parametrize("named", [(), ("1",), ("2", "3"), ("1", "2", "3")])
def test_one_answer_of_several_is_what_several_answers_are(
    album: Library, named: tuple[str, ...]
) -> None:
    for who in named:
        name(album, who, f"Person {who}")
    start = len(ledger.decisions(album.db))
    person = answer(album, "1", yes=["3"], no=["2"])
    together = ledger.decisions(album.db)[start:]
    undo(album)
    middle = len(ledger.decisions(album.db))
    differ(album, "1", "2")
    assert merge(album, ["1", "3"]) == person
    apart = ledger.decisions(album.db)[middle:]
    assert [_meaning(each) for each in together] == [_meaning(each) for each in apart]


def _meaning(decision: Decision) -> Decision:
    """A decision without what differs each time it is made."""
    return replace(decision, id=0, made_at="", spare=None, batch=None)


def test_hidden_people_are_in_no_list_but_keep_their_names(album: Library) -> None:
    name(album, "1", "Ann")
    hide(album, "Ann")
    assert [s.person.id for s in summaries(album)] == [2, 3]
    assert [s.person.name for s in summaries(album, hidden=True)] == ["Ann"]
    person = find(all_people(album), "Ann")
    assert (person.hidden, person.ignored) == (True, False)
    hide(album, "Ann", show=True)
    assert 1 in [s.person.id for s in summaries(album)]
    ignore(album, "2")
    ignore(album, "2", show=True)
    assert [s.person.id for s in summaries(album)] == [1, 2, 3]


def test_several_decisions_are_taken_back_at_once_and_logged(album: Library) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    name(album, "3", "Cem")
    assert [d.name for d in undo(album, 2, dry_run=True)] == ["Cem", "Bob"]
    assert [d.name for d in undo(album, 2)] == ["Cem", "Bob"]
    assert set(faces(album)) == {"Ann", 2, 3}
    assert [(e.decision.kind, e.who, e.stands) for e in log(album)] == [
        ("undo", None, False),
        ("undo", None, False),
        ("name", "Cem", False),
        ("name", "Bob", False),
        ("name", "Ann", True),
    ]
    assert all(e.decision.made_by and e.decision.made_at for e in log(album))
    assert len(log(album, 2)) == 2
    assert len(undo(album, 99)) == 1
    with pytest.raises(OptionError):
        undo(album, 0)


def test_the_log_calls_people_as_they_are_called_now_and_looks_at_no_clustering(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    differ(album, "1", "2")
    differ(album, "2", "3")
    merge(album, ["1", "3"])
    hide(album, "1")
    split(album, "Ann", [1, 2])
    name(album, "Ann", "Anna")
    name(album, "2", "Zoe")
    undo(album)
    names = {person.id: person.name for person in all_people(album)}
    assert sorted(filter(None, names.values())) == ["Anna", "Bob"]
    decisions = ledger.decisions(album.db)[::-1]
    expected = []
    for decision in decisions:
        who = decision.name or names.get(decision.person or 0) or str(decision.person)
        others = decision.others if decision.kind in ("differ", "merge") else ()
        other = tuple(names.get(each) or str(each) for each in others)
        expected.append((None if decision.person is None else who, other))
    monkeypatch.setattr("faceclust.pipeline.people.resolve", None)
    album.memo.get("people", "another state", list)
    assert [(entry.who, entry.other) for entry in log(album)] == expected


def test_a_rejection_follows_the_person_into_another(album: Library) -> None:
    name(album, "1", "Ann")
    name(album, "2", "Bob")
    reject(album, 3, "Ann")
    name(album, "Ann", "Bob")
    cluster(album, ClusterOptions("kmeans", num_people=1))
    assert faces(album)["Bob"] == (1, 2, 4, 5, 6)


# --- the property: no clustering undoes what was decided ---

COUNT = 14
DATES = [f"{year}-06-15T12:00:00" for year in range(2000, 2000 + COUNT)]
METHODS: list[Method] = ["partition", "components", "infomap", "hac", "chinese-whispers"]


@dataclass
class Promise:
    """What the user may rely on, noted down beside the program.

    Attributes:
        placed: face to the person that the user put it with.
        rejected: (face, person) that must not meet.
        apart: pairs of faces that must not meet.
        births: person to year.
    """

    placed: dict[int, int] = field(default_factory=dict)
    rejected: set[tuple[int, int]] = field(default_factory=set)
    apart: set[frozenset[int]] = field(default_factory=set)
    births: dict[int, int] = field(default_factory=dict)
    gone: set[int] = field(default_factory=set)

    def put(self, faces: set[int], person: int, absorbed: set[int] = frozenset()) -> None:  # type: ignore[assignment]
        faces = {f for f in faces if not self.early(f, person)}
        for face, owner in list(self.placed.items()):
            if owner in absorbed:
                self.placed[face] = person
        self.placed |= dict.fromkeys(faces, person)
        moved = {(f, person if p in absorbed else p) for f, p in self.rejected}
        mine = {f for f, p in self.placed.items() if p == person}
        self.rejected = {(f, p) for f, p in moved if not (p == person and f in mine)}
        self.apart = {pair for pair in self.apart if not pair <= mine}
        for gone in absorbed & self.births.keys():
            self.births.setdefault(person, self.births.pop(gone))
        self.placed = {f: p for f, p in self.placed.items() if not self.early(f, p)}

    def early(self, face: int, person: int) -> bool:
        return 2000 + face - 1 < self.births.get(person, 0)

    def check(self, album: Library) -> None:
        person = {f: p.id for p in all_people(album) for f in p.faces}
        everyone = [f for p in all_people(album) for f in p.faces]
        assert len(everyone) == len(set(everyone))
        for face, owner in self.placed.items():
            assert person[face] == owner
        for face, owner in self.rejected:
            assert person.get(face) != owner
        for one, two in (tuple(pair) for pair in self.apart):
            assert person.get(one, -1) != person.get(two, -2)
        for face, owner in person.items():
            assert not self.early(face, owner)
        for face in self.gone:
            assert face not in person
        # Names are decided, whatever the clustering: the log relies on that.
        groups = add_up(ledger.decisions(album.db)).groups
        for each in all_people(album):
            assert each.name == (groups[each.id].name if each.id in groups else None)

    def check_clusters(self, album: Library) -> None:
        newest = ledger.newest_clustering(album.db)
        assert newest is not None
        cluster = {f: c for f, c in newest.membership.items() if f not in self.gone}
        homes: defaultdict[int, set[int]] = defaultdict(set)
        for face, owner in self.placed.items():
            homes[owner].add(cluster[face])
        assert all(len(home) == 1 for home in homes.values())
        assert max(Counter(c for home in homes.values() for c in home).values(), default=1) == 1
        for face, owner in self.rejected:
            assert cluster.get(face) not in homes[owner]
        for one, two in (tuple(pair) for pair in self.apart):
            assert cluster.get(one, -1) != cluster.get(two, -2)
        for owner, home in homes.items():
            assert not any(self.early(f, owner) for f, c in cluster.items() if c in home)


class Evening:
    """A user who decides at random."""

    def __init__(self, album: Library) -> None:
        self.album, self.past = album, [Promise()]

    @property
    def promise(self) -> Promise:
        return self.past[-1]

    def act(self, kind: str, pick: int, other: int, word: str) -> None:
        people = all_people(self.album)
        if not people:
            return
        one, two = people[pick % len(people)], people[other % len(people)]
        before = len(ledger.decisions(self.album.db))
        promise = deepcopy(self.promise)
        acts: dict[str, Callable[[Promise, Person, Person, str], None]] = {
            "name": self.name, "merge": self.merge, "split": self.split, "reject": self.reject,
            "differ": self.differ, "not-a-face": self.not_a_face, "birth": self.birth,
            "ignore": self.ignore, "hide": self.hide,
        }  # fmt: skip
        with suppress(OptionError, PersonError):
            acts[kind](promise, one, two, word)
        if len(ledger.decisions(self.album.db)) > before:
            self.past.append(promise)

    def undo(self, count: int) -> None:
        with suppress(PersonError):
            undone = undo(self.album, count)
            del self.past[len(self.past) - len(undone) :]

    def name(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        now, joined = name(self.album, str(one.id), word)
        if joined is not None or one.name != word or one.ignored:
            promise.put({*one.faces}, now.id, {one.id} - {now.id})

    def merge(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        now = merge(self.album, [str(one.id), str(two.id)])
        promise.put({*one.faces, *two.faces}, now.id, {one.id, two.id} - {now.id})

    def split(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        like = [one.faces[0], one.faces[-1]]
        old, new = split(self.album, str(one.id), like)
        assert like[0] in old.faces
        assert like[1] in new.faces
        promise.put({*old.faces}, old.id)
        promise.put({*new.faces}, new.id)
        promise.placed = {f: p for f, p in promise.placed.items() if f not in new.faces}
        promise.put({*new.faces}, new.id)

    def reject(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        face = one.faces[len(word) % len(one.faces)]
        reject(self.album, face, str(one.id))
        decided = one.id in promise.placed.values()
        promise.placed.pop(face, None)
        promise.rejected.add((face, one.id))
        if not decided:
            promise.apart |= {frozenset((face, f)) for f in one.faces if f != face}

    def differ(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        differ(self.album, str(one.id), str(two.id))
        owners = {*promise.placed.values()}
        promise.rejected |= {(f, two.id) for f in one.faces if two.id in owners}
        promise.rejected |= {(f, one.id) for f in two.faces if one.id in owners}
        if not owners & {one.id, two.id}:
            promise.apart |= {frozenset((f, g)) for f in one.faces for g in two.faces}

    def not_a_face(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        not_a_face(self.album, one.faces[0])
        promise.placed.pop(one.faces[0], None)
        promise.gone.add(one.faces[0])

    def birth(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        year = 1998 + 2 * len(word)
        birth(self.album, str(one.id), str(year))
        promise.births[one.id] = year
        promise.placed = {f: p for f, p in promise.placed.items() if not promise.early(f, p)}

    def ignore(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        ignore(self.album, str(one.id))
        promise.put({*one.faces}, one.id)

    def hide(self, promise: Promise, one: Person, two: Person, word: str) -> None:
        hide(self.album, str(one.id))
        promise.put({*one.faces}, one.id)


def renew(album: Library, seed: int) -> None:
    """Another model: all faces look different now, some of them alike."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(4, 16))
    model = f"{MODEL}-{seed}"
    with album.db.transaction() as sql:
        for face in range(1, COUNT + 1):
            x = centres[rng.integers(4)] + rng.normal(size=16) * rng.uniform(0.1, 0.6)
            vector = x.astype("<f2").tobytes()
            sql.execute("INSERT OR REPLACE INTO embeddings VALUES (?, ?, ?)", (model, face, vector))
    album.db.set_setting("model", model)


KINDS = st.sampled_from(
    ["name", "merge", "split", "reject", "differ", "not-a-face", "birth", "ignore", "hide"]
)
WORDS = st.sampled_from(["Ann", "Bo", "Cemal", "Dorothea"])
PICKS = st.integers(0, 20)
STEP = st.one_of(
    st.tuples(KINDS, PICKS, PICKS, WORDS),
    st.tuples(KINDS, PICKS, PICKS, WORDS),
    st.tuples(st.just("cluster"), st.integers(0, 5), st.sampled_from(METHODS), st.booleans()),
    st.tuples(st.just("undo"), st.integers(1, 3)),
)
Steps = list[tuple[Literal["x"], int, int, str]]


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(STEP, max_size=14))
def test_no_clustering_and_no_model_undoes_what_was_decided(steps: Steps) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        batch = [of_year(f"{i:02}.jpg", i % 4, 2000 + i) for i in range(COUNT)]
        with library(Path(scratch) / "album", *batch) as album:
            renew(album, 0)
            cluster(album, ClusterOptions())
            evening = Evening(album)
            for kind, *rest in steps:
                if kind == "undo":
                    evening.undo(int(rest[0]))
                elif kind == "cluster":
                    seed, method, anew = rest
                    renew(album, seed)
                    cluster(album, ClusterOptions(method), anew=bool(anew))
                    if anew:
                        evening.promise.check_clusters(album)
                else:
                    evening.act(kind, *rest)  # type: ignore[arg-type]
                evening.promise.check(album)


@pytest.mark.parametrize("back", [hide, ignore])
def test_who_is_hidden_and_ignored_comes_back_from_what_was_asked_for(
    album: Library, back: Callable[..., Person]
) -> None:
    ignore(album, "2")
    hide(album, "2")
    back(album, "2", show=True)
    person = find(all_people(album), "2")
    assert (person.ignored, person.hidden) == (back is hide, back is ignore)
    undo(album)
    person = find(all_people(album), "2")
    assert (person.ignored, person.hidden) == (True, True)


def test_what_is_a_face_after_all(album: Library) -> None:
    not_a_face(album, 2)
    not_a_face(album, 3)
    name(album, "1", "Ann")
    not_a_face(album, 2, show=True)
    assert 2 in faces(album)["Ann"] + tuple(f for fs in faces(album).values() for f in fs)
    assert 3 not in {f for fs in faces(album).values() for f in fs}
    not_a_face(album, 2, show=True)
    assert [entry.decision.kind for entry in log(album)].count("a-face") == 1


def test_one_of_many_that_were_left_out_together_comes_back_alone(album: Library) -> None:
    not_faces(album, (2, 3))
    not_a_face(album, 2, show=True)
    there = {f for fs in faces(album).values() for f in fs}
    assert 2 in there
    assert 3 not in there
    undo(album)
    assert 2 not in {f for fs in faces(album).values() for f in fs}


def test_a_later_import_undone_leaves_what_the_user_said_of_the_person(album: Library) -> None:
    batch, number = ledger.new_ids(album.db, 2)
    ledger.put_decisions(
        album.db,
        [Decision(0, "name", (1,), number, name="Ann", batch=batch, source="import")],
    )
    name(album, "2", "Ann")
    reject(album, 5, "Ann")
    birth(album, "Ann", "2015")
    assert undo_import(album)
    ann = next(person for person in all_people(album) if person.name == "Ann")
    assert ann.birth == "2015"
    assert ann.faces == (4,)


def test_a_name_given_before_new_faces_were_grouped_is_theirs_too(album: Library) -> None:
    """As while a scan runs: faces are there that nobody has been shown yet."""
    first = number_of(album, 1)
    mine = faces(album)[first]
    put(album.db, *(photo(f"late{n}.jpg", 1) for n in range(9)))
    name(album, str(first), "Ann")
    late = [f for path, fs in face_ids(album.db).items() if path.startswith("late") for f in fs]
    rest = [fs for who, fs in faces(album).items() if who != "Ann"]
    group(album.db, (*mine, *late), *rest)
    assert set(late) <= set(faces(album)["Ann"])

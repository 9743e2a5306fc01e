"""New photos in a library that is grouped already."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceclust.cluster.methods import EDGE_LISTS, ClusterOptions
from faceclust.embed.arcface import Unit
from faceclust.errors import LibraryError
from faceclust.graph.knn import extend, knn
from faceclust.pipeline import (
    Library,
    all_people,
    answer,
    cluster,
    evaluate,
    name,
    not_a_face,
    suggestions,
)
from faceclust.pipeline.arrive import Crowd, constraints_of, unasked
from faceclust.pipeline.cluster import photos_of
from faceclust.pipeline.models import space
from faceclust.records import Births, Bonds, FloatArray, Graph, Neighbours
from faceclust.store import Nearby, Scanned, catalogue, intake, ledger, nearby
from tests.synthetic import EXTRACTOR, INFO, MODEL, face, library

PEOPLE, SEEN = 30, 6


def view(person: int, number: int) -> FloatArray:
    """One of many looks of a person."""
    centre = np.random.default_rng(person).normal(size=128)
    noise = np.random.default_rng(1000 * person + number).normal(size=128)
    return np.asarray(centre + 0.5 * noise, np.float32)


def photo(path: str, *vectors: FloatArray) -> Scanned:
    return Scanned(path, 1, 1, path, INFO, tuple(face() for _ in vectors), np.stack(vectors),
                   thumbnails=(b"",) * len(vectors))  # fmt: skip


def put(opened: Library, *batch: Scanned) -> None:
    with opened.db.transaction() as sql:
        intake.put_scanned(sql, batch, EXTRACTOR, MODEL)


def people(opened: Library) -> dict[int, int]:
    return {f: person.id for person in all_people(opened) for f in person.faces}


def test_births_come_to_two_numbers_a_face() -> None:
    births = Births({70: "2015", 80: "2015-06", 90: "2020"}, {
        1: "2015-06-01T10:00:00", 2: "2014-12-31T10:00:00", 3: "2015-01-01T10:00:00",
        4: "2023-01-01T10:00:00", 6: "1990-01-01T10:00:00",
    })  # fmt: skip
    demanded = Bonds({1: 70, 4: 80, 5: 80, 7: 90}, ((1, 4),), births)
    found = constraints_of(demanded, np.arange(1, 8))
    assert found.person.tolist() == [70, -1, -1, 80, 80, -1, 90]
    assert found.barred.tolist() == [[0], [3]]
    # Births: 1 is early in 2015, 2 in June, 3 in 2020. Nobody knows when 5 and 7 were photographed.
    assert found.ages.taken.tolist() == [2, 0, 1, 3, 3, 0, 3]
    assert found.ages.born.tolist() == [1, 0, 0, 2, 2, 0, 3]
    rows = np.arange(7)
    for one in rows:
        early = {int(row) for row in rows[found.ages.clash(np.full(7, one), rows)]}
        assert early == {
            int(row)
            for row in rows
            if births.too_early(one + 1, found.person[row])
            or births.too_early(row + 1, found.person[one])
        }


@pytest.fixture
def town(tmp_path: Path) -> Iterator[Library]:
    batch = [photo(f"{p}-{n}.jpg", view(p, n)) for p in range(PEOPLE) for n in range(SEEN)]
    with library(tmp_path / "town") as opened:
        put(opened, *batch)
        cluster(opened, ClusterOptions())
        yield opened


def test_new_faces_join_their_people_and_nobody_else_moves(town: Library) -> None:
    before = people(town)
    assert len(set(before.values())) == PEOPLE
    name(town, str(before[1]), "Ann")
    put(town, photo("new.jpg", view(0, 90), view(3, 91), view(500, 92)))
    cluster(town, ClusterOptions(), anew=False)
    after = people(town)
    assert {f: after[f] for f in before} == before
    first, second, stranger = (after[len(before) + n] for n in (1, 2, 3))
    assert (first, second) == (before[1], before[1 + 3 * SEEN])
    assert stranger not in before.values()


def test_a_library_whose_photos_are_all_gone_has_nobody(town: Library) -> None:
    with town.db.transaction() as sql:
        intake.mark_missing(sql, [f"{p}-{n}.jpg" for p in range(PEOPLE) for n in range(SEEN)])
    report = cluster(town, ClusterOptions(), anew=False)
    assert (report.faces, report.clusters) == (0, 0)
    assert all_people(town) == []


def test_the_order_of_arrival_does_not_matter(town: Library) -> None:
    late = [photo(f"late{n}.jpg", view(n % 9, 50 + n)) for n in range(18)]
    known = people(town)
    for one in late[::-1]:
        put(town, one)
        cluster(town, ClusterOptions(), anew=False)
    found = people(town)
    for n in range(18):
        assert found[len(known) + 18 - n] == known[1 + (n % 9) * SEEN]


def regroup(opened: Library, cluster_of: dict[int, int]) -> None:
    """Have some faces in other clusters than they are in."""
    newest = ledger.newest_clustering(opened.db)
    assert newest is not None
    faces = np.array(sorted(newest.membership), np.int64)
    lists, _ = nearby.neighbours(opened.db, faces, EDGE_LISTS)
    nothing = Graph(np.zeros((2, 0), np.int64), np.zeros(0, np.float32), len(faces))
    changed = replace(newest, membership=newest.membership | cluster_of)
    ledger.put_clustering(opened.db, changed, Nearby(faces, lists, nothing))


def test_unnamed_people_whom_a_new_face_touches_are_grouped_anew(town: Library) -> None:
    before = people(town)
    first, second = before[1], before[1 + SEEN]
    regroup(town, {1 + SEEN + n: first for n in range(SEEN)})
    assert set(people(town).values()) == set(before.values()) - {second}
    put(town, photo("new.jpg", view(0, 90)))
    cluster(town, ClusterOptions(), anew=False)
    after = people(town)
    groups = [{after[1 + SEEN * p + n] for n in range(SEEN)} for p in range(PEOPLE)]
    assert all(len(group) == 1 for group in groups)
    assert len(set.union(*groups)) == PEOPLE
    assert first in groups[0] | groups[1]
    assert groups[2:] == [{before[1 + SEEN * p]} for p in range(2, PEOPLE)]
    assert {after[len(before) + 1]} == groups[0]


def test_whoever_is_named_takes_nobody_in_when_all_are_grouped_anew(town: Library) -> None:
    """Some of her faces are in a cluster without a name; new photos have all grouped anew."""
    before = people(town)
    (spare,) = ledger.new_ids(town.db, 1)
    some = {1 + n: spare for n in range(2)}
    regroup(town, some)
    name(town, str(before[1]), "Ann")
    for n in range(60):
        put(town, photo(f"more{n}.jpg", view(n % PEOPLE, 200 + n)))
    cluster(town, ClusterOptions(), anew=False)
    newest = ledger.newest_clustering(town.db)
    assert newest is not None
    assert newest.options["anew"] == len(before) + 60
    after = people(town)
    ann, other = after[SEEN], after[1]
    assert ann != other
    assert {after[face] for face in some} == {other}
    assert {face for face in before if after[face] == ann} == set(range(3, 1 + SEEN))
    cluster(town, ClusterOptions())
    assert people(town)[1] == people(town)[SEEN]


def test_what_a_grouping_gives_to_named_people_is_taken_back(town: Library) -> None:
    """And what it takes from them; by a grouping that is made up."""
    before = people(town)
    ann, ben = before[1], before[1 + SEEN]
    for who, called in ((ann, "Ann"), (ben, "Ben")):
        name(town, str(who), called)
    # Ann's cluster has a face that she was not asked about; it came later.
    put(town, photo("late.jpg", view(0, 90)), photo("new.jpg", view(2, 91)))
    newest = ledger.newest_clustering(town.db)
    assert newest is not None
    late, new = len(before) + 1, len(before) + 2
    known = replace(newest, membership=newest.membership | {late: newest.membership[1]})
    faces, x = catalogue.live_faces(town.db, MODEL)
    crowd = Crowd(faces, Unit.of(x), photos_of(town, faces), space(MODEL), None)
    labels = np.array([before.get(face, -1) for face in faces.tolist()], np.int64)
    labels[faces == late] = ben  # stolen from Ann
    other = before[1 + 2 * SEEN]
    labels[faces == new] = other
    labels[faces == 1 + 2 * SEEN] = ann  # and given to her
    _, labels = np.unique(labels, return_inverse=True)
    found = unasked(town, crowd, labels, known, ledger.decisions(town.db))
    of = dict(zip(faces.tolist(), found.tolist(), strict=True))
    assert {face for face in of if of[face] == of[1]} == {*range(1, 1 + SEEN), late}
    assert {f for f in of if of[f] == of[1 + SEEN]} == set(range(1 + SEEN, 1 + 2 * SEEN))
    assert {f for f in of if of[f] == of[new]} == {*range(2 + 2 * SEEN, 1 + 3 * SEEN), new}
    assert found.max() + 1 == len(set(found.tolist())) == PEOPLE + 1


@pytest.mark.parametrize("whose", [0, 1])
def test_whoever_is_named_stays_and_only_new_faces_join(town: Library, whose: int) -> None:
    """Ann's cluster holds all of another person; half of herself is in a cluster without a name."""
    before = people(town)
    (spare,) = ledger.new_ids(town.db, 1)
    moved = {1 + SEEN + n: before[1] for n in range(SEEN)}
    regroup(town, moved | {1 + n: spare for n in range(SEEN // 2)})
    name(town, str(before[1]), "Ann")
    put(town, photo("new.jpg", view(whose, 90)))
    cluster(town, ClusterOptions(), anew=False)
    (ann,) = (set(person.faces) for person in all_people(town) if person.name)
    old = set(range(1 + SEEN // 2, 1 + 2 * SEEN))
    assert old <= ann <= old | {len(before) + 1}


def test_neighbours_are_kept_and_brought_up_to_date_exactly(town: Library) -> None:
    put(town, photo("a.jpg", view(2, 70)), photo("b.jpg", view(600, 71)))
    not_a_face(town, 5)
    cluster(town, ClusterOptions(), anew=False)
    faces, x = catalogue.live_faces(town.db, MODEL)
    keep = faces != 5
    faces, x = faces[keep], x[keep] / np.linalg.norm(x[keep], axis=1, keepdims=True)
    lists, unknown = nearby.neighbours(town.db, faces, EDGE_LISTS)
    wanted = knn(x, EDGE_LISTS)
    assert len(unknown) == 0
    assert np.allclose(lists.similarity, wanted.similarity, atol=1e-4)
    assert (np.sort(lists.index, 1) == np.sort(wanted.index, 1)).mean() > 0.999


def test_extending_lists_is_searching_anew() -> None:
    rng = np.random.default_rng(0)
    x = rng.normal(size=(60, 8)).astype(np.float32)
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    old, new = np.arange(0, 50), np.arange(50, 60)
    lists = knn(x[old], 5)
    padded = Neighbours(
        np.concatenate([lists.index, np.full((10, 5), -1)]),
        np.concatenate([lists.similarity, np.full((10, 5), -1, np.float32)]),
    )
    found, changed = extend(x, padded, new)
    wanted = knn(x, 5)
    assert np.array_equal(found.index, wanted.index)
    assert set(new.tolist()) <= set(changed.tolist())
    assert np.array_equal(found.index[np.setdiff1d(old, changed)],
                          lists.index[np.setdiff1d(old, changed)])  # fmt: skip


def test_a_library_that_has_grown_is_grouped_anew(town: Library) -> None:
    for n in range(60):
        put(town, photo(f"more{n}.jpg", view(n % PEOPLE, 200 + n)))
    cluster(town, ClusterOptions(), anew=False)
    newest = ledger.newest_clustering(town.db)
    assert newest is not None
    assert newest.options["anew"] == PEOPLE * SEEN + 60


def test_decisions_are_a_reason_to_group_anew_when_asked(town: Library) -> None:
    first = ledger.newest_clustering(town.db)
    name(town, "1", "Ann")
    cluster(town, ClusterOptions(), anew=False)
    assert ledger.newest_clustering(town.db) == first
    cluster(town, ClusterOptions())
    assert ledger.newest_clustering(town.db) != first


def test_questions_are_about_people_and_answers_settle_them(town: Library) -> None:
    one, two, three = (person.id for person in all_people(town)[:3])
    name(town, str(one), "Ann")
    pairs = [(i, SEEN + j) for i in range(1, 1 + SEEN) for j in range(1, 1 + 2 * SEEN)]
    with town.db.transaction() as sql:
        sql.execute("DELETE FROM doubts")
        sql.executemany("INSERT INTO doubts VALUES (?, ?, 4.0)", pairs)
    (question,) = suggestions(town)
    assert question.person == one
    assert {box.person for box in question.candidates} == {two, three}
    assert answer(town, str(one), yes=[str(two)], no=[str(three)]).name == "Ann"
    assert suggestions(town) == []
    assert people(town)[1 + SEEN] == one
    assert people(town)[1 + 2 * SEEN] == three


def test_the_library_is_scored_by_its_own_names(town: Library) -> None:
    with pytest.raises(LibraryError, match="Fewer than two people"):
        evaluate(options={}, db=town.db.path)
    for number, person in enumerate(all_people(town)[:5]):
        name(town, str(person.id), f"Person {number}")
    report = evaluate(options={}, db=town.db.path)
    assert (report["faces"], report["people"], report["bcubed"]["f"]) == (5 * SEEN, 5, 1)
    assert report["same_photo"]["pairs"] == 0
    assert report["advice"] is None
    advice = evaluate(options={"method": "components"}, db=town.db.path)["advice"]
    assert advice["f"] >= advice["used_f"]

"""Neighbour lists as they are kept; pairs that were left apart are in the tests of `pipeline`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from faceclust.records import Graph, IntArray, Neighbours
from faceclust.store import Nearby, nearby, open_database
from faceclust.store.database import Database
from tests.synthetic import photo, put

K = 3
BEYOND = 2**32 + 5  # of 32 bits this would be face 5


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "library.db", create=True) as opened:
        yield opened


def made(db: Database, ids: list[int]) -> IntArray:
    """Faces with these ids."""
    put(db, *(photo(f"{n}.jpg", n + 1) for n in range(len(ids))))
    with db.transaction() as sql:
        sql.execute("PRAGMA defer_foreign_keys = ON")
        for table, key in (("crops", "face_id"), ("embeddings", "face_id"), ("faces", "id")):
            moved = [(new, -old) for old, new in enumerate(ids, 1)]
            sql.execute(f"UPDATE {table} SET {key} = -{key}")
            sql.executemany(f"UPDATE {table} SET {key} = ? WHERE {key} = ?", moved)
    return np.array(ids, np.int64)


def lists(index: list[list[int]]) -> Neighbours:
    rows = np.array(index, np.int64)
    return Neighbours(rows, np.where(rows < 0, -1, 0.5 + rows / 16).astype(np.float32))


def keep(db: Database, faces: IntArray, kept: Neighbours, changed: IntArray | None = None) -> None:
    none = Graph(np.zeros((2, 0), np.int64), np.zeros(0, np.float32), len(faces))
    with db.transaction() as sql:
        nearby.put(sql, Nearby(faces, kept, none, changed))


def bytes_an_id(db: Database) -> dict[int, int]:
    rows = db.rows("SELECT face_id, length(listed) FROM neighbours")
    return {face: length // K for face, length in rows}


@pytest.mark.parametrize(
    ("ids", "width"),
    [
        ([1, 2, 5, 9], 4), ([1, 2, 5, 2**32 - 1], 4),
        ([1, 2, 5, BEYOND], 8), ([5, 2**40, 2**41, 2**62], 8),
    ],
)  # fmt: skip
def test_lists_come_back_whatever_the_ids(db: Database, ids: list[int], width: int) -> None:
    faces = made(db, ids)
    kept = lists([[1, 2, 3], [3, 0, -1], [-1, -1, -1], [2, 1, 0]])
    keep(db, faces, kept)
    found, unknown = nearby.neighbours(db, faces, K)
    assert np.array_equal(found.index, kept.index)
    assert np.array_equal(found.similarity, kept.similarity)
    assert unknown.tolist() == []
    assert set(bytes_an_id(db).values()) == {width}


def test_a_face_past_32_bits_is_not_taken_for_another(db: Database) -> None:
    faces = made(db, [1, 5, BEYOND])
    keep(db, faces, lists([[2, -1, -1], [0, -1, -1], [0, 1, -1]]))
    found, unknown = nearby.neighbours(db, faces[:2], K)
    assert found.index.tolist() == [[-1, -1, -1], [0, -1, -1]]
    assert unknown.tolist() == [0]  # it has lost the face that it was nearest to


def test_older_lists_of_narrow_ids_stand_beside_wide_ones(db: Database) -> None:
    faces = made(db, [1, 5, BEYOND])
    keep(db, faces[:2], lists([[1, -1, -1], [0, -1, -1]]))
    grown = lists([[1, -1, -1], [2, 0, -1], [1, 0, -1]])
    keep(db, faces, grown, changed=np.array([1, 2]))
    assert bytes_an_id(db) == {1: 4, 5: 8, BEYOND: 8}
    found, unknown = nearby.neighbours(db, faces, K)
    assert np.array_equal(found.index, grown.index)
    assert unknown.tolist() == []


def test_lists_of_another_length_are_not_known(db: Database) -> None:
    faces = made(db, [1, 5])
    keep(db, faces, lists([[1, -1, -1], [0, -1, -1]]))
    for k in (2 * K, 1):
        found, unknown = nearby.neighbours(db, faces, k)
        assert (found.index < 0).all()
        assert unknown.tolist() == [0, 1]


def test_no_faces(db: Database) -> None:
    found, unknown = nearby.neighbours(db, np.zeros(0, np.int64), K)
    assert found.index.shape == (0, K)
    assert unknown.tolist() == []

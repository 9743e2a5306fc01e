"""What a clustering knew of the faces: neighbour lists, and the pairs that it left apart."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceclust.records import FloatArray, Graph, IntArray, Neighbours
from faceclust.store.database import Database

# Ids of faces are 64-bit; a list of those that all fit takes half of the disk. Which it is, the
# length of the similarities beside it tells.
NARROW, WIDE = np.dtype("<u4"), np.dtype("<i8")
MOST_NARROW = np.iinfo(NARROW).max


@dataclass(frozen=True, slots=True, eq=False)
class Nearby:
    """Kept beside a clustering, so that the next one can begin where it ended.

    Attributes:
        faces: (N,) ascending ids of all faces that were clustered.
        neighbours: of these N faces; their rows are what its indices mean.
        doubts: log-odds of pairs of faces in two clusters; indices are rows, too.
        changed: rows whose lists differ from what is kept already; None for all, which also
            forgets all older lists and doubts.
    """

    faces: IntArray
    neighbours: Neighbours
    doubts: Graph
    changed: IntArray | None = None


def put(sql: sqlite3.Connection, nearby: Nearby | None) -> None:
    """Keep it, inside a transaction; None forgets all, where a method knows no neighbours."""
    if nearby is None or nearby.changed is None:
        sql.execute("DELETE FROM neighbours")
        sql.execute("DELETE FROM doubts")
    if nearby is None:
        return
    faces, lists = nearby.faces, nearby.neighbours
    rows = np.arange(len(faces)) if nearby.changed is None else nearby.changed
    ids = np.append(faces, 0)[lists.index[rows]]  # row -1 is the last: none
    ids = ids.astype(NARROW if ids.max(initial=0) <= MOST_NARROW else WIDE)
    near = lists.similarity[rows].astype("<f4")
    sql.executemany(
        "INSERT OR REPLACE INTO neighbours VALUES (?, ?, ?)",
        (
            (face, listed.tobytes(), similarity.tobytes())
            for face, listed, similarity in zip(faces[rows].tolist(), ids, near, strict=True)
        ),
    )
    a, b = faces[nearby.doubts.edge_index].tolist()
    sql.executemany(
        "INSERT OR REPLACE INTO doubts VALUES (?, ?, ?)",
        zip(a, b, nearby.doubts.edge_weight.tolist(), strict=True),
    )


def put_doubts(db: Database, pairs: Iterable[tuple[int, int]], log_odds: float) -> None:
    """Keep pairs of faces that were parted, and how likely they are one person all the same."""
    with db.transaction() as sql:
        sql.executemany(
            "INSERT OR REPLACE INTO doubts VALUES (?, ?, ?)",
            ((min(pair), max(pair), log_odds) for pair in pairs),
        )


def neighbours(db: Database, faces: IntArray, k: int) -> tuple[Neighbours, IntArray]:
    """The lists of faces, as they were kept.

    Args:
        faces: (N,) ascending ids; what else was listed is left out.
        k: length of the lists.

    Returns:
        Neighbours of the N faces, and the rows (R,) whose lists are not known or have lost a
        face, ascending.
    """
    listed = np.zeros((len(faces), k), NARROW)
    similarity = np.full((len(faces), k), -1, np.float32)
    rows = dict(zip(faces.tolist(), range(len(faces)), strict=True))
    known = np.zeros(len(faces), np.bool_)
    for face, ids, near in db.rows("SELECT face_id, listed, similarity FROM neighbours"):
        row = rows.get(face)
        if row is None or len(near) != 4 * k or len(ids) not in (4 * k, 8 * k):
            continue
        kind = NARROW if len(ids) == 4 * k else WIDE
        if kind.itemsize > listed.itemsize:
            listed = listed.astype(WIDE)
        listed[row] = np.frombuffer(ids, kind)
        similarity[row] = np.frombuffer(near, "<f4")
        known[row] = True
    index = _rows(faces, listed)
    lost = ((index < 0) & (listed > 0)).any(1)
    return Neighbours(index, similarity), np.flatnonzero(~known | lost)


def _rows(faces: IntArray, ids: NDArray[np.integer[Any]]) -> IntArray:
    """Where ids of any shape stand among those of faces, ascending; -1 for none and for 0."""
    highest = max(int(faces.max(initial=0)), int(ids.max(initial=0)))
    if highest < ids.size:  # a table, which is faster, is no larger than what is asked of it
        table = np.full(highest + 1, -1, np.int64)
        table[faces] = np.arange(len(faces))
        return np.asarray(table[ids], np.int64)
    row = np.minimum(np.searchsorted(faces, ids), len(faces) - 1)
    return np.asarray(np.where(faces[row] == ids, row, -1), np.int64)


def doubts(db: Database) -> tuple[IntArray, FloatArray]:
    """Pairs of face ids (2, E) in two clusters of the newest clustering, and log-odds (E,)."""
    kind = np.dtype([("pair", np.int64, 2), ("log_odds", np.float32)])
    rows = db.rows("SELECT face_a, face_b, log_odds FROM doubts")
    found = np.fromiter((((a, b), log_odds) for a, b, log_odds in rows), kind)
    return found["pair"].T, found["log_odds"]

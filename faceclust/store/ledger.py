"""Clusterings, the user's decisions and the ids they share. Decisions are only ever added."""

from __future__ import annotations

import getpass
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from faceclust.records import Decision
from faceclust.store.database import Database, now
from faceclust.store.nearby import Nearby
from faceclust.store.nearby import put as put_nearby

KEPT_CLUSTERINGS = 3


@dataclass(frozen=True, slots=True)
class StoredClustering:
    """The newest clustering.

    Attributes:
        model: the embeddings it was made from.
        options: the clusterer's options, JSON types only.
        membership: face id to cluster id.
    """

    model: str
    method: str
    options: Mapping[str, Any]
    membership: Mapping[int, int]


def newest_clustering(db: Database) -> StoredClustering | None:
    """The newest clustering, or None before the first."""
    row = db.row("SELECT id, model, method, options FROM clusterings ORDER BY id DESC LIMIT 1")
    if row is None:
        return None
    members = db.pairs(
        "SELECT face_id, cluster_id FROM memberships WHERE clustering_id = ?", (row[0],)
    )
    return StoredClustering(row[1], row[2], json.loads(row[3]), members)


def newest_ids(db: Database) -> tuple[int, int]:
    """Ids of the newest clustering and of the newest decision; 0 where there is none."""
    row = db.row(
        """SELECT (SELECT coalesce(max(id), 0) FROM clusterings),
            (SELECT coalesce(max(id), 0) FROM decisions)"""
    )
    assert row is not None
    return int(row[0]), int(row[1])


def put_clustering(
    db: Database, clustering: StoredClustering, nearby: Nearby | None = None
) -> None:
    """Keep a clustering as the newest one, and only the last few.

    Args:
        nearby: what it knew of the faces; None for nothing.
    """
    with db.transaction() as sql:
        put_nearby(sql, nearby)
        cursor = sql.execute(
            "INSERT INTO clusterings (created_at, model, method, options) VALUES (?, ?, ?, ?)",
            (now(), clustering.model, clustering.method, json.dumps(dict(clustering.options))),
        )
        newest = int(cursor.lastrowid or 0)
        sql.executemany(
            "INSERT INTO memberships VALUES (?, ?, ?)",
            ((newest, face, cluster) for face, cluster in clustering.membership.items()),
        )
        sql.execute("DELETE FROM clusterings WHERE id <= ?", (newest - KEPT_CLUSTERINGS,))


def put_moved(db: Database, moved: Mapping[int, int]) -> None:
    """Keep the newest clustering again, with some faces (ids) in other clusters (ids)."""
    with db.transaction() as sql:
        cursor = sql.execute(
            """INSERT INTO clusterings (created_at, model, method, options)
            SELECT ?, model, method, options FROM clusterings ORDER BY id DESC LIMIT 1""",
            (now(),),
        )
        newest = int(cursor.lastrowid or 0)
        sql.execute(
            """INSERT INTO memberships SELECT ?, face_id, cluster_id FROM memberships
            WHERE clustering_id = (SELECT max(id) FROM clusterings WHERE id < ?)""",
            (newest, newest),
        )
        sql.executemany(
            "UPDATE memberships SET cluster_id = ? WHERE clustering_id = ? AND face_id = ?",
            ((cluster, newest, face) for face, cluster in moved.items()),
        )
        sql.execute("DELETE FROM clusterings WHERE id <= ?", (newest - KEPT_CLUSTERINGS,))


def new_ids(db: Database, count: int) -> list[int]:
    """Ids for clusters or people that were never used before, ascending."""
    with db.transaction() as sql:
        return [
            int(sql.execute("INSERT INTO identifiers DEFAULT VALUES").lastrowid or 0)
            for _ in range(count)
        ]


def put_decisions(db: Database, decisions: Iterable[Decision]) -> None:
    """Append decisions; their `id`, `made_at`, `made_by` and `known` are set here."""
    with db.transaction() as sql:
        # Faces that a scan has found and nothing has grouped yet were shown to nobody.
        known = sql.execute(
            "SELECT coalesce(max(face_id), 0) FROM memberships "
            "WHERE clustering_id = (SELECT max(id) FROM clusterings)"
        ).fetchone()[0]
        for decision in decisions:
            # An import speaks of single faces: nobody has looked at the rest of their clusters.
            seen = 0 if decision.source == "import" else int(known)
            kept = asdict(replace(decision, known=seen))
            payload = {
                key: value
                for key, value in kept.items()
                if key not in ("id", "kind", "made_at", "made_by") and value not in (None, ())
            }
            sql.execute(
                "INSERT INTO decisions (made_at, made_by, kind, payload) VALUES (?, ?, ?, ?)",
                (now(), _user(), decision.kind, json.dumps(payload)),
            )


def put_decision(db: Database, decision: Decision) -> None:
    """Append one decision, with an unused id for what it leaves behind."""
    put_steps(db, [(decision,)])


def put_steps(db: Database, steps: Sequence[Sequence[Decision]]) -> None:
    """Append decisions, all or none, each with an unused id for what it leaves behind.

    Several in one step are one batch, which `undo` takes back together.
    """
    ids = iter(new_ids(db, sum(len(step) + (len(step) > 1) for step in steps)))
    made: list[Decision] = []
    for step in steps:
        batch = next(ids) if len(step) > 1 else None
        made += [replace(each, spare=next(ids), batch=batch) for each in step]
    put_decisions(db, made)


def _user() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError, ImportError):
        return "unknown"


def decisions(db: Database) -> list[Decision]:
    """Every decision ever made, oldest first."""
    rows = db.rows("SELECT id, made_at, made_by, kind, payload FROM decisions ORDER BY id")
    return [_decision(*row) for row in rows]


def _decision(number: int, made_at: str, made_by: str, kind: str, payload: str) -> Decision:
    fields = json.loads(payload)
    for key in ("faces", "others", "against", "photos"):
        fields[key] = tuple(fields.get(key, ()))
    return Decision(id=number, kind=kind, made_at=made_at, made_by=made_by, **fields)  # type: ignore[arg-type]

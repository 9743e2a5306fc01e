"""What exports wrote: intended before each write, done after it, undone when taken back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from pathlib import Path

from faceclust.store.database import Database, now, path_from_db, path_to_db

_PATHS = ("path", "backup", "source")
_FIELDS = (
    "kind", "path", "digest", "before", "before_mode", "before_digest", "backup", "source",
)  # fmt: skip
_ABOVE_ALL = 2**63 - 1  # no id is larger
_PAGE = 256  # entries that are held at once
_HERE = "photo_id = ? AND path = ?"


def begin_export(db: Database, export_format: str) -> int:
    """Open a new export and return its id."""
    with db.transaction() as sql:
        cursor = sql.execute(
            "INSERT INTO exports (started_at, format) VALUES (?, ?)", (now(), export_format)
        )
        return int(cursor.lastrowid or 0)


def add_entry(db: Database, export_id: int, entry: Mapping[str, object]) -> int:
    """Note an intended write, given as a mapping of the columns of `export_entries`."""
    values = [
        path_to_db(value) if key in _PATHS and isinstance(value, str) else value
        for key, value in ((key, entry[key]) for key in _FIELDS)
    ]
    marks = ", ".join("?" * len(_FIELDS))
    with db.transaction() as sql:
        cursor = sql.execute(
            f"INSERT INTO export_entries (export_id, state, {', '.join(_FIELDS)}) "
            f"VALUES (?, 'intended', {marks})",
            (export_id, *values),
        )
        return int(cursor.lastrowid or 0)


def set_state(db: Database, entry_id: int, state: str) -> None:
    """Move an entry to "done", or to "undone": then what stood there before is kept no longer."""
    before = ", before = NULL" if state == "undone" else ""
    with db.transaction() as sql:
        sql.execute(f"UPDATE export_entries SET state = ?{before} WHERE id = ?", (state, entry_id))


def drop_between(db: Database, path: str) -> None:
    """Forget what stood at `path` between the first and the last but one of our writes there.

    Taking the last one back leads to the one before it, and taking that back to what stood there
    before the first.
    """
    with db.transaction() as sql:
        found = sql.execute(
            "SELECT id, export_id, digest, before_digest FROM export_entries "
            "WHERE path = ? AND kind = 'write' AND state = 'done' ORDER BY id DESC",
            (path_to_db(path),),
        )
        earlier = found.fetchall()[1:]
        for (*_, before), (older, export_id, digest, _) in pairwise(earlier):
            if before != digest:
                return
            sql.execute(
                """UPDATE export_entries SET (before, before_mode, before_digest) = (
                    SELECT before, before_mode, before_digest FROM export_entries WHERE id = ?)
                WHERE id = ?""",
                (older, earlier[0][0]),
            )
            sql.execute(
                """UPDATE export_entries SET state = 'undone', before = NULL
                WHERE id = ?1 OR (export_id = ?2 AND kind = 'scratch' AND NOT EXISTS (
                    SELECT 1 FROM export_entries
                    WHERE export_id = ?2 AND id != ?1 AND kind != 'scratch' AND state != 'undone'))
                """,
                (older, export_id),
            )


def digests_at(db: Database, path: str) -> set[str]:
    """Digests of everything that exports wrote, or were about to write, at `path`."""
    rows = db.rows(
        "SELECT digest FROM export_entries WHERE path = ? AND state != 'undone'",
        (path_to_db(path),),
    )
    return {str(row[0]) for row in rows}


def is_sidecar_of(db: Database, sidecar: str, photo: int, path: str) -> bool:
    """Whether the export that first wrote `sidecar`, and is not undone, brought names into a photo.

    Of several photos that may share a sidecar's name, this is the one that it was written for.

    Args:
        sidecar: absolute.
        photo, path: its id, and its file, relative to the library.
    """
    row = db.row(
        """SELECT 1 FROM exported_names WHERE photo_id = ? AND path = ? AND export_id = (
            SELECT min(export_id) FROM export_entries WHERE path = ? AND state != 'undone')""",
        (photo, path_to_db(path), path_to_db(sidecar)),
    )
    return row is not None


def brought_any(db: Database) -> bool:
    """Whether exports, not undone since, brought names or notes into any photo."""
    return any(
        db.row(f"SELECT 1 FROM {table} LIMIT 1") for table in ("exported_names", "exported_notes")
    )


def last_export(db: Database) -> tuple[int, str, str] | None:
    """Id, format and start of the newest export that wrote something and was not undone."""
    row = db.row(
        """SELECT id, format, started_at FROM exports WHERE undone_at IS NULL AND EXISTS (
            SELECT 1 FROM export_entries WHERE export_id = exports.id AND state != 'undone')
        ORDER BY id DESC LIMIT 1"""
    )
    return None if row is None else (int(row[0]), str(row[1]), str(row[2]))


def entries(db: Database, export_id: int) -> Iterator[tuple[int, dict[str, object]]]:
    """The entries of an export that are not undone, newest first: id and columns.

    Each is read when it is its turn, with the file that it may hold; they may be undone meanwhile.
    """
    query = (
        f"SELECT id, {', '.join(_FIELDS)} FROM export_entries "
        "WHERE export_id = ? AND id < ? AND state != 'undone' ORDER BY id DESC LIMIT 1"
    )
    number = _ABOVE_ALL
    while row := db.row(query, (export_id, number)):
        number = int(row[0])
        yield number, _columns(row[1:])


def entries_below(db: Database, folder: str) -> Iterator[tuple[int, dict[str, object]]]:
    """The entries of all exports at or below a folder that are not undone, newest first.

    They are read a few at a time; those that have had their turn may be undone meanwhile.
    """
    # The sign keeps SQLite from the index by export, which would have to be sorted for each page.
    query = (
        f"SELECT id, {', '.join(_FIELDS)} FROM export_entries WHERE id < ? AND state != 'undone' "
        "AND +export_id IN (SELECT id FROM exports WHERE format IN ('folders', 'symlinks')) "
        f"ORDER BY id DESC LIMIT {_PAGE}"
    )
    number = _ABOVE_ALL
    while page := list(db.rows(query, (number,))):
        for row in page:
            number, fields = int(row[0]), _columns(row[1:])
            if Path(str(fields["path"])).is_relative_to(folder):
                yield number, fields


def _columns(row: tuple[object, ...]) -> dict[str, object]:
    columns = dict(zip(_FIELDS, row, strict=True))
    for key in _PATHS:
        value = columns[key]
        if isinstance(value, str | bytes):
            columns[key] = path_from_db(value)
    return columns


def put_names(
    db: Database,
    export_id: int,
    photo: int,
    path: str,
    names: Iterable[str],
    keywords: Iterable[str],
    *,
    authors: Iterable[str] = (),
    branches: Iterable[tuple[str, str]] = (),
) -> None:
    """Note which names and keywords an export brought into a photo, wherever it goes.

    Args:
        photo: its id.
        path: of the file, relative to the library.
        authors: whose notes came with them.
        branches: keywords in trees: the tree, as m0007_trees names them, and the keyword.
    """
    place = (photo, path_to_db(path), export_id)
    with db.transaction() as sql:
        sql.executemany(
            "INSERT OR IGNORE INTO exported_names VALUES (?, ?, ?, ?, ?)",
            ((*place, kind, name) for kind, name in _kinds(names, keywords, branches)),
        )
        sql.executemany(
            "INSERT OR IGNORE INTO exported_notes VALUES (?, ?, ?, ?)",
            ((*place, author) for author in authors),
        )


def drop_names(
    db: Database,
    export_id: int,
    photo: int,
    path: str,
    names: Iterable[str],
    keywords: Iterable[str],
    *,
    authors: Iterable[str] = (),
    branches: Iterable[tuple[str, str]] = (),
) -> None:
    """Take a `put_names` back."""
    place = f"{_HERE} AND export_id = ?"
    values = (photo, path_to_db(path), export_id)
    with db.transaction() as sql:
        sql.executemany(
            f"DELETE FROM exported_names WHERE {place} AND kind = ? AND name = ?",
            ((*values, kind, name) for kind, name in _kinds(names, keywords, branches)),
        )
        sql.executemany(
            f"DELETE FROM exported_notes WHERE {place} AND author = ?",
            ((*values, author) for author in authors),
        )


def _kinds(
    names: Iterable[str], keywords: Iterable[str], branches: Iterable[tuple[str, str]]
) -> list[tuple[str, str]]:
    brought = [("person", name) for name in names] + [("keyword", name) for name in keywords]
    return [*brought, *branches]


def names_in(db: Database, photo: int, path: str) -> tuple[frozenset[str], frozenset[str]]:
    """Names and keywords that exports, not undone since, brought into a photo at a path."""
    query = f"SELECT DISTINCT kind, name FROM exported_names WHERE {_HERE}"
    rows = list(db.rows(query, (photo, path_to_db(path))))
    return (
        frozenset(str(name) for kind, name in rows if kind == "person"),
        frozenset(str(name) for kind, name in rows if kind == "keyword"),
    )


def branches_in(db: Database, photo: int, path: str) -> frozenset[tuple[str, str]]:
    """Trees and keywords in them that exports, not undone since, brought into a photo at a path."""
    query = (
        "SELECT DISTINCT kind, name FROM exported_names "
        f"WHERE kind NOT IN ('person', 'keyword') AND {_HERE}"
    )
    rows = db.rows(query, (photo, path_to_db(path)))
    return frozenset((str(tree), str(keyword)) for tree, keyword in rows)


def notes_in(db: Database, photo: int, path: str) -> frozenset[str]:
    """Whose notes exports, not undone since, brought into a photo at a path."""
    query = f"SELECT DISTINCT author FROM exported_notes WHERE {_HERE}"
    return frozenset(str(row[0]) for row in db.rows(query, (photo, path_to_db(path))))


def strays(db: Database) -> Iterator[tuple[int, str, bool]]:
    """What exports brought into photos that are not there any more: id and path.

    With each: whether another photo is there. If none is, the file is gone, cannot be read, or
    scans leave it out now.
    """
    rows = db.rows(
        """SELECT noted.photo_id, noted.path, here.photo_id IS NOT NULL
        FROM (SELECT photo_id, path FROM exported_names
            UNION SELECT photo_id, path FROM exported_notes) AS noted
        LEFT JOIN files AS here ON here.path = noted.path AND here.missing_since IS NULL
        WHERE here.photo_id IS NOT noted.photo_id"""
    )
    for photo, path, taken in rows:
        yield int(photo), path_from_db(path), bool(taken)


def forget(db: Database, export_format: str) -> None:
    """Take all names and notes of exports of this format for another program's."""
    with db.transaction() as sql:
        for table in ("exported_names", "exported_notes"):
            sql.execute(
                f"DELETE FROM {table} WHERE export_id IN (SELECT id FROM exports WHERE format = ?)",
                (export_format,),
            )


def close_undone(db: Database, export_id: int, is_left: Callable[[int, str], bool]) -> None:
    """Note that an export was undone: the next undo goes to the one before it.

    What the undo had to leave in place stays known as ours: names and notes too, of which
    `is_left`, given the id of the photo and the path that it had, says so.
    """
    with db.transaction() as sql:
        sql.execute("UPDATE exports SET undone_at = ? WHERE id = ?", (now(), export_id))
        for table in ("exported_names", "exported_notes"):
            places = sql.execute(
                f"SELECT DISTINCT photo_id, path FROM {table} WHERE export_id = ?", (export_id,)
            ).fetchall()
            sql.executemany(
                f"DELETE FROM {table} WHERE {_HERE} AND export_id = ?",
                [
                    (photo, path, export_id)
                    for photo, path in places
                    if not is_left(int(photo), path_from_db(path))
                ],
            )

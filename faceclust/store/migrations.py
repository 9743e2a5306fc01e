"""Named, forward-only migrations: each runs once, in this order, in a transaction of its own.

A migration that has been released is never edited; a change of schema is a new function here.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Mapping

Migration = Callable[[sqlite3.Connection], None]


def m0001_initial(db: sqlite3.Connection) -> None:
    """Photos, files, faces, embeddings, clusterings, decisions and exports."""
    for statement in _INITIAL:
        db.execute(statement)


def m0002_attributes(db: sqlite3.Connection) -> None:
    """What is guessed of faces, as weights of a zero-shot classifier in a CLIP model's space."""
    db.execute(
        """CREATE TABLE attribute_values (
            model TEXT NOT NULL,
            position INTEGER NOT NULL,
            attribute TEXT NOT NULL,
            value TEXT NOT NULL,
            prompts TEXT NOT NULL,
            weights BLOB NOT NULL,
            PRIMARY KEY (model, position)
        ) WITHOUT ROWID"""
    )


def m0003_neighbours(db: sqlite3.Connection) -> None:
    """What the newest clustering knew: neighbour lists, and pairs that it left apart."""
    # Arrays of unsigned 32-bit face ids (0 for none) and 32-bit floats, both little-endian.
    db.execute(
        """CREATE TABLE neighbours (
        face_id INTEGER PRIMARY KEY REFERENCES faces (id) ON DELETE CASCADE,
        listed BLOB NOT NULL,
        similarity BLOB NOT NULL
    )"""
    )
    # Pairs of faces of two clusters, a < b, with the log-odds that they are one person.
    db.execute(
        """CREATE TABLE doubts (
        face_a INTEGER NOT NULL,
        face_b INTEGER NOT NULL,
        log_odds REAL NOT NULL,
        PRIMARY KEY (face_a, face_b)
    ) WITHOUT ROWID"""
    )


def m0004_notes(db: sqlite3.Connection) -> None:
    """Whose notes in which photos or sidecars an export may take out again."""
    db.execute(
        """CREATE TABLE exported_notes (
        export_id INTEGER NOT NULL REFERENCES exports (id),
        path NOT NULL,
        author TEXT NOT NULL,
        PRIMARY KEY (path, author, export_id)
    ) WITHOUT ROWID"""
    )


def m0005_moved(db: sqlite3.Connection) -> None:
    """What exports brought into a photo, by the photo: it may be moved, or the whole library.

    And which photo stood where a file cannot be read now: it may be back, edited, the next time.
    """
    db.execute("ALTER TABLE files ADD COLUMN before INTEGER REFERENCES photos (id)")
    rows = db.execute("SELECT path, photo_id FROM files WHERE photo_id IS NOT NULL").fetchall()
    files = {path if isinstance(path, bytes) else path.encode(): (photo, path)
             for path, photo in rows}  # fmt: skip
    for table, columns, names in (
        ("exported_names", _KINDS + ", name TEXT NOT NULL", "kind, name"),
        ("exported_notes", "author TEXT NOT NULL", "author"),
    ):
        rows = db.execute(f"SELECT path, export_id, {names} FROM {table}").fetchall()
        db.execute(f"DROP TABLE {table}")
        # `path` is where the photo was then, relative to the library.
        db.execute(
            f"""CREATE TABLE {table} (
            photo_id INTEGER NOT NULL REFERENCES photos (id),
            path NOT NULL,
            export_id INTEGER NOT NULL REFERENCES exports (id),
            {columns},
            PRIMARY KEY (photo_id, path, {names}, export_id)
        ) WITHOUT ROWID"""
        )
        for path, *rest in rows:
            if found := _file_at(path if isinstance(path, bytes) else path.encode(), files):
                row = (*found, *rest)
                db.execute(
                    f"INSERT OR IGNORE INTO {table} VALUES ({', '.join('?' * len(row))})", row
                )


_KINDS = "kind TEXT NOT NULL CHECK (kind IN ('person', 'keyword'))"
_File = tuple[int, "str | bytes"]


def _file_at(path: bytes, files: Mapping[bytes, _File]) -> _File | None:
    """Photo and path of an absolute path: the library may have been elsewhere when it was noted."""
    parts = path.replace(os.sep.encode(), b"/").split(b"/")
    inside = (b"/".join(parts[start:]) for start in range(1, len(parts)))
    return next((files[rest] for rest in inside if rest in files), None)


def m0006_entries(db: sqlite3.Connection) -> None:
    """The entries of one export, in order: the id of each goes along in every index."""
    db.execute("CREATE INDEX export_entries_by_export ON export_entries (export_id)")


def m0007_trees(db: sqlite3.Connection) -> None:
    """Which keywords exports brought into the trees of Lightroom, digiKam and Microsoft."""
    # Until now they were taken for ours where the flat keyword was, which is all that is known.
    db.execute(
        """CREATE TABLE new_names (
        photo_id INTEGER NOT NULL REFERENCES photos (id),
        path NOT NULL,
        export_id INTEGER NOT NULL REFERENCES exports (id),
        kind TEXT NOT NULL CHECK (kind IN ('person', 'keyword', 'lr', 'digiKam', 'MicrosoftPhoto')),
        name TEXT NOT NULL,
        PRIMARY KEY (photo_id, path, kind, name, export_id)
    ) WITHOUT ROWID"""
    )
    db.execute("INSERT INTO new_names SELECT * FROM exported_names")
    for tree, separator in (("lr", "|"), ("digiKam", "/"), ("MicrosoftPhoto", "/")):
        db.execute(
            """INSERT INTO new_names SELECT photo_id, path, export_id, ?,
                'People' || ? || replace(replace(name, '|', '-'), '/', '-')
            FROM exported_names WHERE kind = 'keyword'""",
            (tree, separator),
        )
    db.execute("DROP TABLE exported_names")
    db.execute("ALTER TABLE new_names RENAME TO exported_names")


MIGRATIONS: tuple[Migration, ...] = (
    m0001_initial,
    m0002_attributes,
    m0003_neighbours,
    m0004_notes,
    m0005_moved,
    m0006_entries,
    m0007_trees,
)

_INITIAL = (
    "CREATE TABLE library (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID",
    # A photo is its content: moved and duplicate files share one row, and one set of faces.
    """CREATE TABLE photos (
        id INTEGER PRIMARY KEY,
        content_hash TEXT NOT NULL UNIQUE,
        width INTEGER NOT NULL,
        height INTEGER NOT NULL,
        orientation INTEGER NOT NULL,
        format TEXT NOT NULL,
        taken_at TEXT,
        camera TEXT,
        extractor TEXT NOT NULL,
        scanned_at TEXT NOT NULL
    )""",
    # `path` is relative to the library's root; BLOB where the name is not valid UTF-8.
    """CREATE TABLE files (
        path PRIMARY KEY,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        photo_id INTEGER REFERENCES photos (id),
        error_kind TEXT,
        error TEXT,
        missing_since TEXT,
        CHECK ((photo_id IS NULL) = (error IS NOT NULL))
    ) WITHOUT ROWID""",
    "CREATE INDEX files_by_photo ON files (photo_id)",
    "CREATE INDEX files_by_size ON files (size)",
    # AUTOINCREMENT: decisions speak of face ids, so an id must never come back as another face.
    """CREATE TABLE faces (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        photo_id INTEGER NOT NULL REFERENCES photos (id),
        x REAL NOT NULL, y REAL NOT NULL, w REAL NOT NULL, h REAL NOT NULL,
        landmarks BLOB NOT NULL,
        score REAL NOT NULL,
        size REAL NOT NULL,
        blur REAL NOT NULL,
        yaw REAL NOT NULL,
        retired_at TEXT
    )""",
    "CREATE INDEX faces_by_photo ON faces (photo_id)",
    """CREATE TABLE crops (
        face_id INTEGER PRIMARY KEY REFERENCES faces (id),
        image BLOB NOT NULL
    )""",
    """CREATE TABLE embeddings (
        model TEXT NOT NULL,
        face_id INTEGER NOT NULL REFERENCES faces (id),
        vector BLOB NOT NULL,
        PRIMARY KEY (model, face_id)
    ) WITHOUT ROWID""",
    # Ids of clusters and people are never used twice.
    "CREATE TABLE identifiers (id INTEGER PRIMARY KEY AUTOINCREMENT)",
    """CREATE TABLE clusterings (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        created_at TEXT NOT NULL,
        model TEXT NOT NULL,
        method TEXT NOT NULL,
        options TEXT NOT NULL
    )""",
    """CREATE TABLE memberships (
        clustering_id INTEGER NOT NULL REFERENCES clusterings (id) ON DELETE CASCADE,
        face_id INTEGER NOT NULL REFERENCES faces (id),
        cluster_id INTEGER NOT NULL REFERENCES identifiers (id),
        PRIMARY KEY (clustering_id, face_id)
    ) WITHOUT ROWID""",
    """CREATE TABLE decisions (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        made_at TEXT NOT NULL,
        made_by TEXT NOT NULL,
        kind TEXT NOT NULL,
        payload TEXT NOT NULL
    )""",
    """CREATE TABLE exports (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        started_at TEXT NOT NULL,
        format TEXT NOT NULL,
        undone_at TEXT
    )""",
    """CREATE TABLE export_entries (
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        export_id INTEGER NOT NULL REFERENCES exports (id),
        state TEXT NOT NULL CHECK (state IN ('intended', 'done', 'undone')),
        kind TEXT NOT NULL,
        path NOT NULL,
        digest TEXT NOT NULL,
        before BLOB,
        before_mode INTEGER,
        before_digest TEXT,
        backup,
        source
    )""",
    # The names that an export wrote into a photo or its sidecar: only those may it take out again.
    """CREATE TABLE exported_names (
        export_id INTEGER NOT NULL REFERENCES exports (id),
        path NOT NULL,
        kind TEXT NOT NULL CHECK (kind IN ('person', 'keyword')),
        name TEXT NOT NULL,
        PRIMARY KEY (path, kind, name, export_id)
    ) WITHOUT ROWID""",
    "CREATE INDEX export_entries_by_path ON export_entries (path)",
)

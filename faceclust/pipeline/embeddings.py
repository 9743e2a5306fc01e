"""The embeddings of a library's faces: a small one's in memory, a large one's in a file."""

from __future__ import annotations

from faceclust.embed.arcface import Unit
from faceclust.records import IntArray
from faceclust.store import Database, catalogue
from faceclust.weights import Notify

# Faces from which on their embeddings lie in a file: 141 MB in memory, at 704 numbers a face.
MAPPED_FROM = 50_000
_GIB = 1 << 30


def read(
    db: Database,
    model: str,
    live: frozenset[int],
    parts: tuple[int, ...] = (),
    notify: Notify | None = None,
) -> tuple[IntArray, Unit]:
    """Ids (N,) ascending and the embeddings of some faces; to the same numbers wherever they lie.

    Args:
        live: the faces that are wanted; of many, the embeddings lie in a file, if it has room.
        parts: the networks of the model, see `arcface.normalise`.
        notify: told where it has none.
    """
    if len(live) >= MAPPED_FROM:
        try:
            faces, raw = catalogue.mapped_faces(db, model, live)
        except OSError as error:
            if notify is not None:
                notify(_no_room(db, error))
        else:
            if raw is not None:
                return faces, Unit.mapped(raw, parts)
    return held(db, model, live, parts)


def held(
    db: Database, model: str, live: frozenset[int], parts: tuple[int, ...] = ()
) -> tuple[IntArray, Unit]:
    """As `read`, in memory however many they are: for what looks at all of them again and again."""
    faces, x = catalogue.live_faces(db, model, live)
    return faces, Unit.taken(x, parts)


def _no_room(db: Database, error: OSError) -> str:
    return (
        f"{db.path.parent} cannot hold a file of the embeddings ({error.strerror}): they are "
        "held in memory, which takes more of it; free some space there if that is too little."
    )

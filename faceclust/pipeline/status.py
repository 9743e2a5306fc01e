"""What a library holds, what went wrong and what is out of date."""

from __future__ import annotations

from typing import Any

from faceclust.people import not_faces
from faceclust.pipeline.guesses import SETTING, Guesses
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import (
    all_people,
    clustering,
    find,
    is_hidden,
    live_faces,
    people_of,
)
from faceclust.records import by_attribute
from faceclust.store import catalogue, ledger

AGAIN = "; the next scan tries again"


def status(library: Library) -> dict[str, object]:
    """The library in figures.

    Returns:
        library, database, files, photos, faces, people (seen more than once), seen_once, named,
        hidden, errors, missing, model, clip, clustered_by, stale_photos (scanned with other
        settings than the last scan), unclustered_faces.
    """
    extractor = library.db.setting("extractor")
    counts = catalogue.counts(library.db, extractor)
    heads = head_count(library)
    newest, live = clustering(library), live_faces(library)
    settled = not_faces(ledger.decisions(library.db)).union(newest.membership if newest else ())
    return {
        "library": library.place,
        "database": str(library.db.path),
        "files": counts["files"],
        "photos": counts["photos"],
        "faces": len(live),
        "people": heads["several"],
        "seen_once": heads["once"],
        "named": heads["named"],
        "hidden": sum(is_hidden(person) for person in all_people(library)),
        "errors": counts["errors"],
        "missing": counts["missing"],
        "model": library.db.setting("model") or "none yet",
        "clip": library.db.setting(SETTING) or "none",
        "clustered_by": newest.method if newest else "nothing yet",
        "stale_photos": counts["stale"],
        "unclustered_faces": len(live - settled),
    }


def head_count(library: Library) -> dict[str, int]:
    """Faces; people seen more than once, seen once, and with a name; unreadable photos."""
    people = [person for person in all_people(library) if not is_hidden(person)]
    return {
        "faces": sum(len(person.faces) for person in people),
        "several": sum(len(person.faces) > 1 for person in people),
        "once": sum(len(person.faces) == 1 for person in people),
        "named": sum(person.name is not None for person in people),
        "errors": len(catalogue.unreadable(library.db)),
    }


def unreadable(library: Library) -> list[dict[str, str]]:
    """Every photo that could not be read: file, kind, reason, and whether that may pass."""
    return [
        {
            "file": path,
            "kind": kind,
            "reason": f"{reason}{AGAIN}" if library.may_pass(kind) else reason,
        }
        for path, kind, reason in catalogue.unreadable(library.db)
    ]


def faces_of(library: Library, who: str) -> list[dict[str, Any]]:
    """The faces of one person, oldest photo first: face, file, taken_at, quality, attributes.

    Raises:
        PersonError: there is no person `who`.
    """
    facts = catalogue.face_facts(library.db)
    person = find(people_of(library, facts), who)
    guesses = Guesses(library, person.faces)
    rows = [(facts[face], face) for face in person.faces]
    return [
        {
            "face": face,
            "file": path,
            "taken_at": taken_at,
            "quality": round(quality, 1),
            "attributes": by_attribute(guesses.of(face)),
        }
        for (path, taken_at, quality), face in sorted(
            rows, key=lambda row: (row[0][1] or "9999", row[0][0], row[1])
        )
    ]

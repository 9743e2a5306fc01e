"""The library as JSON, as the page's modules take it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from faceclust import people, pipeline
from faceclust.errors import PersonError
from faceclust.pipeline import Gallery, Library, LogEntry, Match, OpenHint, PersonSummary
from faceclust.records import Decision
from faceclust.suggest import Suggestion

Json = dict[str, Any]
COMPLETIONS = 8
MOST_ASKED = 30
SAMPLES = 5


def state(library: Library, gallery: Gallery, steps: Mapping[int, int]) -> Json:
    """What every page shows: counts, and what `undo` would take back."""
    return {
        "stamp": "-".join(map(str, gallery.stamp)),
        "counts": gallery.counts,
        "errors": len(
            library.memo.get(
                "unreadable", gallery.stamp.revision, lambda: pipeline.unreadable(library)
            )
        ),
        "undo": undo(gallery, steps),
    }


def undo(gallery: Gallery, steps: Mapping[int, int]) -> Json | None:
    """What undo would take back: the newest decision that holds, or all that one click made.

    Args:
        steps: of `undo`, made by the click whose last decision has this id.
    """
    if not gallery.standing:
        return None
    newest = gallery.standing[-1]
    count = steps.get(newest.id, 1)
    taken = sum(map(len, people.steps(gallery.standing)[-count:]))
    more = f", and {taken - 1} more" if taken > 1 and newest.source is None else ""
    return {"id": newest.id, "count": count, "what": sentence(newest) + more}


def person(found: PersonSummary) -> Json:
    """A person as a card shows it; `mark` tells whether they have changed since."""
    return {
        "id": found.person.id,
        "name": found.person.name,
        "faces": len(found.person.faces),
        "photos": found.photos,
        "first": (found.first or "")[:10],
        "last": (found.last or "")[:10],
        "best": found.best_face,
        "hidden": found.person.hidden,
        "ignored": found.person.ignored,
        "birth": found.person.birth,
        "mark": pipeline.mark(found),
    }


def someone(gallery: Gallery, who: int) -> PersonSummary:
    """The person with this number.

    Raises:
        PersonError: there is none, or no more.
    """
    if who not in gallery.people:
        raise PersonError(f"There is no person number {who} any more.")
    return gallery.people[who]


def portrait(gallery: Gallery, who: int) -> Json:
    """A person and all their faces in order of time: face id, photo id, date."""
    found = someone(gallery, who)
    faces = [
        [face, gallery.photo_of[face], (gallery.facts[face][1] or "")[:10]]
        for face in gallery.dated_faces(who)
    ]
    return {"person": person(found), "faces": faces}


def photo(library: Library, gallery: Gallery, photo_id: int) -> Json:
    """A photo, for each face its box and its person, if it has one, and names without a face."""
    view = pipeline.photo(library, photo_id)
    faces = []
    for face, box in view.faces:
        who = gallery.person_of.get(face)
        faces.append(
            {
                "id": face,
                "box": [box.x, box.y, box.w, box.h],
                "person": None if who is None else person(gallery.people[who]),
            }
        )
    return {
        "id": photo_id,
        "file": printable(view.file),
        "width": view.info.width,
        "height": view.info.height,
        "taken": (view.info.taken_at or "").replace("T", " "),
        "camera": view.info.camera or "",
        "faces": faces,
        "waiting": [
            {"name": hint.name, "faces": list(hint.faces)}
            for hint in _hints(library, gallery)
            if hint.photo == photo_id and hint.faces
        ],
    }


def _hints(library: Library, gallery: Gallery) -> list[OpenHint]:
    return library.memo.get("hints", gallery.stamp, lambda: pipeline.open_hints(library))


def completions(gallery: Gallery, typed: str) -> list[Json]:
    """People whose names go on as typed, most faces first; a number finds its person."""
    if typed.isascii() and typed.isdecimal() and len(typed) < 20:
        return [person(gallery.people[n]) for n in (int(typed),) if n in gallery.people]
    shown = gallery.listed("named", words=typed) + [
        each for each in gallery.listed("hidden", words=typed) if each.person.name
    ]
    return [person(each) for each in shown[:COMPLETIONS]]


def entry(logged: LogEntry, gallery: Gallery) -> Json:
    """A decision as the history shows it; `person` where it is about somebody who is there."""
    decision = logged.decision
    about = None if logged.kind == "import" else decision.person
    return {
        "id": decision.id,
        "what": sentence(decision, logged.who),
        "at": decision.made_at,
        "by": decision.made_by,
        "person": about if about in gallery.people else None,
        "stands": logged.stands,
        "undoes": decision.undoes,
    }


def match(found: Match, gallery: Gallery) -> Json:
    """A face that was found by its looks: its photo, and whose it is."""
    return {
        "face": found.face,
        "photo": gallery.photo_of[found.face],
        "person": person(gallery.people[found.person]),
    }


def suggestions(gallery: Gallery, asked: Sequence[Suggestion], skipped: int = 0) -> Json:
    """The first of the questions, and how many there are.

    Args:
        skipped: so many of them more, which the page has put aside.
    """
    questions = [_question(gallery, each) for each in asked[: MOST_ASKED + skipped]]
    return {"total": len(asked), "suggestions": questions}


def _question(gallery: Gallery, asked: Suggestion) -> Json:
    """A question; `key` is the same as long as it is about the same people in the same state."""
    about = gallery.people[asked.person]
    candidates = [
        {
            "person": person(gallery.people[each.person]),
            "samples": best_faces(gallery, gallery.people[each.person]),
            "settles": each.faces,
            "probability": round(each.probability, 3),
        }
        for each in asked.candidates
    ]
    states = [about, *(gallery.people[each.person] for each in asked.candidates)]
    return {
        "key": "-".join(map(pipeline.mark, states)),
        "person": person(about),
        "samples": best_faces(gallery, about),
        "candidates": candidates,
    }


def best_faces(gallery: Gallery, found: PersonSummary) -> list[int]:
    """A few faces that show a person well, the best first."""
    return sorted(found.person.faces, key=lambda face: -gallery.facts[face][2])[:SAMPLES]


def sentence(decision: Decision, known_as: str | None = None) -> str:
    """What a decision was, in a few words; `known_as` is who it is about, where that is known."""
    who = decision.name or known_as or str(decision.person)
    who = f"number {who}" if who.isdecimal() else who
    faces = count(len(decision.faces))
    match decision.kind:
        case "name" | "hint" if decision.source is not None:
            return "imported names from other programs"
        case "name":
            return f"named {who}, {faces}"
        case "merge" if decision.others:
            return f"joined {who} with {len(decision.others)} more"
        case "merge":
            return f"confirmed {faces} of {who}"
        case "split":
            return f"split {count(len(decision.against))} off {who}"
        case "reject":
            return f"took {faces} from {who}"
        case "differ":
            return f"kept {who} and number {decision.others[0]} apart"
        case "not-a-face":
            return f"left out {faces}"
        case "a-face":
            return f"brought back {faces}"
        case "birth":
            return f"{who} was born {decision.date}" if decision.date else f"birth of {who} unknown"
        case "ignore":
            return f"ignored {who}"
        case "hide":
            return f"hid {who}"
        case "show":
            return f"showed {who} again"
        case "hint":
            return f"{who} is somewhere in {len(decision.photos)} photos"
        case "undo":
            return f"took back answer {decision.undoes}"


def count(faces: int) -> str:
    """A number of faces in words."""
    return "1 face" if faces == 1 else f"{faces} faces"


def printable(text: str) -> str:
    """A file's name as it can be sent: bytes that are no text become the replacement sign."""
    return text.encode("utf-8", "replace").decode()

"""An answer from the page: checked, then one call of the pipeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from faceclust import pipeline
from faceclust.errors import OptionError, PersonError
from faceclust.pipeline import Gallery, Library
from faceclust.records import Person
from faceclust.review import views

KINDS = ("name", "merge", "reject", "split", "not-a-face", "hide", "show", "undo")
MAX_FACES = 20_000


@dataclass(frozen=True, slots=True)
class Given:
    """An answer whose form has been checked.

    Attributes:
        key: chosen by the page for this one click.
        people: numbers of the people it is about, and the marks of what the page showed of them.
        faces: the faces it is about.
        name: for "name".
        expected: for "undo": id of the decision that the page offered to take back.
    """

    key: str
    kind: str
    people: Mapping[int, str]
    faces: tuple[int, ...] = ()
    name: str = ""
    expected: int = 0


@dataclass(frozen=True, slots=True)
class Done:
    """What an answer did, in a sentence, and the person it was about as they are known now."""

    what: str
    person: int | None = None


def parse(body: object) -> Given:
    """Check the form of an answer.

    Raises:
        OptionError: it is none.
    """
    if not isinstance(body, dict):
        raise OptionError("An answer must be a JSON object.")
    key, kind, name = body.get("key"), body.get("kind"), body.get("name", "")
    people, faces, expected = body.get("people", []), body.get("faces", []), body.get("expected", 0)
    if not (isinstance(key, str) and 8 <= len(key) <= 64):
        raise OptionError("An answer must have a key of 8 to 64 characters.")
    if kind not in KINDS:
        raise OptionError(f"There is no answer {kind!r}; there are {', '.join(KINDS)}.")
    if not isinstance(name, str) or type(expected) is not int:
        raise OptionError("The name must be text, and what is expected a number.")
    if not (isinstance(faces, list) and len(faces) <= MAX_FACES and all(map(_is_id, faces))):
        raise OptionError("Faces must be a list of numbers.")
    return Given(key, kind, _people(people), tuple(dict.fromkeys(faces)), name, expected)


def _people(given: object) -> dict[int, str]:
    """[[number, mark], ...] as a dictionary, in order."""
    if not isinstance(given, list):
        raise OptionError("People must be a list.")
    people = {}
    for each in given:
        if not (isinstance(each, list) and len(each) == 2 and _is_id(each[0])):
            raise OptionError("People must be pairs of a number and a mark.")
        people[each[0]] = str(each[1])
    return people


def _is_id(value: object) -> bool:
    return type(value) is int and 0 < value < 2**63


def give(library: Library, gallery: Gallery, given: Given, steps: Mapping[int, int]) -> Done:
    """Give an answer.

    Args:
        steps: how many decisions one click made; see `Session`.

    Raises:
        PersonError: the people it is about are not what the page showed any more, or there is
            nothing to take back.
        OptionError: something in it cannot be used.
    """
    _check_seen(gallery, given)
    numbers = list(given.people)
    if given.kind in ("hide", "show") and not numbers:
        raise OptionError("This answer is about people; select some.")
    match given.kind:
        case "name":
            return _name(library, _one(numbers), given.name)
        case "merge":
            person = pipeline.merge(library, list(map(str, numbers)))
            return Done(f"{_label(person)} has {_faces(len(person.faces))} now", person.id)
        case "reject":
            return _reject(library, gallery, _one(numbers), given.faces)
        case "split":
            return _reject(library, gallery, _one(numbers), given.faces)
        case "not-a-face":
            _check_faces(given.faces, gallery.facts)
            for face in given.faces:
                pipeline.not_a_face(library, face)
            return Done(f"{_faces(len(given.faces))} left out")
        case "hide" | "show":
            people = [
                pipeline.ignore(library, str(number), show=given.kind == "show")
                for number in numbers
            ]
            return Done(f"{_labels(people)} {'hidden' if given.kind == 'hide' else 'shown again'}")
        case _:
            return _undo(library, views.undo(gallery, steps), given.expected)


def _check_seen(gallery: Gallery, given: Given) -> None:
    """Refuse an answer about people who are not what the page showed: it was given blindly."""
    for number, seen in given.people.items():
        found = views.someone(gallery, number)
        if pipeline.mark(found) != seen:
            raise PersonError(
                f"{_label(found.person)} has changed since this page was shown; look again."
            )


def _name(library: Library, number: int, name: str) -> Done:
    person, joined = pipeline.name(library, str(number), name)
    if joined is None:
        return Done(f"Named {person.name}", person.id)
    count = _faces(len(person.faces))
    return Done(f"Joined with {person.name}, who has {count} now", person.id)


def _reject(library: Library, gallery: Gallery, number: int, faces: Sequence[int]) -> Done:
    person = gallery.people[number].person
    _check_faces(faces, person.faces)
    label = _label(person)
    for face in faces:
        pipeline.reject(library, face, str(number))
    return Done(f"{_faces(len(faces))} taken from {label}", number)


def _undo(library: Library, offered: views.Json | None, expected: int) -> Done:
    if offered is None:
        raise PersonError("There is nothing to take back.")
    if offered["id"] != expected:
        raise PersonError(
            f"Something was answered since this page was shown: {offered['what']}. "
            "Undo again to take that back."
        )
    for _ in range(offered["count"]):
        pipeline.undo(library)
    return Done(f"Taken back: {offered['what']}")


def _check_faces(faces: Sequence[int], known: Collection[int]) -> None:
    """All of them, before the first is decided on: an answer is carried out whole or not at all."""
    if not faces:
        raise OptionError("This answer is about faces; select some.")
    if strange := next((face for face in faces if face not in known), None):
        raise PersonError(f"Face {strange} is not there any more; look again.")


def _one(numbers: Sequence[int]) -> int:
    if len(numbers) != 1:
        raise OptionError("This answer is about one person.")
    return numbers[0]


def _label(person: Person) -> str:
    return person.name or f"Number {person.id}"


def _labels(people: Sequence[Person]) -> str:
    return _label(people[0]) if len(people) == 1 else f"{len(people)} people"


def _faces(count: int) -> str:
    return "1 face" if count == 1 else f"{count} faces"

"""An answer from the page: checked, then one call of the pipeline."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from faceclust import pipeline
from faceclust.errors import OptionError, PersonError
from faceclust.pipeline import Aside, Gallery, Library
from faceclust.records import Person
from faceclust.review import views

KINDS = (
    "name", "birth", "merge", "reject", "split-off", "split", "not-a-face", "ignore", "hide",
    "show", "same", "undo",
)  # fmt: skip
MAX_FACES = 20_000


@dataclass(frozen=True, slots=True)
class Given:
    """An answer whose form has been checked.

    Attributes:
        key: chosen by the page for this one click.
        people: numbers of the people it is about, and the marks of what the page showed of them.
        faces: the faces it is about.
        name: for "name"; for "birth" the date, empty to forget it.
        yes, no: for "same": the other people who are, and who are not, the first one of `people`.
        expected: for "undo": id of the decision that the page offered to take back.
    """

    key: str
    kind: str
    people: Mapping[int, str]
    faces: tuple[int, ...] = ()
    name: str = ""
    yes: tuple[int, ...] = ()
    no: tuple[int, ...] = ()
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
    expected = body.get("expected", 0)
    faces, yes, no = (_ids(body.get(field, [])) for field in ("faces", "yes", "no"))
    if not (isinstance(key, str) and 8 <= len(key) <= 64):
        raise OptionError("An answer must have a key of 8 to 64 characters.")
    if kind not in KINDS:
        raise OptionError(f"There is no answer {kind!r}; there are {', '.join(KINDS)}.")
    if not isinstance(name, str) or type(expected) is not int:
        raise OptionError("The name must be text, and what is expected a number.")
    return Given(key, kind, _people(body.get("people", [])), faces, name, yes, no, expected)


def _ids(given: object) -> tuple[int, ...]:
    """A list of numbers without repetitions."""
    if not (isinstance(given, list) and len(given) <= MAX_FACES and all(map(_is_id, given))):
        raise OptionError("Faces and people must be lists of numbers.")
    return tuple(dict.fromkeys(given))


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
    if given.kind in ("ignore", "hide", "show") and not numbers:
        raise OptionError("This answer is about people; select some.")
    match given.kind:
        case "name":
            return _name(library, _one(numbers), given.name)
        case "birth":
            return _birth(library, _one(numbers), given.name)
        case "merge":
            person = pipeline.merge(library, list(map(str, numbers)))
            return Done(f"{_label(person)} has {views.count(len(person.faces))} now", person.id)
        case "reject":
            label = _about(gallery, _one(numbers), given.faces)
            pipeline.reject_all(library, given.faces, str(numbers[0]))
            return Done(f"{views.count(len(given.faces))} taken from {label}", numbers[0])
        case "split-off":
            label = _about(gallery, _one(numbers), given.faces)
            person = pipeline.split_off(library, given.faces, str(numbers[0]))
            return Done(
                f"{views.count(len(person.faces))} of {label} moved to a new person", person.id
            )
        case "split":
            return _split(library, _one(numbers), given.faces)
        case "not-a-face":
            _check_faces(given.faces, gallery.facts)
            pipeline.not_faces(library, given.faces)
            return Done(f"{views.count(len(given.faces))} left out")
        case "ignore" | "hide" | "show":
            return _set_aside(library, gallery, given.kind, numbers)
        case "same":
            return _same(library, gallery, numbers, given)
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
    count = views.count(len(person.faces))
    return Done(f"Joined with {person.name}, who has {count} now", person.id)


def _birth(library: Library, number: int, born: str) -> Done:
    person, left = pipeline.birth(library, str(number), born or None)
    if not born:
        return Done(f"When {_label(person)} was born is not known any more", number)
    early = f"; {views.count(left)} taken on earlier days left" if left else ""
    return Done(f"{_label(person)} was born {born}{early}", number)


def _split(library: Library, number: int, like: Sequence[int]) -> Done:
    person, new = pipeline.split(library, str(number), like)
    sizes = f"{views.count(len(person.faces))} and {views.count(len(new.faces))}"
    return Done(f"{_label(person)} is two people now, of {sizes}", number)


def _set_aside(library: Library, gallery: Gallery, kind: str, numbers: Sequence[int]) -> Done:
    people = [gallery.people[number].person for number in numbers]
    who: dict[str, Aside] = {
        str(person.id): "ignore" if kind == "ignore" or person.ignored else "hide"
        for person in people
    }
    pipeline.set_aside(library, who, show=kind == "show")
    done = {"ignore": "ignored", "hide": "hidden", "show": "shown again"}[kind]
    return Done(f"{_labels(people)} {done}")


def _same(library: Library, gallery: Gallery, numbers: Sequence[int], given: Given) -> Done:
    """The answer to a question: some people are the first one, others are not."""
    if not numbers or sorted(numbers[1:]) != sorted((*given.yes, *given.no)):
        raise OptionError("This answer is about a person and others; say yes or no to each.")
    yes, no = (list(map(str, ids)) for ids in (given.yes, given.no))
    person = pipeline.answer(library, str(numbers[0]), yes, no)
    if not yes:
        return Done(f"Not {_label(gallery.people[numbers[0]].person)}", person.id)
    return Done(f"{_label(person)} has {views.count(len(person.faces))} now", person.id)


def _undo(library: Library, offered: views.Json | None, expected: int) -> Done:
    if offered is None:
        raise PersonError("There is nothing to take back.")
    if offered["id"] != expected:
        raise PersonError(
            f"Something was answered since this page was shown: {offered['what']}. "
            "Undo again to take that back."
        )
    pipeline.undo(library, offered["count"])
    return Done(f"Taken back: {offered['what']}")


def _about(gallery: Gallery, number: int, faces: Sequence[int]) -> str:
    """What the person is called whose selected faces the answer is about."""
    person = gallery.people[number].person
    _check_faces(faces, person.faces)
    return _label(person)


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

"""The people of a library."""

from __future__ import annotations

import unicodedata
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from faceclust.errors import OptionError, PersonError
from faceclust.people import resolve
from faceclust.pipeline.guesses import Guesses
from faceclust.pipeline.library import Library
from faceclust.records import Decision, Guess, Person
from faceclust.store import StoredClustering, catalogue, ledger

MAX_NAME = 300
FEW = 4  # faces of a stranger, at most
BLURRED = 40.0  # detector confidence times pixels of a face that can hardly be named
# Format characters that belong to names: in Persian and Hindi, and in joined emoji.
JOINERS = "\u200c\u200d"


@dataclass(frozen=True, slots=True)
class PersonSummary:
    """A person as `faceclust people` shows it.

    Attributes:
        photos: files the person is in.
        first, last: capture dates (ISO 8601) of the oldest and newest of them, or None.
        best_face: the face with the most detector confidence times pixels; `best_photo` its file.
        guesses: what prevails over the faces; none where they were not described.
        stranger: probably nobody to be named: without a name, and seen once, or a few times only
            on one day, or a few times and never well.
    """

    person: Person
    photos: int
    first: str | None
    last: str | None
    best_face: int
    best_photo: str
    stranger: bool
    guesses: tuple[Guess, ...] = ()


def all_people(library: Library) -> list[Person]:
    """Every person and unnamed cluster, in order of id."""
    memo, db = library.memo, library.db
    stamp = memo.stamp(db)

    def read() -> list[Person]:
        live, newest = live_faces(library), clustering(library)
        decisions = ledger.decisions(db)
        taken = dates(library, decisions)
        return resolve(newest.membership if newest else {}, decisions, live, taken)

    return memo.get("people", stamp, read)


def live_faces(library: Library) -> frozenset[int]:
    """Ids of all faces that count; read once while the catalogue stays as it is."""
    memo, db = library.memo, library.db
    return memo.get("live", memo.stamp(db).revision, lambda: catalogue.live_face_ids(db))


def clustering(library: Library) -> StoredClustering | None:
    """The newest clustering; read once while it is the newest."""
    memo, db = library.memo, library.db
    newest = memo.stamp(db).clustering
    return memo.get("clustering", newest, lambda: ledger.newest_clustering(db))


def people_of(library: Library, live: Collection[int]) -> list[Person]:
    """As `all_people`, of the faces in `live`: those whose facts the caller has read already."""
    newest, decisions = ledger.newest_clustering(library.db), ledger.decisions(library.db)
    return resolve(newest.membership if newest else {}, decisions, live, dates(library, decisions))


def dates(library: Library, decisions: Sequence[Decision]) -> Mapping[int, str]:
    """Capture date by face, where a date of birth makes them matter; else nothing."""
    matter = any(decision.kind == "birth" for decision in decisions)
    return catalogue.taken_dates(library.db) if matter else {}


def summaries(library: Library, *, hidden: bool = False) -> list[PersonSummary]:
    """People with what is worth showing of them, most faces first; if asked, the hidden ones.

    Args:
        hidden: those that the user hid or ignores, in place of all others.
    """
    facts = catalogue.face_facts(library.db)
    people = [person for person in people_of(library, facts) if is_hidden(person) == hidden]
    # Of nearly all faces: those that are hidden are few, and read by their numbers.
    only = [face for person in people for face in person.faces] if hidden else None
    guesses = Guesses(library, only)
    shown = [
        replace(summary(person, facts), guesses=guesses.prevailing(person.faces))
        for person in people
    ]
    return sorted(shown, key=lambda s: (-len(s.person.faces), s.person.id))


def is_hidden(person: Person) -> bool:
    """Whether the user does not want to see this person in lists."""
    return person.ignored or person.hidden


def summary(person: Person, facts: Mapping[int, tuple[str, str | None, float]]) -> PersonSummary:
    """What is worth showing of a person, from `catalogue.face_facts`."""
    mine = {face: facts[face] for face in person.faces}
    dates = sorted(date for _, date, _ in mine.values() if date)
    best = max(mine, key=lambda face: mine[face][2])
    return PersonSummary(
        person=person,
        photos=len({photo for photo, _, _ in mine.values()}),
        first=dates[0] if dates else None,
        last=dates[-1] if dates else None,
        best_face=best,
        best_photo=mine[best][0],
        stranger=person.name is None and _passes_by(dates, len(mine), mine[best][2]),
    )


def _passes_by(dates: Sequence[str], faces: int, best: float) -> bool:
    """Whether faces, with the dates known of them, are those of a stranger."""
    one_day = len(dates) == faces and dates[0][:10] == dates[-1][:10]
    return faces == 1 or (faces <= FEW and (one_day or best < BLURRED))


def namesakes(library: Library, person: Person) -> list[Person]:
    """Other people whose names differ from this one's in capitals only."""
    folded = (person.name or "").casefold()
    return [
        other
        for other in all_people(library)
        if other.name and other.id != person.id and other.name.casefold() == folded
    ]


def find(people: Iterable[Person], who: str) -> Person:
    """The person with this name or number; see `find_all`.

    Raises:
        PersonError: there is none.
    """
    return find_all(people, (who,))[0]


def find_all(people: Iterable[Person], who: Collection[str]) -> list[Person]:
    """The people with these names or numbers, going through everybody once.

    A name as it is written counts before a number, and a number before a name in other capitals,
    which counts only where it is one person's.

    Raises:
        PersonError: somebody is not there.
    """
    asked = {each: unicodedata.normalize("NFC", each).strip() for each in who}
    texts, folded = set(asked.values()), {text.casefold() for text in asked.values()}
    numbered: dict[str, Person] = {}
    alike: defaultdict[str, list[Person]] = defaultdict(list)
    for person in people:
        if (number := str(person.id)) in texts:
            numbered[number] = person
        if person.name is not None and (key := person.name.casefold()) in folded:
            alike[key].append(person)

    def one(each: str) -> Person:
        text = asked[each]
        same = alike[text.casefold()]
        written = next((person for person in same if person.name == text), None)
        only = same[0] if len(same) == 1 else None
        if found := written or numbered.get(text) or only:
            return found
        raise PersonError(
            f"There is no person {each!r} in this library; `faceclust people` lists them."
        )

    return [one(each) for each in who]


def clean_name(name: str) -> str:
    """A name fit to be stored: NFC, one line, no control characters.

    Raises:
        OptionError: nothing is left of it, it is too long, or it is a number.
    """
    text = unicodedata.normalize("NFC", name)
    text = "".join(c if unicodedata.category(c)[0] != "C" or c in JOINERS else " " for c in text)
    text = " ".join(text.split())
    if not text.strip(JOINERS + " "):
        raise OptionError("The name is empty; give one, for example `faceclust name 12 Ann`.")
    if text.isdecimal():
        raise OptionError(f"The name {text} would be taken for a person's number; add a letter.")
    if len(text) > MAX_NAME:
        raise OptionError(f"The name is longer than {MAX_NAME} characters; shorten it.")
    return text

"""The user's decisions about people. Each is one row that is added; none is ever changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

import numpy as np

from faceclust.cluster.split import nearer
from faceclust.embed.arcface import normalise
from faceclust.errors import OptionError, PersonError
from faceclust.people import bonds, not_faces, steps
from faceclust.pipeline import brought
from faceclust.pipeline.births import check_one, faceless
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import space
from faceclust.pipeline.people import all_people, clean_name, find, find_all
from faceclust.records import Decision, Person
from faceclust.store import catalogue, ledger

COMPARED = 300  # faces of a large unnamed cluster that an answer "not the same" is kept for
Aside: TypeAlias = Literal["ignore", "hide"]


def name(library: Library, who: str, new_name: str) -> tuple[Person, Person | None]:
    """Name a person; a name that another person has makes the two one.

    Returns:
        The person as it is now, and the one it was joined with, or None.

    Raises:
        PersonError: there is no person `who`, or all its photos are from before the one who has
            that name was born.
        OptionError: the name cannot be used.
    """
    text = clean_name(new_name)
    people = all_people(library)
    person = find(people, who)
    named = (*people, *faceless(library))
    same = [other for other in named if other.name == text and other.id != person.id]
    if same:
        check_one(library, [*same, person])
    if person.name != text or person.ignored:
        _decide(library, Decision(0, "name", person.faces, person.id, name=text))
    return find(all_people(library), text), next((p for p in same if p.faces), None)


def merge(library: Library, who: Sequence[str]) -> Person:
    """Make several people one; the first named one gives the name.

    Raises:
        PersonError: someone does not exist, fewer than two different people are given, or all
            photos of one are from before another one was born.
    """
    people = find_all(all_people(library), who)
    made = merging(people)
    check_one(library, sorted(people, key=lambda person: person.name is None))
    _decide(library, made)
    return merged(library, made)


def merging(people: Sequence[Person]) -> Decision:
    """The decision that people are one; raises as `merge`."""
    merged = list({person.id: person for person in people}.values())
    if len(merged) < 2:
        raise PersonError("Give two different people to merge, for example `faceclust merge 3 8`.")
    names = [person.name for person in merged if person.name]
    first = next((person for person in merged if person.name), merged[0])
    faces = tuple(sorted(face for person in merged for face in person.faces))
    others = tuple(person.id for person in merged if person.id != first.id)
    name = names[0] if names else None
    return Decision(0, "merge", faces, first.id, others=others, name=name)


def merged(library: Library, made: Decision) -> Person:
    """Who people are now that it was decided that they are one."""
    return find(all_people(library), str(made.person) if made.name is None else made.name)


def split(library: Library, who: str, like: Sequence[int]) -> tuple[Person, Person]:
    """Make two people of one: each face goes with the example that it is nearer to.

    What the user put together by name stays together, unless both examples are part of it; two
    faces of one photo go apart unless they clearly belong to one side.

    Args:
        like: ids of two faces of the person; the name stays with the first.

    Returns:
        The person, and the new one.

    Raises:
        PersonError: there is no such person, or `like` are not two of its faces.
    """
    person = find(all_people(library), who)
    if len(set(like)) != 2 or not set(like) <= set(person.faces):
        raise PersonError(
            f"Give two different faces of {who} to split by; `faceclust people {who}` lists them."
        )
    model = library.db.setting("model") or ""
    ids, x = catalogue.embeddings_of(library.db, model, person.faces)
    if not set(like) <= set(ids.tolist()):
        raise PersonError(
            "These faces were read with other networks than the rest; run `faceclust scan` first."
        )
    photos = catalogue.photo_of_faces(library.db)
    decided = bonds(ledger.decisions(library.db), person.faces).together
    first, second = (int(np.flatnonzero(ids == face)[0]) for face in like)
    goes = nearer(
        normalise(x, space(model).parts),
        first,
        second,
        np.array([0 if face in decided else -1 for face in ids.tolist()], np.int64),
        np.array([photos[face] for face in ids.tolist()], np.int64),
    )
    leave = tuple(ids[goes].tolist())
    stay = tuple(face for face in person.faces if face not in set(leave))
    new, spare = ledger.new_ids(library.db, 2)
    _decide(library, Decision(0, "split", stay, person.id, (new, spare), against=leave))
    people = all_people(library)
    return find(people, str(person.id)), find(people, str(new))


def reject(library: Library, face: int, who: str) -> Person | None:
    """Say that a face is not this person.

    Returns:
        Where the face is now; None where it waits for the next clustering.

    Raises:
        PersonError: there is no such person, or the face is not among its faces.
    """
    person = find(all_people(library), who)
    if face not in person.faces:
        raise PersonError(f"Face {face} is not among the faces of {who}; `faceclust people {who}`.")
    decided = person.id in bonds(ledger.decisions(library.db), person.faces).together.values()
    others = () if decided else some(tuple(f for f in person.faces if f != face))
    _decide(library, Decision(0, "reject", (face,), person.id, name=person.name, against=others))
    return next((p for p in all_people(library) if face in p.faces), None)


def overruled(library: Library, who: Sequence[str]) -> tuple[bool, list[str]]:
    """What merging people would overrule.

    Returns:
        Whether an answer keeps any two of them apart, and the names that would be gone.

    Raises:
        PersonError: someone does not exist.
    """
    merged = {person.id: person for person in find_all(all_people(library), who)}
    owner = {face: person.id for person in merged.values() for face in person.faces}
    apart = bonds(ledger.decisions(library.db), owner).apart
    names = list(dict.fromkeys(person.name for person in merged.values() if person.name))
    return any(owner[one] != owner[other] for one, other in apart), names[1:]


def differ(library: Library, who: str, other: str) -> None:
    """Say that two people are not one and the same; no clustering will ever join them.

    Raises:
        PersonError: someone does not exist, or both are the same.
    """
    one, two = find_all(all_people(library), (who, other))
    if one.id == two.id:
        raise PersonError(f"{who} and {other} are one person; `faceclust split` parts them.")
    ledger.put_steps(library.db, [differing(library, one, [two])])


def differing(library: Library, person: Person, others: Sequence[Person]) -> list[Decision]:
    """The decisions that a person is none of the others."""
    faces = [face for each in (person, *others) for face in each.faces]
    owner = bonds(ledger.decisions(library.db), faces).together
    return [_differing(person, other, owner) for other in others]


def _differing(one: Person, two: Person, owner: Mapping[int, int]) -> Decision:
    decided = {owner.get(face) for face in one.faces + two.faces}
    # The second one makes room where a cluster mixes them: the less certain one.
    one, two = sorted((one, two), key=lambda p: (p.id not in decided, -len(p.faces), p.id))
    faces, against = some(one.faces), some(two.faces)
    return Decision(0, "differ", faces, one.id, (two.id,), name=one.name, against=against)


def not_a_face(library: Library, face: int, *, show: bool = False) -> None:
    """Say that a detection shows no face.

    Args:
        show: take that back.

    Raises:
        PersonError: there is no such face.
    """
    if face not in catalogue.live_face_ids(library.db):
        raise PersonError(f"There is no face {face}; `faceclust people WHO` lists faces.")
    if (face in not_faces(ledger.decisions(library.db))) == show:
        _decide(library, Decision(0, "a-face" if show else "not-a-face", (face,)))


def ignore(library: Library, who: str, *, show: bool = False) -> Person:
    """Leave a stranger out of lists, questions and exports, or bring one back.

    Args:
        show: take it back.

    Raises:
        PersonError: there is no such person.
    """
    return set_aside(library, {who: "ignore"}, show=show)[0]


def hide(library: Library, who: str, *, show: bool = False) -> Person:
    """Leave a person out of lists and questions, or bring one back; exports name it still.

    Args:
        show: take it back.

    Raises:
        PersonError: there is no such person.
    """
    return set_aside(library, {who: "hide"}, show=show)[0]


def set_aside(library: Library, who: Mapping[str, Aside], *, show: bool = False) -> list[Person]:
    """Ignore some people and hide others, or bring them back; each is one step of `undo`.

    Raises:
        PersonError: somebody does not exist; then nothing is decided.
    """
    people = find_all(all_people(library), who)
    asked = zip(people, who.values(), strict=True)
    ledger.put_steps(library.db, [_setting_aside(person, kind, show) for person, kind in asked])
    return people


def _setting_aside(person: Person, kind: Aside, show: bool) -> list[Decision]:
    """What is to be decided on; nothing where that is so already."""
    if (person.ignored if kind == "ignore" else person.hidden) != show:
        return []
    made = [Decision(0, "show" if show else kind, person.faces, person.id, name=person.name)]
    if show and person.ignored and person.hidden:  # which one was not asked for
        made.append(replace(made[0], kind="hide" if kind == "ignore" else "ignore"))
    return made


def undo(library: Library, count: int = 1, *, dry_run: bool = False) -> list[Decision]:
    """Take back the newest decisions that still hold; itself only an addition.

    Args:
        count: how many, a whole import being one; where there are fewer, all.
        dry_run: only tell which ones these are.

    Returns:
        What was taken back, newest first.

    Raises:
        OptionError: `count` is below 1.
        PersonError: there is nothing to take back.
    """
    if count < 1:
        raise OptionError(f"The number of decisions to take back must be at least 1, not {count}.")
    newest = steps(ledger.decisions(library.db))[::-1][:count]
    if not newest:
        raise PersonError("There is no decision to take back.")
    return take_back(library, [d for step in newest for d in step[::-1]], dry_run=dry_run)


def take_back(
    library: Library, decisions: Sequence[Decision], *, dry_run: bool = False
) -> list[Decision]:
    """Undo these decisions, in this order."""
    if not dry_run:
        undone = [Decision(0, "undo", undoes=made.id, batch=made.batch) for made in decisions]
        ledger.put_decisions(library.db, undone)
        # What an import took over of other libraries' exports is theirs again.
        brought.disown(library, [made.batch for made in decisions if made.source == "import"])
    return list(decisions)


def some(faces: tuple[int, ...]) -> tuple[int, ...]:
    """At most `COMPARED` of the faces, evenly spread."""
    step = -(-len(faces) // COMPARED)
    return faces[:: max(step, 1)]


def _decide(library: Library, decision: Decision) -> None:
    ledger.put_decision(library.db, decision)

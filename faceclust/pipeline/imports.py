"""Import: what other programs say of people becomes decisions, all of one import taken together."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from faceclust.answers import add_up
from faceclust.errors import PersonError
from faceclust.people import placed, standing, steps
from faceclust.pipeline import restore
from faceclust.pipeline.claims import Intake
from faceclust.pipeline.clerk import Clerk
from faceclust.pipeline.decide import take_back
from faceclust.pipeline.gather import Progress, Said, gather
from faceclust.pipeline.import_request import wanted
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people, dates
from faceclust.pipeline.shots import PhotoFile
from faceclust.records import Box, Decision, Placed
from faceclust.store import catalogue, ledger
from faceclust.tags import (
    SOURCES,
    Conflict,
    Found,
    Heeded,
    Hint,
    Outcome,
    Problem,
    Seed,
    Source,
    barred,
    heed,
    settle,
)
from faceclust.xmp.packet import fold

SOURCE = "import"


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        photos: how many photos anything was said about.
        people: name to number of faces that get it.
        answers: how many answers came with them: whom a face does not show, births and the like.
        known: names of faces, and other answers, that were the same here already.
        used: names without a box that told whose face it is.
        hints: names without a box that did not, as stored for `open_hints`.
        conflicts: what was not taken over.
        placeholders: how many names of photos were left out because an export of ours wrote them
            for people without one.
        paths: photo id to the path that stands for it in messages.
        problems: files that were left out.
    """

    photos: int
    people: dict[str, int]
    answers: int
    known: int
    used: int
    hints: tuple[Hint, ...]
    conflicts: tuple[Conflict, ...]
    placeholders: int
    paths: dict[int, str]
    problems: tuple[Problem, ...]


@dataclass(frozen=True, slots=True)
class OpenHint:
    """Someone is in a photo, and no face there has the name yet.

    Attributes:
        photo: id of the photo; `path` its first file.
        faces: its faces that nobody has named.
    """

    name: str
    photo: int
    path: str
    faces: tuple[int, ...]


def import_tags(
    library: Library,
    paths: Collection[Path] = (),
    sources: tuple[Source, ...] = (),
    *,
    dry_run: bool = False,
    progress: Progress = lambda done, total: None,
) -> ImportReport:
    """Take over the names of people that other programs left in and beside the photos.

    Args:
        paths: photos, folders, sidecars or lists; none: everything in the library.
        sources: which programs' tags to read; none: all.
        dry_run: only tell what would happen.
        progress: told how many photos have been looked at, of how many.

    Raises:
        InputError: a path does not exist or is of no use.
        PersonError: nothing was scanned yet.
    """
    request = wanted(library, paths, sources or SOURCES)
    boxes = {photo: dict(faces) for photo, faces in catalogue.live_boxes(library.db).items()}
    if not boxes:
        raise PersonError("This library has no faces yet; run `faceclust scan FOLDER` first.")
    problems: list[Problem] = []
    intake, ours = _take_in(boxes, gather(library, request, problems.append, progress))
    decisions = ledger.decisions(library.db)
    live = {face for faces in boxes.values() for face in faces}
    where = placed(decisions, live, dates(library, decisions))
    outcome, heeded = _settled(library, intake, where, decisions)
    if not dry_run:
        clerk = Clerk(library, where)
        made = [*clerk.named(outcome.seeds), *clerk.heeded(heeded)]
        made += _hinted(outcome.hints, _stored_hints(decisions))
        batch = _decide(library, made)
        if ours:
            # What was not read may well say of the other faces that they are these people's.
            whole = clerk.whole if request.all_photos else ()
            restore.go_on(library, boxes, ours, whole, batch)
    return ImportReport(
        photos=len(intake.photos),
        people=_sizes(outcome.seeds),
        answers=heeded.count,
        known=outcome.known + outcome.told + heeded.known,
        used=outcome.used,
        hints=outcome.hints,
        conflicts=(*intake.conflicts, *outcome.conflicts, *heeded.conflicts),
        placeholders=len(intake.placeholders),
        paths=_paths(library),
        problems=tuple(dict.fromkeys(problems)),
    )


def _take_in(
    boxes: dict[int, dict[int, Box]], said: Said
) -> tuple[Intake, list[tuple[PhotoFile, Found]]]:
    """All that is said; what our own exports left of it is given beside, too."""
    intake = Intake(boxes)
    ours: list[tuple[PhotoFile, Found]] = []
    for shot, found in said:
        intake.take(shot, found)
        if found.authors:
            ours.append((shot, found))
    return intake, ours


def _settled(
    library: Library, intake: Intake, where: Placed, decisions: Sequence[Decision]
) -> tuple[Outcome, Heeded]:
    """What the names come to, and then the notes, beside what the user has decided."""
    newest = ledger.newest_clustering(library.db)
    not_them, no_faces = barred(intake.noted, where)
    outcome = settle(
        intake.claims,
        intake.open_hints(),
        {photo: tuple(faces) for photo, faces in intake.boxes.items()},
        newest.membership if newest else {},
        replace(where, not_faces=where.not_faces | no_faces),
        not_them,
    )
    return outcome, heed(intake.noted, intake.told, outcome, where, _births(decisions))


def _sizes(seeds: Iterable[Seed]) -> dict[str, int]:
    """How many faces get each name, in order of names."""
    counted: Counter[str] = Counter()
    for seed in seeds:
        counted[seed.name] += len(seed.faces)
    return dict(sorted(counted.items()))


def _decide(library: Library, decisions: list[Decision]) -> int | None:
    """Append the decisions of an import, as one batch, whose number is returned; None for none."""
    if not decisions:
        return None
    batch, *spares = ledger.new_ids(library.db, 1 + len(decisions))
    ledger.put_decisions(
        library.db,
        [
            replace(each, spare=spare, batch=batch, source=SOURCE)
            for each, spare in zip(decisions, spares, strict=True)
        ],
    )
    return batch


def _hinted(hints: Iterable[Hint], stored: Collection[tuple[int, str]]) -> list[Decision]:
    photos: defaultdict[str, set[int]] = defaultdict(set)
    for hint in hints:
        if (hint.photo, hint.name) not in stored:
            photos[hint.name].add(hint.photo)
    return [
        Decision(0, "hint", name=name, photos=tuple(sorted(there)))
        for name, there in sorted(photos.items())
    ]


def _births(decisions: Sequence[Decision]) -> dict[str, str | None]:
    """Also of people of whom no face is left, for all are from before they were born."""
    return {fold(g.name): g.birth for g in add_up(decisions).groups.values() if g.name}


def undo_import(library: Library, *, dry_run: bool = False) -> list[Decision]:
    """Take back the newest import that still holds, whatever was decided since.

    Returns:
        Its decisions, newest first.

    Raises:
        PersonError: there is no import to take back.
    """
    imports = [step for step in steps(ledger.decisions(library.db)) if step[0].source == SOURCE]
    if not imports:
        raise PersonError("There is no import to take back.")
    return take_back(library, imports[-1][::-1], dry_run=dry_run)


def open_hints(library: Library) -> list[OpenHint]:
    """Stored names without a box that no face of their photo has got yet, in order of path."""
    hinted: defaultdict[int, list[str]] = defaultdict(list)
    for photo, name in _stored_hints(ledger.decisions(library.db)):
        hinted[photo].append(name)
    if not hinted:
        return []
    names = {
        face: person.name or ""
        for person in all_people(library)
        if not person.ignored
        for face in person.faces
    }
    found = []
    for photo, missing in hinted.items():
        file = catalogue.photo_file(library.db, photo)
        if file is None:
            continue
        faces = sorted(face for face, _ in catalogue.boxes_in(library.db, photo))
        there = {fold(names[face]) for face in faces if face in names}
        nameless = tuple(face for face in faces if names.get(face) == "")
        found += [
            OpenHint(name, photo, file[0], nameless) for name in missing if fold(name) not in there
        ]
    return sorted(found, key=lambda hint: (hint.path, hint.name))


def _stored_hints(decisions: list[Decision]) -> set[tuple[int, str]]:
    hints = (d for d in standing(decisions) if d.kind == "hint" and d.name)
    return {(photo, str(hint.name)) for hint in hints for photo in hint.photos}


def _paths(library: Library) -> dict[int, str]:
    paths: dict[int, str] = {}
    for path, photo, _ in catalogue.photos_with_files(library.db):
        paths.setdefault(photo, path)
    return paths

"""Import: what other programs say of people becomes decisions, all of one import taken together."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from faceclust.errors import OptionError, PersonError
from faceclust.people import placed, standing, steps
from faceclust.pipeline.decide import take_back
from faceclust.pipeline.gather import gather, wanted
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people, clean_name, dates
from faceclust.pipeline.shots import PhotoFile
from faceclust.records import Box, Decision, Placed
from faceclust.store import catalogue, ledger
from faceclust.tags import (
    SOURCES,
    Claim,
    Conflict,
    ConflictKind,
    Found,
    Hint,
    Outcome,
    Problem,
    Seed,
    Source,
    match,
    settle,
)
from faceclust.xmp.packet import fold

SOURCE = "import"
# What our own exports call people without a name.
_PLACEHOLDER = re.compile(r"Person \d+")
_SHOWN = 80


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What an import did, or would do.

    Attributes:
        photos: how many photos anything was said about.
        people: name to number of faces that get it.
        known: names of faces that were the same here already.
        used: names without a box that told whose face it is.
        hints: names without a box that did not, as stored for `open_hints`.
        conflicts: what was not taken over.
        paths: photo id to the path that stands for it in messages.
        problems: files that were left out.
    """

    photos: int
    people: dict[str, int]
    known: int
    used: int
    hints: tuple[Hint, ...]
    conflicts: tuple[Conflict, ...]
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
) -> ImportReport:
    """Take over the names of people that other programs left in and beside the photos.

    Args:
        paths: photos, folders, sidecars or lists; none: everything in the library.
        sources: which programs' tags to read; none: all.
        dry_run: only tell what would happen.

    Raises:
        InputError: a path does not exist or is of no use.
        PersonError: nothing was scanned yet.
    """
    request = wanted(library, paths, sources or SOURCES)
    boxes = {photo: dict(faces) for photo, faces in catalogue.live_boxes(library.db).items()}
    if not boxes:
        raise PersonError("This library has no faces yet; run `faceclust scan FOLDER` first.")
    problems: list[Problem] = []
    intake = _Intake(boxes)
    for shot, found in gather(library, request, problems.append):
        intake.take(shot, found)
    decisions = ledger.decisions(library.db)
    live = {face for faces in boxes.values() for face in faces}
    where = placed(decisions, live, dates(library, decisions))
    newest = ledger.newest_clustering(library.db)
    outcome = settle(
        intake.claims,
        intake.open_hints(),
        {photo: tuple(faces) for photo, faces in boxes.items()},
        newest.membership if newest else {},
        where,
    )
    if not dry_run:
        _decide(library, outcome, where, _stored_hints(decisions))
    counted: Counter[str] = Counter()
    for seed in outcome.seeds:
        counted[seed.name] += len(seed.faces)
    return ImportReport(
        photos=len(intake.photos),
        people=dict(sorted(counted.items())),
        known=outcome.known + outcome.told,
        used=outcome.used,
        hints=outcome.hints,
        conflicts=(*intake.conflicts, *outcome.conflicts),
        paths=_paths(library),
        problems=tuple(dict.fromkeys(problems)),
    )


@dataclass(slots=True)
class _Intake:
    """Turns what was found into claims about faces and hints about photos."""

    boxes: dict[int, dict[int, Box]]
    photos: set[int] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    boxed: set[tuple[int, str]] = field(default_factory=set)

    def take(self, shot: PhotoFile, found: Found) -> None:
        """Match the regions of one file to the faces of its photo."""
        if found.regions or found.names:
            self.photos.add(shot.photo)
        faces = self.boxes.get(shot.photo, {})
        matched = match(found.regions, found.frame, shot.info.orientation, faces)
        for region, face in matched.pairs:
            if name := self._name(region.name, shot, found):
                self.claims.append(Claim(face, name, shot.photo, found.source, found.file))
        for region, reason in matched.left:
            if name := self._name(region.name, shot, found):
                self._refuse(reason, name, shot, found)
        self.boxed |= {(shot.photo, fold(region.name)) for region in found.regions}
        for given in found.names:
            if name := self._name(given, shot, found):
                self.hints.append(Hint(name, shot.photo, found.source, found.file))

    def open_hints(self) -> list[Hint]:
        """Names without a box; not of people whom a box of the same photo shows, face or none."""
        return [hint for hint in self.hints if (hint.photo, fold(hint.name)) not in self.boxed]

    def _name(self, given: str, shot: PhotoFile, found: Found) -> str | None:
        if _PLACEHOLDER.fullmatch(given):
            return None
        try:
            return clean_name(given)
        except OptionError:
            self._refuse("bad-name", given[:_SHOWN], shot, found)
            return None

    def _refuse(self, kind: ConflictKind, name: str, shot: PhotoFile, found: Found) -> None:
        self.conflicts.append(Conflict(kind, (name,), shot.photo, found.source, found.file))


def _decide(
    library: Library, outcome: Outcome, where: Placed, stored: Collection[tuple[int, str]]
) -> None:
    """Append the decisions of an import; nothing where there are none."""
    hints: defaultdict[str, set[int]] = defaultdict(set)
    for hint in outcome.hints:
        if (hint.photo, hint.name) not in stored:
            hints[hint.name].add(hint.photo)
    told = [
        Decision(0, "hint", name=name, photos=tuple(sorted(photos)))
        for name, photos in sorted(hints.items())
    ]
    named = _named(library, outcome.seeds, where)
    if not named and not told:
        return
    batch, *spares = ledger.new_ids(library.db, 1 + len(named))
    made = [replace(d, spare=spare) for d, spare in zip(named, spares, strict=True)]
    ledger.put_decisions(
        library.db, [replace(d, batch=batch, source=SOURCE) for d in (*made, *told)]
    )


def _named(library: Library, seeds: Iterable[Seed], where: Placed) -> list[Decision]:
    """The decision for each seed; a cluster that is named keeps its number."""
    numbers = {name: number for number, name in where.names.items()}
    owner = {
        face: person.id
        for person in all_people(library)
        if person.name is None and not person.ignored
        for face in person.faces
        if face not in where.group
    }
    taken = set(where.group.values())
    decisions = []
    for seed in seeds:
        faces = set(seed.faces)
        if seed.together is not None:
            faces |= {face for face, group in where.group.items() if group == seed.together}
        person = seed.together if seed.together is not None else numbers.get(seed.name)
        if person is None:
            votes = Counter(owner[f] for f in seed.faces if owner.get(f) not in (None, *taken))
            person = votes.most_common(1)[0][0] if votes else ledger.new_ids(library.db, 1)[0]
            numbers[seed.name] = person
        taken.add(person)
        decisions.append(Decision(0, "name", tuple(sorted(faces)), person, name=seed.name))
    return decisions


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
    boxes, paths = catalogue.live_boxes(library.db), _paths(library)
    names = {
        face: person.name or ""
        for person in all_people(library)
        if not person.ignored
        for face in person.faces
    }
    found = []
    for photo, name in _stored_hints(ledger.decisions(library.db)):
        faces = [face for face, _ in boxes.get(photo, ())]
        there = {fold(names[face]) for face in faces if face in names}
        if photo in paths and fold(name) not in there:
            nameless = tuple(face for face in faces if names.get(face) == "")
            found.append(OpenHint(name, photo, paths[photo], nameless))
    return sorted(found, key=lambda hint: (hint.path, hint.name))


def _stored_hints(decisions: list[Decision]) -> set[tuple[int, str]]:
    hints = (d for d in standing(decisions) if d.kind == "hint" and d.name)
    return {(photo, str(hint.name)) for hint in hints for photo in hint.photos}


def _paths(library: Library) -> dict[int, str]:
    paths: dict[int, str] = {}
    for path, photo, _ in catalogue.photos_with_files(library.db):
        paths.setdefault(photo, path)
    return paths

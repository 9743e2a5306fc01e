"""What files say of people, matched to the faces and photos of the library."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from faceclust.errors import OptionError
from faceclust.pipeline.births import is_birth
from faceclust.pipeline.people import clean_name
from faceclust.pipeline.shots import PhotoFile
from faceclust.records import Box, FaceNote, PersonNote
from faceclust.tags import Claim, Conflict, ConflictKind, Found, Hint, Noted, Told, match
from faceclust.xmp import Region, displayed_box
from faceclust.xmp.packet import fold

_SHOWN = 80
_ALIKE = 0.7  # IoU of two detections of one face, by different versions of the detector


@dataclass(slots=True)
class Intake:
    """Turns what was found into claims about faces and hints about photos.

    Attributes:
        boxes: photo id to its faces: face id to box.
        photos: ids of the photos that anything was said about.
        placeholders: photos and what our own exports called people without a name there.
    """

    boxes: dict[int, dict[int, Box]]
    photos: set[int] = field(default_factory=set)
    claims: list[Claim] = field(default_factory=list)
    hints: list[Hint] = field(default_factory=list)
    conflicts: list[Conflict] = field(default_factory=list)
    noted: list[Noted] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    boxed: set[tuple[int, str]] = field(default_factory=set)
    placeholders: set[tuple[int, str]] = field(default_factory=set)

    def take(self, shot: PhotoFile, found: Found) -> None:
        """Match the regions and notes of one file to the faces of its photo."""
        notes, photo = found.notes, shot.photo
        if found.regions or found.names or notes.faces or notes.people:
            self.photos.add(photo)
        # Notes are matched as regions are, and with them: boxes of one picture belong together.
        marks = {f"\0{i}": note for i, note in enumerate(notes.faces)}
        regions = (*found.regions, *(Region(mark, note.box) for mark, note in marks.items()))
        matched = match(regions, found.frame, shot.info.orientation, self.boxes.get(photo, {}))
        ours = {fold(person.name) for person in notes.people}
        for region, face in matched.pairs:
            if region.name in marks:
                if self._is_it(marks[region.name].box, self.boxes[photo][face]):
                    self._note(face, marks[region.name], shot, found)
            elif name := self._name(region.name, shot, found):
                whole = fold(name) in ours
                self.claims.append(Claim(face, name, photo, found.source, found.file, whole))
        for region, reason in matched.left:
            if region.name not in marks and (name := self._name(region.name, shot, found)):
                self._refuse(reason, name, shot, found)
        self.boxed |= {(photo, fold(region.name)) for region in found.regions}
        for given in found.names:
            if name := self._name(given, shot, found):
                self.hints.append(Hint(name, photo, found.source, found.file))
        for person in self._people(notes.people, shot, found):
            self.told.append(Told(person, photo, found.source, found.file))

    def open_hints(self) -> list[Hint]:
        """Names without a box; not of people whom a box of the same photo shows, face or none."""
        return [hint for hint in self.hints if (hint.photo, fold(hint.name)) not in self.boxed]

    def _is_it(self, noted: Box, face: Box) -> bool:
        """Whether a box of our own detector, however the photo was turned, is this face's."""
        return any(displayed_box(noted, turn).iou(face) >= _ALIKE for turn in range(1, 9))

    def _note(self, face: int, note: FaceNote, shot: PhotoFile, found: Found) -> None:
        names = (self._name(given, shot, found) for given in note.is_not)
        usable = replace(note, is_not=tuple(name for name in names if name))
        self.noted.append(Noted(face, usable, shot.photo, found.source, found.file))

    def _people(
        self, people: tuple[PersonNote, ...], shot: PhotoFile, found: Found
    ) -> Iterator[PersonNote]:
        for person in people:
            if name := self._name(person.name, shot, found):
                birth = person.birth if is_birth(person.birth or "") else None
                yield PersonNote(name, birth, person.hidden)

    def _name(self, given: str, shot: PhotoFile, found: Found) -> str | None:
        if fold(given) in found.placeholders:
            self.placeholders.add((shot.photo, fold(given)))
            return None
        try:
            return clean_name(given)
        except OptionError:
            self._refuse("bad-name", given[:_SHOWN], shot, found)
            return None

    def _refuse(self, kind: ConflictKind, name: str, shot: PhotoFile, found: Found) -> None:
        self.conflicts.append(Conflict(kind, (name,), shot.photo, found.source, found.file))

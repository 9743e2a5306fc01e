"""A library that goes on where another one of the same photos ended: what its exports say is whole.

Other programs' names are a beginning, which clusters carry on. Our own are everybody's faces.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence

from faceclust.people import placed
from faceclust.pipeline.brought import Read, adopt
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people, dates, live_faces
from faceclust.pipeline.shots import PhotoFile
from faceclust.store import catalogue, ledger, nearby
from faceclust.tags import Found
from faceclust.xmp.packet import fold

# Faces that a clustering joined and an import parts are asked about, as if it had been this sure
# (log-odds) of pairs with so many faces of the person: it needed about that to join them.
JOINED, ASKED = 3.0, 20


def go_on(
    library: Library,
    boxes: Mapping[int, Collection[int]],
    ours: Sequence[tuple[PhotoFile, Found]],
    whole: Collection[int],
    batch: int | None,
) -> None:
    """Carry on what our own exports say, after an import has named people by them.

    Args:
        boxes: photo id to the ids of its faces.
        ours: photos with notes of ours, and what was found there.
        whole: numbers of people of whom all faces are known.
        batch: of the import's decisions, see `brought.adopt`.
    """
    exported = max(_modified(library, found.file) for _, found in ours)
    newer = catalogue.photos_since(library.db, exported)
    _leave_out(library, whole, {face for photo in newer for face in boxes.get(photo, ())})
    adopt(library, batch, _taken_over(library, boxes, ours))


def _taken_over(
    library: Library,
    boxes: Mapping[int, Collection[int]],
    ours: Iterable[tuple[PhotoFile, Found]],
) -> Iterator[Read]:
    """What our own exports, of this library or another, named and this one names as well."""
    owner = {f: p.name for p in all_people(library) if p.name for f in p.faces}
    for shot, found in ours:
        here = {fold(owner[face]) for face in boxes.get(shot.photo, ()) if face in owner}
        names = tuple(note.name for note in found.notes.people if fold(note.name) in here)
        yield Read(shot.photo, shot.path, names, found.authors)


def _modified(library: Library, file: str) -> int:
    try:
        return (library.root / file).stat().st_mtime_ns
    except OSError:
        return 0


def _leave_out(library: Library, whole: Collection[int], new: Collection[int]) -> None:
    """Part from people of whom all faces are known what only their clusters bring with them.

    The library that wrote the names may have clustered the same faces otherwise, and its user has
    seen them without these names. They become clusters of their own, which the user is asked about.

    Args:
        whole: numbers of such people.
        new: faces that the other library cannot have known: of photos newer than what it wrote.
    """
    newest = ledger.newest_clustering(library.db)
    if not whole or newest is None:
        return
    decisions = ledger.decisions(library.db)
    placed_here = placed(decisions, live_faces(library), dates(library, decisions)).group
    left: defaultdict[tuple[int, int], list[int]] = defaultdict(list)
    for person in all_people(library):
        for face in person.faces if person.id in whole else ():
            if face not in placed_here and face not in new:
                left[person.id, newest.membership[face]].append(face)
    mates = defaultdict(list)
    for face, owner in placed_here.items():
        if owner in whole and face in newest.membership:
            mates[owner, newest.membership[face]].append(face)
    parted = ((f, g) for key, faces in left.items() for f in faces for g in mates[key][:ASKED])
    nearby.put_doubts(library.db, parted, JOINED)
    ids = ledger.new_ids(library.db, len(left))
    moved = {f: i for faces, i in zip(left.values(), ids, strict=True) for f in faces}
    if moved:
        ledger.put_moved(library.db, moved)

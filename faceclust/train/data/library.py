"""The user's own library as training data: named people are the labels."""

from __future__ import annotations

import numpy as np

from faceclust.errors import LibraryError
from faceclust.people import not_faces
from faceclust.pipeline import Library, all_people
from faceclust.pipeline.cluster import photos_of
from faceclust.pipeline.models import space
from faceclust.store import catalogue, ledger
from faceclust.train.data.identities import UNLABELLED, Identities

FEWEST = 6  # people with a name and two faces, below which nothing can be held out


def read_library(library: Library) -> Identities:
    """The faces of a library. Unnamed clusters are strangers whom nobody has labelled.

    Raises:
        LibraryError: it was never scanned, or too few people have a name.
    """
    model = library.db.setting("model")
    if model is None:
        raise LibraryError(
            f"{library.place} has not been scanned yet; run `faceclust scan {library.place}`."
        )
    faces, x = catalogue.live_faces(library.db, model)
    keep = ~np.isin(faces, list(not_faces(ledger.decisions(library.db))))
    faces, x = faces[keep], x[keep]
    row = {int(face): i for i, face in enumerate(faces)}
    label = np.full(len(faces), UNLABELLED, np.int64)
    group = np.arange(len(faces), dtype=np.int64) + len(faces)
    names: list[str] = []
    several = 0
    for number, person in enumerate(all_people(library)):
        rows = [row[face] for face in person.faces if face in row]
        group[rows] = number
        if person.name is not None and not person.ignored and rows:
            label[rows] = len(names)
            names.append(person.name)
            several += len(rows) > 1
    if several < FEWEST:
        raise LibraryError(
            f"People of {library.place} who have a name and more than one face: {several}; name at "
            f"least {FEWEST} with `faceclust name` before training on them."
        )
    photo = photos_of(library, faces)
    return Identities(x, label, group, photo, model, space(model).parts, names=tuple(names))

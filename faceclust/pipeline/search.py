"""Search: faces by words, in the CLIP space of the library."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from faceclust.embed.clip import Clip, model_id, name_of
from faceclust.errors import LibraryError, OptionError, WriteError
from faceclust.export import disk
from faceclust.pipeline.guesses import SETTING
from faceclust.pipeline.library import Library
from faceclust.pipeline.people import all_people, find
from faceclust.store import catalogue


@dataclass(frozen=True, slots=True)
class Match:
    """A face that was found.

    Attributes:
        rank: from 1.
        score: cosine of the face's and the text's embedding.
        person: number of the person.
        name: of the person, or None.
    """

    rank: int
    score: float
    face: int
    person: int
    name: str | None
    file: str


def search(library: Library, text: str, *, limit: int = 20, who: str | None = None) -> list[Match]:
    """Rank the faces of a library by how well a text describes them; hidden people are left out.

    Args:
        text: a description, "a smiling child with glasses".
        limit: how many faces to return at most.
        who: only this person's faces.

    Raises:
        OptionError: the text is empty.
        LibraryError: the faces have no embeddings of the CLIP model.
        PersonError: there is no person `who`.
        WeightsError: the text tower cannot be had.
    """
    if not text.strip():
        raise OptionError('The text is empty; describe a face, such as "a smiling child".')
    model = _model(library)
    people = [person for person in all_people(library) if not person.ignored]
    if who is not None:
        people = [find(people, who)]
    owner = {face: person for person in people for face in person.faces}
    clip = library.memo.get("clip", model, lambda: Clip(name_of(model)))
    t = clip.encode_texts([text])[0]
    faces, i = catalogue.live_faces(library.db, model, owner)
    if not len(faces):
        return []
    score = i @ t
    best = np.argsort(-score, kind="stable")[:limit]
    return [
        Match(
            rank=rank,
            score=score,
            face=face,
            person=owner[face].id,
            name=owner[face].name,
            file=catalogue.file_of(library.db, face) or "",
        )
        for rank, (face, score) in enumerate(
            zip(faces[best].tolist(), score[best].tolist(), strict=True), 1
        )
    ]


def _model(library: Library) -> str:
    """The id of the CLIP model that describes the library's faces."""
    again = f"run `faceclust scan {library.place}`"
    model = library.db.setting(SETTING)
    if not model:
        raise LibraryError(
            f"The faces of {library.place} have no CLIP embeddings yet; {again} --clip face-clip."
        )
    if model_id(name_of(model)) != model:
        raise LibraryError(
            f"The faces of {library.place} were embedded by another version of {name_of(model)}; "
            f"{again}."
        )
    return model


def save_crops(library: Library, matches: Sequence[Match], folder: Path) -> None:
    """Write the crops of found faces as `RANK face NUMBER.jpg` into a folder, new or empty.

    They, and the folder if it is new, are the user's alone.

    Raises:
        OptionError: there is something in the folder, or it lies in the library.
        WriteError: it cannot be written.
    """
    if library.holds(folder):
        raise OptionError(
            f"--crops {folder} lies in the library, where the crops would be scanned as new "
            "photos; choose a folder outside of it."
        )
    try:
        folder.mkdir(mode=disk.PRIVATE_FOLDER, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise OptionError(f"{folder} is not empty; give --crops a new folder.")
        for match in matches:
            image = catalogue.thumbnail(library.db, match.face)
            if image is not None:
                disk.write(folder / f"{match.rank:04} face {match.face}.jpg", image)
    except OSError as error:
        raise WriteError(f"{folder} cannot be written ({error.strerror}).") from error

"""What exports brought into photos: only that may a later one take out again."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from faceclust.errors import InputError
from faceclust.export import xmp
from faceclust.export.journal import Event
from faceclust.export.plan import Action, EmbedXmp, WriteText
from faceclust.export.xmp import NOTHING, Previous
from faceclust.pipeline.library import Library
from faceclust.store import journal
from faceclust.xmp import embedded_packet


def previous(library: Library, path: str) -> Previous:
    """What exports, not undone since, brought into the photo at `path`."""
    return Previous(*journal.names_at(library.db, path), journal.notes_at(library.db, path))


def _before(packet: bytes | None) -> Previous:
    try:
        return NOTHING if packet is None else xmp.written_in(packet)
    except InputError:
        # Broken XMP inside a photo is not repeated in its new sidecar.
        return NOTHING


@dataclass(slots=True)
class OurNames:
    """Remembers which names an export brought into each photo, and which were there before it.

    Only what we brought may a later export take out again.
    """

    library: Library
    export_id: int
    photo: Path | None = None
    brought: Previous = NOTHING

    def watch(self, actions: Iterator[Action]) -> Iterator[Action]:
        """Pass actions on, noting what each is about to bring."""
        for action in actions:
            match action:
                case WriteText(content=content, photo=Path() as photo):
                    self._note(photo, content, action.merged_from or action.seed)
                case EmbedXmp(path=photo, packet=content):
                    self._note(photo, content, embedded_packet(photo))
                case _:
                    self.photo = None
            yield action

    def _note(self, photo: Path, content: bytes, before: bytes | None) -> None:
        self.photo = photo
        self.brought = xmp.written_in(content).less(_before(before))

    def after(self, on_event: Callable[[Event], None]) -> Callable[[Event], None]:
        """Keep the names once their action has been carried out."""

        def keep(event: Event) -> None:
            if event.status in ("created", "updated") and self.photo is not None:
                journal.put_names(
                    self.library.db,
                    self.export_id,
                    os.fspath(self.photo),
                    self.brought.names,
                    self.brought.keywords,
                    notes=self.brought.notes,
                )
            on_event(event)

        return keep

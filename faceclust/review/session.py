"""What lives as long as the page: what was read of the library, and the answers given so far."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import Any

from faceclust import pipeline
from faceclust.pipeline import Library, Memo

Answer = dict[str, Any]
KEPT_ANSWERS = 1000
# A scan that runs meanwhile changes the catalogue several times a second; reading it all again
# each time would slow both down. Decisions and clusterings are seen at once.
SECONDS_BETWEEN_READINGS = 5.0


class Session:
    """The library as the page sees it, for use from several threads.

    Each request opens the database anew, as another process would: SQLite keeps them apart.

    Attributes:
        pictures: makes pictures for the screen.
        steps: how many steps of `undo` one click made, by the id of its last decision; where more
            than one.
    """

    def __init__(self, database: Path) -> None:
        self.database = database
        self.pictures = pipeline.Pictures()
        self._memo = Memo(SECONDS_BETWEEN_READINGS)
        self.steps: dict[int, int] = {}
        self._answering = Lock()
        self._answers: OrderedDict[str, Answer] = OrderedDict()

    @contextmanager
    def library(self) -> Iterator[Library]:
        """The library with a connection of the caller's own."""
        with pipeline.find_library(db=self.database) as found:
            yield Library(found.root, found.db, self._memo)

    def answer(self, key: str, give: Callable[[], Answer]) -> Answer:
        """Give an answer once: another with the same key gets the same reply and changes nothing.

        One answer at a time, so that none is given about people whom another is changing.
        """
        with self._answering:
            if key not in self._answers:
                self._answers[key] = give()
                while len(self._answers) > KEPT_ANSWERS:
                    self._answers.popitem(last=False)
            return self._answers[key]

    def close(self) -> None:
        """End the worker that makes pictures."""
        self.pictures.close()

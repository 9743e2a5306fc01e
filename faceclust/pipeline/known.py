"""Which files need not be read: those as they were, and new names of content that was read."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal, TypeAlias

from faceclust import photos
from faceclust.errors import PhotoError
from faceclust.photos import FoundFile
from faceclust.pipeline.library import Library
from faceclust.store import catalogue

# What a file was recognised as: nothing new, one that was missing and is back as it was, the photo
# of this id under a new name, or none of these.
AsItWas: TypeAlias = Literal["unchanged", "back"]
Recognised: TypeAlias = AsItWas | int | None
AHEAD = 8  # files that are looked at before their turn, for each thread that hashes


@dataclass(frozen=True, slots=True)
class Known:
    """What a library knows of files.

    Attributes:
        extractor: what reads photos now; those that another one has read are read anew.
        retry_errors: files that could not be read are not known, whatever it was.
        readers: threads that hash files.
    """

    library: Library
    extractor: str
    retry_errors: bool
    readers: int

    def recognise(
        self, files: Iterable[FoundFile]
    ) -> Generator[tuple[FoundFile, Recognised], None, None]:
        """Each file in order, and what it is recognised as at that moment.

        A folder that was moved as a whole is all content that was read: threads hash a few of the
        files whose turn comes next. (None of an address, where a download could not be stopped.)
        """
        threads = 0 if self.library.address else self.readers
        place = self.library.place
        waiting: deque[tuple[FoundFile, bool, Future[str | None] | None]] = deque()
        pool = ThreadPoolExecutor(max(1, threads), "faceclust-hash")
        try:
            for file in files:
                as_was = self._as_it_was(file)
                hashed = None
                if threads and as_was is None and catalogue.has_size(self.library.db, file.size):
                    hashed = pool.submit(_hash, place, file)
                waiting.append((file, as_was == "unchanged", hashed))
                if len(waiting) > AHEAD * threads:
                    yield self._in_turn(place, *waiting.popleft())
            while waiting:
                yield self._in_turn(place, *waiting.popleft())
        finally:
            pool.shutdown(cancel_futures=True)

    def _in_turn(
        self, place: str, file: FoundFile, unchanged: bool, hashed: Future[str | None] | None
    ) -> tuple[FoundFile, Recognised]:
        # What was read since the file was looked at may be a copy of it, edited or not.
        as_was = "unchanged" if unchanged else self._as_it_was(file)
        if as_was is not None:
            return file, as_was
        if hashed is not None:
            digest = hashed.result()
        elif catalogue.has_size(self.library.db, file.size):
            digest = _hash(place, file)
        else:
            return file, None
        photo = None if digest is None else catalogue.photo_by_hash(self.library.db, digest)
        return file, photo[0] if photo is not None and photo[1] == self.extractor else None

    def _as_it_was(self, file: FoundFile) -> AsItWas | None:
        """Whether a file is the one that was read, by its size and time alone."""
        state = catalogue.file_state(self.library.db, file.path)
        if state is None or (state.size, state.mtime_ns) != (file.size, file.mtime_ns):
            return None
        if state.missing:
            return "back" if self._may_be_back(state) else None
        if state.error is None:
            return "unchanged" if state.extractor == self.extractor else None
        passing = self.retry_errors or self.library.may_pass(state.error_kind)
        return None if passing else "unchanged"

    def _may_be_back(self, state: catalogue.FileState) -> bool:
        """Whether the photo of a missing file is still what the file held.

        A copy that is there may have been edited meanwhile, and the photo gone on as that.
        """
        if state.photo_id is None or state.extractor != self.extractor:
            return False
        return not catalogue.has_file(self.library.db, state.photo_id)


def _hash(place: str, file: FoundFile) -> str | None:
    """The hash of a file's content; None where it cannot be read."""
    try:
        with photos.at_hand(place, file.path) as path:
            return photos.content_hash(path)
    except PhotoError:
        return None

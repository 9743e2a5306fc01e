"""Pictures for the screen: a photo with its faces, and faces cut from it, by id only."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock

from faceclust import photos
from faceclust.errors import PersonError, PhotoError
from faceclust.pipeline.library import Library
from faceclust.records import Box, ImageArray, PhotoInfo
from faceclust.store import catalogue
from faceclust.workers import Failure, Limits, Standby

SCREEN_SIDE, FACE_SIDE = 1600, 480
JPEG_QUALITY = 85
# How much of the photo is shown around a face: hair and chin, a little of the place.
MARGIN = 0.55
SECONDS_PER_PHOTO = 30.0
KEPT_BYTES = 64 << 20


@dataclass(frozen=True, slots=True)
class PhotoView:
    """A photo as it is shown.

    Attributes:
        file: path relative to the library's root.
        faces: id and box of each face, from left to right.
    """

    file: str
    info: PhotoInfo
    faces: tuple[tuple[int, Box], ...]


def photo(library: Library, photo_id: int) -> PhotoView:
    """A photo of the library and the faces in it.

    Raises:
        PersonError: there is no such photo, or its file is gone.
    """
    found = catalogue.photo_file(library.db, photo_id)
    if found is None:
        raise PersonError(f"There is no photo {photo_id} in this library.")
    return PhotoView(*found, tuple(catalogue.boxes_in(library.db, photo_id)))


def thumbnail(library: Library, face_id: int) -> bytes:
    """The JPEG of a face's aligned crop.

    Raises:
        PersonError: there is no such face.
    """
    found = catalogue.thumbnail(library.db, face_id)
    if found is None:
        raise PersonError(f"There is no face {face_id} in this library.")
    return found


@dataclass(frozen=True, slots=True)
class _Cut:
    """A picture to be made: of a whole photo, or of what lies around `box` in it.

    Attributes:
        root, path: the library's folder or address, and the photo in it.
    """

    root: str
    path: str
    mtime_ns: int
    side: int
    box: Box | None = None


class Pictures:
    """Makes pictures in one worker process, which a hostile photo may kill, and keeps the newest.

    For use from several threads; `close` ends the worker.
    """

    def __init__(self) -> None:
        self._worker: Standby[_Cut, bytes | PhotoError] = Standby(
            _maker, Limits(seconds=SECONDS_PER_PHOTO)
        )
        self._kept: OrderedDict[_Cut, bytes] = OrderedDict()
        self._lock = Lock()

    def photo(self, library: Library, photo_id: int) -> bytes:
        """The JPEG of a photo, upright, at most 1600 pixels on its longer side.

        Raises:
            PersonError: there is no such photo.
            PhotoError: its file cannot be read any more.
            WorkerError: the worker dies before it can read anything.
        """
        file = photo(library, photo_id).file
        return self._get(_Cut(*_inside(library, file), SCREEN_SIDE))

    def face(self, library: Library, face_id: int) -> bytes:
        """The JPEG of what lies around a face, at most 480 pixels square.

        Raises:
            PersonError: there is no such face.
            PhotoError: the photo cannot be read any more.
            WorkerError: the worker dies before it can read anything.
        """
        place = catalogue.face_place(library.db, face_id)
        if place is None:
            raise PersonError(f"There is no face {face_id} in this library.")
        photo_id, box = place
        file = photo(library, photo_id).file
        return self._get(_Cut(*_inside(library, file), FACE_SIDE, box))

    def close(self) -> None:
        """End the worker."""
        self._worker.close()

    def _get(self, cut: _Cut) -> bytes:
        with self._lock:
            if cut in self._kept:
                self._kept.move_to_end(cut)
                return self._kept[cut]
        made = self._worker.ask(cut)
        if isinstance(made, Failure):
            raise PhotoError(made.reason, made.kind)
        if isinstance(made, PhotoError):
            raise made
        with self._lock:
            self._kept[cut] = made
            while sum(map(len, self._kept.values())) > KEPT_BYTES:
                self._kept.popitem(last=False)
        return made


def _inside(library: Library, file: str) -> tuple[str, str, int]:
    """Place, path and mtime of a photo, in the library still: no link may have come to lead out."""
    if library.address is not None:
        return library.address, file, 0
    try:
        path, root = (library.root / file).resolve(strict=True), library.root.resolve()
        if path.is_relative_to(root):
            return str(root), str(path.relative_to(root)), path.stat().st_mtime_ns
    except (OSError, RuntimeError) as error:
        raise PhotoError("the file is gone") from error
    raise PhotoError("it lies outside of the library now")


def _maker() -> _Maker:
    return _Maker()


class _Maker:
    """What the worker does with one picture."""

    def __call__(self, cut: _Cut) -> bytes | PhotoError:
        try:
            # A face in a large photo needs more pixels than the screen: a quarter is enough.
            reduce_to = cut.side if cut.box is None else _needed(cut.box)
            with photos.at_hand(cut.root, cut.path) as path:
                pixels = photos.decode(path, reduce_to=reduce_to).pixels
            return _jpeg(pixels if cut.box is None else _around(pixels, cut.box), cut.side)
        except PhotoError as error:
            return PhotoError(str(error), error.kind)
        except MemoryError:
            return PhotoError("needs more memory than one photo may take", "memory")


def _needed(box: Box) -> int:
    """Pixels on the longer side of a photo that show what is around `box` sharply."""
    return int(FACE_SIDE / max(min(box.w, box.h) * (1 + 2 * MARGIN), FACE_SIDE / 8000))


def _around(pixels: ImageArray, box: Box) -> ImageArray:
    """A square around a face, as far as the photo goes."""
    height, width = pixels.shape[:2]
    side = max(box.w * width, box.h * height) * (1 + 2 * MARGIN)
    side = max(8, round(min(side, width, height)))
    left = round((box.x + box.w / 2) * width - side / 2)
    # A little more room above than below: hair is part of a face, a collar is not.
    top = round((box.y + box.h * 0.45) * height - side / 2)
    left, top = min(max(left, 0), width - side), min(max(top, 0), height - side)
    return pixels[top : top + side, left : left + side]


def _jpeg(pixels: ImageArray, side: int) -> bytes:
    import io

    from PIL import Image

    image = Image.fromarray(pixels)
    image.thumbnail((side, side), Image.Resampling.LANCZOS)
    out = io.BytesIO()
    image.save(out, "JPEG", quality=JPEG_QUALITY)
    return out.getvalue()

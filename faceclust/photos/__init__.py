"""Photos on disk: find them, tell them apart by content, decode them safely."""

from faceclust.photos.decoding import decode
from faceclust.photos.files import FoundFile, WalkOptions, content_hash, walk
from faceclust.photos.formats import EXTENSIONS
from faceclust.photos.limits import MAX_PIXELS

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "FoundFile",
    "WalkOptions",
    "content_hash",
    "decode",
    "walk",
]

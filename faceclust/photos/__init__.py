"""Photos on disk: find them, tell them apart by content, decode them safely."""

from faceclust.photos.decoding import decode
from faceclust.photos.formats import EXTENSIONS
from faceclust.photos.limits import MAX_PIXELS
from faceclust.photos.files import FoundFile, WalkOptions, content_hash, walk

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "FoundFile",
    "WalkOptions",
    "content_hash",
    "decode",
    "walk",
]

"""Photos on disk: find them, tell them apart by content, decode them safely."""

from faceclust.photos.decoding import decode
from faceclust.photos.files import FoundFile, WalkOptions, content_hash, leaves_out, walk
from faceclust.photos.formats import EXTENSIONS
from faceclust.photos.limits import MAX_PIXELS
from faceclust.photos.remote import at_hand, is_address, local_path, reach, walk_address

__all__ = [
    "EXTENSIONS",
    "MAX_PIXELS",
    "FoundFile",
    "WalkOptions",
    "at_hand",
    "content_hash",
    "decode",
    "is_address",
    "leaves_out",
    "local_path",
    "reach",
    "walk",
    "walk_address",
]

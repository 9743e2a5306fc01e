"""Names that other programs gave to the people in photos: read, matched to faces, settled.

`sidecars`, `picasa`, `osxphotos` and `takeout` read one program's files each; `titles` tells which
of Takeout's are about which photo; `match` finds the faces that boxes show; `settle` says what all
of it adds up to and where it contradicts itself.
Everything read here may be hostile: sizes are bounded, links are not followed.
"""

from faceclust.tags.claims import Claim, Conflict, ConflictKind, Hint, Outcome, Seed
from faceclust.tags.files import Names, alike, listing, read_bounded
from faceclust.tags.found import SOURCES, Found, Problem, Source
from faceclust.tags.match import Matched, match
from faceclust.tags.notes import Heeded, Joined, Noted, Told, barred, heed
from faceclust.tags.settle import settle

__all__ = [
    "SOURCES",
    "Claim",
    "Conflict",
    "ConflictKind",
    "Found",
    "Heeded",
    "Hint",
    "Joined",
    "Matched",
    "Names",
    "Noted",
    "Outcome",
    "Problem",
    "Seed",
    "Source",
    "Told",
    "alike",
    "barred",
    "heed",
    "listing",
    "match",
    "read_bounded",
    "settle",
]

"""People as XMP: in sidecars or inside the photos, in three region formats and as keywords."""

from faceclust.export.xmp.inject import embed
from faceclust.export.xmp.keywords import branches
from faceclust.export.xmp.merge import XmpOptions, merge
from faceclust.export.xmp.provenance import NOTHING, Previous, written_in
from faceclust.export.xmp.sidecar import plan

__all__ = [
    "NOTHING",
    "Previous",
    "XmpOptions",
    "branches",
    "embed",
    "merge",
    "plan",
    "written_in",
]

"""People as XMP: in sidecars or inside the photos, in three region formats and as keywords."""

from faceclust.export.xmp.boxes import displayed_box, stored_box
from faceclust.export.xmp.extract import embedded_packet
from faceclust.export.xmp.inject import embed
from faceclust.export.xmp.merge import XmpOptions, merge
from faceclust.export.xmp.provenance import NOTHING, Previous, written_in
from faceclust.export.xmp.regions import Region, read_regions
from faceclust.export.xmp.sidecar import plan

__all__ = [
    "NOTHING",
    "Previous",
    "Region",
    "XmpOptions",
    "displayed_box",
    "embed",
    "embedded_packet",
    "merge",
    "plan",
    "read_regions",
    "stored_box",
    "written_in",
]

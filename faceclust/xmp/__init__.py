"""XMP as files hold it: packets found and read safely, face regions in three formats.

Below the rooms, because two of them speak it: `export` writes people, `tags` reads what other
programs wrote.
"""

from faceclust.xmp.boxes import displayed_box, stored_box
from faceclust.xmp.extract import embedded_packet, read_embedded
from faceclust.xmp.notes import read_authors, read_notes
from faceclust.xmp.people import People, read_people
from faceclust.xmp.regions import Region, read_regions

__all__ = [
    "People",
    "Region",
    "displayed_box",
    "embedded_packet",
    "read_authors",
    "read_embedded",
    "read_notes",
    "read_people",
    "read_regions",
    "stored_box",
]

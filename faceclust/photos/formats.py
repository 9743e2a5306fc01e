"""Which files are photos.

The suffix selects files; what is in them decides how they are decoded, camera RAW excepted.
"""

from __future__ import annotations

# fmt: off
RAW_EXTENSIONS = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dcr", ".dng", ".erf", ".fff", ".gpr", ".iiq", ".kdc",
    ".mef", ".mos", ".mrw", ".nef", ".nrw", ".orf", ".pef", ".raf", ".rw2", ".rwl", ".sr2", ".srf",
    ".srw", ".x3f",
})
"""Camera RAW. Most are TIFF inside, so only the suffix tells them from an ordinary TIFF."""

EXTENSIONS = RAW_EXTENSIONS | {
    ".avif", ".bmp", ".gif", ".heic", ".heif", ".hif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo",
    ".png", ".tif", ".tiff", ".webp",
}
"""Every suffix that `walk` finds, in lower case with its dot."""
# fmt: on

PILLOW_FORMATS = ("JPEG", "PNG", "TIFF", "WEBP", "BMP", "GIF", "AVIF", "HEIF")
"""The only parsers that file content may reach. AVIF stands before HEIF, which would also take an
AVIF of brand `mif1` and then could not decode it."""

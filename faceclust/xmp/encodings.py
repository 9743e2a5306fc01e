"""The encodings of XMP: UTF-8, and outside JPEG also UTF-16 and UTF-32 of either byte order.

Source: XMP specification part 1 (ISO 16684-1), section 7.
"""

from __future__ import annotations

_PADDING = "\0 \t\r\n"
_ENCODINGS = ("utf-8", "utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be")


def unpadded(content: bytes) -> tuple[bytes, str | None]:
    """A document without what pads it, and its encoding; None where it is declared, or UTF-8.

    UTF-16 and UTF-32 become UTF-8: in them padding is characters of several bytes, not bytes. Zeros
    beside the first "<" tell them, with or without a byte order mark.

    Raises:
        UnicodeDecodeError: it is not in the encoding that it seems to be in.
    """
    at = content.find(b"<")
    if at < 0 or content[at + 1 : at + 2] != b"\0":
        return content.strip(_PADDING.encode()), None
    size = 4 if content[at + 1 : at + 4] == b"\0\0\0" else 2
    order = "le" if at % size == 0 else "be"
    characters = content[: len(content) - len(content) % size].decode(f"utf-{8 * size}-{order}")
    return characters.strip(f"\ufeff{_PADDING}").encode(), "utf-8"


def mentions(packet: bytes, what: str) -> bool:
    """Whether a packet holds a text, in any encoding that it may be in; tells without parsing."""
    return any(what.encode(encoding) in packet for encoding in _ENCODINGS)

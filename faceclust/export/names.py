"""File names that every file system takes, made from people's names and photos' names."""

from __future__ import annotations

import hashlib
import unicodedata
from pathlib import Path

MAX_BYTES = 255
"""What ext4, APFS, NTFS and exFAT all allow for one component, counted in UTF-8."""

_FORBIDDEN = frozenset('/\\<>:"|?*')
_BAD_CATEGORIES = frozenset({"Cc", "Cs", "Zl", "Zp"})
_EDGES = "." + "".join(c for c in map(chr, range(0x3001)) if c.isspace())
_DEVICES = frozenset(
    ["con", "prn", "aux", "nul", "conin$", "conout$"]
    + [port + digit for port in ("com", "lpt") for digit in "0123456789¹²³"]
)
_JOINER = "\u200d"
_EXTENSION_BYTES = 32
_TAG_LENGTHS = (6, 12, 24, 64)


def safe_name(name: str) -> str:
    """One path component that says `name` and can be made on any file system.

    NFC; separators, control characters and what Windows forbids become "_"; no dot or space at
    either end; Windows' device names get a "_" before them; at most 255 bytes of UTF-8; never
    empty. `safe_name(safe_name(x)) == safe_name(x)`.
    """
    plain = "".join(map(_allowed, unicodedata.normalize("NFC", name))).strip(_EDGES)
    plain = cut(plain, MAX_BYTES)
    if plain.partition(".")[0].rstrip().casefold() in _DEVICES:
        plain = cut("_" + plain, MAX_BYTES)
    return plain or "_"


def cut(text: str, limit: int) -> str:
    """`text`, or as much of its beginning as fits in `limit` bytes of UTF-8.

    Never cuts inside a character, and keeps accents and joined emoji with what they belong to.
    """
    data = text.encode()
    if len(data) <= limit:
        return text
    end = len(data[:limit].decode(errors="ignore"))
    start = end
    while start and _continues(text, start):
        start -= 1
    return text[: start or end].rstrip(_EDGES)


def fold(name: str) -> str:
    """The same for all names that some file system takes for one: case, NFC against NFD."""
    decomposed = unicodedata.normalize("NFD", name).casefold()
    return unicodedata.normalize("NFD", decomposed)


class Namer:
    """Gives every (folder, key) a name of its own in that folder, by `fold`.

    Who comes first keeps the plain name; a later one with the same name gets a tag made from its
    own key, never a counter, so its name does not depend on how many others there are. Callers
    bring the oldest first: what is added to a library later then renames nothing.
    """

    def __init__(self) -> None:
        self._names: dict[tuple[Path, str], str] = {}
        self._taken: set[tuple[Path, str]] = set()

    def name(self, folder: Path, stem: str, key: str, extension: str = "") -> str:
        """The name for `key` in `folder`: `stem` and `extension`, with a tag where need be.

        Args:
            folder: the folder that the name must be unique in.
            stem: the wanted name without its extension.
            key: what is being named; the same key always gets the same name. A plain number
                serves as the tag itself ("Ann (12)").
            extension: with its dot, kept whole whatever is cut.
        """
        known = self._names.get((folder, key))
        if known is None:
            known = next(
                name
                for name in (_compose(stem, tag, extension) for tag in _tags(key))
                if (folder, fold(name)) not in self._taken
            )
            self._names[folder, key] = known
            self._taken.add((folder, fold(known)))
        return known


def _allowed(character: str) -> str:
    bad = character in _FORBIDDEN or unicodedata.category(character) in _BAD_CATEGORIES
    return "_" if bad else character


def _continues(text: str, index: int) -> bool:
    """Whether the character at `index` belongs to the one before it."""
    character = text[index]
    return (
        unicodedata.category(character) in {"Mn", "Mc", "Me"}
        or "\U0001f3fb" <= character <= "\U0001f3ff"  # skin tones
        or _JOINER in (character, text[index - 1])
    )


def _tags(key: str) -> list[str]:
    digest = hashlib.sha256(key.encode(errors="surrogatepass")).hexdigest()
    own = [f" ({key})"] if key.isdecimal() else []
    return ["", *own, *(f" ({digest[:length]})" for length in _TAG_LENGTHS)]


def _compose(stem: str, tag: str, extension: str) -> str:
    ending = safe_name("x" + extension)[1:] if extension else ""
    tail = tag + cut(ending, _EXTENSION_BYTES)
    return cut(safe_name(stem), MAX_BYTES - len(tail.encode())) + tail

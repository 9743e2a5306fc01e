"""Patterns of files to leave out, in the manner of .gitignore.

They may come with a stranger's photos, and a regex that looks for "*a*a*a*b" tries every way to
share a name out among its stars. Here all places in the patterns that a path may have led to are
followed side by side, one letter after the other: no pattern makes that slow.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache

_CACHED = 1 << 14  # steps from some places on some letter; libraries take a few hundred


@dataclass(frozen=True, slots=True)
class _Place:
    """A place in a pattern. Letters are told by a regex of one letter; an empty one has none.

    Attributes:
        leads: the letters that lead to the next place.
        stays: the letters that may stand here in any number.
        skips: how many places further it goes on without any letter.
    """

    leads: str = ""
    stays: str = ""
    skips: tuple[int, ...] = ()


_FOLDERS = (_Place(skips=(1, 2)), _Place("/", stays="."))
_PERHAPS_FOLDER = _Place("/", skips=(1,))
_WILDCARDS = {
    "**/": _FOLDERS,
    "**": (_Place(stays=".", skips=(1,)),),
    "*": (_Place(stays="[^/]", skips=(1,)),),
    "?": (_Place("[^/]"),),
}
_END = _Place()


def matcher(patterns: tuple[str, ...]) -> Callable[[str], bool]:
    """Whether a path is excluded; what is asked for ends in "/" where it is a folder."""
    places: list[_Place] = []
    starts = []
    for pattern in filter(None, patterns):
        starts.append(len(places))
        places += _places(pattern)
    start = _reached(places, starts)
    ends = frozenset(at for at, place in enumerate(places) if place is _END)

    @lru_cache(_CACHED)
    def after(here: frozenset[int], letter: str) -> frozenset[int]:
        stay = [at for at in here if _is(letter, places[at].stays)]
        return _reached(places, stay + [at + 1 for at in here if _is(letter, places[at].leads)])

    def excluded(path: str) -> bool:
        here = start
        for letter in path:
            here = after(here, letter)
            if not here:
                return False
        return not here.isdisjoint(ends)

    return excluded


def _places(pattern: str) -> list[_Place]:
    """A pattern's places, from its start to its end."""
    places = [] if "/" in pattern.rstrip("/") else [*_FOLDERS]
    for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/")):
        places += _WILDCARDS.get(part) or [_Place(re.escape(letter)) for letter in part]
    return [*places, _Place("/") if pattern.endswith("/") else _PERHAPS_FOLDER, _END]


def _reached(places: list[_Place], new: Iterable[int]) -> frozenset[int]:
    """Some places, and those further on that are reached from them without any letter."""
    reached, ahead = set(), list(new)
    while ahead:
        at = ahead.pop()
        if at not in reached:
            reached.add(at)
            ahead += [at + skip for skip in places[at].skips]
    return frozenset(reached)


@lru_cache(_CACHED)
def _is(letter: str, letters: str) -> bool:
    return re.fullmatch(letters, letter, re.IGNORECASE | re.DOTALL) is not None

"""Patterns of `--exclude`: what they mean is told by a regex, which takes its time."""

from __future__ import annotations

import re
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.photos.patterns import matcher

WILDCARDS = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}


def regex(pattern: str) -> str:
    """A pattern's meaning."""
    anywhere = "(?:.*/)?" if "/" not in pattern.rstrip("/") else ""
    body = "".join(
        WILDCARDS.get(part, re.escape(part))
        for part in re.split(r"(\*\*/|\*\*|\*|\?)", pattern.strip("/"))
    )
    return anywhere + body + ("/" if pattern.endswith("/") else "/?")


def meant(patterns: tuple[str, ...], path: str) -> bool:
    union = "|".join(regex(pattern) for pattern in patterns if pattern)
    found = re.fullmatch(union, path, re.IGNORECASE | re.DOTALL)
    return any(patterns) and found is not None


PATTERNS = st.lists(st.text("ab*?/", max_size=9), max_size=3).map(tuple)


@given(PATTERNS, st.text("ab/", max_size=9))
def test_a_path_is_excluded_as_the_regex_says(patterns: tuple[str, ...], path: str) -> None:
    assert matcher(patterns)(path) == meant(patterns, path)


@given(
    st.lists(st.text("sſkK.\n\\[*/", max_size=4), max_size=2).map(tuple),
    st.text("sSſkK\u212a.\n\\[/", max_size=4),
)
def test_letters_and_signs_count_as_in_the_regex(patterns: tuple[str, ...], path: str) -> None:
    assert matcher(patterns)(path) == meant(patterns, path)


def test_every_short_pattern_and_path() -> None:
    shapes = ["**/a", "a**/b", "**a**/b", "a/**", "a**b*", "**/", "*/", "***", "**/**/a", "?**/?"]
    paths = ["".join(letters) for length in range(6) for letters in product("ab/", repeat=length)]
    for pattern in shapes:
        excluded = matcher((pattern,))
        assert [p for p in paths if excluded(p)] == [p for p in paths if meant((pattern,), p)]


@pytest.mark.timeout(20)
@pytest.mark.parametrize("star", ["*", "**", "**/", "**a", "*?"])
def test_no_pattern_takes_long(star: str) -> None:
    excluded = matcher((f"{star}a" * 30 + "b", "/" + f"{star}a" * 30 + "c"))
    for length in range(200, 220):
        assert not excluded("a" * length + "/" + "a" * length)

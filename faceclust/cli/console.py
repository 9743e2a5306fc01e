"""Where output goes: data to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from rich.console import Console
from rich.markup import escape

UNBOUNDED = 100_000  # width of a pipe: there, one entry of a table is one line
out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


@dataclass(slots=True)
class _Console:
    """How much is said; set once from -q and -v."""

    quiet: bool = False
    verbose: bool = False

    def tell(self, text: str) -> None:
        """What a command did, on stdout; silent under -q, as all but data and mistakes."""
        if not self.quiet:
            out.print(text)

    def say(self, text: str) -> None:
        """A line for the person at the terminal; silent under -q."""
        if not self.quiet:
            err.print(text)

    def notify(self, text: str) -> None:
        """As `say`, of a text that is no markup, such as "faceclust[clip]"."""
        self.say(self.escape(text))

    def detail(self, text: str) -> None:
        """A line for those who asked for more with -v."""
        if self.verbose:
            err.print(text)

    @staticmethod
    def escape(text: str) -> str:
        """Text from outside (names, paths), so that it cannot act as markup or break encoding."""
        return escape("".join(c if _is_shown(c) else "\ufffd" for c in text))


def _is_shown(character: str) -> bool:
    # Spaces of all kinds, and the joiners that names in Persian, Hindi and emoji need.
    return (
        character.isprintable()
        or character in "\u200c\u200d"
        or unicodedata.category(character) == "Zs"
    )


console = _Console()


class Progress(Protocol):
    """Told how far a command is."""

    def __call__(
        self, done: int, total: int | None, what: str | None = None, unit: str | None = None
    ) -> None:
        """So many are done, of `total` (None: nobody knows yet); words that change, if any do."""


@contextmanager
def progress_bar(what: str, unit: str = "photos", *, shown: bool = True) -> Iterator[Progress]:
    """A bar with the time left on stderr, where that is a terminal.

    Args:
        what: what is being done, such as "Exporting"; no markup.
        unit: what is counted, or how fast.
        shown: no bar if not; under -q there is none anyway.
    """
    if not (shown and has_bar()):
        yield lambda done, total, what=None, unit=None: None
        return
    from rich import progress as bars

    columns = (
        bars.TextColumn("{task.description}"),
        bars.BarColumn(),
        bars.MofNCompleteColumn(),
        bars.TextColumn("{task.fields[unit]}"),
        bars.TimeRemainingColumn(),
    )
    with bars.Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=None, unit=unit)

        def update(
            done: int, total: int | None, what: str | None = None, unit: str | None = None
        ) -> None:
            said: dict[str, Any] = {} if what is None else {"description": console.escape(what)}
            said |= {} if unit is None else {"unit": unit}
            bar.update(task, completed=done, total=total, **said)

        yield update


def has_bar() -> bool:
    """Whether there is somebody to show a bar to."""
    return err.is_terminal and not console.quiet


def counted(count: int, one: str, many: str = "") -> str:
    """A number of things in words: `1 photo`, `2 people`; `many` only where it is not `one`s."""
    return f"{count} {one if count == 1 else many or one + 's'}"


def faces(count: int) -> str:
    """A number of faces in words."""
    return counted(count, "face")


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=True)
    sys.stdout.write("\n")

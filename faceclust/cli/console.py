"""Where output goes: data to stdout, everything else to stderr."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.markup import escape

out = Console(soft_wrap=True, highlight=False)
err = Console(stderr=True, soft_wrap=True, highlight=False)


@dataclass(slots=True)
class _Console:
    """How much is said; set once from -q and -v."""

    quiet: bool = False
    verbose: bool = False

    def say(self, text: str) -> None:
        """A line for the person at the terminal; silent under -q."""
        if not self.quiet:
            err.print(text)

    def detail(self, text: str) -> None:
        """A line for those who asked for more with -v."""
        if self.verbose:
            err.print(text)

    @staticmethod
    def escape(text: str) -> str:
        """Text from outside (names, paths), so that it cannot act as markup or break encoding."""
        printable = "".join(c if c.isprintable() else "\ufffd" for c in text)
        return escape(printable)


console = _Console()


def print_json(value: Any) -> None:
    """Print `value` as JSON on stdout."""
    json.dump(value, sys.stdout, indent=2, ensure_ascii=True)
    sys.stdout.write("\n")

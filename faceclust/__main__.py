"""The one place where errors become sentences and exit codes."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import typer

from faceclust.cli.app import app
from faceclust.cli.console import console, err
from faceclust.errors import FaceclustError

EXIT_USER, EXIT_INTERRUPTED = 1, 130
# Typer brings its own copy of click, or uses the installed one; this is the class it really raises.
UsageProblem: type[Exception] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0, 1 for the user's mistakes, 2 for the system's, 130 when interrupted.
    """
    try:
        result = app(args=arguments, standalone_mode=False)
    except FaceclustError as error:
        _say(error)
        return error.exit_code
    except UsageProblem as error:
        error.show()  # type: ignore[attr-defined]
        return EXIT_USER
    except (typer.Abort, KeyboardInterrupt):
        result = EXIT_INTERRUPTED
    if result == EXIT_INTERRUPTED:
        err.print("Stopped. Everything found so far is kept; run the same command to go on.")
    return result if isinstance(result, int) else 0


def _say(error: FaceclustError) -> None:
    err.print(f"[bold red]faceclust:[/] {console.escape(str(error))}", highlight=False)
    if console.verbose and error.__cause__ is not None:
        cause = f"{type(error.__cause__).__name__}: {error.__cause__}"
        err.print(f"  because of {console.escape(cause)}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())

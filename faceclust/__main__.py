"""The one place where errors become sentences and exit codes."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from faceclust.cli.app import app
from faceclust.cli.console import console, err
from faceclust.errors import FaceclustError, InputError, WriteError

VERBOSITY = frozenset({"-q", "--quiet", "-v", "--verbose"})
EXIT_USER, EXIT_INTERRUPTED = 1, 130
# What typer and rich, too, end with when nobody reads the output any more.
EXIT_UNHEARD = 1
# Typer brings its own copy of click, or uses the installed one; this is the class it really raises.
UsageProblem: type[Exception] = next(
    base for base in typer.BadParameter.__mro__ if base.__name__ == "ClickException"
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line.

    Returns:
        0, 1 for the user's mistakes, 2 for the system's, 130 when interrupted.
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # A terminal or pipe of another encoding must not make a name into a crash.
            stream.reconfigure(errors="backslashreplace")
    try:
        result = app(args=_verbosity_first(arguments), prog_name="faceclust", standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output has seen enough; Python must not flush it once more at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_UNHEARD
    except OSError as error:
        failure = _unforeseen(error)
        _say(failure)
        if error.filename is None:
            # Python must not try it once more at the end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return failure.exit_code
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


def _unforeseen(error: OSError) -> FaceclustError:
    """Nearly every file that a command touches has its own sentence; this is for the others."""
    try:
        Path.cwd()
    except OSError:
        return InputError(
            "The folder in which this was started is gone; go to another (cd) and run it again."
        )
    if error.filename is not None:
        return WriteError(f"{error.filename} cannot be used ({error.strerror}); check it.")
    return WriteError(f"The output cannot be written ({error.strerror}); give it another place.")


def _verbosity_first(arguments: Sequence[str] | None) -> list[str]:
    """Let -q and -v stand anywhere: people write `faceclust scan -q FOLDER`."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    flags = [word for word in given[:end] if word in VERBOSITY]
    return flags + [word for word in given[:end] if word not in VERBOSITY] + given[end:]


def _say(error: FaceclustError) -> None:
    err.print(f"[bold red]faceclust:[/] {console.escape(str(error))}", highlight=False)
    if console.verbose and error.__cause__ is not None:
        cause = f"{type(error.__cause__).__name__}: {error.__cause__}"
        err.print(f"  because of {console.escape(cause)}", highlight=False)


if __name__ == "__main__":
    sys.exit(main())

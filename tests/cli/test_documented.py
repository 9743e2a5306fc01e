"""What every command promises: it says what it does, quickly, and in the same manner."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import Any

import pytest
import typer

import faceclust
from faceclust.cli.app import app
from tests.conftest import Run

HEAVY = {
    "numpy", "torch", "PIL", "faiss", "onnxruntime", "insightface", "lxml", "scipy", "sklearn",
    "cv2", "infomap", "rawpy", "pillow_heif", "onnx", "exiv2", "ray", "pyarrow",
}  # fmt: skip
COMMANDS = {
    "scan", "sample", "status", "people", "search", "name", "merge", "split", "reject", "differ",
    "not-a-face", "birth", "ignore", "hide", "undo", "log", "review", "cluster", "export", "import",
    "report", "eval", "train", "models", "doctor",
}  # fmt: skip


def commands(command: Any = None, path: str = "faceclust") -> Iterator[tuple[str, Any]]:
    """Every command and subcommand, as (what is typed, command)."""
    command = command or typer.main.get_command(app)
    yield path, command
    for name, child in getattr(command, "commands", {}).items():
        yield from commands(child, f"{path} {name}")


ALL = dict(commands())


def test_the_commands() -> None:
    assert set(typer.main.get_command(app).commands) == COMMANDS  # type: ignore[attr-defined]


@pytest.mark.parametrize("path", ALL)
def test_every_command_says_what_it_does(path: str) -> None:
    text = (ALL[path].help or "").split("\n")[0]
    assert len(text) > 20
    assert text[0].isupper()
    assert text.endswith(".")


@pytest.mark.parametrize("path", ALL)
def test_every_option_and_argument_says_what_it_is_for(path: str) -> None:
    for parameter in ALL[path].params:
        assert getattr(parameter, "help", None), f"{path}: {parameter.name}"


def run_alone(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "options", ["--help", "scan --help", "export --help", "train --help", "doctor --help"]
)
def test_help_loads_nothing_heavy(options: str, capsys: pytest.CaptureFixture[str]) -> None:
    started = time.perf_counter()
    loaded = run_alone(
        "import sys; from faceclust.__main__ import main; "
        f"assert main({options.split()!r}) == 0; print('loaded', *sys.modules)"
    ).splitlines()[-1]
    with capsys.disabled():
        print(f"\nfaceclust {options}: {time.perf_counter() - started:.2f} s", end=" ")  # noqa: T201
    assert HEAVY & set(loaded.split()) == set()


def test_the_package_is_light_and_exact() -> None:
    assert faceclust.__all__ == ["__version__"]
    assert all(hasattr(faceclust, name) for name in faceclust.__all__)
    before = "import sys; before = set(sys.modules); import faceclust; "
    new = run_alone(before + "print(*(set(sys.modules) - before))").split()
    assert set(new) == {"faceclust"}


def test_the_version(faceclust: Run) -> None:
    import faceclust as package

    assert faceclust("--version").stdout == f"faceclust {package.__version__}\n"


def test_the_module_calls_itself_by_its_name(faceclust: Run) -> None:
    assert "Usage: faceclust scan" in faceclust("scan", "--help").stdout


def completed(**words: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-m", "faceclust"],
        env={**os.environ, "_FACECLUST_COMPLETE": "complete_bash", **words},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


def test_the_shell_completes_commands_and_choices() -> None:
    assert completed(COMP_WORDS="faceclust sc", COMP_CWORD="1") == ["scan"]
    choices = completed(COMP_WORDS="faceclust export --format s", COMP_CWORD="3")
    assert choices == ["symlinks"]


def test_the_script_for_the_shell_can_be_shown() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "faceclust", "--show-completion", "bash"],
        # Typer would look for the shell that runs the tests; there may be none.
        env={**os.environ, "_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "_FACECLUST_COMPLETE=complete_bash" in done.stdout
    assert done.stdout.splitlines()[-1].endswith(" faceclust")

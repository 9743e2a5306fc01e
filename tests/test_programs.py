from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from faceclust import programs
from faceclust.programs import program


def make(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return str(path)


@pytest.fixture
def photos(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a program of a stranger among its photos."""
    make(tmp_path / "photos" / "exiftool")
    monkeypatch.chdir(tmp_path / "photos")
    return tmp_path / "photos"


@pytest.mark.parametrize("listed", ["", ".", ":{bin}", ".:{bin}", "../photos:{bin}"])
def test_no_program_is_taken_from_among_the_photos(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, listed: str
) -> None:
    ours = make(tmp_path / "bin" / "exiftool")
    monkeypatch.setenv("PATH", listed.format(bin=tmp_path / "bin"))
    assert program("exiftool") == (ours if "bin" in listed else None)
    assert program("exiftool", listed.format(bin=tmp_path / "bin")) == program("exiftool")


def test_no_search_is_left_to_windows_which_begins_in_the_current_folder(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def windows(name: str, *_: object, **__: object) -> str | None:
        """As `shutil.which` there before Python 3.12: a name with a folder is tried as it is."""
        if os.path.dirname(name):  # noqa: PTH120 - as there
            return name if Path(name).exists() else None
        return f"./{name}"

    ours = make(tmp_path / "bin" / "exiftool.EXE")
    monkeypatch.setattr(shutil, "which", windows)
    monkeypatch.setattr(programs, "_ends", lambda: [".COM", ".EXE"])
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert program("exiftool") == ours
    monkeypatch.setenv("PATH", str(tmp_path / "none"))
    assert program("exiftool") is None


def test_the_current_folder_counts_where_it_is_listed_by_its_name(
    photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(photos))
    assert program("exiftool") == str(photos / "exiftool")

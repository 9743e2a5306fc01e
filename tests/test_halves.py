from __future__ import annotations

import errno
import shutil
import stat
import sys
import tempfile
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from faceclust.halves import Halves

proc = pytest.mark.skipif(sys.platform != "linux", reason="looks at the files that are open")


def halves(values: np.ndarray[Any, Any], folder: Path) -> Halves:
    found = Halves.written((row.tobytes() for row in values), len(values), folder)
    assert found is not None
    return found


@settings(max_examples=50, deadline=None)
@given(st.data(), st.integers(1, 40), st.integers(1, 9))
def test_rows_are_those_of_an_array(data: st.DataObject, N: int, D: int) -> None:
    values = data.draw(arrays(np.uint16, (N, D))).view("<f2")
    whole = values.astype(np.float32)
    with tempfile.TemporaryDirectory() as folder:
        found = halves(values, Path(folder))
    assert (len(found), found.shape) == (N, (N, D))
    start, stop = (data.draw(st.integers(0, N + 2)) for _ in range(2))
    some = np.array(data.draw(st.lists(st.integers(0, N - 1))), np.int64)
    for rows in (slice(start, stop), slice(None), some):
        assert found[rows].dtype == np.float32
        np.testing.assert_array_equal(found[rows], whole[rows])


def test_what_was_read_is_the_readers_own(tmp_path: Path) -> None:
    found = halves(np.ones((3, 2), "<f2"), tmp_path)
    found[:][:] = 9
    assert found[:].max() == 1


def test_no_vectors_no_file(tmp_path: Path) -> None:
    assert Halves.written([], 5, tmp_path) is None


def test_vectors_of_two_spaces_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="4 bytes among those of 6"):
        Halves.written([b"123456", b"1234"], 2, tmp_path)


def opened(folder: Path) -> list[Path]:
    """The descriptors of this process that are files of a folder, named or not."""
    inside = []
    for link in Path("/proc/self/fd").iterdir():
        try:
            if str(link.readlink()).startswith(f"{folder}/"):
                inside.append(link)
        except OSError:
            continue
    return inside


@proc
def test_the_file_is_its_owners_alone_and_gone_with_its_reader(tmp_path: Path) -> None:
    found = halves(np.ones((3, 2), "<f2"), tmp_path)
    assert list(tmp_path.iterdir()) == []
    (link,) = opened(tmp_path)
    assert stat.S_IMODE(link.stat().st_mode) == 0o600
    assert found[:].tolist() == [[1, 1]] * 3
    del found
    assert opened(tmp_path) == []


Room = namedtuple("Room", "total used free")


def test_a_disk_with_no_room_to_spare_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0

    def vectors() -> Iterator[bytes]:
        nonlocal taken
        for _ in range(100):
            taken += 1
            yield b"123456"

    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(9999, 9999 - 1199, 1199))
    with pytest.raises(OSError, match="No space left") as error:
        Halves.written(vectors(), 100, tmp_path)
    assert error.value.errno == errno.ENOSPC
    assert (taken, list(tmp_path.iterdir())) == (1, [])
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(9999, 9999 - 1200, 1200))
    assert Halves.written(vectors(), 100, tmp_path) is not None


@proc
@pytest.mark.parametrize("buffer", [64, 1 << 20])
def test_a_disk_that_fills_up_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffer: int
) -> None:
    """The device says so when the buffer is written, and once more when it is closed."""
    full = Path("/dev/full").open("wb", buffering=buffer)  # noqa: SIM115 - `written` closes it
    monkeypatch.setattr(tempfile, "TemporaryFile", lambda **_: full)
    with pytest.raises(OSError, match="No space left"):
        Halves.written([b"123456"] * 100, 100, tmp_path)
    assert full.closed


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        Halves.written([b"12"], 1, tmp_path / "gone")

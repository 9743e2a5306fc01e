from __future__ import annotations

import os
from pathlib import Path

import pytest

from faceclust import cgroups
from faceclust.cluster.methods import ClusterOptions
from faceclust.pipeline import Library, cluster, embeddings, memory
from tests.synthetic import photo, put

GIB = 1 << 30
MINE = "12:memory:/docker/mine\n0::/"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of / with 8 GiB of memory, and no control groups."""
    monkeypatch.setattr(cgroups, "PROC", tmp_path / "proc")
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path / "cgroup")
    write(tmp_path / "proc/meminfo", f"MemTotal: 99 kB\nMemAvailable:  {8 << 20} kB\nPages: 0\n")
    return tmp_path


def write(path: Path, content: str | int) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n")


def test_memory_of_the_system(system: Path) -> None:
    assert memory.available() == 8 * GIB


def test_the_nearest_limit_of_a_control_group_counts(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/user/app")
    write(system / "cgroup/user/memory.max", 4 * GIB)
    write(system / "cgroup/user/memory.current", 3 * GIB)
    write(system / "cgroup/user/memory.stat", f"anon 5\ninactive_file {GIB}\n")
    write(system / "cgroup/user/app/memory.max", "max")
    write(system / "cgroup/user/app/memory.current", GIB)
    assert memory.available() == 2 * GIB
    write(system / "cgroup/user/app/memory.max", 2 * GIB)
    write(system / "cgroup/user/app/memory.stat", "inactive_file 0")
    assert memory.available() == GIB


def test_a_container_is_told_of_the_groups_outside_it(system: Path) -> None:
    write(system / "proc/self/cgroup", MINE)
    group = system / "cgroup/memory"
    write(group / "memory.limit_in_bytes", 3 * GIB)
    write(group / "memory.usage_in_bytes", 2 * GIB)
    write(group / "memory.stat", f"inactive_file 1\ntotal_inactive_file {GIB // 2}\n")
    assert memory.available() == 3 * GIB // 2


def test_a_group_that_is_over_its_limit_has_nothing_left(system: Path) -> None:
    write(system / "proc/self/cgroup", MINE)
    group = system / "cgroup/memory/docker/mine"
    write(group / "memory.limit_in_bytes", GIB)
    write(group / "memory.usage_in_bytes", 2 * GIB)
    write(group / "memory.stat", "")
    assert memory.available() == 0


def test_a_system_without_proc(system: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (system / "proc/meminfo").unlink()
    has = {"SC_PAGE_SIZE": 4096, "SC_PHYS_PAGES": 1 << 20}
    monkeypatch.setattr(os, "sysconf", has.__getitem__, raising=False)
    assert memory.available() == 4 * GIB
    monkeypatch.delattr(os, "sysconf")
    assert memory.available() is None


def test_the_estimate_is_what_was_measured() -> None:
    """Of lists of 50 neighbours, by stages: the features' peak is 5.5 kB a face."""
    assert memory.grouping(180_000, 704, 50) == pytest.approx(180_000 * 6233, rel=0.1)
    few = embeddings.MAPPED_FROM - 1
    assert memory.grouping(few, 704, 50) == few * (704 * 4 + 256 * 4 + 104 * 50)


def test_a_sentence_where_memory_is_scarce(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "available", lambda: 12 * GIB)
    assert memory.too_little(900_000, 704, 50, Path("a.db")) is None
    warning = memory.too_little(5_000_000, 704, 50, Path("a.db"))
    assert warning is not None
    assert "5,000,000 faces takes about 29.0 GiB of memory, and 12.0 GiB" in warning
    assert "--db COPY` with a copy of a.db" in warning
    monkeypatch.setattr(memory, "available", lambda: None)
    assert memory.too_little(5_000_000, 704, 50, Path("a.db")) is None


def test_whoever_groups_is_warned_once_and_served(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    cluster(album, ClusterOptions(), notify=said.append)
    assert said == []
    monkeypatch.setattr(memory, "available", lambda: 1 << 10)
    put(album.db, photo("new.jpg", 2))
    assert cluster(album, ClusterOptions(), anew=False, notify=said.append).faces == 7
    assert said == []
    assert cluster(album, ClusterOptions(), notify=said.append).faces == 7
    assert [line.startswith("Grouping 7 faces takes") for line in said] == [True]
    cluster(album, ClusterOptions(), notify=said.append)
    assert len(said) == 1

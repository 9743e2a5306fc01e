"""Quotas of processors, in files that are made up; memory's are in `pipeline/test_memory.py`."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from faceclust import cgroups, config

ONE_TREE = "0::/user/app"
A_TREE_EACH = "7:memory:/docker/mine\n3:cpu,cpuacct:/docker/mine\n0::/"


@pytest.fixture
def system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in place of /, of a machine with 64 cores."""
    monkeypatch.setattr(cgroups, "PROC", tmp_path / "proc")
    monkeypatch.setattr(cgroups, "MOUNT", tmp_path / "cgroup")
    monkeypatch.delattr(os, "sched_getaffinity", raising=False)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    return tmp_path


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"{content}\n")


def test_without_groups_there_is_no_limit(system: Path) -> None:
    assert cgroups.cpus() is None
    write(system / "proc/self/cgroup", ONE_TREE)
    assert cgroups.cpus() is None
    assert config.cores() == 64


@pytest.mark.parametrize(
    ("quota", "cores"),
    [
        ("200000 100000", 2),
        ("150000 100000", 2),
        ("20000 100000", 1),
        ("25000 10000", 3),
        ("9900000 100000", 64),
        ("max 100000", 64),
        ("", 64),
    ],
)
def test_a_quota_is_rounded_up_to_cores(system: Path, quota: str, cores: int) -> None:
    write(system / "proc/self/cgroup", ONE_TREE)
    write(system / "cgroup/user/app/cpu.max", quota)
    assert config.cores() == cores


def test_the_least_quota_of_nested_groups_counts(system: Path) -> None:
    write(system / "proc/self/cgroup", ONE_TREE)
    write(system / "cgroup/user/cpu.max", "300000 100000")
    write(system / "cgroup/user/app/cpu.max", "800000 100000")
    assert cgroups.cpus() == 3.0
    write(system / "cgroup/user/app/cpu.max", "250000 100000")
    assert cgroups.cpus() == 2.5


def test_within_a_container_its_own_group_is_the_outermost(system: Path) -> None:
    write(system / "proc/self/cgroup", "0::/../../docker/mine")
    write(system / "cgroup/cpu.max", "200000 100000")
    assert config.cores() == 2


@pytest.mark.parametrize(("quota", "cores"), [("250000", 3), ("5000", 1), ("-1", 64)])
@pytest.mark.parametrize("folder", ["cpu", "cpu/docker/mine"])
def test_quotas_of_version_1(system: Path, folder: str, quota: str, cores: int) -> None:
    write(system / "proc/self/cgroup", A_TREE_EACH)
    write(system / "cgroup" / folder / "cpu.cfs_quota_us", quota)
    write(system / "cgroup" / folder / "cpu.cfs_period_us", "100000")
    assert config.cores() == cores
    write(system / "cgroup/memory/cpu.cfs_quota_us", "1")  # of another tree
    assert config.cores() == cores

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from faceclust.engine import connect
from faceclust.engine.connect import RayRunner
from faceclust.errors import EngineError, OptionError


def double(number: int) -> int:
    return 2 * number


def refuse(number: int) -> int:
    raise OptionError(f"{number} is not wanted.")


def die_once(path: str) -> str:
    if not Path(path).exists():
        Path(path).touch()
        os._exit(1)
    return "done"


def test_results_come_in_the_order_of_the_pieces(runner: RayRunner) -> None:
    assert list(runner.each(double, range(25))) == [2 * n for n in range(25)]


def test_what_is_shared_arrives_as_it_was_and_cannot_be_changed(runner: RayRunner) -> None:
    shared = runner.share(np.arange(1000))
    assert shared.get().sum() == 499500
    with pytest.raises(ValueError, match="read-only"):
        shared.get()[0] = 1


def test_an_error_of_ours_arrives_as_itself(runner: RayRunner) -> None:
    with pytest.raises(OptionError, match="7 is not wanted"):
        list(runner.each(refuse, [7]))


def test_a_worker_that_dies_is_replaced(runner: RayRunner, tmp_path: Path) -> None:
    assert list(runner.each(die_once, [str(tmp_path / "a"), str(tmp_path / "b")])) == ["done"] * 2


def test_another_version_is_refused(runner: RayRunner, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("faceclust.__version__", "9.9")
    with pytest.raises(EngineError, match=r"not 9\.9; install the same on every machine"):
        list(runner.each(double, [1]))


def test_nothing_is_told_to_anybody(runner: RayRunner) -> None:
    import ray
    from ray._common.usage import usage_lib

    assert os.environ["RAY_USAGE_STATS_ENABLED"] == "0"
    assert not usage_lib.usage_stats_enabled()
    assert ray.get_runtime_context().gcs_address.startswith("127.0.0.1:")


@pytest.mark.slow
def test_a_cluster_of_ours_takes_work_from_nobody_else(needs_ray: None, tmp_path: Path) -> None:
    theirs = {"HOME": str(tmp_path), "RAY_AUTH_MODE": "disabled", "RAY_AUTH_TOKEN": "another"}
    done = subprocess.run(
        [sys.executable, "-m", "tests.engine.secret"], env={**os.environ, **theirs},
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    report = json.loads(done.stdout)
    assert report["in"] == {"nobody": False, "owner": True}
    first, second = report["secrets"]
    assert len(first) == len(second) == 64
    assert first != second
    assert report["environment"] == ["disabled", "another"]
    assert report["home"] == []


def test_a_ray_that_keeps_no_secret_is_refused(
    needs_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    monkeypatch.setitem(sys.modules, "ray._raylet", None)
    monkeypatch.setenv("RAY_AUTH_TOKEN", "another")
    with pytest.raises(EngineError, match="cannot keep its cluster"), connect.connect(cpus=1):
        pass
    assert os.environ["RAY_AUTH_TOKEN"] == "another"


def test_without_ray_one_sentence_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    with (
        pytest.raises(EngineError, match=r"pip install 'faceclust\[ray\]'") as caught,
        connect.connect(),
    ):
        pass
    assert caught.value.exit_code == 2


def test_a_cluster_that_is_not_there_is_said_at_once(
    needs_ray: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ray.is_initialized", lambda: False)
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        with (
            pytest.raises(EngineError, match=f"{address} cannot be reached"),
            connect.connect(address),
        ):
            pass

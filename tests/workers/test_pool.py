from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from faceclust import workers
from faceclust.errors import DeviceError, WeightsError, WorkerError
from faceclust.workers import Failure, Limits, pool

pytestmark = pytest.mark.slow


def act(task: str) -> str:
    word, _, argument = task.partition(" ")
    if word == "die":
        os.kill(os.getpid(), signal.SIGSEGV)
    elif word == "fail":
        raise DeviceError(f"the GPU failed at {argument}")
    elif word == "hang":
        time.sleep(600)
    elif word == "eat":
        try:
            np.ones(int(argument), np.uint8)
        except MemoryError:
            return "refused"
    elif word == "spread":
        return spread(int(argument))
    return f"done {task}"


def spread(count: int) -> str:
    """Allocate a little in each of many threads, and then as much as a photo takes."""
    ready = threading.Barrier(count + 1)

    def hold() -> None:
        held = bytearray(1 << 16)
        ready.wait()
        ready.wait()
        del held

    for _ in range(count):
        threading.Thread(target=hold).start()
    ready.wait()
    try:
        return act(f"eat {200 << 20}")
    finally:
        ready.wait()


@dataclass(frozen=True)
class Make:
    error: str = ""

    def __call__(self) -> Callable[[str], str]:
        if self.error == "weights":
            raise WeightsError("no weights")
        if self.error == "die":
            os._exit(3)
        return act


def run(
    tasks: list[str], count: int = 2, make: Make | None = None, **limits: float
) -> dict[str, object]:
    return dict(
        workers.run(make or Make(), tasks, workers=count, limits=Limits(**limits))  # type: ignore[arg-type]
    )


def test_every_task_comes_back_with_its_result() -> None:
    tasks = [f"task {i}" for i in range(40)]
    assert run(tasks) == {task: f"done {task}" for task in tasks}


def interrupted() -> Make:
    """What a worker unpickles before its own code runs: the user presses Ctrl-C at this moment."""
    os.kill(os.getpid(), signal.SIGINT)
    return Make()


class Interrupted(Make):
    def __reduce__(self) -> tuple[Callable[[], Make], tuple[()]]:
        return interrupted, ()


def test_ctrl_c_while_workers_start_is_the_parents_alone(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["task"], 1, Interrupted()) == {"task": "done task"}
    assert "Traceback" not in capfd.readouterr().err


class Lingers:
    """A worker that has done its work and does not end."""

    def __call__(self) -> Callable[[str], str]:
        threading.Thread(target=time.sleep, args=(600,)).start()
        return act


def test_a_worker_that_does_not_end_is_made_to(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool, "GOODBYE_SECONDS", 0.2)
    tasks = ["task 1", "task 2"]
    found = dict(workers.run(Lingers(), tasks, workers=1, limits=Limits()))
    assert found == {task: f"done {task}" for task in tasks}


def test_no_tasks() -> None:
    assert run([]) == {}


def test_a_crash_costs_one_task() -> None:
    tasks = [*(f"task {i}" for i in range(6)), "die", *(f"task {i}" for i in range(6, 12))]
    results = run(tasks)
    assert isinstance(results["die"], Failure)
    assert results["die"].kind == "crash"
    assert "SIGSEGV" in results["die"].reason
    assert all(results[task] == f"done {task}" for task in tasks if task != "die")


def test_a_task_that_hangs_is_killed() -> None:
    results = run(["hang", "task 1", "task 2", "task 3"], count=1, seconds=1.0)
    assert isinstance(results["hang"], Failure)
    assert results["hang"].kind == "timeout"
    assert results["task 3"] == "done task 3"


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory on Linux only")
def test_memory_is_bounded() -> None:
    results = run([f"eat {1 << 20}", f"eat {1 << 32}"], memory=1 << 30)
    assert results == {f"eat {1 << 20}": f"done eat {1 << 20}", f"eat {1 << 32}": "refused"}


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="limits memory on Linux only")
def test_what_threads_may_come_to_need_is_not_counted() -> None:
    """Each thread that allocates reserves 64 MB of addresses; a large machine has many threads."""
    results = run(["spread 12"], count=1, memory=512 << 20)
    assert results == {"spread 12": f"done eat {200 << 20}"}


def test_tasks_are_drawn_only_as_they_are_needed() -> None:
    drawn = 0

    def endless() -> Iterator[str]:
        nonlocal drawn
        while True:
            drawn += 1
            yield f"task {drawn}"

    results = workers.run(Make(), endless(), workers=2, limits=Limits())
    for _ in range(10):
        next(results)
    results.close()
    assert drawn <= 10 + 2 * pool.QUEUED


def test_an_error_of_the_set_up_is_raised() -> None:
    with pytest.raises(WeightsError, match="no weights"):
        run(["task"], make=Make("weights"))


def test_a_machine_that_fails_ends_all_and_costs_no_task() -> None:
    tasks = ["task 1", "task 2", "fail task 3", "task 4"]
    results = workers.run(Make(), tasks, workers=1, limits=Limits())
    for task in tasks[:2]:
        assert next(results) == (task, f"done {task}")
    with pytest.raises(DeviceError, match="the GPU failed at task 3"):
        next(results)


def test_workers_that_cannot_start_are_given_up() -> None:
    with pytest.raises(WorkerError, match="die while starting"):
        run(["task"], make=Make("die"))


def test_a_standby_worker_answers_again_after_every_failure() -> None:
    standby: workers.Standby[str, str] = workers.Standby(Make(), Limits(seconds=5.0))
    try:
        assert standby.ask("one") == "done one"
        died = standby.ask("die")
        assert isinstance(died, Failure)
        assert died.kind == "crash"
        assert standby.ask("two") == "done two"
        hung = standby.ask("hang")
        assert isinstance(hung, Failure)
        assert hung.kind == "timeout"
        assert standby.ask("three") == "done three"
        with pytest.raises(DeviceError, match="the GPU failed at four"):
            standby.ask("fail four")
        assert standby.ask("five") == "done five"
    finally:
        standby.close()
    assert isinstance(standby.ask("four"), Failure)


def test_a_standby_worker_serves_threads_one_after_the_other() -> None:
    standby: workers.Standby[str, str] = workers.Standby(Make(), Limits())
    results: dict[str, object] = {}

    def ask(task: str) -> None:
        results[task] = standby.ask(task)

    threads = [threading.Thread(target=ask, args=[f"task {i}"]) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    standby.close()
    assert results == {f"task {i}": f"done task {i}" for i in range(8)}


def test_a_standby_worker_that_cannot_start_says_why() -> None:
    broken: workers.Standby[str, str] = workers.Standby(Make("weights"), Limits())
    with pytest.raises(WeightsError):
        broken.ask("one")
    broken.close()


@dataclass(frozen=True)
class Stillborn:
    """Its first workers die while starting; a file in `folder` for each that was started."""

    folder: Path
    deaths: int

    def __call__(self) -> Callable[[str], str]:
        started = len(list(self.folder.iterdir()))
        (self.folder / str(started)).touch()
        if started < self.deaths:
            os._exit(3)
        return act


def test_no_task_is_blamed_for_workers_that_die_while_starting(tmp_path: Path) -> None:
    standby: workers.Standby[str, str] = workers.Standby(Stillborn(tmp_path, 5), Limits())
    try:
        with pytest.raises(WorkerError, match=r"die while starting \(exit code 3\)"):
            standby.ask("one")
        assert len(list(tmp_path.iterdir())) == pool.MAX_STILLBORN
        # Who asks all the same waits for one more.
        with pytest.raises(WorkerError, match="die while starting"):
            standby.ask("two")
        (tmp_path / "memory was freed").touch()
        assert standby.ask("three") == "done three"
        assert isinstance(standby.ask("die"), Failure)
        assert standby.ask("four") == "done four"
    finally:
        standby.close()


def test_a_worker_that_dies_once_while_starting_costs_nothing(tmp_path: Path) -> None:
    standby: workers.Standby[str, str] = workers.Standby(Stillborn(tmp_path, 2), Limits())
    try:
        assert standby.ask("one") == "done one"
    finally:
        standby.close()


def test_a_process_that_cannot_be_started_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*_: object) -> None:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr("multiprocessing.context.SpawnProcess.start", refused)
    standby: workers.Standby[str, str] = workers.Standby(Make(), Limits())
    with pytest.raises(WorkerError, match=r"cannot be started .* temporarily unavailable"):
        standby.ask("one")
    with pytest.raises(WorkerError, match="cannot be started"):
        run(["task"])


class Numbered:
    """Answers with its number; dies of a task that says so."""

    def __call__(self) -> Callable[[str], int]:
        def answer(task: str) -> int:
            if task == "die":
                os._exit(3)
            time.sleep(0.05)
            return workers.number()

        return answer


def test_workers_are_numbered_and_who_follows_a_dead_one_has_its_number() -> None:
    tasks = [*["count"] * 12, "die", *["count"] * 12]
    results = [result for _, result in workers.run(Numbered(), tasks, workers=2, limits=Limits())]
    assert {each for each in results if not isinstance(each, Failure)} == {0, 1}
    assert sum(isinstance(each, Failure) for each in results) == 1
    assert workers.number() == 0

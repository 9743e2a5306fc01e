from __future__ import annotations

import os
import platform
import time
from dataclasses import replace
from pathlib import Path

import pytest

from faceclust import workers
from faceclust.engine import scan, shards
from faceclust.engine.connect import RayRunner
from faceclust.errors import DeviceError, EngineError, FaceclustError, OptionError, WeightsError
from faceclust.pipeline.extract import PhotoTask
from faceclust.store import Scanned
from faceclust.workers import Failure
from tests.engine.reading import LIMITS, Reader, tasks

pytestmark = pytest.mark.usefixtures("needs_ray")


@pytest.fixture
def reader(tmp_path: Path) -> Reader:
    (tmp_path / "journal").mkdir()
    return Reader(tmp_path / "journal")


def outcome(result: Scanned | Failure) -> tuple[object, ...]:
    if isinstance(result, Failure):
        return (result.kind, result.reason)
    if result.error is not None:
        return (result.error_kind, result.error)
    return (result.content_hash, len(result.faces), result.vectors.astype("f2").tobytes())


def test_bad_photos_cost_themselves_alone_and_the_rest_is_as_on_a_single_machine(
    runner: RayRunner, reader: Reader, tmp_path: Path
) -> None:
    names = [f"{n}.jpg" for n in range(20)] + ["crash-1.jpg", "hang-1.jpg", "bad-1.jpg"]
    given = tasks(tmp_path / "album", sorted(names))
    one = {t.path: outcome(r) for t, r in workers.run(reader, given, workers=2, limits=LIMITS)}
    many = scan.run(reader, given, workers=2, limits=LIMITS, folder=tmp_path / "shards")
    found = {task.path: outcome(result) for task, result in many}
    assert found.keys() == set(names)
    assert found == one
    assert [found[f"{n}-1.jpg"][0] for n in ("crash", "hang", "bad")] == ["crash", "timeout", "x"]


def test_what_is_finished_is_not_read_again(
    runner: RayRunner, reader: Reader, tmp_path: Path
) -> None:
    given = tasks(tmp_path / "album", [f"{n}.jpg" for n in range(40)])
    stopped = scan.run(reader, given, workers=2, limits=LIMITS, folder=tmp_path / "shards")
    for _ in range(10):
        next(stopped)
    stopped.close()
    time.sleep(1)  # what is under way is finished or not
    kept = [
        item.path
        for name in shards.finished(tmp_path / "shards")
        for item in shards.read(tmp_path / "shards", name) or ()
    ]
    assert len(kept) >= 10
    before = reader.journalled()
    again = scan.run(reader, given, workers=2, limits=LIMITS, folder=tmp_path / "shards")
    assert sorted(task.path for task, _ in again) == sorted(task.path for task in given)
    after = reader.journalled()
    assert all(after.count(path) == before.count(path) for path in kept)


def test_a_photo_that_has_changed_since_is_read_again(
    runner: RayRunner, reader: Reader, tmp_path: Path
) -> None:
    given = tasks(tmp_path / "album", ["a.jpg", "b.jpg", "c.jpg"])
    for _ in range(2):
        found = scan.run(reader, given, workers=1, limits=LIMITS, folder=tmp_path / "shards")
        assert {task.path for task, _ in found} == {"a.jpg", "b.jpg", "c.jpg"}
        given[1] = replace(given[1], mtime_ns=99)
    assert reader.journalled() == ["a.jpg", "b.jpg", "b.jpg", "c.jpg"]


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the shards whose faces are read."""
    names: list[str] = []
    real = shards.read
    monkeypatch.setattr(shards, "read", lambda f, n: names.append(n) or real(f, n))  # type: ignore[func-returns-value]
    return names


def test_of_kept_shards_only_those_with_wanted_photos_are_opened(
    reader: Reader, opened: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    given = tasks(tmp_path / "album", ["a.jpg", "b.jpg", "c.jpg", "bad-1.jpg"])
    for task in given:
        shards.write(tmp_path / "shards", task.path, [reader.read(task)])

    def asked(*wanted: PhotoTask) -> list[str]:
        opened.clear()
        found = scan.run(reader, wanted, workers=1, limits=LIMITS, folder=tmp_path / "shards")
        return [task.path for task, _ in found]

    monkeypatch.setattr(scan, "_read", lambda *_: iter(()))
    assert (asked(given[1]), opened) == (["b.jpg"], ["b.jpg"])
    assert (asked(replace(given[1], mtime_ns=99)), opened) == ([], [])
    # What could not be read is not asked of its shard.
    assert (asked(given[3]), opened) == ([], [])
    assert (asked(*given[:2]), opened) == (["a.jpg", "b.jpg"], ["a.jpg", "b.jpg"])


def test_where_nothing_is_wanted_no_shard_is_looked_for(
    reader: Reader, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def looked(_: Path) -> None:
        raise AssertionError

    monkeypatch.setattr(shards, "finished", looked)
    assert list(scan.run(reader, [], workers=1, limits=LIMITS, folder=tmp_path)) == []


class NoNetworks(Reader):
    def __call__(self):  # type: ignore[no-untyped-def]
        raise OptionError("There are no networks.")


class NoCard(Reader):
    def __call__(self):  # type: ignore[no-untyped-def]
        raise WeightsError("this onnxruntime has no CUDA support; use --device cpu.")


class WeakCard(Reader):
    def read(self, task: PhotoTask) -> Scanned:
        raise DeviceError(f"{task.path}: the GPU failed (out of memory).")


@pytest.mark.parametrize(
    ("make", "root", "error", "words"),
    [
        (NoNetworks, "album", OptionError, "There are no networks"),
        (Reader, "gone", EngineError, "does not see"),
    ],
)
def test_what_ails_every_reader_is_said_as_it_is(
    runner: RayRunner, tmp_path: Path, make: type[Reader], root: str,
    error: type[FaceclustError], words: str,
) -> None:  # fmt: skip
    (tmp_path / "journal").mkdir()
    given = tasks(tmp_path / root, ["a.jpg"])
    if root == "gone":
        (tmp_path / root / "a.jpg").unlink()
        (tmp_path / root).rmdir()
    with pytest.raises(error, match=words):
        list(scan.run(make(tmp_path / "journal"), given, workers=1, limits=LIMITS,
                      folder=tmp_path / "shards"))  # fmt: skip


class Stillborn(Reader):
    def __call__(self):  # type: ignore[no-untyped-def]
        os._exit(3)


def read_here(make: Reader, shards: Path, *given: PhotoTask) -> tuple[str, str]:
    """The kind of error that a reader in this process tells, and its words."""
    reader = scan._Reader(scan.Reading(PhotoTask, make, LIMITS, shards))
    found = reader({key: [value] for key, value in scan._row(given).items()})
    return found["error"][0], found["name"][0]


@pytest.mark.parametrize(
    ("make", "error", "words"),
    [
        (NoCard, "WeightsError", "this onnxruntime has no CUDA"),
        (WeakCard, "DeviceError", "a.jpg: the GPU failed"),
    ],
)
def test_a_machine_whose_gpu_cannot_be_used_is_named(
    tmp_path: Path, make: type[Reader], error: str, words: str
) -> None:
    given = tasks(tmp_path / "album", ["a.jpg"])
    kind, said = read_here(make(tmp_path), tmp_path / "shards", *given)
    assert kind == error
    assert said.startswith(f"On {platform.node()}, {words}")


def test_a_machine_whose_workers_die_while_starting_is_named_and_no_photo_blamed(
    tmp_path: Path,
) -> None:
    given = tasks(tmp_path / "album", ["a.jpg", "b.jpg"])
    kind, words = read_here(Stillborn(tmp_path), tmp_path / "shards", *given)
    assert kind == "WorkerError"
    assert words.startswith(f"{platform.node()}: Worker processes die while starting (exit code 3)")
    assert list(shards.finished(tmp_path / "shards")) == []


def test_a_machine_that_lacks_a_package_for_the_address_is_named_and_no_photo_blamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsspec = pytest.importorskip("fsspec")

    def uninstalled(address: str) -> None:
        raise ImportError("Install s3fs to access S3")

    monkeypatch.setattr(fsspec.core, "url_to_fs", uninstalled)
    given = [PhotoTask("s3://bucket/photos", name, 3, 0) for name in ("a.jpg", "b.jpg")]
    kind, words = read_here(Reader(tmp_path), tmp_path / "shards", *given)
    assert (kind, words) == (
        "EngineError",
        f"On {platform.node()}, s3://bucket/photos needs a package that is not there (Install s3fs "
        "to access S3); install it beside faceclust.",
    )
    assert list(shards.finished(tmp_path / "shards")) == []


def test_every_reader_gets_its_share_of_the_gpus() -> None:
    shares = [scan.gpu_share(2, readers) for readers in (1, 2, 3, 16)]
    assert shares == [1, 1, 0.5, 0.125]
    with pytest.raises(EngineError, match="has no GPU that it knows of; start its machines with"):
        scan.gpu_share(0, 2)

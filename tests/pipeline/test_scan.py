"""Scans whose workers are a fake: which files are read, and what becomes of them."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceclust.cluster.methods import ClusterOptions
from faceclust.config import Config
from faceclust.embed.arcface import Network
from faceclust.engine.tasks import Loop
from faceclust.errors import DeviceError, InputError
from faceclust.faces.detector import DetectorOptions
from faceclust.photos import WalkOptions, at_hand, content_hash
from faceclust.pipeline import Library, ScanReport, for_scan, known, models, scan, unreadable
from faceclust.pipeline.describe import CropTask
from faceclust.pipeline.extract import PhotoTask
from faceclust.pipeline.scan import extractor_id
from faceclust.pipeline.steps import on
from faceclust.store import Scanned, catalogue
from faceclust.workers import Failure
from tests.synthetic import face_ids, photo

MODELS = models.Models(Path("d.onnx"), (Network(Path("e.onnx"), 128.0),), "detector", "model")


@dataclass
class Readers:
    """Stands for the worker processes; `faults` says how reading a file ends."""

    read: list[str] = field(default_factory=list)
    faults: dict[str, object] = field(default_factory=dict)
    described: list[int] = field(default_factory=list)
    clip: bool = True

    def run(
        self, make: object, tasks: Iterable[PhotoTask], **_: object
    ) -> Iterator[tuple[PhotoTask, object]]:
        for task in tasks:
            if isinstance(task, CropTask):
                self.described += task.faces
                yield task, (task.faces, np.ones((len(task.faces), 4), np.float32))  # type: ignore[misc]
                continue
            self.read.append(task.path)
            fault = self.faults.get(task.path)
            if isinstance(fault, BaseException):
                raise fault
            yield task, fault or self.found(task)

    def found(self, task: PhotoTask) -> Scanned:
        with at_hand(task.root, task.path) as path:
            digest = content_hash(path)
        person = int(hashlib.sha256(digest.encode()).hexdigest(), 16) % 1000
        return replace(photo(task.path, person, content=digest), size=task.size,
                       mtime_ns=task.mtime_ns,
                       clip_vectors=np.ones((1, 4), np.float32) if self.clip else None,
                       seconds={"decode": 1.0, "detect": 0.5})  # fmt: skip

    def took(self) -> list[str]:
        taken, self.read = sorted(self.read), []
        return taken


@pytest.fixture
def readers(monkeypatch: pytest.MonkeyPatch) -> Readers:
    fake = Readers()
    monkeypatch.setattr("faceclust.workers.run", fake.run)
    monkeypatch.setattr("faceclust.pipeline.models.resolve", lambda profile, notify: MODELS)
    return fake


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    root = tmp_path / "album"
    for name in ("a.jpg", "b.jpg", "2019/c.jpg", "2019/july/d.jpg", "notes.txt"):
        write(root / name, name)
    return root


def write(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)


@pytest.fixture
def library(folder: Path, readers: Readers) -> Iterator[Library]:
    opened, _ = for_scan(folder)
    with opened:
        yield opened


def run(
    library: Library, inside: str = "", config: Config | None = None, **more: Any
) -> ScanReport:
    return scan(library, library.root / inside, config or Config(), **more)


def test_everything_is_read_once(library: Library, readers: Readers) -> None:
    reports: list[int] = []
    report = run(library, progress=lambda r: reports.append(r.read))
    assert readers.took() == ["2019/c.jpg", "2019/july/d.jpg", "a.jpg", "b.jpg"]
    assert (report.found, report.read, report.faces, report.errors) == (4, 4, 4, 0)
    assert reports[-1] == 4
    assert set(face_ids(library.db)) == {"a.jpg", "b.jpg", "2019/c.jpg", "2019/july/d.jpg"}
    assert library.db.setting("model") == "model"
    again = run(library)
    assert readers.took() == []
    assert (again.found, again.unchanged, again.read) == (4, 4, 0)


def test_the_report_tells_the_seconds_of_all_workers_by_stage(library: Library) -> None:
    stages = run(library).stages
    assert stages.pop("store") > 0
    assert stages == {"decode": 4.0, "detect": 2.0}
    assert run(library).stages == {}


def test_moved_and_copied_files_are_known_by_content(library: Library, readers: Readers) -> None:
    run(library)
    before = face_ids(library.db)
    readers.took()
    (library.root / "a.jpg").rename(library.root / "2019" / "a.jpg")
    write(library.root / "copy.jpg", "b.jpg")
    report = run(library)
    assert readers.took() == []
    # What was moved is not gone.
    assert (report.linked, report.missing, report.unchanged) == (2, 0, 3)
    after = face_ids(library.db)
    assert after["2019/a.jpg"] == before["a.jpg"]
    assert after["copy.jpg"] == before["b.jpg"]
    assert "a.jpg" not in after


def test_a_moved_photo_keeps_its_faces_where_another_took_its_name_before(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(library)
    before = face_ids(library.db)
    # Files come before folders: the new photo is kept before the old one's turn comes.
    monkeypatch.setattr(import_module("faceclust.pipeline.scan"), "BATCH_PHOTOS", 1)
    (library.root / "a.jpg").rename(library.root / "2019" / "a.jpg")
    write(library.root / "a.jpg", "another photo")
    run(library)
    after = face_ids(library.db)
    assert after["2019/a.jpg"] == before["a.jpg"] != after["a.jpg"]


def test_progress_is_told_of_files_that_moved(library: Library, readers: Readers) -> None:
    write(library.root / "moved" / "1.jpg", "1")
    write(library.root / "moved" / "2.jpg", "2")
    run(library)
    (library.root / "moved").rename(library.root / "now")
    seen: list[tuple[int, int]] = []
    run(library, progress=lambda r: seen.append((r.unchanged, r.linked)))
    assert {linked for unchanged, linked in seen if unchanged % 256} >= {1, 2}


def test_a_file_that_was_only_touched_is_not_read(library: Library, readers: Readers) -> None:
    run(library)
    readers.took()
    os.utime(library.root / "a.jpg", ns=(1, 1))
    assert (run(library).linked, readers.took()) == (1, [])
    assert run(library).unchanged == 4


def test_a_changed_file_is_read_again(library: Library, readers: Readers) -> None:
    run(library)
    readers.took()
    write(library.root / "a.jpg", "other content")
    assert (run(library).read, readers.took()) == (1, ["a.jpg"])


def test_another_extractor_reads_everything_anew(library: Library, readers: Readers) -> None:
    run(library)
    before = face_ids(library.db)
    readers.took()
    other = Config(detector=DetectorOptions(min_face=40))
    assert run(library, config=other).read == 4
    assert face_ids(library.db) == before
    assert run(library, config=other).unchanged == 4
    assert extractor_id(MODELS, other) != extractor_id(MODELS, Config())


def clip(name: str) -> Config:
    return Config(scan=replace(Config().scan, clip=name))


def test_faces_of_earlier_scans_are_described_without_their_photos(
    library: Library, readers: Readers
) -> None:
    readers.clip = False
    assert run(library, config=clip("none")).described == 0
    assert (readers.described, library.db.setting("clip")) == ([], "")
    readers.clip = True
    write(library.root / "new.jpg", "new")
    readers.took()
    seen: list[int] = []
    report = run(library, progress=lambda r: seen.append(r.described))
    assert readers.took() == ["new.jpg"]
    assert (report.read, report.described, seen[-1]) == (1, 4, 4)
    assert sorted(readers.described) == [1, 2, 3, 4]
    assert (library.db.setting("clip") or "").startswith("face-clip@")
    assert run(library).described == 0


def test_clip_reads_no_photo_anew_and_can_be_switched_off(
    library: Library, readers: Readers
) -> None:
    run(library)
    readers.took()
    assert run(library, config=clip("none")).unchanged == 4
    assert library.db.setting("clip") == ""
    assert (run(library).described, readers.took()) == (0, [])


def test_errors_are_kept_and_tried_again_only_on_demand(library: Library, readers: Readers) -> None:
    facts = (library.root / "b.jpg").stat()
    readers.faults = {
        "a.jpg": Failure("crash", "crashed its decoder (SIGSEGV)"),
        "b.jpg": Scanned("b.jpg", facts.st_size, facts.st_mtime_ns, error_kind="truncated",
                         error="ends too early"),
    }  # fmt: skip
    report = run(library)
    assert (report.read, report.errors) == (2, 2)
    assert unreadable(library) == [
        {"file": "a.jpg", "kind": "crash", "reason": "crashed its decoder (SIGSEGV)"},
        {"file": "b.jpg", "kind": "truncated", "reason": "ends too early"},
    ]
    readers.faults.clear()
    readers.took()
    assert (run(library).unchanged, readers.took()) == (4, [])
    retry = Config(scan=replace(Config().scan, retry_errors=True))
    assert (run(library, config=retry).read, readers.took()) == (2, ["a.jpg", "b.jpg"])
    assert unreadable(library) == []


def test_gone_files_are_marked_and_come_back(library: Library, readers: Readers) -> None:
    run(library)
    readers.took()
    away = library.root.parent / "away.jpg"
    (library.root / "a.jpg").rename(away)
    assert run(library).missing == 1
    assert run(library).missing == 0
    away.rename(library.root / "a.jpg")
    assert (run(library).linked, readers.took()) == (1, [])
    assert "a.jpg" in face_ids(library.db)


def test_a_scan_of_a_part_leaves_the_rest_alone(library: Library, readers: Readers) -> None:
    run(library)
    readers.took()
    write(library.root / "2019" / "e.jpg", "e")
    write(library.root / "f.jpg", "f")
    (library.root / "2019" / "c.jpg").unlink()
    (library.root / "a.jpg").unlink()
    report = run(library, "2019")
    assert readers.took() == ["2019/e.jpg"]
    assert (report.found, report.missing) == (2, 1)
    assert "a.jpg" in face_ids(library.db)


def test_a_folder_whose_name_begins_alike_is_another(library: Library, readers: Readers) -> None:
    write(library.root / "2019b" / "x.jpg", "x")
    run(library)
    (library.root / "2019b" / "x.jpg").unlink()
    assert run(library, "2019").missing == 0
    assert run(library).missing == 1


def test_what_is_left_out_by_a_limit_is_not_gone(library: Library, readers: Readers) -> None:
    run(library)
    report = run(library, config=Config(walk=WalkOptions(limit=1)))
    assert (report.missing, report.excluded, len(face_ids(library.db))) == (0, 0, 4)


@pytest.mark.parametrize(
    ("walk", "left"),
    [
        (WalkOptions(exclude=("2019/",)), {"a.jpg", "b.jpg"}),
        (WalkOptions(exclude=("JULY",)), {"a.jpg", "b.jpg", "2019/c.jpg"}),
        (WalkOptions(exclude=("/2019/c*",)), {"a.jpg", "b.jpg", "2019/july/d.jpg"}),
        (WalkOptions(recursive=False), {"a.jpg", "b.jpg"}),
        (WalkOptions(exclude=("*",)), set()),
    ],
)
def test_what_is_excluded_is_in_no_list_until_it_is_not(
    library: Library, readers: Readers, walk: WalkOptions, left: set[str]
) -> None:
    run(library)
    before = face_ids(library.db)
    readers.took()
    report = run(library, config=Config(walk=walk))
    assert (report.missing, report.excluded) == (0, 4 - len(left))
    assert face_ids(library.db).keys() == left
    assert run(library, config=Config(walk=walk)).excluded == 0
    report = run(library)
    assert (report.linked, report.missing, readers.took()) == (4 - len(left), 0, [])
    assert face_ids(library.db) == before


@pytest.mark.parametrize("unplugged", [False, True])
def test_what_comes_back_is_neither_hashed_nor_kept_file_by_file(
    library: Library, readers: Readers, monkeypatch: pytest.MonkeyPatch, unplugged: bool
) -> None:
    run(library)
    before, away = face_ids(library.db), library.root.parent / "away"
    readers.took()
    if unplugged:
        (library.root / "2019").rename(away)
        assert run(library).missing == 2
        away.rename(library.root / "2019")
    else:
        assert run(library, config=Config(walk=WalkOptions(exclude=("2019",)))).excluded == 2
    hashed: list[str] = []
    monkeypatch.setattr(known, "_hash", lambda place, file: hashed.append(file.path))
    revision = catalogue.revision(library.db)
    report = run(library)
    assert (report.unchanged, report.linked, report.missing) == (2, 2, 0)
    assert (readers.took(), hashed) == ([], [])
    assert face_ids(library.db) == before
    assert catalogue.revision(library.db) == revision + 1


def test_what_comes_back_is_kept_in_batches_and_before_anything_else(
    library: Library, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(import_module("faceclust.pipeline.scan"), "BATCH_BACK", 3)
    for n in range(4):
        write(library.root / "more" / f"{n}.jpg", f"{n}")
    run(library)
    run(library, config=Config(walk=WalkOptions(exclude=("*",))))
    write(library.root / "n.jpg", "new")
    (library.root / "more" / "3.jpg").rename(library.root / "z.jpg")
    seen: list[tuple[int, int]] = []
    report = run(library, progress=lambda r: seen.append((r.linked, len(face_ids(library.db)))))
    # The new one is read after a and b, which come in before z, whose content is known; then three
    # of the folders are a batch, and the rest comes in with the new one.
    assert seen == [(2, 0), (3, 3), (6, 6)]
    assert (report.linked, len(face_ids(library.db))) == (8, 9)


def test_a_part_that_is_scanned_leaves_out_only_what_lies_below_it(library: Library) -> None:
    run(library)
    walk = WalkOptions(recursive=False, exclude=("a.jpg", "c.jpg"))
    report = run(library, "2019", Config(walk=walk))
    assert (report.found, report.excluded) == (0, 2)
    assert face_ids(library.db).keys() == {"a.jpg", "b.jpg"}


def test_a_part_that_is_scanned_is_not_left_out_by_a_pattern_of_itself(library: Library) -> None:
    run(library)
    for walk in (WalkOptions(exclude=("2019",)), WalkOptions(recursive=False)):
        report = run(library, "2019", Config(walk=walk))
        assert report.missing == 0
        assert {"a.jpg", "b.jpg", "2019/c.jpg"} <= face_ids(library.db).keys()


def test_what_is_gone_is_told_apart_from_what_moved_or_was_gone_before(library: Library) -> None:
    run(library)
    (library.root / "a.jpg").rename(library.root.parent / "away.jpg")
    write(library.root / "2019" / "copy.jpg", "b.jpg")
    report = run(library)
    assert (report.missing, report.excluded) == (1, 0)
    (library.root.parent / "away.jpg").rename(library.root / "z.jpg")
    (library.root / "2019" / "c.jpg").unlink()
    report = run(library, config=Config(walk=WalkOptions(exclude=("copy*",))))
    # A copy that is left out takes no photo away.
    assert (report.linked, report.missing, report.excluded) == (1, 1, 0)
    report = run(library, config=Config(walk=WalkOptions(exclude=("copy*",))))
    assert (report.missing, report.excluded) == (0, 0)


@pytest.mark.parametrize("all_of_them", [False, True])
def test_a_folder_that_cannot_be_entered_is_not_gone(
    library: Library, monkeypatch: pytest.MonkeyPatch, all_of_them: bool
) -> None:
    run(library)
    if all_of_them:
        for name in ("a.jpg", "b.jpg"):
            (library.root / name).unlink()
    scandir, lexists = os.scandir, os.path.lexists

    def closed(path: Path) -> Any:
        if Path(path) == library.root / "2019":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr("os.scandir", closed)
    monkeypatch.setattr("os.path.lexists", lambda p: "2019/" not in str(p) and lexists(p))
    report = run(library)
    assert report.folders == [("2019", "Permission denied")]
    assert report.missing == (2 if all_of_them else 0)
    assert {"2019/c.jpg", "2019/july/d.jpg"} <= face_ids(library.db).keys()


@pytest.mark.parametrize("fault", [KeyboardInterrupt(), MemoryError(), DeviceError("")])
def test_what_was_found_before_a_fault_is_kept(
    library: Library, readers: Readers, fault: BaseException
) -> None:
    readers.faults["2019/july/d.jpg"] = fault
    with pytest.raises(type(fault)):
        run(library)
    assert set(face_ids(library.db)) == {"a.jpg", "b.jpg", "2019/c.jpg"}
    assert unreadable(library) == []
    assert library.db.setting("model") is None
    readers.faults.clear()
    readers.took()
    assert (run(library).unchanged, readers.took()) == (3, ["2019/july/d.jpg"])


def test_a_scan_that_is_stopped_hashes_no_more(library: Library, readers: Readers) -> None:
    for n in range(40):
        write(library.root / "moved" / f"{n:02}.jpg", f"{n:02}")
    run(library)
    (library.root / "moved").rename(library.root / "now")
    write(library.root / "moved" / "10.jpg", "new")
    readers.faults["moved/10.jpg"] = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt) as stopped:
        run(library)
    # Also while the traceback still holds the frames of what was going on.
    assert stopped.tb is not None
    assert not [t for t in threading.enumerate() if t.name.startswith("faceclust-hash")]


def test_many_photos_are_kept_in_batches(
    library: Library, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The package's attribute of this name is the function.
    monkeypatch.setattr(import_module("faceclust.pipeline.scan"), "BATCH_PHOTOS", 2)
    seen: list[int] = []
    run(library, progress=lambda report: seen.append(len(face_ids(library.db))))
    assert seen[-4:] == [0, 2, 2, 4]


def test_names_that_are_not_utf_8(library: Library, readers: Readers) -> None:
    name = os.fsdecode(b"caf\xe9/x\xff.jpg")
    write(library.root / name, "x")
    run(library)
    assert name in face_ids(library.db)
    assert run(library).unchanged == 5
    (library.root / name).unlink()
    assert run(library).missing == 1


def test_patterns_begin_at_the_library_s_root_also_when_a_part_is_scanned(
    library: Library, readers: Readers
) -> None:
    walk = WalkOptions(exclude=("/2019/july",))
    run(library, "2019", Config(walk=walk))
    assert readers.took() == ["2019/c.jpg"]


@pytest.mark.parametrize(
    ("name", "unusable", "expected"),
    [
        ("face-clip", None, "cpu"),  # a photo's few faces are described sooner by a processor
        ("ViT-B-32/any", None, "cuda"),
        ("ViT-B-32/any", "torch finds no GPU.", "cpu"),
    ],
)
def test_where_the_faces_of_a_photo_are_described(
    library: Library, readers: Readers, monkeypatch: pytest.MonkeyPatch, name: str,
    unusable: str | None, expected: str,
) -> None:  # fmt: skip
    made: list[Any] = []
    monkeypatch.setattr("faceclust.weights.usable", lambda *_: "cuda")
    monkeypatch.setattr("faceclust.graph.gpu.unusable", lambda: unusable)
    monkeypatch.setattr("faceclust.pipeline.attributes.prepare", lambda *_: name)
    monkeypatch.setattr(
        "faceclust.workers.run", lambda make, *a, **b: made.append(make) or readers.run(make, *a)
    )
    said: list[str] = []
    cuda = Config(scan=replace(Config().scan, device="cuda"))
    run(library, config=cuda, notify=said.append)
    assert (made[0].device, made[0].clip_device) == ("cuda", expected)
    what = "Faces are described and neighbours are searched on the CPU"
    assert said == ([f"{what}: {unusable}"] if unusable else [])


# --- photos on a cluster ---


@pytest.mark.parametrize(("name", "seeing"), [("face-clip", "cpu"), ("ViT-B-32/any", "cuda")])
def test_a_cluster_s_machines_try_their_own_gpus(
    library: Library, readers: Readers, monkeypatch: pytest.MonkeyPatch, name: str, seeing: str
) -> None:
    asked: list[tuple[object, ...]] = []

    def on_cards(make: Any, tasks: Iterable[PhotoTask], *, gpu: bool, **_: object) -> Any:
        asked.append((make.device, make.clip_device, gpu))
        return readers.run(make, tasks)

    monkeypatch.setattr("faceclust.engine.scan.run", on_cards)
    # This one's onnxruntime may well know of no GPU.
    monkeypatch.setattr("faceclust.weights.usable", lambda *_: "cpu")
    monkeypatch.setattr("faceclust.graph.gpu.unusable", lambda: "torch finds no GPU.")
    monkeypatch.setattr("faceclust.pipeline.attributes.prepare", lambda *_: name)
    said: list[str] = []
    cuda = Config(scan=replace(Config().scan, device="cuda"))
    report = run(library, config=cuda, steps=on(Loop()), notify=said.append)
    assert (report.read, asked, said) == (4, [("cuda", seeing, True)], [])


def test_shards_of_another_library_or_device_are_never_taken(
    tmp_path: Path, readers: Readers
) -> None:
    folders: list[Path] = []

    def read(*given: Any, folder: Path, **_: object) -> Any:
        folders.append(folder)
        return readers.run(*given)

    using = replace(on(Loop()), read=read)
    for name, device in (("one", "cpu"), ("two", "cpu"), ("two", "cuda"), ("two", "cpu")):
        write(tmp_path / name / "a.jpg", name)
        with for_scan(tmp_path / name)[0] as opened:
            config = Config(scan=replace(Config().scan, device=device))  # type: ignore[arg-type]
            run(opened, config=config, steps=using, shards=tmp_path / "shards")
    assert folders[1] == folders[3]
    assert len(set(folders)) == 3


# --- photos at an address ---

ADDRESS = "memory://faceclust-scan/photos"


@pytest.fixture
def bucket() -> Iterator[Any]:
    fs = pytest.importorskip("fsspec").filesystem("memory")
    for name in ("a.jpg", "2019/b.jpg"):
        fs.pipe(f"{ADDRESS}/{name}", name.encode())
    yield fs
    fs.rm("/faceclust-scan", recursive=True)


def test_photos_at_an_address_are_read_once(bucket: Any, readers: Readers) -> None:
    opened, inside = for_scan(f"{ADDRESS}/")
    with opened as remote:
        assert (remote.address, remote.place, inside) == (ADDRESS, ADDRESS, remote.root)
        assert run(remote).read == 2
        assert readers.took() == ["2019/b.jpg", "a.jpg"]
        bucket.pipe(f"{ADDRESS}/copy.jpg", b"a.jpg")
        report = run(remote)
        assert (report.unchanged, report.linked, report.read) == (2, 1, 0)
        bucket.rm(f"{ADDRESS}/a.jpg")
        bucket.rm(f"{ADDRESS}/2019/b.jpg")
        report = run(remote)
        assert (report.missing, sorted(face_ids(remote.db))) == (1, ["copy.jpg"])
    again, inside = for_scan(f"{ADDRESS}/2019")
    with again as remote:
        assert (remote.address, inside) == (ADDRESS, remote.root / "2019")


def test_what_the_network_kept_back_is_read_at_the_next_scan(bucket: Any, readers: Readers) -> None:
    bucket.pipe(f"{ADDRESS}/c.jpg", b"c.jpg")
    readers.faults = {
        "a.jpg": Failure("unreachable", "it cannot be fetched (Connection reset by peer)"),
        "2019/b.jpg": Failure("timeout", "took longer than 60 s to read"),
        "c.jpg": Failure("truncated", "ends too early"),
    }
    with for_scan(ADDRESS)[0] as remote:
        assert run(remote).errors == 3
        assert [row["reason"] for row in unreadable(remote)] == [
            "took longer than 60 s to read; the next scan tries again",
            "it cannot be fetched (Connection reset by peer); the next scan tries again",
            "ends too early",
        ]
        readers.took()
        readers.faults.clear()
        report = run(remote)
        assert (report.read, report.unchanged, report.errors) == (2, 1, 0)
        assert readers.took() == ["2019/b.jpg", "a.jpg"]
        assert [row["file"] for row in unreadable(remote)] == ["c.jpg"]


def test_a_photo_out_of_reach_for_a_while_comes_back_with_its_faces(
    bucket: Any, readers: Readers
) -> None:
    with for_scan(ADDRESS)[0] as remote:
        run(remote)
        before = face_ids(remote.db)
        changed = replace(Config().detector, min_face=Config().detector.min_face + 1)
        readers.faults = {"a.jpg": Failure("unreachable", "it cannot be fetched (timeout)")}
        assert run(remote, config=Config(detector=changed)).errors == 1
        readers.faults.clear()
        assert run(remote, config=Config(detector=changed)).read == 1
        assert face_ids(remote.db) == before


def test_what_could_not_be_listed_is_not_gone(
    bucket: Any, readers: Readers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with for_scan(ADDRESS)[0] as remote:
        run(remote)
        listed = type(bucket).ls

        def closed(fs: Any, path: str, **options: Any) -> Any:
            if path.endswith("2019"):
                raise PermissionError(13, "Permission denied")
            return listed(fs, path, **options)

        monkeypatch.setattr(type(bucket), "ls", closed)
        report = run(remote)
        assert (report.missing, report.folders) == (0, [("2019", "Permission denied")])


def test_unfit_weights_are_told_before_a_photo_is_read(
    tmp_path: Path, folder: Path, readers: Readers
) -> None:
    (tmp_path / "odd.npz").write_bytes(b"nothing of use")
    config = Config(cluster=ClusterOptions(weights=str(tmp_path / "odd.npz")))
    library, inside = for_scan(folder)
    with library, pytest.raises(InputError, match=r"odd\.npz is neither an edge model"):
        scan(library, inside, config)
    assert readers.took() == []

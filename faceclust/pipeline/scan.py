"""Scan: find what is new, read it in workers, keep what they found."""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import faceclust
from faceclust import workers
from faceclust.config import Config
from faceclust.photos import FoundFile
from faceclust.pipeline import attributes, models
from faceclust.pipeline.describe import catch_up, device_of
from faceclust.pipeline.devices import Devices
from faceclust.pipeline.extract import ExtractorFactory, PhotoTask
from faceclust.pipeline.guesses import SETTING
from faceclust.pipeline.known import AsItWas, Known
from faceclust.pipeline.library import Library
from faceclust.pipeline.memory import peak_rss_mb
from faceclust.pipeline.presence import find_photos, mark_missing
from faceclust.pipeline.scoring import choose
from faceclust.pipeline.steps import LOCAL, Steps
from faceclust.pipeline.stopwatch import Stopwatch
from faceclust.store import Scanned, intake
from faceclust.weights import Device, Notify
from faceclust.workers import Failure, Limits

# A transaction for each of these many photos or seconds: what a kill can cost.
BATCH_PHOTOS = 64
BATCH_SECONDS = 2.0
BATCH_BACK = 256  # files that are back as they were: a row each


@dataclass(slots=True)
class ScanReport:
    """What a scan did; grows while it runs.

    Attributes:
        found: photo files seen.
        unchanged: known and as they were.
        linked: new names of known content (moved or copied files), and files that are back.
        read: photos read anew.
        faces: faces found in them.
        described: faces of photos read before that CLIP has described now, by their stored crops.
        errors: files that could not be read.
        missing: files that are gone since the last scan.
        excluded: files of earlier scans that --exclude or --no-recursive leaves out since then.
        seconds: of wall-clock time.
        stages: seconds of processors, of all workers together: hash, decode, detect, align, embed,
            describe, measure (sharpness, pose, the crop's JPEG); and of this process: store. Of
            photos that a Ray cluster reads, the last alone.
        peak_rss_mb: most memory that this process and any one of its workers held until the scan
            was over; None where the system does not tell.
        folders: (folder, reason) that could not be entered.
    """

    found: int = 0
    unchanged: int = 0
    linked: int = 0
    read: int = 0
    faces: int = 0
    described: int = 0
    errors: int = 0
    missing: int = 0
    excluded: int = 0
    seconds: float = 0.0
    stages: dict[str, float] = field(default_factory=dict)
    peak_rss_mb: int | None = None
    folders: list[tuple[str, str]] = field(default_factory=list)


def scan(
    library: Library,
    folder: Path,
    config: Config,
    *,
    notify: Notify | None = None,
    progress: Callable[[ScanReport], None] = lambda report: None,
    steps: Steps = LOCAL,
    shards: Path | None = None,
) -> ScanReport:
    """Bring a library up to date with the photos in `folder`.

    Everything found is committed every few seconds; a scan that is stopped goes on where it was.

    Args:
        folder: the library's root or a folder inside it.
        notify: told about weights being fetched.
        progress: called whenever the report has grown.
        steps: who reads the photos.
        shards: where readers that are not of this machine keep what they find; None for a folder
            beside the database that is gone when the library has taken it over.

    Raises:
        OptionError: there is no such CLIP model.
        InputError, OptionError: the file of weights for the clustering cannot be used for it.
        WeightsError: the profile's networks or the CLIP model cannot be had, or that file is
            damaged.
        StoreError: the database cannot be written.
        DeviceError: the GPU failed; nothing is noted of the photos that it had.
        WorkerError: worker processes cannot be kept alive.
    """
    started, report = time.monotonic(), ScanReport()
    closed: list[tuple[str, str]] = []
    found = find_photos(library, folder, config, lambda *error: closed.append(error))
    if next(found, None) is None:
        report.folders = closed
        _mark_missing(library, folder, config, report)
        return report
    devices = steps.devices or Devices()
    device = devices.networks(config.scan.device, notify)
    config = replace(config, scan=replace(config.scan, device=device))
    resolved = models.resolve(config.scan.profile, notify)
    clip = attributes.prepare(library, config, notify)
    # An unfit file of weights is told before the long work begins.
    choose(config.cluster, models.space(resolved.model_id), clip)
    extractor = extractor_id(resolved, config)
    run = _Scan(library, folder, config, extractor, report, clip, progress, started)
    kept = _shards(library, shards, extractor, clip, device)
    seeing = "cpu" if clip is None else device_of(clip, None, device, devices, notify)
    run.read(resolved, steps, kept, seeing)
    if shards is None:
        shutil.rmtree(kept.parent, ignore_errors=True)
    _mark_missing(library, folder, config, report)
    if clip is not None:
        run.describe(devices, notify)
    library.db.set_setting("extractor", extractor)
    library.db.set_setting("model", resolved.model_id)
    library.db.set_setting(SETTING, clip or "")
    report.seconds = run.seconds
    report.peak_rss_mb = peak_rss_mb()
    return report


def _mark_missing(library: Library, folder: Path, config: Config, report: ScanReport) -> None:
    closed = [path for path, _ in report.folders]
    report.missing, report.excluded = mark_missing(library, folder, config, closed)


def extractor_id(resolved: models.Models, config: Config) -> str:
    """What finds and embeds faces, as one string: photos scanned by another one are stale."""
    options = json.dumps(asdict(config.detector), sort_keys=True)
    return f"{resolved.detector_id} {options} {resolved.model_id}"


def _shards(
    library: Library, folder: Path | None, extractor: str, clip: str | None, device: Device
) -> Path:
    """Where shards of this very kind lie: others must never be taken for them.

    Photos of two libraries may have the same path, size and date, which at some addresses is
    always 0; and a processor finds other last bits, and by its 8-bit integers other faces, than
    a GPU.
    """
    recipe = json.dumps([library.place, extractor, clip, device, faceclust.__version__])
    folder = folder or library.db.path.with_name(f"{library.db.path.name}.shards")
    return folder.absolute() / hashlib.sha256(recipe.encode()).hexdigest()[:12]


def _outcome(task: PhotoTask, result: Scanned | Failure) -> Scanned:
    if isinstance(result, Failure):
        return Scanned(
            task.path, task.size, task.mtime_ns, error_kind=result.kind, error=result.reason
        )
    return result


@dataclass(slots=True)
class _Scan:
    library: Library
    folder: Path
    config: Config
    extractor: str
    report: ScanReport
    clip: str | None
    progress: Callable[[ScanReport], None]
    started: float
    back: list[str] = field(default_factory=list)  # files not yet noted as there again

    @property
    def seconds(self) -> float:
        """Since the scan began."""
        return time.monotonic() - self.started

    def read(self, resolved: models.Models, steps: Steps, kept: Path, seeing: Device) -> None:
        """Have the photos read that are not known, and keep what is found in them.

        Args:
            kept: folder of a cluster's shards.
            seeing: where faces are described.
        """
        scan = self.config.scan
        tasks = self.tasks()
        results = steps.read(
            ExtractorFactory(resolved, self.config.detector, scan.device, 1, self.clip, seeing),
            tasks,
            workers=scan.processes_on(scan.device),
            limits=Limits(
                seconds=scan.seconds_per_photo,
                memory=None if scan.device == "cuda" else workers.WORKER_MEMORY,
            ),
            folder=kept,
        )
        # Where a GPU cannot be used from the start the CPU reads all photos; one that fails midway
        # is not replaced, as the CPU's 8-bit detector finds other faces: half of a library by each
        # would be neither's result, unless the user asks for it.
        with closing(tasks), closing(results):
            self.take(results, resolved.model_id)

    def take(self, results: Iterator[tuple[PhotoTask, Scanned | Failure]], model: str) -> None:
        """Keep what was read, every few photos or seconds; the rest also where this is stopped."""
        batch: list[Scanned] = []
        committed = time.monotonic()
        try:
            for task, result in results:
                batch.append(_outcome(task, result))
                self.count(batch[-1])
                if len(batch) >= BATCH_PHOTOS or time.monotonic() - committed > BATCH_SECONDS:
                    self.keep(batch, model)
                    committed = time.monotonic()
                self.report.seconds = self.seconds
                self.progress(self.report)
        finally:
            self.keep(batch, model)

    def tasks(self) -> Generator[PhotoTask, None, None]:
        """Yield the files that must be read; deal with all others on the way."""
        place, given = self.library.place, 0
        scan = self.config.scan
        readers = scan.processes_on("cpu")
        known = Known(self.library, self.extractor, scan.retry_errors, readers)
        files = find_photos(self.library, self.folder, self.config, self._folder_error)
        with closing(known.recognise(files)) as recognised:
            for file, known_as in recognised:
                self.report.found += 1
                if known_as is not None:
                    self._account(file, known_as)
                    continue
                yield PhotoTask(place, file.path, file.size, file.mtime_ns)
                given += 1
                if given == self.config.walk.limit:
                    return

    def _folder_error(self, folder: str, reason: str) -> None:
        self.report.folders.append((folder, reason))

    def _account(self, file: FoundFile, known_as: AsItWas | int) -> None:
        """Note a file that need not be read."""
        if known_as == "unchanged":
            self.report.unchanged += 1
            if self.report.unchanged % 256 == 0:
                self.progress(self.report)
            return
        self.report.linked += 1
        if known_as == "back":
            self.back.append(file.path)
            if len(self.back) >= BATCH_BACK:
                self.put_back()
                self.progress(self.report)
            return
        self.put_back()
        with self.library.db.transaction() as sql:
            intake.link_file(sql, Scanned(file.path, file.size, file.mtime_ns), known_as)
        self.progress(self.report)

    def put_back(self) -> None:
        """Note the files that are back; before others, whose photos may depend on these."""
        if self.back:
            with self.library.db.transaction() as sql:
                intake.put_back(sql, self.back)
            self.back.clear()

    def count(self, item: Scanned) -> None:
        self.spent(item.seconds)
        if item.error is not None:
            self.report.errors += 1
        else:
            self.report.read += 1
            self.report.faces += len(item.faces)

    def keep(self, batch: list[Scanned], model: str) -> None:
        self.put_back()
        if batch:
            watch = Stopwatch(time.process_time)
            with self.library.db.transaction() as sql:
                intake.put_scanned(sql, batch, self.extractor, model, self.clip)
            batch.clear()
            watch.lap("store")
            self.spent(watch.seconds)

    def spent(self, seconds: Mapping[str, float]) -> None:
        stages = self.report.stages
        stages |= {stage: stages.get(stage, 0.0) + more for stage, more in seconds.items()}

    def describe(self, devices: Devices, notify: Notify | None) -> None:
        """Describe the faces that were found by earlier scans and not described by this model."""
        assert self.clip is not None

        def grown(described: int) -> None:
            self.report.described = described
            self.progress(self.report)

        catch_up(self.library, self.clip, self.config, grown, devices=devices, notify=notify)

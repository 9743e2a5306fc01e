from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings
from PIL import Image

from tests.export.xmp.judge import Exiftool, Tags

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"
Run = Callable[..., "subprocess.CompletedProcess[str]"]

# How long an example takes says more about the machine than about the code.
settings.register_profile("no deadline", deadline=None)
settings.load_profile("no deadline")

# Ctrl-C means something to the commands that tests start, even where the tests themselves run in
# the background of a shell, which has its children ignore it.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of shared data sets beside the project; never written to."""
    if not SHARED.is_dir():
        pytest.skip(f"needs the shared data in {SHARED}")
    return SHARED


@pytest.fixture(scope="session")
def photos(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real photos, unpacked once for all tests: copy what you mean to change."""
    archive = shared_data / "photos.tar"
    if not archive.is_file():
        pytest.skip(f"needs the real photos in {archive}")
    folder = tmp_path_factory.mktemp("photos")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder


@pytest.fixture(autouse=True)
def own_data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Every test keeps its libraries to itself; nobody's real ones are touched."""
    folder = tmp_path / "faceclust-data"
    monkeypatch.setenv("FACECLUST_DATA", str(folder))
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return folder


@pytest.fixture
def everybody_reads() -> Iterator[None]:
    """A user whose new files are everybody's to read and write, unless their maker sees to it."""
    if os.name == "nt":
        pytest.skip("modes mean nothing on Windows")
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.fixture
def faceclust(own_data: Path) -> Run:
    """Run the real command in a process of its own: faceclust("scan", folder)."""

    def run(
        *arguments: object, code: int = 0, **options: object
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "faceclust", *map(str, arguments)],
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
            env={**os.environ, "COLUMNS": "200", "PYTHONWARNINGS": "error::ResourceWarning"},
            **options,  # type: ignore[call-overload]
        )
        assert done.returncode == code, (done.returncode, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr, done.stderr
        return done

    return run


@pytest.fixture(scope="session")
def exiftool() -> Exiftool:
    """Reads the XMP of files the way that the outside world does."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("needs exiftool, the judge of what was written")

    def read(paths: list[Path]) -> list[Tags]:
        command = [program, "-config", "", "-struct", "-j", "-n", "-XMP:all", *map(str, paths)]
        output = subprocess.run(command, check=True, capture_output=True, timeout=120).stdout
        return [*json.loads(output)]

    return read


@pytest.fixture
def extended_photo(tmp_path: Path) -> Path:
    """A JPEG whose XMP exiftool had to split: Bob's face and 1500 keywords, together 120 kB."""
    program = shutil.which("exiftool")
    if program is None:
        pytest.skip("needs exiftool, which extends XMP")
    path = tmp_path / "extended.jpg"
    Image.new("RGB", (64, 48), "red").save(path)
    face = "{Area={X=0.5,Y=0.5,W=0.2,H=0.2,Unit=normalized},Name=Bob,Type=Face}"
    size = "{W=64,H=48,Unit=pixel}"
    keywords = [f"-XMP-dc:Subject=keyword {i:04d}, {'long ' * 10}" for i in range(1500)]
    regions = f"-RegionInfo={{AppliedToDimensions={size},RegionList=[{face}]}}"
    arguments = ["-XMP-xmp:Rating=3", "-XMP-iptcExt:PersonInImage=Cem", regions, *keywords]
    command = [program, "-config", "", "-q", "-overwrite_original", *arguments, str(path)]
    subprocess.run(command, check=True, capture_output=True, timeout=120)
    assert b"http://ns.adobe.com/xmp/extension/" in path.read_bytes()
    return path

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


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

"""What the real commands leave behind and whom they talk to: nothing but the library, nobody."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from faceclust import weights
from tests.conftest import Run

pytestmark = pytest.mark.slow

REPORTING = (
    "ORT_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_TELEMETRY",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN",
    "RAY_USAGE_STATS_ENABLED",
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty home folder of a user who has set nothing."""
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("FACECLUST_MODELS", str(weights.path_of("scrfd-2.5g").parent))
    monkeypatch.setenv("HOME", str(folder))
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME", *REPORTING):
        monkeypatch.delenv(name, raising=False)
    return folder


def test_no_library_below_keeps_or_sends_anything(
    faceclust: Run, photos: Path, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos / "cast", tmp_path / "cast")
    faceclust("scan", tmp_path / "cast")
    faceclust("doctor")
    faceclust("export", "--format", "json", "--to", tmp_path / "out")
    assert [path for path in home.rglob("*") if path.is_file()] == []


@pytest.mark.skipif(shutil.which("strace") is None, reason="needs strace, which sees connections")
def test_a_scan_connects_to_nobody(
    faceclust: Run, photos: Path, home: Path, tmp_path: Path
) -> None:
    shutil.copytree(photos / "cast", tmp_path / "cast")
    log = tmp_path / "calls"
    subprocess.run(
        ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log),
         sys.executable, "-m", "faceclust", "scan", str(tmp_path / "cast")],
        env=dict(os.environ), capture_output=True, check=True, timeout=600,
    )  # fmt: skip
    calls = [line for line in log.read_text().splitlines() if "AF_INET" in line]
    assert calls == []


def test_whoever_uses_it_as_a_library_reports_nothing_either(home: Path) -> None:
    code = "import faceclust, onnxruntime; from huggingface_hub import constants as hub"
    code += "; print(hub.HF_HUB_DISABLE_TELEMETRY, hub.HF_HUB_DISABLE_IMPLICIT_TOKEN)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True True"
    assert list(home.rglob("*")) == []

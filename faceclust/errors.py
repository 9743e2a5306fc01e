"""Every error that faceclust raises on purpose.

    FaceclustError
    ├── UserError            exit 1: something the user gave is wrong
    │   ├── OptionError          an option or an argument of a command
    │   ├── InputError           a file or folder that was named: missing, empty, malformed
    │   ├── LibraryError         no such library, or which one is meant is not clear
    │   └── PersonError          no such person, cluster, face or decision
    ├── SystemFailure        exit 2: the machine or its set-up is at fault
    │   ├── WeightsError         weights cannot be fetched, verified or opened
    │   ├── DeviceError          a GPU fails in the middle of its work
    │   ├── StoreError           the database is damaged, newer, locked or read-only
    │   ├── WriteError           a file cannot be written: permissions, disk, file system
    │   ├── WorkerError          the worker processes cannot be kept alive
    │   └── EngineError          the Ray cluster cannot be had, or loses its work
    └── PhotoError           one photo cannot be read: recorded, skipped, never fatal

A message is one sentence that names the file or option and says what to do about it. The
library raises; only the command line prints and exits.
"""


class FaceclustError(Exception):
    """Base of the tree; `exit_code` is what the command line exits with."""

    exit_code = 2


class UserError(FaceclustError):
    """Something the user gave is wrong; exit code 1."""

    exit_code = 1


class OptionError(UserError):
    """An option or argument has a value that cannot be used."""


class InputError(UserError):
    """A file or folder that the user named is missing, empty or malformed."""


class LibraryError(UserError):
    """There is no such library, or it is not clear which one is meant."""


class PersonError(UserError):
    """There is no such person, cluster, face or decision."""


class SystemFailure(FaceclustError):  # noqa: N818 - "SystemError" is Python's own
    """The machine or its set-up is at fault; exit code 2."""


class WeightsError(SystemFailure):
    """Weights cannot be fetched, verified or opened."""


class DeviceError(SystemFailure):
    """A GPU fails in the middle of its work."""


class StoreError(SystemFailure):
    """The database is damaged, newer than this program, locked or read-only."""


class WriteError(SystemFailure):
    """A file cannot be written."""


class WorkerError(SystemFailure):
    """The worker processes cannot be kept alive."""


class EngineError(SystemFailure):
    """The Ray cluster cannot be started or reached, or loses its work."""


# The kind of a photo that the network kept from us, which says nothing about the photo.
UNREACHABLE = "unreachable"


class PhotoError(FaceclustError):
    """One photo cannot be read.

    Attributes:
        kind: a stable word for grouping: "unreadable", "unsupported", "truncated", "too-large",
            "timeout", "memory", "crash", "permission", or `UNREACHABLE`.
    """

    def __init__(self, reason: str, kind: str = "unreadable") -> None:
        super().__init__(reason)
        self.kind = kind

    def __reduce__(self) -> tuple[type["PhotoError"], tuple[str, str]]:
        return (type(self), (str(self), self.kind))

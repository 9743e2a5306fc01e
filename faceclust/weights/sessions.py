"""Open onnxruntime sessions: on the device that was asked for, or not at all."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from faceclust.errors import DeviceError, FaceclustError, WeightsError

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, SessionOptions

Device: TypeAlias = Literal["cpu", "cuda"]

_CUDA = "CUDAExecutionProvider"
_PROVIDERS: Mapping[Device, Any] = {
    "cpu": "CPUExecutionProvider",
    # Photos differ in size and in how many faces they show: a search for the best convolution of
    # each shape takes longer than the photo, and each process would take twice what it needs.
    "cuda": (_CUDA, {
        "cudnn_conv_algo_search": "HEURISTIC", "arena_extend_strategy": "kSameAsRequested",
    }),
}  # fmt: skip
# Its memory may be full: of other programs, or of our own processes.
_OTHERWISE = "run `faceclust doctor`, or use fewer --workers or --device cpu."


def open_session(
    model: str | Path | bytes, *, device: Device = "cpu", threads: int = 1
) -> InferenceSession:
    """Open an ONNX model.

    Args:
        model: the file, or the model itself where a graph was rewritten in memory.
        device: where it runs; there is no falling back from "cuda" to "cpu".
        threads: threads of one call to `run`, at least 1; they sleep while there is no work.

    Raises:
        WeightsError: the model cannot be opened, or the device cannot be used.
    """
    import onnxruntime

    # Beside what faceclust/__init__.py asks for: some builds for Windows only listen to this.
    onnxruntime.disable_telemetry_events()
    if device == "cuda":
        _prepare_cuda()
    try:
        session = onnxruntime.InferenceSession(
            model if isinstance(model, bytes) else str(model),
            sess_options=_options(threads),
            providers=[_PROVIDERS[device]],
            enable_fallback=0,
        )
    except Exception as error:
        # onnxruntime's errors have no other common base.
        raise _unopened(model, device, error) from error
    if device == "cuda" and _CUDA not in session.get_providers():
        raise WeightsError(
            "onnxruntime could not start CUDA; install the driver, CUDA and cuDNN that its version "
            "needs (`faceclust doctor` shows it), or use --device cpu."
        )
    return session


@contextlib.contextmanager
def running_on(device: Device) -> Iterator[None]:
    """Run networks, by onnxruntime or torch, in a `with`: a GPU that fails is told from its input.

    Raises:
        DeviceError: the GPU failed. What is raised on a CPU stays as it is.
    """
    try:
        yield
    except (FaceclustError, MemoryError):
        raise
    except Exception as error:
        # onnxruntime's errors have no other common base.
        if device == "cpu":
            raise
        raise DeviceError(f"the GPU failed ({_reason(error)}); {_OTHERWISE}") from error


def require_device(device: Device) -> None:
    """Check, before long work begins, that networks can run on a device.

    Raises:
        WeightsError: they cannot; says what to install.
    """
    if device == "cuda":
        _prepare_cuda()


def load_graph(path: Path) -> Any:
    """Read an ONNX graph in order to rewrite it.

    Raises:
        WeightsError: the file is no ONNX model.
    """
    import onnx
    from google.protobuf.message import DecodeError

    try:
        return onnx.load(str(path), load_external_data=False)
    except (DecodeError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be read as an ONNX model ({error}); run `faceclust models verify`."
        ) from error


def _options(threads: int) -> SessionOptions:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return options


def _prepare_cuda() -> None:
    import onnxruntime

    if _CUDA not in onnxruntime.get_available_providers():
        raise WeightsError(
            "this onnxruntime has no CUDA support; run `pip uninstall -y onnxruntime "
            "onnxruntime-gpu`, then `pip install onnxruntime-gpu`, or use --device cpu."
        )
    if hasattr(onnxruntime, "preload_dlls"):
        # It prints what it does not find; whether CUDA works is seen once a session is open.
        with contextlib.redirect_stdout(io.StringIO()):
            onnxruntime.preload_dlls()


def _unopened(model: str | Path | bytes, device: Device, error: Exception) -> WeightsError:
    what = "a model in memory" if isinstance(model, bytes) else str(model)
    remedy = "run `faceclust models verify` and `faceclust doctor`."
    return WeightsError(
        f"{what} cannot be opened on {device} ({_reason(error)}); "
        f"{remedy if device == 'cpu' else _OTHERWISE}"
    )


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__

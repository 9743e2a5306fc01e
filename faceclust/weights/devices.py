"""Which device networks run on, and which of several GPUs a process takes."""

from __future__ import annotations

import os
import subprocess
import warnings

from faceclust.errors import DeviceError, WeightsError
from faceclust.programs import program
from faceclust.weights.sessions import Device, open_session, running_on
from faceclust.weights.sources import Notify

VISIBLE = "CUDA_VISIBLE_DEVICES"
SMI_SECONDS = 30
# MiB of a GPU's memory for a process: CUDA's own share and cuDNN's, the networks, a large photo. An
# estimate.
EACH = 2048
FEW = 4  # processes on a GPU that does not tell how much memory it has


def usable(device: Device, notify: Notify | None = None) -> Device:
    """The device that was asked for; or the CPU, and one sentence about why.

    Args:
        device: tried with a small network: some GPUs are found, and cannot compute.
        notify: told the sentence; None makes it a warning.
    """
    if device == "cpu":
        return device
    import numpy as np  # here, as commands that need no GPU start sooner without it

    try:
        session = open_session(_convolution(), device=device)
        with running_on(device):
            session.run(None, {"x": np.zeros((1, 3, 8, 8), np.float32)})
    except (WeightsError, DeviceError) as error:
        sentence = f"Running on the CPU: {error}"
        if notify is None:
            warnings.warn(sentence, stacklevel=2)
        else:
            notify(sentence)
        return "cpu"
    return device


def cards() -> list[str]:
    """What CUDA calls the GPUs that this process may use, as `CUDA_VISIBLE_DEVICES` would."""
    named = os.environ.get(VISIBLE)
    if named is not None:
        return [card for card in named.split(",") if card]
    return [str(i) for i, _ in enumerate(row for row in _smi("-L") if row[:4] == "GPU ")]


def room() -> int:
    """How many processes the GPUs together have memory for, at least one each.

    Each gets as many as the others (`take_card`): that with the least free memory says how many.
    """
    found = cards()
    query = ("--query-gpu=memory.free", "--format=csv,noheader,nounits")
    told = _smi("-i", ",".join(found), *query) if found else []
    free = [int(row) for row in told if row.strip().isdigit()]
    each = max(1, min(free) // EACH) if free and len(free) == len(found) else FEW
    return each * max(1, len(found))


def _smi(*options: str) -> list[str]:
    """The lines that nvidia-smi prints; none where it cannot be run."""
    smi = program("nvidia-smi")
    if smi is None:
        return []
    try:
        done = subprocess.run(
            [smi, *options], capture_output=True, text=True, timeout=SMI_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return []
    return done.stdout.splitlines()


def take_card(device: Device, number: int) -> None:
    """Let this process see one of several GPUs only; to be called before it uses any.

    Args:
        number: of the process among its like; they share the cards evenly.
    """
    if device == "cuda" and len(found := cards()) > 1:
        if VISIBLE not in os.environ:
            os.environ["CUDA_DEVICE_ORDER"] = "PCI_BUS_ID"  # that in which nvidia-smi lists them
        os.environ[VISIBLE] = found[number % len(found)]


def _convolution() -> bytes:
    """What all our networks are made of."""
    from onnx import TensorProto, helper

    x, y = (helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "xy")
    w = helper.make_tensor("w", TensorProto.FLOAT, [3, 3, 1, 1], [0.0] * 9)
    node = helper.make_node("Conv", ["x", "w"], ["y"])
    graph = helper.make_graph([node], "convolution", [x], [y], [w])
    opset = [helper.make_opsetid("", 13)]
    return bytes(helper.make_model(graph, opset_imports=opset, ir_version=8).SerializeToString())

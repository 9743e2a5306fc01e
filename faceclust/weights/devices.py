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


def usable(device: Device, notify: Notify | None = None) -> Device:
    """The device that was asked for; or the CPU, and one sentence about why.

    Args:
        device: tried with a small network: some GPUs are found, and cannot compute.
        notify: told the sentence; None makes it a warning.
    """
    if device == "cpu":
        return device
    import numpy as np  # what needs no GPU may not need it, either

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
    smi = program("nvidia-smi")
    if smi is None:
        return []
    try:
        listed = subprocess.run(
            [smi, "-L"], capture_output=True, text=True, timeout=SMI_SECONDS, check=False
        ).stdout
    except (OSError, subprocess.TimeoutExpired):
        return []
    return [str(i) for i, _ in enumerate(row for row in listed.splitlines() if row[:4] == "GPU ")]


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

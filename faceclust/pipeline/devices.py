"""Whether the GPU that was asked for can be used, and who finds that out."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from importlib.util import find_spec

from faceclust import weights
from faceclust.graph import gpu
from faceclust.weights import Device, Notify


@dataclass(slots=True)
class Devices:
    """Where the work of one command runs.

    Attributes:
        elsewhere: photos are read by the machines of a cluster, which try their own GPUs: whether
            this one has any says nothing of them.
    """

    elsewhere: bool = False

    def networks(self, device: Device, notify: Notify | None) -> Device:
        """Where photos are read: as asked for; or the CPU, and one sentence about why."""
        return device if self.elsewhere else weights.usable(device, notify)

    def describing(self, device: Device, notify: Notify | None) -> Device:
        """Where CLIP runs on this machine: as asked for; or the CPU, and one sentence about why."""
        if device == "cpu":
            return device
        reason = gpu.unusable()
        if reason is None and find_spec("open_clip") is None:
            reason = "open_clip is not installed; run `pip install 'faceclust[clip]'`."
        if reason is None:
            return device
        (notify or warnings.warn)(f"Faces are described on the CPU: {reason}")
        return "cpu"

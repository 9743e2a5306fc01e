"""Whether the GPU that was asked for can be used, and who finds that out."""

from __future__ import annotations

from dataclasses import dataclass

from faceclust import weights
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

"""Whether the GPU that was asked for can be used, and the one sentence that says why not."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from importlib.util import find_spec

from faceclust import weights
from faceclust.graph import gpu
from faceclust.weights import Device, Notify

NO_CLIP = "open_clip is not installed; run `pip install 'faceclust[clip]'`."


@dataclass(slots=True)
class Devices:
    """Where the work of one command runs: each kind as asked for, or else on the CPU.

    Of what has to fall back the first to do so says why; what follows has no news. `notify` is
    told; where it is None, it is a warning.

    Attributes:
        elsewhere: photos are read and neighbours are searched by the machines of a cluster, which
            try their own GPUs: whether this one has any says nothing of them.
    """

    elsewhere: bool = False
    _said: bool = field(default=False, init=False)
    _failed: bool = field(default=False, init=False)

    def networks(self, device: Device, notify: Notify | None) -> Device:
        """Where photos are read."""
        if self.elsewhere:
            return device
        said: list[str] = []
        found = weights.usable(device, said.append)
        for sentence in said:
            self._say(sentence, notify)
        return found

    def describing(self, device: Device, notify: Notify | None) -> Device:
        """Where CLIP runs on this machine, by torch."""
        if device == "cpu":
            return device
        what = "Faces are described"
        reason = gpu.unusable()
        if reason is None and find_spec("open_clip") is None:
            reason = NO_CLIP
        elif not self.elsewhere:
            what = f"{what} and neighbours are searched"  # by torch, too
        return self._unless(reason, what, device, notify)

    def searching(self, device: Device, notify: Notify | None) -> Device:
        """Where neighbours are searched on this machine, by torch."""
        if device == "cpu" or self._failed:
            return "cpu"
        return self._unless(gpu.unusable(), "Neighbours are searched", device, notify)

    def failed(self, error: RuntimeError, notify: Notify | None) -> None:
        """A GPU failed in a search: it is not asked again."""
        self._failed, self._said = True, False
        reason = str(error).partition("\n")[0]
        self._say(f"Neighbours are searched on the CPU: the GPU failed ({reason}).", notify)

    def _unless(
        self, reason: str | None, what: str, device: Device, notify: Notify | None
    ) -> Device:
        if reason is None:
            return device
        self._say(f"{what} on the CPU: {reason}", notify)
        return "cpu"

    def _say(self, sentence: str, notify: Notify | None) -> None:
        if not self._said:
            self._said = True
            (notify or warnings.warn)(sentence)

"""Whether the GPU that was asked for can be used, and the one sentence that says why not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from importlib.util import find_spec
from typing import TypeVar

from faceclust import weights
from faceclust.graph import gpu
from faceclust.weights import Device, Notify

T = TypeVar("T")
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

    def on_gpu(self, work: Callable[[], T], what: str, notify: Notify | None) -> T | None:
        """What comes of work for this machine's GPU, by torch; None: the CPU has to do it.

        A GPU that failed once is not asked again.

        Args:
            work: raises RuntimeError if the GPU fails.
            what: the work, as a sentence that "on the CPU" can end.
        """
        if self._failed or self._unless(gpu.unusable(), what, "cuda", notify) == "cpu":
            return None
        try:
            return work()
        except RuntimeError as error:  # all that torch raises, out of memory among it
            self._failed, self._said = True, False
            reason = str(error).partition("\n")[0]
            self._say(
                f"{what} on the CPU: the GPU failed ({reason}) and is not used again.", notify
            )
            return None

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

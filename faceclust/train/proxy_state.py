"""The state of a run of CLIP-Cluster: weights, their running average, AdamW, the best so far."""

from __future__ import annotations

import copy
import json
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor

from faceclust.errors import InputError, OptionError
from faceclust.graph.clip_cluster import ClipCluster


class ProxyState:
    """What a run is made of at one step.

    Args:
        model: freshly initialised.
        rate, decay: of AdamW.
    """

    def __init__(self, model: ClipCluster, rate: float, decay: float) -> None:
        self.model, self.step, self.best_loss = model, 0, float("inf")
        self.average = {k: v.detach().clone() for k, v in model.state_dict().items()}
        self.best = {k: v.clone() for k, v in self.average.items()}
        self._optimiser = torch.optim.AdamW(model.parameters(), lr=rate, weight_decay=decay)

    def descend(self, loss: Tensor, rate: float, average: float) -> None:
        """One step of AdamW and of the running average."""
        for group in self._optimiser.param_groups:
            group["lr"] = rate
        self._optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
        self._optimiser.step()
        self.step += 1
        keep = min(average, self.step / (self.step + 10))
        with torch.no_grad():
            for name, value in self.model.state_dict().items():
                if value.is_floating_point():
                    self.average[name].lerp_(value, 1 - keep)

    def averaged(self) -> ClipCluster:
        """The model with the averaged weights, on the CPU."""
        return self._with(self.average)

    def best_model(self) -> ClipCluster:
        """The model with the best averaged weights, on the CPU; the last where none was judged."""
        return self._with(self.best if self.best_loss < float("inf") else self.average)

    def offer(self, loss: float) -> None:
        """Keep the averaged weights if their loss on people held out is the lowest so far."""
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = {k: v.clone() for k, v in self.average.items()}

    def _with(self, tensors: dict[str, Tensor]) -> ClipCluster:
        model: ClipCluster = copy.deepcopy(self.model).cpu()
        model.load_state_dict({k: v.cpu() for k, v in tensors.items()})
        return model

    def save(self, path: Path, recipe: str) -> None:
        """Write a checkpoint, whole or not at all; `recipe` is the whole configuration."""
        tensors = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        tensors |= {f"best/{k}": v for k, v in self.best.items()}
        for index, moments in self._optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{index}/{k}": v for k, v in moments.items()}
        part = path.with_suffix(".part")
        about = {"recipe": recipe, "progress": json.dumps([self.step, self.best_loss])}
        # Cloned: t and the words of dt may be one tensor, which safetensors refuses.
        save_file({k: v.detach().clone().contiguous() for k, v in tensors.items()}, part, about)
        part.replace(path)

    def load(self, path: Path, recipe: str) -> None:
        """Go on from a checkpoint.

        Raises:
            OptionError: it is that of a run with other options.
            InputError: it is damaged.
        """
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata()
            if about["recipe"] != recipe:
                raise OptionError(
                    f"{path.parent} holds a run with other options; pass another --out, or "
                    "--no-resume."
                )
            tensors = load_file(path)
            self.step, self.best_loss = json.loads(about["progress"])
            adam: dict[int, dict[str, Tensor]] = {}
            for key in [key for key in tensors if key.startswith("adam/")]:
                _, index, name = key.split("/")
                adam.setdefault(int(index), {})[name] = tensors[key]
            self.model.load_state_dict(_under(tensors, "model/"))
            for kept, prefix in ((self.average, "average/"), (self.best, "best/")):
                for name, value in _under(tensors, prefix).items():
                    kept[name].copy_(value)
            groups = self._optimiser.state_dict()["param_groups"]
            self._optimiser.load_state_dict({"state": adam, "param_groups": groups})
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path} is damaged ({error}); remove it, or pass --no-resume."
            ) from error


def _under(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}

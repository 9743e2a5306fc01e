"""The state of a run of face-CLIP: its options, its optimiser, its files."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional

from faceclust.errors import InputError, OptionError
from faceclust.train.captions import prompts
from faceclust.train.fitting import difference

# A word of CLIP's vocabulary that no caption holds; it stands for all unknown words.
UNSEEN = 49000
END = 49407
# Options that say whose folders weights were trained in.
HIDDEN = ("data", "run", "cache", "start", "teacher")
# Options that may be others when a run goes on: where it lies, how long it is, what computes it.
FREE = (*HIDDEN, "steps", "save_every", "device", "precision", "loaders")


@dataclass(frozen=True, slots=True)
class Options:
    """The whole configuration of a run; it is kept in every checkpoint.

    Attributes:
        data: folder of the labelled tar files.
        run: folder of checkpoints, the log, and the result.
        cache: folder of decoded crops; inside `run` if not given.
        start: face-CLIP's own weights to go on from; then the texts stay where they are, and the
            image tower alone is trained, with the genders of `genders`. Without it a run begins
            with words.
        seed: of everything random.
        steps: batches in all; the learning rate falls to zero over them. Two cores get
            through the default in two hours, at 25 faces a second.
        words: steps before that, which need no images: the text tower learns what words mean
            from imaginary faces, see `Imagined`.
        head: first steps, in which the trunk stays as it is: what it knows of faces is worth more
            than the gradients of an untrained projection (Kumar et al., 2022).
        frozen: blocks of the trunk that stay as they are: edges and colours, and most of the time.
        warmup: steps in which the learning rate rises, for the trunk after the first `head`.
        batch: faces a step from each set, in the order of `SETS`.
        lr_image, lr_text: learning rates of the pre-trained trunk, and of everything else.
        lr_words: learning rate of the text tower on imaginary faces.
        decay: weight decay of matrices and kernels.
        smoothing, gender, doubt: of the prompt loss, see `losses.Weighting`.
        captions: weight of the caption loss.
        unseen: chance that a text gets an unknown word.
        average: decay of the running average of the weights, which is what is kept.
        rectify: steps in which the slopes of the trunk's PReLUs fall to zero, where they stay:
            ReLUs are what a CPU computes in 8 bits. 0 leaves them alone; else the filters before
            and behind them must be free to adapt, without `head` and `frozen`.
        imitate: share of the imitation loss, see `imitate`; the rest is that of the labels.
        teacher: weights of the tower that is imitated; those of `start` if not given.
        save_every: steps between checkpoints.
        threads: of torch; the result depends on it in the last bits.
        device, precision: "cuda" and "bf16" to train faster where that can be had; a run on a GPU
            is not repeated to the last bit.
        loaders: processes that make batches ahead; 0 for none, which CPUs that train have left.
    """

    data: str
    run: str
    cache: str = ""
    start: str = ""
    seed: int = 0
    steps: int = 1400
    words: int = 600
    head: int = 100
    frozen: int = 3
    warmup: int = 100
    batch: tuple[int, ...] = (48, 38, 34, 2, 6, 0, 0)
    lr_image: float = 5e-4
    lr_text: float = 1e-3
    lr_words: float = 2e-3
    decay: float = 0.05
    smoothing: float = 0.1
    gender: float = 2.0
    doubt: float = 0.0
    captions: float = 0.3
    unseen: float = 0.1
    average: float = 0.998
    rectify: int = 0
    imitate: float = 0.0
    teacher: str = ""
    save_every: int = 100
    threads: int = 2
    device: str = "cpu"
    precision: str = "float32"
    loaders: int = 0

    def __post_init__(self) -> None:
        if self.device not in ("cpu", "cuda"):
            raise OptionError(f"--device must be cpu or cuda, not {self.device}.")
        if self.precision not in ("float32", "bf16"):
            raise OptionError(f"--precision must be float32 or bf16, not {self.precision}.")
        if self.rectify and (self.head or self.frozen):
            raise OptionError("--rectify goes with --head 0 and --frozen 0 only.")
        if not 0 <= self.imitate <= 1:
            raise OptionError(f"--imitate is a share from 0 to 1, not {self.imitate}.")
        if self.imitate and not self.start:
            raise OptionError("--imitate needs --start: the weights to imitate.")
        if self.teacher and not self.imitate:
            raise OptionError("--teacher goes with --imitate only.")


def optimiser_of(model: nn.Module, options: Options) -> torch.optim.AdamW:
    """AdamW with the trunk's own learning rate, and no decay of biases, slopes and scales."""
    groups: dict[tuple[bool, float], list[nn.Parameter]] = {}
    for name, parameter in model.named_parameters():
        decay = options.decay if parameter.dim() > 1 else 0.0
        groups.setdefault((name.startswith("visual.trunk"), decay), []).append(parameter)
    return torch.optim.AdamW(
        [{"params": parameters, "weight_decay": decay,
          "peak": options.lr_image if trunk else options.lr_text,
          "first": options.head if trunk else 0}
         for (trunk, decay), parameters in groups.items()],
        betas=(0.9, 0.98),
    )  # fmt: skip


def rate_at(step: int, first: int, options: Options) -> float:
    """Share of the peak learning rate: a linear rise from `first` on, under half a cosine."""
    rise = min(1.0, max(0, step - first + 1) / options.warmup)
    return rise * 0.5 * (1 + math.cos(math.pi * min(1.0, step / options.steps)))


@dataclass(slots=True, eq=False)
class State:
    """What a run is made of at one step."""

    model: Any
    average: dict[str, Tensor]
    optimiser: torch.optim.AdamW
    step: int = 0

    def save(self, path: Path, options: Options, data: str) -> None:
        """Write a checkpoint, whole or not at all; `data` tells them and the start from others."""
        tensors = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        tensors |= {f"average/{k}": v for k, v in self.average.items()}
        for index, moments in self.optimiser.state_dict()["state"].items():
            tensors |= {f"adam/{index}/{k}": v for k, v in moments.items()}
        part = path.with_suffix(".part")
        about = {"options": json.dumps(asdict(options)), "step": str(self.step), "data": data}
        save_file({k: v.contiguous() for k, v in tensors.items()}, part, about)
        part.replace(path)

    def load(self, path: Path, options: Options, data: str) -> None:
        """Go on from a checkpoint; where a run lies and how long it is may be other than before.

        Raises:
            OptionError: it is that of a run with other options or data, or further than this one.
            InputError: it is damaged.
        """
        wanted = _fixed(asdict(options), data)
        try:
            with safe_open(path, "pt") as file:
                about = file.metadata() or {}
            self.step = int(about["step"])
            if (kept := _fixed(json.loads(about["options"]), about["data"])) != wanted:
                raise OptionError(
                    f"{path} is of a run with other options or data ({difference(kept, wanted)}); "
                    "give the same ones, another --out, or --no-resume."
                )
            if self.step > options.steps:
                raise OptionError(
                    f"{path} is of a run that is at step {self.step} of {options.steps} already; "
                    f"give --steps {self.step} or more, another --out, or --no-resume."
                )
            tensors, adam = load_file(path), dict[int, dict[str, Tensor]]()
            for key in [key for key in tensors if key.startswith("adam/")]:
                _, index, name = key.split("/")
                adam.setdefault(int(index), {})[name] = tensors[key]
            self.model.load_state_dict(_under(tensors, "model/"))
            for name, value in _under(tensors, "average/").items():
                self.average[name].copy_(value)
            groups = self.optimiser.state_dict()["param_groups"]
            self.optimiser.load_state_dict({"state": adam, "param_groups": groups})
        except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path} is damaged ({error}); remove it, or pass --no-resume."
            ) from error


def _fixed(options: Mapping[str, Any], data: str) -> str:
    """What must be the same when a run goes on, in JSON."""
    return json.dumps({k: v for k, v in options.items() if k not in FREE} | {"data": data})


def _under(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}


def update(state: State, options: Options) -> None:
    """Step the optimiser and the running average of the weights."""
    for group in state.optimiser.param_groups:
        group["lr"] = group["peak"] * rate_at(state.step, group["first"], options)
    state.optimiser.step()
    state.step += 1
    keep = min(options.average, state.step / (state.step + 10))
    with torch.no_grad():
        state.model.logit_scale.clamp_(max=math.log(100.0))
        now = state.model.state_dict()
        moving = [name for name, value in now.items() if value.is_floating_point()]
        torch._foreach_lerp_(
            [state.average[name] for name in moving], [now[name] for name in moving], 1 - keep
        )
        if options.rectify:
            _flatten(state, options.rectify)


def make_relus(trunk: nn.Module) -> None:
    """Compute PReLUs, whose slopes have fallen to zero, as what they are: a third of the time."""
    for module in trunk.modules():
        if isinstance(module, nn.PReLU):
            module.forward = functional.relu


def _flatten(state: State, steps: int) -> None:
    """Take slopes of PReLUs one step of `steps` nearer to zero."""
    left = max(0, steps - state.step)
    for name, module in state.model.visual.trunk.named_modules():
        if isinstance(module, nn.PReLU):
            module.weight.mul_(left / (left + 1))
            state.average[f"visual.trunk.{name}.weight"].copy_(module.weight)


def export(state: State, tokenize: Any, path: Path, options: Options) -> None:
    """Write the running average in float16; words never seen get the unknown word's vector."""
    rng, seen = np.random.default_rng(options.seed), torch.zeros(END + 1, dtype=torch.bool)
    # A word's tokens are the same in every text, and the words are few.
    words = {word for _ in range(400) for text in prompts(rng) for word in text.split()}
    seen[tokenize(sorted(words)).unique()] = True
    weights = dict(state.average)
    vectors = weights["text.token_embedding.weight"].clone()
    vectors[~seen] = vectors[UNSEEN].clone()
    weights["text.token_embedding.weight"] = vectors
    # Weights are given away: whose folders they were trained in is nobody's business.
    kept = {k: v for k, v in asdict(options).items() if k not in HIDDEN}
    meta = {"options": json.dumps(kept), "step": str(state.step)}
    save_file({k: v.half().contiguous() for k, v in weights.items()}, path, meta)


def load_trunk(trunk: nn.Module, path: Path) -> None:
    """Start from the identity network of the `mobile` profile: faces are known to it already.

    Its convolutions and slopes come in the order of the trunk's; the last one is seven places
    wide and is resampled to the places there are.
    """
    import onnx

    graph = onnx.load(str(path)).graph
    arrays = {item.name: onnx.numpy_helper.to_array(item) for item in graph.initializer}
    found = [
        torch.tensor(arrays[name])
        for node in graph.node
        if node.op_type in ("Conv", "PRelu")
        for name in node.input
        if name in arrays
    ]
    ours = [p for name, p in trunk.named_parameters() if not name.startswith("norm.")]
    for parameter, value in zip(ours, found, strict=False):
        if value.dim() == 4:
            value = resampled(value, parameter.shape[-1])
        parameter.data.copy_(value.view(parameter.shape))


def load_start(model: nn.Module, path: Path) -> None:
    """Start from face-CLIP's own weights, be they of another size of image."""
    weights = {name: value.float() for name, value in load_file(path).items()}
    gather = "visual.trunk.gather.weight"
    side = model.state_dict()[gather].shape[-1]
    weights[gather] = resampled(weights[gather], side)
    model.load_state_dict(weights)


def resampled(kernel: Tensor, side: int) -> Tensor:
    """A kernel (C, 1, K, K) for a map of other size, (C, 1, side, side), of the same sum."""
    if kernel.shape[-1] == side:
        return kernel
    ratio = (kernel.shape[-1] / side) ** 2
    size = (side, side)
    return ratio * functional.interpolate(kernel, size, mode="bilinear", antialias=True)

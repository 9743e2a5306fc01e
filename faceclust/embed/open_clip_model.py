"""A model of open_clip behind two calls: images and texts to points of one space.

`face-clip` is this project's own small model, kept in `pretrained/`; any other name is a model
and tag of open_clip, "ViT-B-32/laion2b_s34b_b79k". Either is loaded by name.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from faceclust.embed import released
from faceclust.errors import OptionError, WeightsError
from faceclust.records import FloatArray, ImageArray
from faceclust.weights import Device, own, running_on

if TYPE_CHECKING:
    from torch import Tensor

FACE_CLIP = "face-clip"
# MobileFaceNet's own normalisation: pixels to [-1, 1].
MEAN = STD = (0.5, 0.5, 0.5)
BATCH: Mapping[Device, int] = {"cpu": 32, "cuda": 256}


class OpenClipModel:
    """Both towers of an open_clip model, in torch.

    Args:
        name: "face-clip", or MODEL/PRETRAINED of open_clip.
        device: "cpu" or "cuda".
        threads: threads of one inference on the CPU.
        bf16: compute in bfloat16 where that loses nothing; None for on a GPU only.

    Attributes:
        dim: E.
        scale: the temperature that the model was trained with.

    Raises:
        OptionError: there is no such model or tag.
        WeightsError: open_clip is not installed, the weights cannot be had, or torch has no GPU.
    """

    def __init__(
        self, name: str, device: Device = "cpu", threads: int = 1, bf16: bool | None = None
    ) -> None:
        self._threads, self._device = threads, device
        self._bf16 = device == "cuda" if bf16 is None else bf16
        if device == "cuda" and not import_torch().cuda.is_available():
            raise WeightsError("torch finds no GPU; run `faceclust doctor`, or use --device cpu.")
        with self._quiet():
            self._model, self._tokenize = load(name, device)
            self.scale = float(self._model.logit_scale.exp())
            preprocess = self._model.visual.preprocess_cfg
            size = preprocess["size"]
            self._size: int = size if isinstance(size, int) else int(size[0])
            self._mean, self._std = preprocess["mean"], preprocess["std"]
            self.dim = int(self._texts(["a face"]).shape[1])

    def encode_images(self, crops: ImageArray) -> FloatArray:
        """(B, H, W, 3) uint8 RGB -> (B, E) float32, normalised.

        Raises:
            DeviceError: the GPU failed.
        """
        with running_on(self._device), self._quiet():
            size = BATCH[self._device]
            starts = range(0, len(crops), size)
            parts = [self._images(crops[start : start + size]) for start in starts]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """T texts -> (T, E) float32, normalised; a text beyond the context is cut off.

        Raises:
            DeviceError: the GPU failed.
        """
        with running_on(self._device), self._quiet():
            size = BATCH[self._device]
            starts = range(0, len(texts), size)
            parts = [self._texts(texts[start : start + size]) for start in starts]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def _images(self, crops: ImageArray) -> FloatArray:
        import torch

        x = torch.from_numpy(np.array(crops.transpose(0, 3, 1, 2), np.float32, order="C"))
        x = prepare(x.to(self._device), self._size, self._mean, self._std)
        return _numpy(self._model.encode_image(x, normalize=True))

    def _texts(self, texts: list[str]) -> FloatArray:
        tokens = self._tokenize(texts).to(self._device)
        return _numpy(self._model.encode_text(tokens, normalize=True))

    @contextmanager
    def _quiet(self) -> Iterator[None]:
        """Without gradients, and with this model's number of threads while it runs."""
        torch = import_torch()
        before = torch.get_num_threads()
        torch.set_num_threads(self._threads)
        try:
            with (
                torch.inference_mode(),
                torch.autocast(self._device, torch.bfloat16, enabled=self._bf16),
            ):
                yield
        finally:
            torch.set_num_threads(before)


def prepare(x: Tensor, size: int, mean: tuple[float, ...], std: tuple[float, ...]) -> Tensor:
    """Scale and normalise (B, 3, H, W) float pixels in [0, 255] for an image tower."""
    import torch
    from torch.nn.functional import interpolate

    if x.shape[2:] != (size, size):
        x = interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    shape = (1, 3, 1, 1)
    mean_, std_ = (torch.tensor(v, device=x.device).view(shape) * 255 for v in (mean, std))
    return ((x - mean_) / std_).contiguous(memory_format=torch.channels_last)


def import_torch() -> Any:
    """Torch, where open_clip is installed beside it.

    Raises:
        WeightsError: they are not installed.
    """
    try:
        import open_clip  # noqa: F401 - whether it can be imported is the question
        import torch
    except ImportError as error:
        raise WeightsError(
            f"CLIP needs open_clip, which is not installed ({error.name} is missing): "
            "run `pip install 'faceclust[clip]'`."
        ) from error
    return torch


def load(name: str, device: Device = "cpu") -> tuple[Any, Any]:
    """The open_clip model and tokenizer called `name`, see `OpenClipModel`."""
    if name == FACE_CLIP:
        return _load_own(device)
    model, _, tag = name.partition("/")
    return _load_any(model, tag, device)


def architecture(config: Path, weights: Path | None = None) -> tuple[Any, Any]:
    """face-CLIP and its tokenizer from its open_clip configuration; random without `weights`."""
    import open_clip

    import faceclust.embed.tower  # noqa: F401 - makes the image tower known to timm

    open_clip.add_model_config(config)
    with _silent():
        model = open_clip.create_model(
            config.stem, None if weights is None else str(weights),
            force_preprocess_cfg={"mean": MEAN, "std": STD},
        )  # fmt: skip
    return model, open_clip.get_tokenizer(config.stem)


def _load_own(device: Device) -> tuple[Any, Any]:
    from safetensors import SafetensorError

    weights = own("face-clip.safetensors")
    try:
        model, tokenize = architecture(own("face-clip.json"), weights)
    except (OSError, SafetensorError, RuntimeError) as error:
        raise WeightsError(f"{weights} is damaged; install faceclust again.") from error
    return model.eval().to(device), tokenize


def _load_any(model: str, tag: str, device: Device) -> tuple[Any, Any]:
    import open_clip
    from safetensors import SafetensorError

    if model not in open_clip.list_models():
        raise OptionError(
            f"open_clip knows no model {model!r}; give {FACE_CLIP}, or MODEL/PRETRAINED such as "
            "ViT-B-32/laion2b_s34b_b79k."
        )
    tags = open_clip.list_pretrained_tags_by_model(model)
    if tag not in tags:
        raise OptionError(
            f"open_clip has no weights {tag!r} of {model}; choose from {', '.join(tags)}."
        )
    twin = f"{model}-quickgelu"
    if tag in open_clip.list_pretrained_tags_by_model(twin):
        raise OptionError(
            f"the weights {model}/{tag} were trained with another activation function than {model} "
            f"has; give --clip {twin}/{tag}."
        )
    released_with = open_clip.get_pretrained_cfg(model, tag)
    try:
        with _silent():
            weights = released.weights(model, tag)
            network = open_clip.create_model(
                model, str(weights), device=device,
                force_preprocess_cfg={key: released_with[key] for key in ("mean", "std")},
            )  # fmt: skip
            return network.eval(), open_clip.get_tokenizer(model)
    except SafetensorError as error:
        raise WeightsError(f"{weights} is damaged; delete it, and it is fetched again.") from error
    except ImportError as error:
        raise WeightsError(
            f"{model} needs {error.name}, which is not installed: run `pip install {error.name}`."
        ) from error
    except (OSError, RuntimeError) as error:
        raise released.unreachable(model, tag) from error


@contextmanager
def _silent() -> Iterator[None]:
    """Without the log of open_clip and its hub: what matters is raised as an error."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        yield
    finally:
        logging.disable(before)


def _numpy(x: Tensor) -> FloatArray:
    return np.asarray(x.float().cpu().numpy(), np.float32)

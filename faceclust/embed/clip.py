"""CLIP embeddings of faces and of texts (Radford et al., 2021).

The model is any that open_clip loads by name; face-CLIP, this project's own, is the default. Of
face-CLIP's two towers the image tower also comes as an ONNX graph, so that faces are embedded on
a CPU without torch, which only texts and other models need.
"""

from __future__ import annotations

import hashlib
from functools import cached_property

import numpy as np

from faceclust import weights
from faceclust.embed.open_clip_model import FACE_CLIP, OpenClipModel
from faceclust.records import FloatArray, ImageArray
from faceclust.weights import Device

__all__ = ["FACE_CLIP", "Clip", "Device", "model_id", "name_of"]

_GRAPH = "face-clip-image.onnx"


def model_id(name: str) -> str:
    """The id that a model's embeddings are kept under; face-CLIP's also tells its training.

    Raises:
        WeightsError: face-CLIP is not there.
    """
    if name != FACE_CLIP:
        return name
    return f"{name}@{hashlib.sha256(weights.own(_GRAPH).read_bytes()).hexdigest()[:8]}"


def name_of(model: str) -> str:
    """The name, for `Clip`, of the model with this id."""
    return model.partition("@")[0]


# Faces at once in the ONNX graph: more outgrow a CPU's cache, and take longer each.
_FACES = 8


class Clip:
    """i and t of METHOD: aligned faces and texts to points of one space.

    Args:
        name: "face-clip", or MODEL/PRETRAINED of open_clip.
        device: "cpu" or "cuda".
        threads: threads of one inference on the CPU.

    Attributes:
        dim: E.
        scale: the temperature that the model was trained with, for `attributes.zero_shot`.

    Raises:
        OptionError: there is no such model or tag.
        WeightsError: open_clip is needed and not installed, or the weights cannot be had.
    """

    def __init__(self, name: str = FACE_CLIP, device: Device = "cpu", threads: int = 1) -> None:
        self._name, self._device, self._threads = name, device, threads
        self._session = None
        if name == FACE_CLIP and device == "cpu":
            self._session = weights.open_session(weights.own(_GRAPH), threads=threads)
            self.dim = int(self._session.get_outputs()[0].shape[1])
            self.scale = float(self._session.get_modelmeta().custom_metadata_map["scale"])
        else:
            self.dim, self.scale = self._model.dim, self._model.scale

    @cached_property
    def _model(self) -> OpenClipModel:
        return OpenClipModel(self._name, self._device, self._threads)

    def encode_images(self, crops: ImageArray) -> FloatArray:
        """Embed aligned crops.

        Args:
            crops: (B, 112, 112, 3) uint8 RGB.

        Returns:
            (B, E) float32, normalised.

        Raises:
            DeviceError: the GPU failed.
        """
        if self._session is None:
            return self._model.encode_images(crops)
        parts = [
            self._session.run(None, {"crops": np.ascontiguousarray(crops[k : k + _FACES])})[0]
            for k in range(0, len(crops), _FACES)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, self.dim), np.float32)

    def encode_texts(self, texts: list[str]) -> FloatArray:
        """Embed texts; one beyond the model's context is cut off.

        Returns:
            (T, E) float32, normalised.

        Raises:
            WeightsError: open_clip is not installed.
        """
        return self._model.encode_texts(texts)

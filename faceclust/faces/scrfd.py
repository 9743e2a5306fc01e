"""SCRFD (Guo et al., 2021): one network over one image of any size, its output as detections.

On a CPU the network is computed in 8-bit integers where its ranges are known (see `int8`).
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from faceclust import weights
from faceclust.errors import WeightsError
from faceclust.faces.int8 import quantise
from faceclust.records import FloatArray, ImageArray
from faceclust.weights import Device

STRIDE = 32  # sides of an image are multiples of it
RANGES = "scrfd-int8.json"
# Outputs of the published networks with landmarks: strides of their maps, and anchors a cell.
LAYOUTS = {9: ((8, 16, 32), 2), 15: ((8, 16, 32, 64, 128), 1)}
MEAN, SCALE = 127.5, 1 / 128


@dataclass(frozen=True, slots=True, eq=False)
class Detections:
    """F detections in pixels of the image they were found in, most confident first.

    Attributes:
        boxes: (F, 4) float32 x0, y0, x1, y1.
        landmarks: (F, 5, 2) float32 left eye, right eye, nose, left and right mouth corner.
        scores: (F,) float32 in [0, 1].
    """

    boxes: FloatArray
    landmarks: FloatArray
    scores: FloatArray

    def __len__(self) -> int:
        return len(self.scores)

    def select(self, keep: Any) -> Detections:
        """The detections that `keep`, an index or boolean array, picks."""
        return Detections(self.boxes[keep], self.landmarks[keep], self.scores[keep])


class Scrfd:
    """The network.

    Args:
        path: an SCRFD ONNX file with five landmarks.
        device: "cpu" or "cuda".
        threads: threads of one inference.
        int8: compute in 8-bit integers, on a CPU and with weights whose ranges are known.

    Raises:
        WeightsError: the file is not an SCRFD model, or the device cannot be used.
    """

    def __init__(
        self, path: Path, device: Device = "cpu", threads: int = 1, *, int8: bool = True
    ) -> None:
        graph = dynamic_scrfd(path)
        if int8 and device == "cpu" and (ranges := known_ranges(path)):
            graph = quantise(graph, ranges)
        self._device = device
        self._session = weights.open_session(graph, device=device, threads=threads)
        self._input = self._session.get_inputs()[0].name
        outputs = len(self._session.get_outputs())
        if outputs not in LAYOUTS:
            raise WeightsError(
                f"{path} is not an SCRFD model with landmarks; give a pack that holds one."
            )
        self._strides, self._anchors = LAYOUTS[outputs]

    def __call__(self, image: ImageArray, min_score: float) -> Detections:
        """All anchors that see a face, as they come: overlapping, in no order.

        Args:
            image: (H, W, 3) uint8 RGB, H and W multiples of `STRIDE`.
            min_score: anchors below this score are left out.

        Raises:
            DeviceError: the GPU failed.
        """
        import cv2

        x = cv2.dnn.blobFromImage(image, SCALE, mean=(MEAN, MEAN, MEAN))
        with weights.running_on(self._device):
            maps = self._session.run(None, {self._input: x})
        levels = len(self._strides)
        found = [
            self._decode(stride, image.shape[1] // stride, maps[i::levels], min_score)
            for i, stride in enumerate(self._strides)
        ]
        return Detections(
            np.concatenate([level.boxes for level in found]),
            np.concatenate([level.landmarks for level in found]),
            np.concatenate([level.scores for level in found]),
        )

    def _decode(
        self, stride: int, width: int, maps: list[FloatArray], min_score: float
    ) -> Detections:
        """What the anchors of one stride say: distances from their cell, in strides."""
        scores, sides, points = (
            each.reshape(-1, n) for each, n in zip(maps, (1, 4, 10), strict=True)
        )
        rows = np.flatnonzero(scores >= min_score)
        cell = rows // self._anchors
        centre = np.stack([cell % width, cell // width], axis=1).astype(np.float32) * stride
        reach = sides[rows] * stride
        return Detections(
            np.concatenate([centre - reach[:, :2], centre + reach[:, 2:]], axis=1),
            centre[:, None] + points[rows].reshape(-1, 5, 2) * stride,
            scores[rows, 0],
        )


def known_ranges(path: Path) -> dict[str, tuple[float, float]] | None:
    """Ranges of the feature maps of a file of weights, measured by `faceclust.train.ranges`."""
    known = json.loads(weights.own(RANGES).read_text(encoding="utf-8"))
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    return known["ranges"] if known["sha256"] == digest else None


def dynamic_scrfd(path: Path) -> bytes:
    """Return the model with a free input size.

    The published graphs fix their input at 640 x 640 in the input's shape and in the two
    `Resize` nodes of the feature pyramid, which both double their input; stated as a scale of 2
    they serve any size that is a multiple of 32.

    Raises:
        WeightsError: the file is no ONNX model.
    """
    import onnx

    model = weights.load_graph(path)
    double = "faceclust_scale_2"
    for node in model.graph.node:
        if node.op_type == "Resize" and len(node.input) == 4:
            del node.input[2:]
            node.input.append(double)
    scale = np.array([1, 1, 2, 2], np.float32)
    model.graph.initializer.append(onnx.numpy_helper.from_array(scale, double))
    for axis, name in ((2, "height"), (3, "width")):
        model.graph.input[0].type.tensor_type.shape.dim[axis].dim_param = name
    for output in model.graph.output:
        shape = output.type.tensor_type.shape
        shape.dim[len(shape.dim) - 2].dim_param = f"anchors_{output.name}"
    return bytes(model.SerializeToString())

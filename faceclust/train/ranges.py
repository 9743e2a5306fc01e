"""Measure the ranges of feature maps, for the 8-bit form of a network (`faceclust.faces.int8`).

For SCRFD, `python -m faceclust.train.ranges FOLDER` looks at the photos below FOLDER as the
detector does and writes `pretrained/scrfd-int8.json`; to be run again when the detector's weights
change. `faceclust.train.portable` measures those of face-CLIP.
"""

from __future__ import annotations

import argparse
import hashlib
import json
from collections.abc import Iterable, Iterator
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceclust import photos, weights
from faceclust.errors import PhotoError
from faceclust.faces.detector import DetectorOptions, render, views
from faceclust.faces.scrfd import MEAN, RANGES, SCALE, dynamic_scrfd
from faceclust.records import FloatArray, ImageArray

REDUCED_SIDE = 1920  # what a scan decodes photos to
# What these give lies in the range of what they are given, and keeps its scale.
SAME_RANGE = ("MaxPool", "Resize")
KEPT = ("Conv", "Relu", "Add", "AveragePool", "Div", *SAME_RANGE)
DIGITS = 5


def measure(graph: bytes, inputs: Iterable[NDArray[Any]]) -> dict[str, tuple[float, float]]:
    """Lowest and highest value of each feature map that can be kept in 8 bits.

    Left out is what the last convolutions give, which stays float32.

    Args:
        graph: an ONNX model of convolutions.
        inputs: what it is given, one after another.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    names = feature_maps(model.graph)
    given = model.graph.input[0].name
    for name in names:
        kind = onnx.TensorProto.FLOAT
        model.graph.output.append(onnx.helper.make_tensor_value_info(name, kind, None))
    session = weights.open_session(bytes(model.SerializeToString()))
    extremes: dict[str, tuple[float, float]] = {}
    for x in inputs:
        seen = dict(zip(names, session.run(names, {given: x}), strict=True))
        if np.issubdtype(x.dtype, np.floating):
            seen[given] = x
        for name, values in seen.items():
            low, high = extremes.get(name, (0.0, 0.0))
            extremes[name] = (min(low, float(values.min())), max(high, float(values.max())))
    for node in model.graph.node:
        if node.op_type in SAME_RANGE and node.input[0] in extremes:
            extremes[node.output[0]] = extremes[node.input[0]]
    return extremes


def feature_maps(graph: Any) -> list[str]:
    """The maps that further convolutions see, without those that a Relu is about to cut."""
    users: dict[str, list[str]] = {}
    for node in graph.node:
        for name in node.input:
            users.setdefault(name, []).append(node.op_type)
    return [
        node.output[0]
        for node in graph.node
        if node.op_type in KEPT
        and set(users.get(node.output[0], ())) & set(KEPT)
        and users[node.output[0]] != ["Relu"]
    ]


def _input(image: ImageArray) -> FloatArray:
    x = (image.astype(np.float32) - np.float32(MEAN)) * np.float32(SCALE)
    return np.ascontiguousarray(x.transpose(2, 0, 1)[None])


def _images(folder: Path) -> Iterator[ImageArray]:
    for file in photos.walk(folder):
        try:
            photo = photos.decode(folder / file.path, reduce_to=REDUCED_SIDE)
        except PhotoError:
            continue
        height, width = photo.pixels.shape[:2]
        for view in views(height, width, DetectorOptions()):
            yield render(photo.pixels, view)


def main() -> None:
    """Write the file."""
    parser = argparse.ArgumentParser(description="Measure the ranges of the detector's maps.")
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("pretrained") / RANGES)
    given = parser.parse_args()
    path = weights.path_of("scrfd-2.5g")
    seen = chain.from_iterable(map(_images, given.folders))
    ranges = measure(dynamic_scrfd(path), map(_input, seen))
    shown = {
        name: [float(f"{value:.{DIGITS}g}") for value in both] for name, both in ranges.items()
    }
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    given.out.write_text(json.dumps({"sha256": digest, "ranges": shown}, indent=0) + "\n")


if __name__ == "__main__":
    main()

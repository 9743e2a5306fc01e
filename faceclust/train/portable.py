"""Write face-CLIP's image tower as an ONNX graph: faces are embedded without torch.

`python -m faceclust.train.portable --data ../shared/data --cache RUN/cache` reads
`pretrained/face-clip.*` and writes `pretrained/face-clip-image.onnx`. The graph takes aligned crops
as they are, uint8, so that scaling and normalising are the same everywhere. Weights are kept in
float16; a tower of ReLUs (`checkpoint.Options.rectify`) is computed in 8-bit integers, over the
ranges that feature maps have on training faces.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn import functional

from faceclust.embed.open_clip_model import FACE_CLIP, load
from faceclust.embed.tower import Bottleneck, ConvAct
from faceclust.faces.align import CROP
from faceclust.faces.int8 import quantise
from faceclust.records import ImageArray
from faceclust.train import labelled
from faceclust.train.face_clip import detector
from faceclust.train.labelled import TRAIN, Faces
from faceclust.train.ranges import measure

OPSET = 17
A_SET, BATCH = 200, 25  # faces of each set that ranges are measured on


class Graph:
    """An ONNX graph that grows node by node, as the torch module is walked.

    Args:
        halves: weights are kept in float16 and widened when the session opens.
    """

    def __init__(self, *, halves: bool) -> None:
        self.halves = halves
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, *inputs: str, **attributes: Any) -> str:
        """Append a node; returns the name of its output."""
        output = f"{kind}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, list(inputs), [output], **attributes))
        return output

    def constant(self, value: Tensor) -> str:
        """A weight."""
        name = f"w{len(self.weights)}"
        kind = np.float16 if self.halves else np.float32
        self.weights.append(numpy_helper.from_array(value.detach().numpy().astype(kind), name))
        return self.add("Cast", name, to=TensorProto.FLOAT) if self.halves else name

    def conv(self, x: str, module: nn.Conv2d) -> str:
        """A convolution with bias."""
        pad = int(module.padding[0])
        return self.add(
            "Conv", x, self.constant(module.weight), self.constant(module.bias),
            strides=list(module.stride), pads=[pad] * 4, group=module.groups,
        )  # fmt: skip

    def act(self, x: str, module: ConvAct) -> str:
        """A convolution and, if there is one, its PReLU, in the operators of `embed.prelu`.

        One whose slopes have fallen to zero (`checkpoint.Options.rectify`) is a ReLU.
        """
        x = self.conv(x, module[0])
        if len(module) == 1:
            return x
        if not module[1].weight.any():
            return self.add("Relu", x)
        a = module[1].weight.view(-1, 1, 1, 1)
        minus, slope = self.constant(-torch.ones_like(a)), self.constant(-a)
        below = self.add("Relu", self.add("Conv", x, minus, group=len(a)))
        return self.add("Add", self.add("Relu", x), self.add("Conv", below, slope, group=len(a)))

    def block(self, x: str, module: nn.Module) -> str:
        """A block of the trunk."""
        if isinstance(module, ConvAct):
            return self.act(x, module)
        assert isinstance(module, Bottleneck)
        out = x
        for layer in module.layers:
            out = self.act(out, layer)
        return self.add("Add", x, out) if module.residual else out


def scaling(size: int) -> Tensor:
    """(size, 112) matrix that scales a column of pixels as `open_clip_model.prepare` does."""
    unit = torch.eye(CROP).view(1, 1, CROP, CROP)
    scaled = functional.interpolate(unit, (size, CROP), mode="bilinear", antialias=True)
    return scaled.view(size, CROP)


def image_graph(model: Any, *, halves: bool = True) -> Any:
    """The ONNX model: crops (B, 112, 112, 3) uint8 -> i (B, E) float32, normalised.

    Its metadata carry the temperature, `scale`. Weights are `halves`, see `Graph`.
    """
    trunk, project = model.visual.trunk, model.visual.head.proj
    graph = Graph(halves=halves)
    size = int(model.visual.image_size[0])
    x = graph.add("Cast", "crops", to=TensorProto.FLOAT)
    x = graph.add("Transpose", x, perm=[0, 3, 1, 2])
    if size != CROP:
        # Halves hold this matrix's quarters and eighths to 4 digits: pixels move by < 0.1 of 255.
        matrix = scaling(size)
        x = graph.add("MatMul", graph.constant(matrix), x)
        x = graph.add("MatMul", x, graph.constant(matrix.T.contiguous()))
    x = graph.add("Sub", x, graph.constant(torch.tensor(127.5)))
    x = graph.add("Div", x, graph.constant(torch.tensor(127.5)))
    for module in trunk.blocks:
        x = graph.block(x, module)
    x = graph.conv(graph.act(x, trunk.widen), trunk.gather)
    x = graph.add("Flatten", x)
    x = graph.add("LayerNormalization", x, graph.constant(trunk.norm.weight),
                  graph.constant(trunk.norm.bias), epsilon=trunk.norm.eps)  # fmt: skip
    x = graph.add("MatMul", x, graph.constant(project.weight.T.contiguous()))
    x = graph.add("LpNormalization", x, axis=1, p=2)
    graph.nodes.append(helper.make_node("Identity", [x], ["i"]))
    crops = helper.make_tensor_value_info("crops", TensorProto.UINT8, ["batch", CROP, CROP, 3])
    out = helper.make_tensor_value_info("i", TensorProto.FLOAT, ["batch", project.out_features])
    body = helper.make_graph(graph.nodes, "face-clip-image", [crops], [out], graph.weights)
    whole = helper.make_model(body, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8)
    helper.set_model_props(whole, {"scale": str(model.logit_scale.exp().item())})
    onnx.checker.check_model(whole)
    return whole


def in_integers(graph: bytes, crops: Iterable[ImageArray]) -> bytes:
    """The same in 8-bit integers.

    Args:
        graph: of `image_graph`, not of halves.
        crops: (B, 112, 112, 3) uint8 RGB each, of which the ranges of the feature maps are taken.
    """
    return quantise(graph, measure(graph, crops))


def is_rectified(model: Any) -> bool:
    """Whether all slopes of the image tower have fallen to zero."""
    slopes = [m.weight for m in model.visual.modules() if isinstance(m, nn.PReLU)]
    return not any(bool(slope.any()) for slope in slopes)


def seen(sets: Mapping[str, Faces]) -> Iterator[ImageArray]:
    """Training faces of every set, a batch at a time."""
    for faces in sets.values():
        rows = faces.rows(TRAIN)
        chosen = rows[:: max(1, len(rows) // A_SET)]
        for k in range(0, len(chosen), BATCH):
            yield np.asarray(faces.crops[chosen[k : k + BATCH]])


def main() -> None:
    """Write the graph beside the weights."""
    parser = argparse.ArgumentParser(description="Write face-CLIP's image tower as ONNX.")
    parser.add_argument("--data", type=Path, required=True, help="for the ranges of integers")
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--out", type=Path, default=Path("pretrained/face-clip-image.onnx"))
    given = parser.parse_args()
    model, _ = load(FACE_CLIP)
    integers = is_rectified(model)
    graph = bytes(image_graph(model, halves=not integers).SerializeToString())
    if integers:
        graph = in_integers(graph, seen(labelled.load(given.data, given.cache, detector)))
    given.out.write_bytes(graph)


if __name__ == "__main__":
    main()

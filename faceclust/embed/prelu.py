"""PRelu in the operators that onnxruntime is fast at on a CPU.

Its own PRelu is slow, and takes the feature maps out of the blocked layout that convolutions are
computed in, thirty times in a MobileFaceNet. Convolutions and Relu stay in it: measured on x86,
the same numbers in a third of the time.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from faceclust.records import FloatArray

if TYPE_CHECKING:
    from onnx import NodeProto, TensorProto


def split_prelu(graph: bytes) -> bytes:
    """Replace each PRelu whose slopes are constants, one for each channel.

    PRelu(x) = relu(x) - a relu(-x); the products are depthwise convolutions of size 1.

    Args:
        graph: an ONNX model over (B, C, H, W) feature maps.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    slopes = {one.name: one for one in model.graph.initializer if _by_channel(one)}
    nodes: list[NodeProto] = []
    for node in model.graph.node:
        slope = slopes.get(node.input[1]) if node.op_type == "PRelu" else None
        if slope is None:
            nodes.append(node)
            continue
        minus, below = _scales(node, onnx.numpy_helper.to_array(slope))
        model.graph.initializer.extend([minus, below])
        nodes.extend(_split(node, minus, below))
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    return bytes(model.SerializeToString())


def _by_channel(constant: TensorProto) -> bool:
    return len(constant.dims) == 3 and list(constant.dims[1:]) == [1, 1] and constant.dims[0] > 1


def _scales(prelu: NodeProto, slope: FloatArray) -> tuple[TensorProto, TensorProto]:
    """Filters that turn x to -x, and relu(-x) to -a relu(-x)."""
    from onnx import numpy_helper

    a = np.asarray(slope, np.float32).reshape(-1, 1, 1, 1)
    return (
        numpy_helper.from_array(-np.ones_like(a), f"{prelu.output[0]}/minus"),
        numpy_helper.from_array(-a, f"{prelu.output[0]}/slope"),
    )


def _split(prelu: NodeProto, minus: TensorProto, slope: TensorProto) -> Iterator[NodeProto]:
    from onnx.helper import make_node

    x, name, group = prelu.input[0], prelu.output[0], minus.dims[0]
    yield make_node("Relu", [x], [f"{name}/above"])
    yield make_node("Conv", [x, minus.name], [f"{name}/negated"], group=group)
    yield make_node("Relu", [f"{name}/negated"], [f"{name}/below"])
    yield make_node("Conv", [f"{name}/below", slope.name], [f"{name}/sloped"], group=group)
    yield make_node("Add", [f"{name}/sloped", f"{name}/above"], [name])

"""A float32 network of convolutions in 8-bit integers: the same operators, a third of the time.

Feature maps are unsigned with a zero point, filters signed with a scale for each channel (Jacob et
al., 2018), written as pairs of QuantizeLinear and DequantizeLinear that onnxruntime folds into its
integer operators. Filters use 7 of the 8 bits: processors without VNNI add two products in 16 bits,
which would overflow; so the numbers are the same on all.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from onnx import GraphProto, NodeProto

Ranges: TypeAlias = Mapping[str, tuple[float, float]]

OPSET, IR_VERSION = 13, 8  # the first with a scale for each channel
LEVELS, LARGEST_WEIGHT, LARGEST_BIAS = 255, 63, 1 << 30
SMALLEST = 1e-12


def quantise(graph: bytes, ranges: Ranges) -> bytes:
    """Rewrite a network so that part of it is computed in 8-bit integers.

    Args:
        graph: an ONNX model of opset 11 or later.
        ranges: lowest and highest value of each feature map that is to be kept in 8 bits. A
            convolution whose input has a range, and whose output has one or goes into a Relu that
            has, is computed in integers, others as before.
    """
    import onnx

    model = onnx.load_model_from_string(graph)
    model.opset_import[0].version = max(OPSET, model.opset_import[0].version)
    model.ir_version = max(IR_VERSION, model.ir_version)
    rewriter = _Rewriter(model.graph, ranges)
    nodes = rewriter.nodes()
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    _drop_unused(model.graph)
    return bytes(model.SerializeToString())


def _drop_unused(graph: GraphProto) -> None:
    """Take out the float32 filters that nothing reads any more."""
    used = {name for node in graph.node for name in node.input}
    kept = [constant for constant in graph.initializer if constant.name in used]
    del graph.initializer[:]
    graph.initializer.extend(kept)


def grid(low: float, high: float) -> tuple[np.float32, np.uint8]:
    """Scale and zero point of a range: 0 is always one of the 256 values."""
    low, high = min(low, 0.0), max(high, 0.0)
    scale = max((high - low) / LEVELS, SMALLEST)
    return np.float32(scale), np.uint8(np.clip(round(-low / scale), 0, LEVELS))


class _Rewriter:
    def __init__(self, graph: GraphProto, ranges: Ranges) -> None:
        from onnx import helper, numpy_helper

        self._graph, self._ranges = graph, ranges
        self._constants = {one.name: numpy_helper.to_array(one) for one in graph.initializer}
        self._relu = {n.input[0]: n.output[0] for n in graph.node if n.op_type == "Relu"}
        self._make_node, self._from_array = helper.make_node, numpy_helper.from_array

    def nodes(self) -> list[NodeProto]:
        """All nodes in their order, each map that has a range followed by its rounding."""
        nodes = self._rounded(self._graph.input[0].name)
        for node in self._graph.node:
            if node.op_type == "Conv" and self._in_integers(node):
                nodes += self._filters(node)
            for i, name in enumerate(node.input):
                if name in self._ranges:
                    node.input[i] = f"{name}/8"
            nodes.append(node)
            nodes += self._rounded(node.output[0])
        return nodes

    def _in_integers(self, conv: NodeProto) -> bool:
        output = conv.output[0]
        return conv.input[0] in self._ranges and (
            output in self._ranges or self._relu.get(output) in self._ranges
        )

    def _rounded(self, name: str) -> list[NodeProto]:
        if name not in self._ranges:
            return []
        scale, zero = grid(*self._ranges[name])
        constants = [self._constant(f"{name}/scale", scale), self._constant(f"{name}/zero", zero)]
        return [
            self._make_node("QuantizeLinear", [name, *constants], [f"{name}/q"]),
            self._make_node("DequantizeLinear", [f"{name}/q", *constants], [f"{name}/8"]),
        ]

    def _filters(self, conv: NodeProto) -> list[NodeProto]:
        """Filters and bias as integers; the bias in units of the products that it is added to."""
        name, unit = conv.output[0], grid(*self._ranges[conv.input[0]])[0]
        w = self._constants[conv.input[1]]
        bias = self._constants[conv.input[2]] if len(conv.input) > 2 else np.zeros(len(w))
        scale = np.maximum(np.abs(w).max(axis=(1, 2, 3)) / LARGEST_WEIGHT, SMALLEST)
        scale = np.maximum(scale, np.abs(bias) / (unit * LARGEST_BIAS))
        filters = np.rint(w / scale.reshape(-1, 1, 1, 1)).astype(np.int8)
        offsets = np.rint(bias / (scale * unit)).astype(np.int32)
        conv.input[1:] = [f"{name}/filters", f"{name}/bias"]
        return [
            self._restored(f"{name}/filters", filters, scale),
            self._restored(f"{name}/bias", offsets, scale * unit),
        ]

    def _restored(self, name: str, values: np.ndarray, scale: np.ndarray) -> NodeProto:
        constants = (
            self._constant(f"{name}/q", values),
            self._constant(f"{name}/scale", scale.astype(np.float32)),
            self._constant(f"{name}/zero", np.zeros(len(scale), values.dtype)),
        )
        return self._make_node("DequantizeLinear", constants, [name], axis=0)

    def _constant(self, name: str, values: np.ndarray | np.generic) -> str:
        self._graph.initializer.append(self._from_array(np.asarray(values), name))
        return name

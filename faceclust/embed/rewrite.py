"""A TFLite network of convolutions, rewritten as ONNX: float32, NCHW, with a free batch.

TFLite keeps feature maps as NHWC and filters as OHWI; ONNX wants NCHW and OIHW.
"""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from faceclust.embed.flatbuffer import MalformedError
from faceclust.embed.tflite import Activation, Kind, Network, Operator, pick, read, window
from faceclust.errors import WeightsError
from faceclust.records import FloatArray

if TYPE_CHECKING:
    from onnx import ModelProto, NodeProto

MAX_BYTES = 64 << 20
_OPSET, _IR_VERSION = 13, 8  # old enough for every onnxruntime that is allowed


def to_onnx(path: Path) -> bytes:
    """Rewrite a TFLite network as an ONNX model.

    Args:
        path: a network that takes (B, H, W, 3) float32 and gives (B, D), B as it may be.

    Returns:
        A model that takes (batch, 3, H, W) and gives (batch, D).

    Raises:
        WeightsError: the file cannot be read, is no such network, or has operators that are not
            known here; they are named.
    """
    try:
        if path.stat().st_size > MAX_BYTES:
            raise MalformedError(f"it is larger than {MAX_BYTES >> 20} MB")
        data = path.read_bytes()
        return bytes(_Rewriter(read(data), room=len(data)).model().SerializeToString())
    except (MalformedError, OSError) as error:
        raise WeightsError(
            f"{path} cannot be used as a TFLite network ({error}); run `faceclust models verify`."
        ) from error


class _Rewriter:
    """Goes from the output back to the input, so that nothing is written that is not needed.

    Args:
        network: as it was read.
        room: bytes that the constants may take together: a tensor used again and again must not
            grow beyond the file that it came from.
    """

    def __init__(self, network: Network, room: int) -> None:
        from onnx import helper, numpy_helper

        self._network = network
        self._room = room
        self._make_node = helper.make_node
        self._from_array = numpy_helper.from_array
        self._maker = {operator.output: operator for operator in network.operators}
        self._constants: list[object] = []

    def model(self) -> ModelProto:
        """The same network in ONNX: what its output needs, in the order of the operators."""
        from onnx import TensorProto, helper

        nodes: list[NodeProto] = []
        needed = {_name(self._network.output)}
        for operator in reversed(self._network.operators):
            if _name(operator.output) in needed:
                for node in self._nodes(operator):
                    needed.update(node.input)
                    nodes.append(node)
        _, height, width, channels = self._shape(self._network.input, 4)
        (_, size) = self._shape(self._network.output, 2)
        given = ["batch", channels, height, width]
        info, float32 = helper.make_tensor_value_info, TensorProto.FLOAT
        graph = helper.make_graph(
            nodes[::-1],
            "tflite",
            [info(_name(self._network.input), float32, given)],
            [info(_name(self._network.output), float32, ["batch", size])],
            self._constants,
        )
        opsets = [helper.make_opsetid("", _OPSET)]
        return helper.make_model(graph, opset_imports=opsets, ir_version=_IR_VERSION)

    def _nodes(self, operator: Operator) -> list[NodeProto]:
        """What an operator becomes, last node first."""
        name = _name(operator.output)
        match operator.activation:
            case Activation.NONE:
                return [self._node(operator, name)]
            case Activation.RELU:
                last = self._make_node("Relu", [f"{name}_"], [name])
            case Activation.RELU6:
                bounds = [self._constant(np.array(b, np.float32)) for b in (0, 6)]
                last = self._make_node("Clip", [f"{name}_", *bounds], [name])
        return [last, self._node(operator, f"{name}_")]

    def _node(self, operator: Operator, name: str) -> NodeProto:
        match operator.kind:
            case Kind.CONV | Kind.DEPTHWISE:
                return self._convolution(operator, name)
            case Kind.ADD if prelu := self._prelu(operator, name):
                return prelu
            case Kind.ADD | Kind.SUB | Kind.MUL as kind:
                operands = [self._operand(i) for i in _exactly(2, operator)]
                return self._make_node(kind.name.capitalize(), operands, [name])
            case Kind.RELU | Kind.ABS as kind:
                (x,) = _exactly(1, operator)
                return self._make_node(kind.name.capitalize(), [_name(x)], [name])
            case Kind.RESHAPE:
                return self._flatten(operator, name)

    def _convolution(self, operator: Operator, name: str) -> NodeProto:
        x, kernel, bias = _exactly(3, operator)
        depthwise = operator.kind is Kind.DEPTHWISE
        # OHWI to OIHW; the filters of a depthwise convolution lie as 1HWO.
        w = self._values(kernel, 4).transpose((3, 0, 1, 2) if depthwise else (0, 3, 1, 2))
        _, *sides, channels = self._shape(x, 4)
        same, strides = window(operator)
        pads = [(0, 0), (0, 0)]
        if same:
            pads = [_same(*axis) for axis in zip(sides, w.shape[2:], strides, strict=True)]
        return self._make_node(
            "Conv",
            [_name(x), self._constant(w), self._constant(self._values(bias, 1))],
            [name],
            strides=strides,
            pads=[begin for begin, _ in pads] + [end for _, end in pads],
            group=channels if depthwise else 1,
        )

    def _prelu(self, add: Operator, name: str) -> NodeProto | None:
        """TFLite's relu(x) + c (x - |x|) as the one node that it means: PRelu of slope 2 c."""
        relu, mul = self._made(add, 0, Kind.RELU), self._made(add, 1, Kind.MUL)
        sub = self._made(mul, 1, Kind.SUB)
        magnitude = self._made(sub, 1, Kind.ABS)
        if not (relu and mul and sub and magnitude):
            return None
        if not relu.inputs == magnitude.inputs == sub.inputs[:1]:
            return None
        slope = 2 * self._values(mul.inputs[0], 1).reshape(-1, 1, 1)
        return self._make_node("PRelu", [_name(relu.inputs[0]), self._constant(slope)], [name])

    def _made(self, by: Operator | None, place: int, kind: Kind) -> Operator | None:
        """The plain operator of a kind whose output is an operator's input."""
        if by is None or len(by.inputs) <= place:
            return None
        maker = self._maker.get(by.inputs[place])
        plain = maker and maker.kind is kind and maker.activation is Activation.NONE
        return maker if plain else None

    def _flatten(self, operator: Operator, name: str) -> NodeProto:
        """A reshape, of which only that of (B, 1, 1, D) to (B, D) is the same in both layouts."""
        x, output = operator.inputs[0] if operator.inputs else -1, operator.output
        batch, *sides, size = self._shape(x, 4)
        if sides != [1, 1] or self._shape(output, 2) != (batch, size):
            raise MalformedError("it has a reshape that does more than drop two sides of 1")
        return self._make_node("Flatten", [_name(x)], [name], axis=1)

    def _operand(self, index: int) -> str:
        """A feature map, or a constant for each channel."""
        if not pick(self._network.tensors, index).data:
            self._shape(index, 4)
            return _name(index)
        return self._constant(self._values(index, 1).reshape(-1, 1, 1))

    def _shape(self, index: int, rank: int) -> tuple[int, ...]:
        shape = pick(self._network.tensors, index).shape
        if len(shape) != rank:
            raise MalformedError(f"a tensor has the shape {list(shape)}, not {rank} sides")
        return shape

    def _values(self, index: int, rank: int) -> FloatArray:
        tensor, shape = pick(self._network.tensors, index), self._shape(index, rank)
        if not tensor.is_float or len(tensor.data) != 4 * math.prod(shape):
            raise MalformedError("a constant is not float32, or not of its shape")
        return np.frombuffer(tensor.data, "<f4").reshape(shape)

    def _constant(self, values: FloatArray) -> str:
        self._room -= values.nbytes
        if self._room < 0:
            raise MalformedError("its operators share more constants than is known here")
        name = f"constant{len(self._constants)}"
        self._constants.append(self._from_array(np.ascontiguousarray(values), name))
        return name


def _name(index: int) -> str:
    return f"tensor{index}"


def _exactly(count: int, operator: Operator) -> tuple[int, ...]:
    if len(operator.inputs) != count:
        raise MalformedError(f"{operator.kind.name} has {len(operator.inputs)} inputs, not {count}")
    return operator.inputs


def _same(size: int, kernel: int, stride: int) -> tuple[int, int]:
    """TFLite's SAME padding of one side: ceil(size / stride) outputs, an odd pixel at the end."""
    total = max((math.ceil(size / stride) - 1) * stride + kernel - size, 0)
    return total // 2, total - total // 2

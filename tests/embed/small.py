"""Small TFLite networks, built with Google's own writer."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pytest

ADD, CONV, DEPTHWISE, MUL, RELU, RESHAPE, SUB, ABS = CODES = (0, 3, 4, 18, 19, 22, 41, 101)


@dataclass(frozen=True)
class Step:
    """A convolution (`width` filters; of each channel where depthwise), a PReLU or arithmetic.

    Arithmetic is with the network's input. `shared` convolutions have the first one's filters.
    """

    kind: Literal["conv", "depthwise", "prelu", "add", "mul", "sub"]
    same: bool = False
    stride: int = 1
    size: int = 1
    width: int = 1
    activation: int = 0
    shared: bool = False


def build(steps: list[Step]) -> bytes:
    """A network that takes (2, 11, 9, 3) and, by one filter over all that is left, gives (2, 4)."""
    schema: Any = pytest.importorskip("ai_edge_litert.schema_py_generated")
    flatbuffers: Any = pytest.importorskip("flatbuffers")
    writer = _Writer(schema, [2, 11, 9, 3])
    for step in steps:
        writer.add(step)
    writer.convolve(Step("conv", width=4), writer.shape(writer.last)[1:3])
    options = schema.ReshapeOptionsT()
    options.newShape = [2, 4]
    writer.operate(RESHAPE, [writer.last], [2, 4], options)
    builder = flatbuffers.Builder(0)
    builder.Finish(writer.model().Pack(builder), file_identifier=b"TFL3")
    return bytes(builder.Output())


@dataclass
class _Writer:
    schema: Any
    given: list[int]
    tensors: list[Any] = field(default_factory=list)
    buffers: list[Any] = field(default_factory=list)
    operators: list[Any] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(len(self.given))
        self.buffers.append(self.schema.BufferT())
        self.filters: list[int] = []
        self.last = self.tensor(self.given)

    def tensor(self, shape: list[int], constant: bool = False) -> int:
        one = self.schema.TensorT()
        one.shape, one.type, one.name, one.buffer = shape, 0, f"t{len(self.tensors)}", 0
        if constant:
            buffer = self.schema.BufferT()
            values = self.random.normal(size=shape).astype("<f4")
            buffer.data = np.frombuffer(values.tobytes(), np.uint8)
            one.buffer = len(self.buffers)
            self.buffers.append(buffer)
        self.tensors.append(one)
        return len(self.tensors) - 1

    def shape(self, tensor: int) -> list[int]:
        return list(self.tensors[tensor].shape)

    def operate(self, code: int, inputs: list[int], shape: list[int], options: Any = None) -> int:
        self.last = self.tensor(shape)
        one = self.schema.OperatorT()
        one.opcodeIndex, one.inputs, one.outputs = CODES.index(code), inputs, [self.last]
        if options is not None:
            one.builtinOptions = options
            name = type(options).__name__.removesuffix("T")
            one.builtinOptionsType = getattr(self.schema.BuiltinOptions, name)
        self.operators.append(one)
        return self.last

    def add(self, step: Step) -> None:
        x, shape = self.last, self.shape(self.last)
        match step.kind:
            case "conv" | "depthwise":
                self.convolve(step, [step.size, step.size])
            case "prelu":
                slope = self.tensor(shape[-1:], constant=True)
                positive = self.operate(RELU, [x], shape)
                both = self.arithmetic(SUB, [x, self.operate(ABS, [x], shape)], shape)
                negative = self.arithmetic(MUL, [slope, both], shape)
                self.arithmetic(ADD, [positive, negative], shape)
            case "add" | "mul" | "sub":
                code = {"add": ADD, "mul": MUL, "sub": SUB}[step.kind]
                self.arithmetic(code, [x, 0], shape, step.activation)
                constant = self.tensor(shape[-1:], constant=True)
                self.arithmetic(code, [constant, self.last], shape, step.activation)

    def arithmetic(
        self, code: int, inputs: list[int], shape: list[int], activation: int = 0
    ) -> int:
        name = {ADD: "AddOptionsT", MUL: "MulOptionsT", SUB: "SubOptionsT"}[code]
        options = getattr(self.schema, name)()
        options.fusedActivationFunction = activation
        return self.operate(code, inputs, shape, options)

    def convolve(self, step: Step, kernel: list[int]) -> None:
        x, shape = self.last, self.shape(self.last)
        depthwise = step.kind == "depthwise"
        width = shape[3] * step.width if depthwise else step.width
        filters = [1, *kernel, width] if depthwise else [width, *kernel, shape[3]]
        if not (step.shared and self.filters):
            self.filters = [self.tensor(filters, True), self.tensor([width], True)]
        options: Any = self.schema.Conv2DOptionsT()
        if depthwise:
            options = self.schema.DepthwiseConv2DOptionsT()
            options.depthMultiplier = step.width
        options.padding = 0 if step.same else 1
        options.strideH = options.strideW = step.stride
        options.fusedActivationFunction = step.activation
        sides = [
            -(-side // step.stride) if step.same else (side - k) // step.stride + 1
            for side, k in zip(shape[1:3], kernel, strict=True)
        ]
        code = DEPTHWISE if depthwise else CONV
        self.operate(code, [x, *self.filters], [shape[0], *sides, width], options)

    def model(self) -> Any:
        graph, model = self.schema.SubGraphT(), self.schema.ModelT()
        graph.tensors, graph.operators = self.tensors, self.operators
        graph.inputs, graph.outputs = [0], [self.last]
        model.version, model.subgraphs, model.buffers = 3, [graph], self.buffers
        model.operatorCodes = []
        for code in CODES:
            one = self.schema.OperatorCodeT()
            one.builtinCode = one.deprecatedBuiltinCode = code
            one.version = 1
            model.operatorCodes.append(one)
        return model

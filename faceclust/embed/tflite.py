"""The graph in a TFLite file, read by the field numbers of its published schema (version 3).

Only what face networks are made of is known here; a graph with anything else in it is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import TypeVar

from faceclust.embed.flatbuffer import MalformedError, Table, root

T = TypeVar("T")
_FLOAT32, _SAME = 0, 0


class Kind(IntEnum):
    """The operators that are known here, by their TFLite codes."""

    ADD = 0
    CONV = 3
    DEPTHWISE = 4
    MUL = 18
    RELU = 19
    RESHAPE = 22
    SUB = 41
    ABS = 101


class Activation(IntEnum):
    """What an operator may apply to its own output."""

    NONE = 0
    RELU = 1
    RELU6 = 3


# Where the options of an operator keep its activation.
_ACTIVATION_FIELD = {
    Kind.ADD: 0, Kind.MUL: 0, Kind.SUB: 0, Kind.CONV: 3, Kind.DEPTHWISE: 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Tensor:
    """A tensor of the graph.

    Attributes:
        shape: each side at least 1.
        is_float: whether it holds float32.
        data: of a constant its values, little-endian; else empty.
    """

    shape: tuple[int, ...]
    is_float: bool
    data: memoryview


@dataclass(frozen=True, slots=True)
class Operator:
    """A step of the graph.

    Attributes:
        inputs, output: indices of tensors, any number at all.
        activation: is applied to the output.
        options: the table that holds what is particular to its kind.
    """

    kind: Kind
    inputs: tuple[int, ...]
    output: int
    activation: Activation
    options: Table


@dataclass(frozen=True, slots=True)
class Network:
    """A graph from one tensor to another; the operators are in the order of their work."""

    tensors: list[Tensor]
    operators: list[Operator]
    input: int
    output: int


def read(data: bytes) -> Network:
    """Read a TFLite file.

    Raises:
        MalformedError: it is none, is damaged, or holds what is not known here.
    """
    model = root(data, b"TFL3")
    graphs = model.tables(2)
    if len(graphs) != 1:
        raise MalformedError(f"it has {len(graphs)} graphs, not one")
    buffers = [buffer.bytes(0) for buffer in model.tables(4)]
    # Codes up to 127 stand in a byte, the older field.
    codes = [max(c.number(0, "<b"), c.number(3)) for c in model.tables(1)]
    if unknown := sorted(set(codes) - set(Kind)):
        raise MalformedError(f"it has operators that are not known here: {unknown}")
    return Network(
        tensors=[_tensor(t, buffers) for t in graphs[0].tables(0)],
        operators=[_operator(o, codes) for o in graphs[0].tables(3)],
        input=_only(graphs[0].numbers(1)),
        output=_only(graphs[0].numbers(2)),
    )


def _tensor(table: Table, buffers: list[memoryview]) -> Tensor:
    shape = table.numbers(0)
    if any(size < 1 for size in shape):
        raise MalformedError(f"a tensor has the shape {list(shape)}")
    is_float = table.number(1, "<b") == _FLOAT32
    return Tensor(shape, is_float, pick(buffers, table.number(2)))


def _operator(table: Table, codes: list[int]) -> Operator:
    kind, options = Kind(pick(codes, table.number(0))), table.table(4)
    field = _ACTIVATION_FIELD.get(kind)
    activation = 0 if field is None else options.number(field, "<b")
    if activation not in list(Activation):
        raise MalformedError(f"it has an activation that is not known here: {activation}")
    output = _only(table.numbers(2))
    return Operator(kind, table.numbers(1), output, Activation(activation), options)


def window(convolution: Operator) -> tuple[bool, list[int]]:
    """Whether the padding of a convolution is SAME, not VALID, and its strides (down, across).

    Raises:
        MalformedError: the strides are below 1, or it is dilated.
    """
    options, depthwise = convolution.options, convolution.kind is Kind.DEPTHWISE
    strides = [options.number(2), options.number(1)]
    dilations = [options.number(field, absent=1) for field in ((5, 6) if depthwise else (4, 5))]
    if min(strides) < 1 or dilations != [1, 1]:
        raise MalformedError(f"a convolution has strides {strides} and dilations {dilations}")
    return options.number(0, "<b") == _SAME, strides


def pick(items: Sequence[T], index: int) -> T:
    """The entry at an index that the file gives.

    Raises:
        MalformedError: there is none.
    """
    if not 0 <= index < len(items):
        raise MalformedError(f"it speaks of entry {index} of {len(items)}")
    return items[index]


def _only(indices: tuple[int, ...]) -> int:
    if len(indices) != 1:
        raise MalformedError(f"it has {len(indices)} inputs or outputs where one is known here")
    return indices[0]

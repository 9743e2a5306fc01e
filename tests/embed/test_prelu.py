from __future__ import annotations

import numpy as np
import onnx
import pytest
from onnx import helper, numpy_helper

from faceclust import weights
from faceclust.embed.arcface import free_batch
from faceclust.embed.prelu import split_prelu
from faceclust.embed.rewrite import to_onnx
from faceclust.records import FloatArray


def run(graph: bytes, x: FloatArray) -> FloatArray:
    session = weights.open_session(graph)
    return np.asarray(session.run(None, {session.get_inputs()[0].name: x})[0])


def kinds(graph: bytes) -> list[str]:
    return [node.op_type for node in onnx.load_model_from_string(graph).graph.node]


@pytest.mark.parametrize("name", ["arcface-mobilefacenet-512", "mobilefacenet-192"])
def test_a_network_gives_the_same_without_prelu(name: str) -> None:
    path = weights.path_of(name)
    graph = to_onnx(path) if path.suffix == ".tflite" else free_batch(path)
    split = split_prelu(graph)
    onnx.checker.check_model(onnx.load_model_from_string(split))
    assert "PRelu" in kinds(graph)
    assert "PRelu" not in kinds(split)
    x = np.random.default_rng(0).normal(size=(2, 3, 112, 112)).astype(np.float32)
    assert np.allclose(run(split, x), run(graph, x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(("shape", "stays"), [((3, 1, 1), False), ((1, 1, 1), True), ((4,), True)])
def test_only_slopes_of_channels_are_split(shape: tuple[int, ...], stays: bool) -> None:
    slope = np.linspace(-1, 2, np.prod(shape)).astype(np.float32).reshape(shape)
    info = helper.make_tensor_value_info
    size = [2, 3, 5, 4]
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("PRelu", ["x", "a"], ["y"])],
            "one",
            [info("x", onnx.TensorProto.FLOAT, size)],
            [info("y", onnx.TensorProto.FLOAT, size)],
            [numpy_helper.from_array(slope, "a")],
        ),
        opset_imports=[helper.make_opsetid("", 13)],
        ir_version=8,
    )
    split = split_prelu(model.SerializeToString())
    assert ("PRelu" in kinds(split)) == stays
    x = np.random.default_rng(1).normal(size=size).astype(np.float32)
    assert np.allclose(run(split, x), np.where(x < 0, slope * x, x), atol=1e-6)

from __future__ import annotations

import numpy as np
import onnx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from onnx import helper, numpy_helper

from faceclust import weights
from faceclust.faces.int8 import grid, quantise
from faceclust.records import FloatArray

NAMES = ("x", "r", "y")


def network(seed: int = 0) -> bytes:
    """Two convolutions with biases and a Relu between them, of whose channels one is all zero."""
    rng = np.random.default_rng(seed)
    first = rng.normal(size=(5, 3, 3, 3)) * np.array([1, 10, 0.1, 0, 1]).reshape(-1, 1, 1, 1)
    constants = {
        "v": first, "a": rng.normal(size=5), "w": rng.normal(size=(2, 5, 1, 1)),
        "b": rng.normal(size=2),
    }  # fmt: skip
    info = helper.make_tensor_value_info
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "v", "a"], ["c"], pads=[1, 1, 1, 1]),
            helper.make_node("Relu", ["c"], ["r"]),
            helper.make_node("Conv", ["r", "w", "b"], ["y"]),
        ],
        "two",
        [info("x", onnx.TensorProto.FLOAT, [1, 3, "h", "w"])],
        [info("y", onnx.TensorProto.FLOAT, [1, 2, "h", "w"])],
        [numpy_helper.from_array(v.astype(np.float32), name) for name, v in constants.items()],
    )
    opset = helper.make_opsetid("", 11)
    return bytes(helper.make_model(graph, opset_imports=[opset], ir_version=6).SerializeToString())


def run(graph: bytes, x: FloatArray) -> FloatArray:
    return np.asarray(weights.open_session(graph).run(None, {"x": x})[0])


@pytest.mark.parametrize("kept", [NAMES, NAMES[:2], NAMES[:1], ()])
def test_the_numbers_stay_nearly_the_same(kept: tuple[str, ...]) -> None:
    graph = network()
    x = np.random.default_rng(1).uniform(-1, 1, (1, 3, 20, 30)).astype(np.float32)
    wide = {"x": (-1.0, 1.0), "r": (0.0, 90.0), "y": (-160.0, 40.0)}
    rounded = quantise(graph, {name: wide[name] for name in kept})
    onnx.checker.check_model(onnx.load_model_from_string(rounded))
    exact, found = run(graph, x), run(rounded, x)
    error = np.abs(found - exact).max() / np.abs(exact).max()
    assert error < 0.03
    assert (error > 0) == bool(kept)


def test_only_convolutions_between_known_ranges_are_in_integers() -> None:
    def filters(kept: tuple[str, ...]) -> set[str]:
        rounded = quantise(network(), dict.fromkeys(kept, (-1.0, 1.0)))
        made = {n.output[0] for n in onnx.load_model_from_string(rounded).graph.node}
        return {name for name in ("c", "y") if f"{name}/filters" in made}

    assert filters(NAMES) == {"c", "y"}
    assert filters(("x", "r")) == {"c"}  # through its Relu
    assert filters(("r", "y")) == {"y"}
    assert filters(("x",)) == set()


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_zero_is_on_the_grid_and_the_range_is_covered(one: float, other: float) -> None:
    low, high = sorted((one, other))
    scale, zero = grid(low, high)
    assert scale > 0
    assert float(scale) * (0 - int(zero)) <= min(low, 0) + float(scale)
    assert float(scale) * (255 - int(zero)) >= max(high, 0) - float(scale)

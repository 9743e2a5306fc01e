from __future__ import annotations

import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image

from faceclust import weights
from faceclust.embed import rewrite
from faceclust.embed.flatbuffer import Table, root
from faceclust.embed.rewrite import to_onnx
from faceclust.errors import WeightsError
from faceclust.records import FloatArray
from tests.embed.small import Step, build

# What Google's interpreter (ai-edge-litert 2.3.0) makes of the two pictures of `waves`.
FIRST = [
    [0.02768, 0.42249, 0.25873, -0.12894, -1.28231, 0.02918],
    [-0.06261, 0.54131, 0.23822, -0.10195, -1.34464, 0.36632],
]
LENGTHS = [23.8658, 21.9664]


@pytest.fixture(scope="module")
def path() -> Path:
    return weights.path_of("mobilefacenet-192")


def run(model: bytes, x: FloatArray) -> FloatArray:
    """Run a rewritten model on (B, H, W, 3)."""
    session = weights.open_session(model)
    (given,) = session.get_inputs()
    batch = np.ascontiguousarray(x.transpose(0, 3, 1, 2))
    return np.asarray(session.run(None, {given.name: batch})[0])


def google(model: bytes, x: FloatArray) -> FloatArray:
    """Run a TFLite model on (B, H, W, 3) in Google's interpreter, as many at a time as it takes."""
    interpreter: Any = pytest.importorskip("ai_edge_litert.interpreter").Interpreter(
        model_content=model, num_threads=1
    )
    interpreter.allocate_tensors()
    (given,), (made,) = interpreter.get_input_details(), interpreter.get_output_details()
    found = []
    for i in range(0, len(x), given["shape"][0]):
        interpreter.set_tensor(given["index"], x[i : i + given["shape"][0]])
        interpreter.invoke()
        found.append(interpreter.get_tensor(made["index"]).copy())
    return np.concatenate(found)


def waves() -> FloatArray:
    y, x = np.mgrid[:112, :112]
    picture = np.stack([np.sin(x / a + y / b) for a, b in ((9, 17), (23, 7), (13, 31))], axis=-1)
    return (np.stack([picture, picture[:, ::-1]]) * 100 / 128).astype(np.float32)


def test_the_network_gives_what_it_gave_google(path: Path) -> None:
    found = run(to_onnx(path), waves())
    assert found.shape == (2, 192)
    assert np.allclose(found[:, :6], FIRST, atol=1e-4)
    assert np.allclose(np.linalg.norm(found, axis=1), LENGTHS, atol=1e-3)


def test_real_faces_are_seen_as_google_sees_them(path: Path, shared_data: Path) -> None:
    crops = []
    with tarfile.open(shared_data / "dev-family.tar") as tar:
        for member in tar:
            if member.isfile() and len(crops) < 16:
                crops.append(np.asarray(Image.open(tar.extractfile(member)).convert("RGB")))
    x = (np.stack(crops).astype(np.float32) - 127.5) / 128
    assert np.allclose(run(to_onnx(path), x), google(path.read_bytes(), x), atol=1e-4)


def test_the_rewritten_network_is_lean_and_sound(path: Path) -> None:
    model = onnx.load_model_from_string(to_onnx(path))
    onnx.checker.check_model(model, full_check=True)
    kinds = [node.op_type for node in model.graph.node]
    counts = {kind: kinds.count(kind) for kind in kinds}
    assert counts == {"Conv": 52, "PRelu": 33, "Add": 12, "Flatten": 1}


SMALL = {
    "padding": [Step("conv", same=True, stride=2, size=3, width=5)],
    "even kernel": [Step("conv", same=True, size=4, width=5)],
    "long strides": [Step("conv", same=True, stride=3, size=2, width=5)],
    "no padding": [Step("conv", stride=2, size=3, width=5)],
    "relu": [Step("conv", size=3, width=5, activation=1)],
    "relu6": [Step("conv", size=3, width=5, activation=3)],
    "depthwise": [Step("depthwise", same=True, stride=2, size=3)],
    "more filters than channels": [Step("depthwise", size=3, width=2, activation=1)],
    "prelu": [Step("conv", same=True, size=1, width=5), Step("prelu")],
    "arithmetic": [Step("conv", same=True, size=1, width=3), Step("add"), Step("mul"), Step("sub")],
    "clipped sum": [Step("conv", same=True, size=1, width=3), Step("add", activation=3)],
}


@pytest.mark.parametrize("name", SMALL)
def test_small_networks_give_what_they_give_google(tmp_path: Path, name: str) -> None:
    data = build(SMALL[name])
    (tmp_path / "small.tflite").write_bytes(data)
    x = np.random.default_rng(0).normal(scale=3, size=(2, 11, 9, 3)).astype(np.float32)
    found, expected = run(to_onnx(tmp_path / "small.tflite"), x), google(data, x)
    assert found.std() > 0.1
    assert np.allclose(found, expected, atol=1e-4)


def test_constants_used_again_and_again_are_refused(tmp_path: Path) -> None:
    """They would make a small file large."""
    again = [Step("conv", same=True, size=5, width=3, shared=True)] * 50
    (tmp_path / "small.tflite").write_bytes(build(again))
    with pytest.raises(WeightsError, match="share more constants"):
        to_onnx(tmp_path / "small.tflite")


def refusal(tmp_path: Path, data: bytes) -> str:
    path = tmp_path / "net.tflite"
    path.write_bytes(data)
    with pytest.raises(WeightsError, match=r"net\.tflite cannot be used .*models verify") as error:
        to_onnx(path)
    return str(error.value)


def places(table: Table) -> list[int]:
    """Where the tables of a model begin, but for the constants."""
    graph = table.tables(2)[0]
    operators = graph.tables(3)
    tables = [table, *table.tables(1), graph, *graph.tables(0), *operators]
    return [one.at for one in tables + [operator.table(4) for operator in operators]]


def test_operators_that_are_not_known_are_named(path: Path, tmp_path: Path) -> None:
    data = bytearray(path.read_bytes())
    codes = root(bytes(data), b"TFL3").tables(1)
    for code, wrong in zip(codes[1:], (9, 25), strict=False):  # the first, ADD, is left out as 0
        (at, *_) = [i for i in range(code.at + 4, code.at + 12) if data[i] == code.number(0, "<b")]
        data[at] = wrong
    assert "operators that are not known here: [9, 25]" in refusal(tmp_path, bytes(data))


def test_what_is_no_network_is_refused(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "TFL3" in refusal(tmp_path, b"")
    assert "TFL3" in refusal(tmp_path, b"PK\x03\x04 something else")
    assert "beyond its end" in refusal(tmp_path, path.read_bytes()[:100])
    monkeypatch.setattr(rewrite, "MAX_BYTES", 1 << 20)
    assert "larger than 1 MB" in refusal(tmp_path, path.read_bytes())
    with pytest.raises(WeightsError, match=r"none\.tflite"):
        to_onnx(tmp_path / "none.tflite")


@settings(max_examples=60, deadline=None,
          suppress_health_check=[HealthCheck.function_scoped_fixture])  # fmt: skip
@given(
    changes=st.lists(
        st.tuples(st.integers(0, 10**6), st.integers(-8, 24), st.integers(0, 255)), min_size=1
    )
)
@example(changes=[(0, 0, 255)])
def test_a_damaged_file_is_rewritten_or_refused(
    path: Path, tmp_path: Path, changes: list[tuple[int, int, int]]
) -> None:
    data = bytearray(path.read_bytes())
    tables = places(root(bytes(data), b"TFL3"))
    for table, offset, value in changes:
        data[tables[table % len(tables)] + offset] = value
    damaged = tmp_path / "damaged.tflite"
    damaged.write_bytes(data)
    try:
        assert to_onnx(damaged)
    except WeightsError as error:
        assert "damaged.tflite" in str(error)  # noqa: PT017 - either is fine

from __future__ import annotations

from collections import Counter

import numpy as np
import onnx
import pytest

pytest.importorskip("torch", reason="needs faceclust[clip]")
pytest.importorskip("open_clip", reason="needs faceclust[clip]")

import torch

from faceclust import weights
from faceclust.embed.open_clip_model import FACE_CLIP, MEAN, STD, architecture, load, prepare
from faceclust.train.portable import image_graph, in_integers, is_rectified, scaling
from faceclust.weights import own as file_of


def test_scaling_is_that_of_the_torch_path() -> None:
    x = torch.rand(2, 3, 112, 112) * 255
    matrix = scaling(80)
    assert torch.allclose(matrix.sum(1), torch.ones(80), atol=1e-5)
    scaled = prepare(matrix @ x @ matrix.T, 80, MEAN, STD)
    assert torch.allclose(scaled, prepare(x, 80, MEAN, STD), atol=1e-4)


def test_the_graph_computes_what_torch_computes() -> None:
    model, _ = architecture(file_of("face-clip.json"))
    with torch.no_grad():
        for parameter in model.visual.parameters():
            parameter.copy_(parameter.half())
    faces = np.random.default_rng(0).integers(0, 256, (3, 112, 112, 3)).astype(np.uint8)
    session = weights.open_session(image_graph(model).SerializeToString())
    i = session.run(None, {"crops": faces})[0]
    x = torch.from_numpy(faces).permute(0, 3, 1, 2).float()
    with torch.inference_mode():
        expected = model.encode_image(prepare(x, 112, MEAN, STD), normalize=True)
    assert np.allclose(i, expected.numpy(), atol=2e-3)
    assert float(session.get_modelmeta().custom_metadata_map["scale"]) > 1


def test_the_shipped_graph_is_in_integers() -> None:
    model, _ = load(FACE_CLIP)
    assert is_rectified(model)
    kinds = Counter(n.op_type for n in onnx.load(file_of("face-clip-image.onnx")).graph.node)
    assert kinds["Conv"] == 49
    assert kinds["QuantizeLinear"] > 49


def test_integers_say_nearly_the_same() -> None:
    """With slopes of zero each PReLU is one Relu."""
    torch.manual_seed(0)
    model, _ = architecture(file_of("face-clip.json"))
    for module in model.visual.modules():
        if isinstance(module, torch.nn.PReLU):
            torch.nn.init.zeros_(module.weight)
    assert is_rectified(model)
    graph = image_graph(model, halves=False).SerializeToString()
    faces = np.random.default_rng(0).integers(0, 256, (8, 14, 14, 3)).astype(np.uint8)
    faces = faces.repeat(8, 1).repeat(8, 2)
    small = in_integers(graph, [faces])
    assert len(small) < 0.5 * len(graph)
    one, other = (weights.open_session(g).run(None, {"crops": faces})[0] for g in (graph, small))
    assert (one * other).sum(1).min() > 0.99
    kinds = Counter(node.op_type for node in onnx.load_from_string(small).graph.node)
    assert kinds["Relu"] == 33
    assert kinds["Conv"] == 49

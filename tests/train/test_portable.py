from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("torch", reason="needs faceclust[clip]")
pytest.importorskip("open_clip", reason="needs faceclust[clip]")

import torch

from faceclust import weights
from faceclust.embed.open_clip_model import MEAN, STD, architecture, prepare
from faceclust.train.portable import image_graph, scaling
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

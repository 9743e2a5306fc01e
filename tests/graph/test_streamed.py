"""The restructured forms give what the paper's forms give."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.graph import streamed
from faceclust.records import FloatArray

torch = pytest.importorskip("torch")

VALUES = (4, 7, 2)


def unit(*shape: int, seed: int = 0) -> FloatArray:
    x = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def tensors(module: Any) -> dict[str, FloatArray]:
    return {k: v.detach().numpy() for k, v in module.state_dict().items()}


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(0, 999))
def test_hallucinations_are_those_of_the_modules(n: int, seed: int) -> None:
    from faceclust.graph.hallucinate import Hallucinator

    torch.manual_seed(seed)
    naive = Hallucinator(torch.from_numpy(unit(sum(VALUES), 16)), VALUES, 24, 32)
    f, i = unit(n, 24, seed=seed), unit(n, 16, seed=seed + 1)
    expected = naive(torch.from_numpy(f), torch.from_numpy(i)).f.detach().numpy()
    assert expected.shape == (n, sum(VALUES) - len(VALUES), 24)
    found = streamed.Hallucination.of(tensors(naive))(f, i)
    np.testing.assert_allclose(found, expected, atol=1e-4)


@settings(max_examples=20)
@given(st.integers(1, 9), st.integers(1, 11), st.integers(0, 999))
def test_fusion_is_that_of_the_decoder(n: int, values: int, seed: int) -> None:
    from faceclust.graph.proxy import DecoderBlock

    torch.manual_seed(seed)
    block = DecoderBlock(24, heads=4)
    for norm in (block.norm_query, block.norm_values, block.norm_mlp):
        torch.nn.init.normal_(norm.weight)
        torch.nn.init.normal_(norm.bias)
    q, u = unit(n, 24, seed=seed), unit(n, values, 24, seed=seed + 1)
    expected = block(torch.from_numpy(q), torch.from_numpy(u)).detach().numpy()
    np.testing.assert_allclose(streamed.fuse(tensors(block), 4, q, u), expected, atol=1e-4)

from __future__ import annotations

import numpy as np
import pytest

from faceclust.graph.correction import adjacency
from tests.graph.test_streamed import unit

torch = pytest.importorskip("torch")

N, C, S = 7, 6, 5
INDEX = np.array([[0, 0, 1, 3, 4], [1, 2, 2, 4, 6]])


def dense_adjacency() -> np.ndarray:
    """D^-1 (A + I), written out."""
    A = np.eye(N)
    for i, j in INDEX.T:
        A[i, j] = A[j, i] = 1
    return A / A.sum(1, keepdims=True)


def test_the_adjacency_is_that_of_the_paper() -> None:
    np.testing.assert_allclose(adjacency(INDEX, N).toarray(), dense_adjacency(), rtol=1e-6)


def test_a_convolution_is_eq_7() -> None:
    from faceclust.graph.gcn import GraphConvolution

    torch.manual_seed(0)
    layer = GraphConvolution(C, 4)
    V, A = torch.from_numpy(unit(N, C)), torch.from_numpy(dense_adjacency()).float()
    W = torch.cat([layer.own.weight, layer.around.weight], 1)
    expected = torch.relu(torch.cat([V, A @ V], 1) @ W.T + layer.own.bias)
    torch.testing.assert_close(layer(V, A.to_sparse()), expected)


def test_gradients_of_a_convolution_are_right() -> None:
    """Through the sparse product, to the faces and to both weights; ReLU bends nowhere near."""
    from faceclust.graph.gcn import GraphConvolution

    torch.manual_seed(0)
    layer = GraphConvolution(C, 4).double()
    V = torch.randn(N, C, dtype=torch.double, requires_grad=True)
    A = torch.from_numpy(dense_adjacency()).to_sparse()
    weights = tuple(layer.parameters())
    assert len(weights) == 3
    assert torch.autograd.gradcheck(lambda V, *_: layer(V, A), (V, *weights))


def head():
    from faceclust.graph.gcn import EdgeHead

    torch.manual_seed(0)
    return EdgeHead(C, S, 8)


def test_the_head_does_not_mind_which_end_comes_first() -> None:
    V, s = torch.from_numpy(unit(N, C)), torch.randn(INDEX.shape[1], S)
    index = torch.from_numpy(INDEX)
    out = head()(V, index, s)
    assert out.shape == (INDEX.shape[1],)
    torch.testing.assert_close(out, head()(V, index.flip(0), s))


def test_gradients_of_the_head_are_right() -> None:
    V = torch.randn(N, C, dtype=torch.double, requires_grad=True)
    s = torch.randn(INDEX.shape[1], S, dtype=torch.double, requires_grad=True)
    index, model = torch.from_numpy(INDEX), head().double()
    assert torch.autograd.gradcheck(lambda V, s: model(V, index, s), (V, s))

"""Proxies (Shen et al., ICCV 2023, 3.3): one feature for a face and all its hallucinations.

A pre-LayerNorm transformer decoder in which the face's neighbourhood asks and the face at all its
ages, poses and expressions answers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, normalize

from faceclust.graph.architecture import Fusion


class NeighbourInformation(nn.Module):
    """F_{l+1} = ReLU(A_0 F_l W_l), Eq. 3: what the neighbours say, the face itself left out.

    A_0 is the row-normalised kNN adjacency with a zero diagonal. The last layer has no ReLU: half
    of all directions of the identity space would be lost to the query.

    One layer: then A_0 f needs no gradient and is computed once for the whole graph, so that a
    sub-graph knows all its faces' neighbours.

    Shapes:
        around: A_0 f, (N, D) -> (N, D).
    """

    def __init__(self, D: int) -> None:
        super().__init__()
        self.W = nn.Linear(D, D, bias=False)
        nn.init.eye_(self.W.weight)

    def forward(self, around: Tensor) -> Tensor:
        """Shapes as in the class."""
        F: Tensor = self.W(around)
        return F


class Attention(nn.Module):
    """Multi-head attention of one query a face to its own M + 1 values (Vaswani et al., 2017).

    Shapes:
        q: (N, D), values: (N, M + 1, D) -> (N, D).
    """

    def __init__(self, D: int, heads: int) -> None:
        super().__init__()
        if D % heads:
            raise ValueError(f"{heads} heads do not divide D = {D}")
        self.heads = heads
        self.Q, self.K, self.V, self.O = (nn.Linear(D, D, bias=False) for _ in range(4))

    def forward(self, q: Tensor, values: Tensor) -> Tensor:
        """Shapes as in the class."""
        N, S, D = values.shape
        d = D // self.heads
        Q = self.Q(q).view(N, self.heads, 1, d)
        K = self.K(values).view(N, S, self.heads, d).transpose(1, 2)
        V = self.V(values).view(N, S, self.heads, d).transpose(1, 2)
        a = (Q @ K.transpose(2, 3) / d**0.5).softmax(-1)
        out: Tensor = self.O((a @ V).reshape(N, D))
        return out


class DecoderBlock(nn.Module):
    """q' = q + Attention(LN(q), LN(values)); q'' = q' + W_2 GELU(W_1 LN(q')) (Eq. 4-6).

    With several blocks, the one query of a face attends to its M + 1 values in each of them.
    """

    def __init__(self, D: int, heads: int) -> None:
        super().__init__()
        self.attention = Attention(D, heads)
        self.norm_query, self.norm_values, self.norm_mlp = (nn.LayerNorm(D) for _ in range(3))
        self.expand, self.contract = nn.Linear(D, D), nn.Linear(D, D)

    def forward(self, q: Tensor, values: Tensor) -> Tensor:
        """q: (N, D), values: (N, M + 1, D) -> (N, D)."""
        q = q + self.attention(self.norm_query(q), self.norm_values(values))
        out: Tensor = q + self.contract(gelu(self.expand(self.norm_mlp(q))))
        return out


class ProxyGenerator(nn.Module):
    """v, the proxy: the face's values [f, f^_1 .. f^_M] fused under its neighbourhood's query.

    Args:
        D: of the identity space.
        heads, blocks: of the decoder.
        fusion: "cross-attention" is the paper's; in "self-attention" the face itself asks;
            "average" is the mean of the values, without parameters.

    Shapes:
        f: (N, D), around: A_0 f (N, D), hallucinated: (N, M, D) -> v: (N, D), L2-normalised. M
        may be 0: the proxy without hallucination.
    """

    def __init__(
        self, D: int, *, heads: int = 4, blocks: int = 1, fusion: Fusion = "cross-attention"
    ) -> None:  # fmt: skip
        super().__init__()
        self.fusion = fusion
        self.neighbours = NeighbourInformation(D)
        self.blocks = nn.ModuleList(DecoderBlock(D, heads) for _ in range(blocks))

    def forward(self, f: Tensor, around: Tensor, hallucinated: Tensor) -> Tensor:
        """Shapes as in the class."""
        values = torch.cat([f[:, None], hallucinated], 1)
        match self.fusion:
            case "average":
                return normalize(values.mean(1), dim=1)
            case "self-attention":
                v = f
            case "cross-attention":
                v = self.neighbours(around)
        for block in self.blocks:
            v = block(v, values)
        return normalize(v, dim=1)

"""CLIP-Cluster (Shen et al., ICCV 2023): from faces and their neighbourhoods to edges, end to end.

    f, i -> hallucinate f^_1 .. f^_M -> proxy v -> graph convolution V -> log-odds of each edge

What the paper's predictor says is added to the log-odds of the structural model
(`graph.edges.EdgeModel`), whose features s_ij it sees as well: it learns what neighbourhoods alone
do not tell.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import normalize

from faceclust.graph.architecture import LIMIT, Architecture
from faceclust.graph.gcn import EdgeHead, GraphConvolution
from faceclust.graph.hallucinate import Hallucinated, Hallucinator
from faceclust.graph.proxy import ProxyGenerator


@dataclass(frozen=True, slots=True, eq=False)
class Nodes:
    """A (sub-)graph's faces.

    Attributes:
        f: (N, D) identity embeddings, L2-normalised, in the model's own dimensions.
        around: (N, D) A_0 f, the mean of each face's neighbours: Eq. 3 begins with it.
        i: (N, E) CLIP embeddings, L2-normalised.
        A: sparse (N, N), D^-1 (A + I) of the candidate pairs.
    """

    f: Tensor
    around: Tensor
    i: Tensor
    A: Tensor


class Scored(NamedTuple):
    """What the model says of a graph.

    Attributes:
        log_odds: (E,) that an edge's ends are one person.
        v: (N, D) proxies.
        seen: the hallucinations; None where the architecture has none.
    """

    log_odds: Tensor
    v: Tensor
    seen: Hallucinated | None


class ClipCluster(nn.Module):
    """Log-odds that two faces are one person: the structural model's, and what this one adds.

    The paper's hallucination, proxies and convolution (Shen et al., ICCV 2023, 3.2 to 3.4), with
    three departures: the edge head is told the pair's structure (`graph.structure`) and both
    faces' attributes beside V; it adds to log-odds in place of giving probabilities, and begins by
    adding nothing; and of what it adds only a share counts that is fitted on people held out.
    Whole-library inference is `graph.correction`'s: the same numbers, restructured. On a GPU it is
    `graph.gpu_correction`'s, by the steps of `forward` in chunks.

    Args:
        t, values: text embeddings of all attribute values, and how many each attribute has; see
            `Hallucinator`.
        mean, deviation: (S,) of the structural features in training.
        architecture: what it is made of.
        seed: of the random offsets.
    """

    mean: Tensor
    deviation: Tensor

    def __init__(
        self, t: Tensor, values: Sequence[int], mean: Tensor, deviation: Tensor,
        architecture: Architecture, seed: int = 0,
    ) -> None:  # fmt: skip
        super().__init__()
        self.architecture = a = architecture
        words = None
        if a.offsets == "random":
            generator = torch.Generator().manual_seed(seed)
            words = normalize(torch.randn(t.shape, generator=generator), dim=1)
        self.hallucinator = Hallucinator(t, values, a.D, a.hidden, words)
        self.proxies = ProxyGenerator(a.D, heads=a.heads, blocks=a.blocks, fusion=a.fusion)
        self.forget = nn.Dropout(a.dropout)
        self.convolution = GraphConvolution(a.D, a.graph)
        pair = len(mean) + 2 + 2 * len(t) * a.attributes
        self.head = EdgeHead(a.graph, pair, a.edge)
        nn.init.zeros_(self.head.out.weight)  # begin as the structural model
        nn.init.zeros_(self.head.out.bias)
        self.register_buffer("mean", mean)
        self.register_buffer("deviation", deviation)

    def forward(
        self, nodes: Nodes, edge_index: Tensor, s: Tensor, base: Tensor, spread: float
    ) -> Scored:
        """Score the edges of a (sub-)graph.

        Args:
            nodes: N faces.
            edge_index: (2, E).
            s: (E, S) features of `graph.structure`.
            base: (E,) log-odds of the structural model.
            spread: standard deviation of the cosine between the library's strangers.

        Shapes:
            nodes.f (N, D), v (N, D), V (N, graph), pair (E, S') -> log-odds (E,).
        """
        v, seen = self.proxy(nodes.f, nodes.around, nodes.i)
        V = self.convolution(self.forget(v), nodes.A)
        pair = self.pair(nodes.f, v, self.attributes(nodes.i), edge_index, s, spread)
        return Scored(base + self.head(V, edge_index, pair), v, seen)

    def proxy(self, f: Tensor, around: Tensor, i: Tensor) -> tuple[Tensor, Hallucinated | None]:
        """Proxies v (n, D) of some faces and their hallucinations; arguments as in `Nodes`."""
        seen = None if self.architecture.offsets == "none" else self.hallucinator(f, i)
        values = f[:, None][:, :0] if seen is None else seen.f
        return self.proxies(f, around, values), seen

    def attributes(self, i: Tensor) -> Tensor:
        """What the head is told of some faces: p, (n, E) -> (n, V), or (n, 0)."""
        if not self.architecture.attributes:
            return i[:, :0]
        return self.hallucinator.probabilities(i)

    def pair(
        self, f: Tensor, v: Tensor, p: Tensor, edge_index: Tensor, s: Tensor, spread: float
    ) -> Tensor:
        """What is known of each pair beside V: structure, proxies, attributes; (E, S')."""
        i, j = edge_index
        proxies = (v[i] * v[j]).sum(1, keepdim=True) / spread
        faces = (f[i] * f[j]).sum(1, keepdim=True) / spread
        standard = ((s - self.mean) / self.deviation).clamp(-LIMIT, LIMIT)
        # A cosine of 1 is 7 to 11 spreads; a third of that is as large as other inputs are.
        told = [p[i] + p[j], (p[i] - p[j]).abs()]
        return torch.cat([standard, proxies / 3, proxies - faces, *told], 1)

"""The edge predictor (Shen et al., ICCV 2023, 3.4): P(one person) of the two ends of an edge."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.functional import relu


def adjacency(edge_index: Tensor, N: int) -> Tensor:
    """A~ = D^-1 (A + I) of pairs (2, E) that stand once: sparse (N, N), where the pairs are."""
    (a, b), own = edge_index, torch.arange(N, device=edge_index.device)
    row, col = torch.cat([a, b, own]), torch.cat([b, a, own])
    degree = torch.bincount(row, minlength=N).float()
    with torch.sparse.check_sparse_tensor_invariants(enable=False):
        return torch.sparse_coo_tensor(torch.stack([row, col]), 1 / degree[row], (N, N)).coalesce()


class GraphConvolution(nn.Module):
    """V_{l+1} = ReLU([V_l, A~ V_l] W_l), A~ = D^-1 (A + I) (Eq. 7).

    Shapes:
        V: (N, C_in), A: sparse (N, N) -> (N, C_out).
    """

    def __init__(self, c_in: int, c_out: int) -> None:
        super().__init__()
        self.own = nn.Linear(c_in, c_out)
        self.around = nn.Linear(c_in, c_out, bias=False)

    def forward(self, V: Tensor, A: Tensor) -> Tensor:
        """Shapes as in the class. A~ V W is A~ (V W): the sparse product has C_out columns."""
        around = self.around(V)
        with torch.autocast(A.device.type, enabled=False):  # sparse products know no bfloat16
            spread = torch.sparse.mm(A, around.to(A.dtype))
        return relu(self.own(V) + spread)


class EdgeHead(nn.Module):
    """A symmetric MLP on the two ends of an edge: [V_i + V_j, |V_i - V_j|, V_i * V_j, s_ij].

    Args:
        C: width of the nodes' features.
        S: how many features s_ij of the pair's structure there are; may be 0.
        hidden: width.

    Shapes:
        V: (N, C), edge_index: (2, E), s: (E, S) -> log-odds (E,).
    """

    def __init__(self, C: int, S: int, hidden: int) -> None:
        super().__init__()
        self.total = nn.Linear(C, hidden)
        self.difference, self.product = (nn.Linear(C, hidden, bias=False) for _ in range(2))
        self.structure = nn.Linear(S, hidden, bias=False)
        self.out = nn.Linear(hidden, 1)

    def forward(self, V: Tensor, edge_index: Tensor, s: Tensor) -> Tensor:
        """Shapes as in the class. W (V_i + V_j) is W V_i + W V_j: computed once a node."""
        i, j = edge_index
        total = self.total(V)
        h = total[i] + total[j] + self.structure(s)
        h = h + self.difference((V[i] - V[j]).abs()) + self.product(V[i] * V[j])
        log_odds: Tensor = self.out(relu(h))[:, 0]
        return log_odds

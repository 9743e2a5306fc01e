"""From log-odds to the graph that Infomap walks: sure pairs only, weighted."""

from __future__ import annotations

import numpy as np

from faceclust.records import FloatArray, Graph

CHUNK = 50_000


def probable(log_odds: Graph, above: float = 0.5) -> Graph:
    """The pairs that are one person with a probability above `above`, weighted by it.

    The method's own pruning (METHOD 2, stage 7) with its tau = 0.5.

    Args:
        log_odds: natural logarithms of P / (1 - P).
        above: in [0, 1).
    """
    probability = 1 / (1 + np.exp(-log_odds.edge_weight))
    keep = probability > above
    return Graph(
        log_odds.edge_index[:, keep], probability[keep].astype(np.float32), log_odds.num_nodes
    )


def weighted_by_cosine(graph: Graph, x: FloatArray) -> Graph:
    """The same pairs, weighted by the cosine similarity; those that are not above 0 are left out.

    Args:
        x: (N, D) float32, L2-normalised.
    """
    i, j = graph.edge_index
    parts = [
        np.einsum("ed,ed->e", x[i[c : c + CHUNK]], x[j[c : c + CHUNK]])
        for c in range(0, len(i), CHUNK)
    ]
    cosine = np.concatenate(parts) if parts else np.zeros(0, np.float32)
    keep = cosine > 0
    return Graph(graph.edge_index[:, keep], cosine[keep], graph.num_nodes)

"""From log-odds to the graph that Infomap walks: sure pairs only, weighted; and the walk."""

from __future__ import annotations

import numpy as np

from faceclust.cluster.by_component import Communities
from faceclust.cluster.infomap import communities as whole_graph
from faceclust.records import FloatArray, Graph, IntArray

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


def without(graph: Graph, pairs: IntArray) -> Graph:
    """The graph without some pairs of its nodes, (2, M), which need not be among its own."""
    (i, j), (a, b) = (np.sort(ends, axis=0) for ends in (graph.edge_index, pairs))
    keep = ~np.isin(i * graph.num_nodes + j, a * graph.num_nodes + b)
    return Graph(graph.edge_index[:, keep], graph.edge_weight[keep], graph.num_nodes)


def walk(
    log_odds: Graph,
    *,
    seed: int = 0,
    directed: bool = False,
    x: FloatArray | None = None,
    apart: IntArray | None = None,
    communities: Communities = whole_graph,
) -> IntArray:
    """Prune at P > 0.5 and cluster by Infomap, as the paper does (METHOD 2, stages 7 and 8).

    Args:
        log_odds: natural logarithms of P / (1 - P).
        seed, directed: as of `infomap.communities`.
        x: (N, D) float32, L2-normalised, to weight pairs by their cosine; None: by P.
        apart: (2, M) pairs of faces of one photo, between which the walk does not step. Others may
            still lead it from one to the other.
        communities: how the graph that is left is walked: whole, or `by_component`.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance; a face without a probable pair is
        a cluster of its own.
    """
    graph = probable(log_odds if apart is None else without(log_odds, apart))
    if x is not None:
        graph = weighted_by_cosine(graph, x)
    return communities(graph, seed=seed, directed=directed)

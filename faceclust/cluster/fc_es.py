"""FC-ES (Liu, "Face Clustering via Early Stopping and Edge Recall", 2024), without training.

A pair is judged by the neighbours that its two faces share; each face links its neighbours, nearest
first, until one of them shares too little (early stopping); two-level directed Infomap does the
rest. FC-ESER is the same with a trained model that brings back pairs after the stop (edge recall).

From the paper: the probability over neighbours, d = 2 - 2 cos with sigma 0.5, k = 80, theta, delta,
eta, early stopping, Infomap. From what the authors publish beside it, since the paper's page does
not say: a face is the first of its own k neighbours, cosines below 0 count as 0, neighbours keep
their order by cosine. Interpretation: pairs of faces that a short library cannot list have
probability 0; recalled pairs take any model's probability, not only that of the paper's
transformer.
"""

from __future__ import annotations

import numpy as np

from faceclust.cluster.infomap import directed_communities
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

SIGMA = 0.5
THETA = 0.22
DELTA = 0.12
ETA = 0.6
LISTS = 79  # neighbours of a face; with the face itself the published k = 80


def edge_probability(neighbours: Neighbours) -> FloatArray:
    """Neighbour-based edge probability of each listed pair, symmetric in its two faces.

    p_il = exp(-d_il / sigma) / sum_m exp(-d_im / sigma) over the list of i, i itself included; the
    probability of the pair is (sum p_il + p_jl) / 2 over the l that both lists hold.

    Args:
        neighbours: of N faces, k each.

    Returns:
        (N, k) float32 in [0, 1]; 0 where a list is padded.
    """
    N, k = neighbours.index.shape
    lists = np.column_stack([np.arange(N), neighbours.index])
    p = _transitions(neighbours)
    own = np.zeros(N + 1, np.float32)  # the last entry stands for "no neighbour", -1
    probability = np.zeros((N, k), np.float32)
    for face in range(N):
        place = np.flatnonzero(neighbours.index[face] >= 0)
        theirs = neighbours.index[face, place]
        own[lists[face]], own[-1] = p[face], 0
        seen = own[lists[theirs]]  # (m, k + 1): what the face gives to the lists of the others
        probability[face, place] = (seen + p[theirs] * (seen > 0)).sum(1) / 2
        own[lists[face]] = 0
    return probability


def fc_es(
    neighbours: Neighbours,
    theta: float = THETA,
    seed: int = 0,
    *,
    probability: FloatArray | None = None,
    recall: Graph | None = None,
) -> IntArray:
    """Cluster by neighbour-based edge probability and early stopping.

    Args:
        neighbours: of N faces, `LISTS` each as published; fewer shift what theta means.
        theta: the least probability of a link, in (0, 1]; the first pair below it ends the list.
        seed: of Infomap.
        probability: from `edge_probability`, where it is known already.
        recall: pairs weighted by a model's probability of being one person: FC-ESER's edge
            recall. A pair that is not linked is, after all, where its own probability is at least
            `DELTA` and the model's at least `ETA`, and is weighted by the model's.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance. The same seed, the same labels.
    """
    if probability is None:
        probability = edge_probability(neighbours)
    linked = np.logical_and.accumulate(probability >= theta, axis=1) & (neighbours.index >= 0)
    weight = np.where(linked, probability, np.float32(0))
    if recall is not None:
        model = _lookup(recall, neighbours)
        again = ~linked & (probability >= DELTA) & (model >= ETA)
        weight = np.where(again, model, weight)
    row, place = np.nonzero(weight)
    arcs = np.stack([row, neighbours.index[row, place]]).astype(np.int64)
    return directed_communities(arcs, weight[row, place], len(weight), seed=seed)


def _transitions(neighbours: Neighbours) -> FloatArray:
    """p: each face's probability over itself and its list, (N, k + 1) float32; 0 where padded."""
    N = len(neighbours.index)
    cosine = np.column_stack([np.ones(N, np.float32), neighbours.similarity.clip(0, 1)])
    p = np.exp((2 * cosine - 2) / np.float32(SIGMA))
    p[:, 1:][neighbours.index < 0] = 0
    return np.asarray(p / p.sum(1, keepdims=True), np.float32)


def _lookup(graph: Graph, neighbours: Neighbours) -> FloatArray:
    """The weight in `graph` of each listed pair, (N, k); 0 where it has none."""
    from scipy.sparse import csr_matrix

    N = graph.num_nodes
    half = csr_matrix((graph.edge_weight, tuple(graph.edge_index)), (N, N))
    row, place = np.nonzero(neighbours.index >= 0)
    found = np.zeros(neighbours.index.shape, np.float32)
    col = neighbours.index[row, place]
    found[row, place] = np.asarray((half + half.T)[row, col], np.float32).ravel()
    return found

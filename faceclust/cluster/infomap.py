"""Infomap (Rosvall and Bergstrom, 2008) on the graph of the faces."""

from __future__ import annotations

import numpy as np

from faceclust.records import Graph, IntArray


def communities(
    graph: Graph, *, seed: int = 0, two_level: bool = True, directed: bool = False
) -> IntArray:
    """The modules in which a random walk on the graph stays longest.

    Args:
        graph: weighted by cosine similarity or by the probability of being one person; already
            pruned: every pair in it counts.
        seed: the same seed gives the same labels.
        two_level: one level of modules; otherwise the leaf modules of a hierarchy.
        directed: walk each pair as two arcs, with teleportation, as the published settings do.

    Returns:
        labels (N,) int64, 0..K-1 in order of first appearance; a face without a neighbour is a
        cluster of its own.
    """
    labels = np.full(graph.num_nodes, -1, np.int64)
    if graph.edge_index.shape[1]:
        nodes, modules = _run(graph, seed, two_level, directed)
        labels[nodes] = modules
    return renumber(labels)


def renumber(labels: IntArray) -> IntArray:
    """Number the clusters 0..K-1 in order of first appearance.

    Args:
        labels: (N,) int64; a negative label marks a face that belongs to no cluster.

    Returns:
        (N,) int64; each unlabelled face has become a cluster of its own.
    """
    own = np.arange(len(labels)) + labels.max(initial=0) + 1
    _, first, inverse = np.unique(
        np.where(labels < 0, own, labels), return_index=True, return_inverse=True
    )
    rank = np.empty(len(first), np.int64)
    rank[np.argsort(first)] = np.arange(len(first))
    return rank[inverse]


def _run(graph: Graph, seed: int, two_level: bool, directed: bool) -> tuple[IntArray, IntArray]:
    """Nodes that have a link, and the leaf module of each."""
    # Both are SWIG modules: iterating infomap's results crashes if it was loaded before faiss.
    import faiss  # noqa: F401
    from infomap import Infomap

    flags = f"--silent --no-file-output --seed {seed + 1}"  # a seed of 0 is refused
    flags += " --two-level" * two_level + " --directed" * directed
    network = Infomap(flags)
    i, j = graph.edge_index.tolist()
    weights = graph.edge_weight.tolist()
    network.add_links(zip(i, j, weights, strict=True))
    if directed:
        network.add_links(zip(j, i, weights, strict=True))
    result = network.run()
    # Before 2.14, run() returned nothing and the modules were read off the network.
    leaves = network.get_modules(depth_level=-1) if result is None else result.modules(-1)
    pairs = np.array(list(leaves.items()), np.int64)
    return pairs[:, 0], pairs[:, 1]

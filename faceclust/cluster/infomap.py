"""Infomap (Rosvall and Bergstrom, 2008) on the graph of the faces."""

from __future__ import annotations

import numpy as np

from faceclust.records import FloatArray, Graph, IntArray


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
    arcs, weight = graph.edge_index, graph.edge_weight
    if directed:
        arcs, weight = np.concatenate([arcs, arcs[::-1]], axis=1), np.tile(weight, 2)
    flags = " --two-level" * two_level + " --directed" * directed
    return _modules(arcs, weight, graph.num_nodes, seed, flags)


def directed_communities(
    arcs: IntArray, weight: FloatArray, num_nodes: int, *, seed: int = 0
) -> IntArray:
    """`communities`, two-level, of arcs that need not run both ways.

    Args:
        arcs: (2, E) int64, from and to.
        weight: (E,) float32, above 0.
        num_nodes: N.
        seed: the same seed gives the same labels.

    Returns:
        As of `communities`.
    """
    return _modules(arcs, weight, num_nodes, seed, " --two-level --directed")


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


def _modules(arcs: IntArray, weight: FloatArray, num_nodes: int, seed: int, flags: str) -> IntArray:
    """Labels of all nodes: the leaf module of each that has a link, new ones for the others."""
    labels = np.full(num_nodes, -1, np.int64)
    if len(weight):
        nodes, modules = _run(arcs, weight, seed, flags)
        labels[nodes] = modules
    return renumber(labels)


def _run(arcs: IntArray, weight: FloatArray, seed: int, flags: str) -> tuple[IntArray, IntArray]:
    """Nodes that have a link, and the leaf module of each."""
    # Both are SWIG modules: iterating infomap's results crashes if it was loaded before faiss.
    import faiss  # noqa: F401
    from infomap import Infomap

    # A seed of 0 is refused.
    network = Infomap(f"--silent --no-file-output --seed {seed + 1}" + flags)
    network.add_links(zip(*arcs.tolist(), weight.tolist(), strict=True))
    result = network.run()
    # Before 2.14, run() returned nothing and the modules were read off the network.
    leaves = network.get_modules(depth_level=-1) if result is None else result.modules(-1)
    pairs = np.array(list(leaves.items()), np.int64)
    return pairs[:, 0], pairs[:, 1]

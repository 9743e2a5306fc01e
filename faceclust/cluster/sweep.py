"""One method at many thresholds: what can be computed once is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from faceclust.cluster import baselines, fc_es
from faceclust.cluster.methods import ClusterOptions, Method, cluster, lists_of
from faceclust.records import FloatArray, IntArray, Neighbours


def _grid(first: float, last: float, step: float) -> tuple[float, ...]:
    steps = np.arange(round(first / step), round(last / step) + 1)
    return tuple((steps * step).round(4).tolist())


# Wide enough that on sets of very different people no method is at its best at an end.
GRIDS: dict[Method, tuple[float, ...]] = {
    "infomap": _grid(0.3, 0.8, 0.01),
    "fc-es": _grid(0.1, 0.9, 0.025),
    "components": _grid(0.3, 0.8, 0.01),
    "chinese-whispers": _grid(0.3, 0.8, 0.01),
    "cdp": _grid(0.2, 0.8, 0.01),
    "aro": _grid(0, 2, 0.05),
    "hac": _grid(0.2, 0.7, 0.01),
    "dbscan": _grid(0.3, 0.8, 0.01),
    "hdbscan": (0.0, *_grid(0.2, 0.7, 0.05)),
    "immich": _grid(0.3, 0.8, 0.01),
}


def sweep(
    method: Method,
    x: FloatArray,
    neighbours: Neighbours,
    thresholds: Iterable[float],
    seed: int = 0,
) -> Iterator[IntArray]:
    """Labels (N,) at each threshold, as `methods.cluster` would give them.

    Args:
        method: one that has a threshold: those of `GRIDS`.
        x: (N, D) float32, L2-normalised, N at least 2.
        neighbours: of the same N faces, as many each as `methods.lists_of` says, or more.
        thresholds: of the method's own kind; see `ClusterOptions`.
        seed: of the methods that draw lots.

    Raises:
        OptionError: the method cannot take so many faces.
    """
    k = lists_of(ClusterOptions(method))
    near = Neighbours(neighbours.index[:, :k], neighbours.similarity[:, :k])
    match method:
        case "hac":
            yield from baselines.hac_sweep(x, thresholds)
        case "aro":
            yield from baselines.aro_sweep(near, thresholds)
        case "fc-es":
            probability = fc_es.edge_probability(near)
            for theta in thresholds:
                yield fc_es.fc_es(near, theta, seed, probability=probability)
        case _:
            for threshold in thresholds:
                # 0, hdbscan's own default, cannot be given as a threshold.
                options = ClusterOptions(method, threshold=threshold or None, seed=seed)
                yield cluster(x, options, near).labels

"""Stable ids: a cluster keeps its number from run to run as long as most of it is still there."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from faceclust.records import IntArray


def stable_ids(
    faces: IntArray,
    labels: IntArray,
    previous: Mapping[int, int],
    new_ids: Callable[[int], list[int]],
) -> IntArray:
    """Give each cluster the id of the old cluster that it shares the most faces with.

    Pairs of an old and a new cluster are matched one to one, largest overlap first; ties go to
    the older id, then to the lower label, so that the result is a function of its input.

    Args:
        faces: (N,) face ids.
        labels: (N,) labels of the new clustering, 0..K-1.
        previous: face id to cluster id of the previous clustering.
        new_ids: returns that many ids that were never used.

    Returns:
        (N,) stable cluster ids.
    """
    count = int(labels.max()) + 1 if len(labels) else 0
    old = np.array([previous.get(int(face), -1) for face in faces], np.int64)
    seen = old >= 0
    pairs, overlap = np.unique(
        np.column_stack([old[seen], labels[seen]]), axis=0, return_counts=True
    )
    ids = np.full(count, -1, np.int64)
    used: set[int] = set()
    for row in np.lexsort((pairs[:, 1], pairs[:, 0], -overlap)):
        cluster, label = int(pairs[row, 0]), int(pairs[row, 1])
        if ids[label] < 0 and cluster not in used:
            ids[label] = cluster
            used.add(cluster)
    fresh = np.flatnonzero(ids < 0)
    ids[fresh] = new_ids(len(fresh))
    return ids[labels] if count else np.zeros(0, np.int64)

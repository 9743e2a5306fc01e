"""Who is who across labelled sets: one person may stand in two of them under two names."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from faceclust.records import BoolArray, FloatArray, IntArray

SAME = 0.58  # two people of two sets this similar are one person; babies take more
SAME_BABY = 0.85
UNSURE = 0.10  # this much less similar: nobody knows
LARGEST_MERGE = 12


@dataclass(frozen=True, slots=True, eq=False)
class Unified:
    """People and groups across the sets.

    Attributes:
        person: (N,) who it is, 0..P-1.
        group: (N,) what must not be torn apart by a split.
        unsure: (U,) sorted codes `lower * P + higher` of two people who may be one.
    """

    person: IntArray
    group: IntArray
    unsure: IntArray


def unify(
    x: FloatArray,
    person: IntArray,
    group: IntArray,
    source: IntArray,
    baby: BoolArray,
    unlabelled: int,
) -> Unified:
    """Find the people who occur in two sets under two names.

    Args:
        x: (N, D) float32, L2-normalised.
        person, group, source: (N,) as the sets have them.
        baby: (N,) whose face may be too young to tell from others.
        unlabelled: the source in which every face is somebody of its own.
    """
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    P = person.max() + 1
    i, j, same = _look_alikes(x, person, source, baby, unlabelled)
    links = coo_matrix((np.ones(same.sum()), (i[same], j[same])), (P, P))
    merged = connected_components(links, directed=False)[1]
    apart = _impossible(merged, person, source, unlabelled)
    unsure = ~same | apart[i]
    merged = np.where(apart, merged.max() + 1 + np.arange(P), merged)
    merged = np.unique(merged, return_inverse=True)[1]
    low, high = np.sort(merged[np.stack([i[unsure], j[unsure]])], axis=0)
    who = merged[person]
    F = group.max() + 1
    ties = coo_matrix((np.ones(len(who)), (group, F + who)), (F + P, F + P))
    together = connected_components(ties, directed=False)[1]
    return Unified(who, together[group], np.unique(low * (who.max() + 1) + high))


def _look_alikes(
    x: FloatArray, person: IntArray, source: IntArray, baby: BoolArray, unlabelled: int
) -> tuple[IntArray, IntArray, BoolArray]:
    """Pairs of people of different sets (or two strangers) whose mean embeddings are close."""
    P = person.max() + 1
    mean = np.zeros((P, x.shape[1]), np.float32)
    np.add.at(mean, person, x)
    mean /= np.maximum(np.linalg.norm(mean, axis=1, keepdims=True), 1e-9)
    sources, babies = np.zeros(P, np.int64), np.zeros(P, np.bool_)
    sources[person], babies[person] = source, baby
    found = []
    for start in range(0, P, 2000):
        cosine = mean[start : start + 2000] @ mean.T
        i, j = np.nonzero(cosine > SAME - UNSURE)
        near = cosine[i, j]
        i += start
        across = (sources[i] != sources[j]) | (sources[i] == unlabelled)
        limit = np.where(babies[i] | babies[j], SAME_BABY, SAME)
        keep = (i < j) & across & (near > limit - UNSURE)
        found.append((i[keep], j[keep], (near > limit)[keep]))
    i, j, same = (np.concatenate(part) for part in zip(*found, strict=True))
    return i, j, same


def _impossible(merged: IntArray, person: IntArray, source: IntArray, unlabelled: int) -> BoolArray:
    """People whose merger joins two of one labelled set, or so many that it must be a mistake."""
    P = len(merged)
    sources = np.zeros(P, np.int64)
    sources[person] = source
    labelled = np.flatnonzero(sources != unlabelled)
    cell, count = np.unique(
        np.stack([merged[labelled], sources[labelled]]), axis=1, return_counts=True
    )
    wrong = np.union1d(cell[0][count > 1], np.flatnonzero(np.bincount(merged) > LARGEST_MERGE))
    return np.isin(merged, wrong)

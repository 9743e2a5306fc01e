"""What the neighbourhood of two faces says about them: features that know no embedding.

Every feature is symmetric in the two faces. Cosines are standardised by the library's own
strangers (`Scale`), so that a model trained in one embedding space can read them in another.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from faceclust.graph.pairs import Pairs
from faceclust.records import FloatArray, IntArray, Neighbours

TOPS = (1, 3, 5, 10, 20)
SHARED = (5, 10, 20, 50)
EXPANSION = 20
HUB = 10
CHUNK = 5000  # pairs at once: what is worked out for them stays in the processor's cache
NAMES = (
    "z", "rank_min", "rank_max",
    *(f"shared_{k}" for k in SHARED), "jaccard",
    *(f"relative_{t}_{end}" for t in TOPS for end in ("min", "max")),
    "relative_last_min", "relative_last_max", "top_min", "top_max", "density_min", "density_max",
    "hub_min", "hub_max", "mutual_min", "mutual_max", "quality_min", "quality_max",
    "expanded", "expanded_min", "expanded_max",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Scale:
    """Mean and standard deviation of the cosine between strangers."""

    mean: float
    deviation: float

    def standardise(self, cosine: FloatArray) -> FloatArray:
        """How many standard deviations above strangers, float32."""
        return np.asarray((cosine - self.mean) / self.deviation, np.float32)


# Strangers in ArcFace-like spaces: what is usual, the size of library that need not lean on it,
# and the range that no estimate may leave.
USUAL = Scale(0.02, 0.105)
TRUSTED = 200
SAMPLE = 3000
MEANS, DEVIATIONS = (-0.05, 0.12), (0.05, 0.17)
# Of log-lengths: it is 0.12 to 0.16 in the training sets. What somebody has normalised and float16
# has rounded spreads by 1e-5, which says nothing of the faces.
LEAST_SPREAD = 0.01


def strangers(x: FloatArray, *, most: int = SAMPLE) -> Scale:
    """Fit a normal distribution to the lower tail of the cosines of all pairs, or of a sample's.

    The lower tail, because in a library of few people many a random pair is one person. A small
    library leans on what is usual, and even a large one of a single person stays within what was
    ever seen: ArcFace-like spaces hardly differ in this (the training sets, in 512, 192 and both:
    mean 0.003 to 0.048, deviation 0.093 to 0.145).

    Args:
        x: (N, D) float32, L2-normalised.
        most: faces whose pairs are looked at.
    """
    N = len(x)
    if N < 3:
        return USUAL
    some = x[_lot(x, most)]
    cosine = (some @ some.T)[np.triu_indices(len(some), 1)]
    low, high = np.quantile(cosine, [0.02, 0.15])
    deviation = max((high - low) / (2.0537 - 1.0364), 0.02)  # standard normal quantiles
    trust = min(1.0, N / TRUSTED)
    mean = trust * (high + 1.0364 * deviation) + (1 - trust) * USUAL.mean
    deviation = trust * deviation + (1 - trust) * USUAL.deviation
    return Scale(float(np.clip(mean, *MEANS)), float(np.clip(deviation, *DEVIATIONS)))


def _lot(x: FloatArray, most: int) -> IntArray:
    """Rows of `most` random faces, (n,) ascending.

    The lot of a face depends on its numbers alone: in whatever order faces come the same are drawn,
    and of a library that grows by one face at most one is exchanged, as long as faces are not
    turned into principal dimensions (`principal.compact`, from 20,000 on).
    """
    bits = np.ascontiguousarray(x[:, 0], np.float32).view(np.uint32)
    lot = bits * np.uint32(2654435761)  # Knuth's multiplicative hash
    return np.sort(np.argsort(lot, kind="stable")[:most])


def quality(norms: FloatArray) -> FloatArray:
    """How recognisable each face is for its library: the length of its raw embedding, standardised.

    ArcFace networks give blurred, small and turned faces shorter embeddings (MagFace; Meng et al.,
    2021). The logarithm is standardised by the library's median and spread, so that networks can
    be compared.

    Args:
        norms: (N, networks) positive lengths; several networks are averaged.

    Returns:
        (N,) float32 in [-4, 4].
    """
    if not norms.size:
        return np.zeros(len(norms), np.float32)
    log = np.log(np.maximum(norms, 1e-9))
    low, middle, high = np.quantile(log, [0.16, 0.5, 0.84], axis=0)
    standard = (log - middle) / np.maximum((high - low) / 2, LEAST_SPREAD)
    return np.asarray(standard.clip(-4, 4).mean(1), np.float32)


def features(
    x: FloatArray,
    neighbours: Neighbours,
    pairs: Pairs,
    scale: Scale,
    quality: FloatArray | None = None,
    faces: IntArray | None = None,
) -> Iterator[FloatArray]:
    """The features of the pairs, in chunks of at most `CHUNK`.

    Args:
        x: (N, D) float32, L2-normalised.
        neighbours: of the same N faces.
        pairs: which pairs; any subset of `pairs.candidate_pairs`.
        scale: from `strangers`.
        quality: (N,) from `quality`; None where the lengths are not known.
        faces: those that the pairs are made of, ascending; None for all.

    Yields:
        (chunk, len(NAMES)) float32.
    """
    table = _Table.of(x, neighbours, scale, quality, faces)
    for chunk in _chunks(pairs.index.shape[1]):
        yield table.features(pairs.index[:, chunk], pairs.similarity[chunk], pairs.rank[:, chunk])


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    """What is known of F of the N faces before any pair is looked at; a row for each.

    Attributes:
        row: (N,) where a face stands in the table.
        x: (F, D).
    """

    row: IntArray
    x: FloatArray
    scale: Scale
    tops: FloatArray
    ends: FloatArray
    shared: list[Any]
    weights: Any
    expanded: FloatArray

    @classmethod
    def of(
        cls,
        x: FloatArray,
        neighbours: Neighbours,
        scale: Scale,
        quality: FloatArray | None,
        faces: IntArray | None,
    ) -> _Table:
        """Work out what `features` looks up; arguments as there."""
        N = len(neighbours.index)
        own = np.arange(N) if faces is None else faces
        row = np.full(N, -1, np.int64)
        row[own] = np.arange(len(own))
        index, similarity = neighbours.index, neighbours.similarity
        if faces is not None:
            index, similarity = index[own], similarity[own]
        z = np.where(index < 0, np.float32(0), scale.standardise(similarity))
        tops = np.stack([z[:, :t].mean(1) for t in TOPS] + [z[:, -1]], 1)
        listed = neighbours.index[:, :HUB][neighbours.index[:, :HUB] >= 0]
        hub = np.log1p(np.bincount(listed, minlength=N)[own]).astype(np.float32)
        lists = [_lists(own, index[:, :s], None, N) for s in SHARED]
        known = np.zeros(len(own), np.float32) if quality is None else quality[own]
        ends = np.stack([z[:, 0], z.mean(1), hub, _mutual(neighbours.index, own), known], 1)
        weights = _lists(own, index[:, :EXPANSION], z[:, :EXPANSION].clip(0), N)
        expanded = _expand(x, own, index, z)
        return cls(row, x if faces is None else x[own], scale, tops, ends, lists, weights, expanded)

    def features(self, index: IntArray, similarity: FloatArray, rank: FloatArray) -> FloatArray:
        i, j = self.row[index]
        z = self.scale.standardise(similarity)
        a, b = self.tops[i], self.tops[j]
        near, far = z[:, None] - np.maximum(a, b), z[:, None] - np.minimum(a, b)
        u, v = self.ends[i], self.ends[j]
        ends = np.stack([np.minimum(u, v), np.maximum(u, v)], 2).reshape(len(z), -1)
        relative = np.stack([near, far], 2).reshape(len(z), -1)
        shared = [_dot(m[i], m[j]) / m_k for m, m_k in zip(self.shared, SHARED, strict=True)]
        columns = [z, np.log1p(rank.min(0)), np.log1p(rank.max(0)), *shared, self._jaccard(i, j)]
        return np.column_stack([*columns, relative, ends, *self._expanded(i, j)]).astype(np.float32)

    def _jaccard(self, i: IntArray, j: IntArray) -> FloatArray:
        a, b = self.weights[i], self.weights[j]
        both = np.asarray(a.minimum(b).sum(1)).ravel()
        total = np.asarray(a.sum(1) + b.sum(1)).ravel()
        return np.asarray(both / (total - both), np.float32)

    def _expanded(self, i: IntArray, j: IntArray) -> list[FloatArray]:
        v, w = self.expanded[i], self.expanded[j]
        ij, ji = _inner(v, self.x[j]), _inner(w, self.x[i])
        cosines = _inner(v, w), np.minimum(ij, ji), np.maximum(ij, ji)
        return [self.scale.standardise(cosine) for cosine in cosines]


def _mutual(index: IntArray, own: IntArray) -> FloatArray:
    """How many of the first `EXPANSION` neighbours of some faces list them among theirs."""
    count = np.zeros(len(own), np.float32)
    for chunk in _chunks(len(own)):
        face, listed = own[chunk], index[own[chunk], :EXPANSION]
        for near in listed.T:
            back = (index[near, :EXPANSION] == face[:, None]).any(1)
            count[chunk] += back & (near >= 0)
    return count


def _expand(x: FloatArray, own: IntArray, index: IntArray, z: FloatArray) -> FloatArray:
    """Each face averaged with its neighbours, the cube of their standardised cosine as weight."""
    w = _lists(own, index[:, :EXPANSION], (z[:, :EXPANSION].clip(0) / np.float32(8)) ** 3, len(x))
    v = np.asarray(w @ x, np.float32)
    for chunk in _chunks(len(v)):
        v[chunk] /= np.maximum(np.linalg.norm(v[chunk], axis=1, keepdims=True), 1e-9)
    return v


def _lists(own: IntArray, index: IntArray, weight: FloatArray | None, N: int) -> Any:
    """Neighbour lists and the face itself as an (F, N) CSR matrix; weight 1 for the face."""
    from scipy.sparse import csr_matrix

    F, k = index.shape
    # 32 bits take half of the memory, up to the 2,147,483,647 faces that they can number.
    number = np.int64 if np.iinfo(np.int32).max < N else np.int32
    col = np.empty((F, k + 1), number)
    col[:, 0], col[:, 1:] = own, index
    keep = col >= 0
    ends = np.concatenate([[0], np.cumsum(keep.sum(1))])
    value = np.ones(ends[-1], np.float32)
    if weight is not None:
        value = np.column_stack([np.ones(F, np.float32), weight])[keep]
    matrix = csr_matrix((value, col[keep], ends), (F, N))
    matrix.sort_indices()
    return matrix


def _dot(a: Any, b: Any) -> FloatArray:
    return np.asarray(a.multiply(b).sum(1), np.float32).ravel()


def _inner(a: FloatArray, b: FloatArray) -> FloatArray:
    return np.asarray(np.einsum("ed,ed->e", a, b), np.float32)


def _chunks(total: int) -> Iterator[slice]:
    return (slice(s, min(s + CHUNK, total)) for s in range(0, total, CHUNK))

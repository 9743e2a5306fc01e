"""The rivals' rules, on neighbour lists where they allow it, so that large libraries fit.

Every function returns labels (N,) int64, 0..K-1 in order of first appearance; a face that its rule
leaves out is a cluster of its own. N is at least 2. `threshold` is a cosine similarity in (0, 1]
(`hdbscan`: or 0), the higher the stricter, except in `aro`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from faceclust.cluster.infomap import renumber
from faceclust.errors import OptionError
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

HAC_LIMIT = 20_000
HAC_BLOCK = 256
CDP_MAX_SIZE = 600
CDP_STEP = 0.05
CDP_ROUNDS = 100
WHISPER_ROUNDS = 100
DBSCAN_MIN_FACES = 3
HDBSCAN_MIN_SIZE = 2
IMMICH_MIN_FACES = 3
SMALL = 1e-6


def similarity_matrix(neighbours: Neighbours, threshold: float) -> Any:
    """The listed pairs of cosine similarity >= threshold >= 0, as a symmetric (N, N) CSR matrix.

    A pair that only one of the two faces lists counts in both directions.
    """
    listed = _listed(neighbours, threshold)
    return listed.maximum(listed.T).tocsr()


def components(neighbours: Neighbours, threshold: float) -> IntArray:
    """Connected components of the pairs at or above a cosine similarity (single linkage)."""
    return _connected(similarity_matrix(neighbours, threshold))


def connected(graph: Graph) -> IntArray:
    """Connected components of a graph that is pruned already: every pair in it joins two faces."""
    i, j = graph.edge_index
    return _connected(_csr(i, j, np.ones(len(i)), graph.num_nodes))


def chinese_whispers(neighbours: Neighbours, threshold: float, seed: int = 0) -> IntArray:
    """Chinese whispers (Biemann, 2006): each face adopts the class that weighs most around it.

    Faces are visited in random order, at most 100 rounds, until nothing changes; a tie keeps the
    class that the face has, or else takes the smallest. Pairs count at or above the cosine
    similarity `threshold`, weighted by it. The result depends on the order of the faces.
    """
    graph = similarity_matrix(neighbours, threshold)
    near = np.split(graph.indices, graph.indptr[1:-1])
    weight = np.split(graph.data, graph.indptr[1:-1])
    label = np.arange(graph.shape[0])
    restless = np.diff(graph.indptr) > 0
    rng = np.random.default_rng(seed)
    for _ in range(WHISPER_ROUNDS):
        if not restless.any():
            break
        for face in rng.permutation(len(label)):
            if not restless[face]:  # nothing has changed around it since its last visit
                continue
            restless[face] = False
            heaviest = _heaviest(label[near[face]], weight[face], label[face])
            if heaviest != label[face]:
                label[face] = heaviest
                restless[near[face]] = True
    return renumber(label)


def cdp(neighbours: Neighbours, threshold: float) -> IntArray:
    """Consensus-driven propagation with a single model (Zhan et al., 2018).

    Joins pairs that list each other at or above the cosine similarity `threshold`. A component of
    more than 600 faces is split again at a rising threshold, t += 0.05 (1 - t) from the lowest
    similarity on, for at most 100 rounds.
    """
    listed = _listed(neighbours, threshold)
    mutual = listed.minimum(listed.T).tocoo()
    row, col, score = mutual.row, mutual.col, mutual.data
    rising = score.min(initial=1)
    for _ in range(CDP_ROUNDS):
        labels = _connected(_csr(row, col, score, mutual.shape[0]))
        large = np.bincount(labels)[labels] > CDP_MAX_SIZE
        if not large.any():
            break
        rising += (1 - rising) * CDP_STEP
        keep = ~large[row] | (score >= rising)
        row, col, score = row[keep], col[keep], score[keep]
    return labels


def aro(neighbours: Neighbours, threshold: float) -> IntArray:
    """Approximate rank-order clustering (Otto et al., 2016), merging transitively.

    `threshold` is the largest rank-order distance, not a similarity, at which a pair is merged.
    """
    return next(aro_sweep(neighbours, [threshold]))


def aro_sweep(neighbours: Neighbours, thresholds: Iterable[float]) -> Iterator[IntArray]:
    """`aro` at several thresholds, the distances computed once."""
    N = len(neighbours.index)
    rank = np.full(N + 1, np.iinfo(np.int64).max)  # the last entry stands for "no neighbour", -1
    listed, distances = [], []
    for face in range(N):
        mine = neighbours.index[face][neighbours.index[face] >= 0]
        rank[mine], rank[face] = np.arange(1, len(mine) + 1), 0
        distances.append(_rank_order_distance(rank[neighbours.index[mine]]))
        rank[mine] = rank[face] = rank[-1]
        listed.append(mine)
    row, col = np.repeat(np.arange(N), [len(mine) for mine in listed]), np.concatenate(listed)
    distance = np.concatenate(distances)
    for threshold in thresholds:
        near = distance <= threshold
        yield _connected(_csr(row[near], col[near], np.ones(near.sum()), N))


def hac(x: FloatArray, threshold: float) -> IntArray:
    """Average-linkage agglomerative clustering, cut at a mean cosine similarity of `threshold`.

    Args:
        x: (N, D) float32, L2-normalised; the N (N - 1) / 2 distances are held in memory.
        threshold: clusters are merged while their mean similarity is above it.

    Raises:
        OptionError: more faces than the distances of which fit.
    """
    return next(hac_sweep(x, [threshold]))


def hac_sweep(x: FloatArray, thresholds: Iterable[float]) -> Iterator[IntArray]:
    """`hac` at several thresholds: one dendrogram, cut at each."""
    from scipy.cluster.hierarchy import fcluster, linkage

    if len(x) > HAC_LIMIT:
        raise OptionError(
            f"--method hac compares all pairs and takes at most {HAC_LIMIT:,} faces, not"
            f" {len(x):,}; use --method infomap, or components for single linkage."
        )
    tree = linkage(_cosine_distances(x), "average")
    for threshold in thresholds:
        below = np.nextafter(1 - threshold, -1)  # fcluster joins at the height itself, too
        yield renumber(fcluster(tree, below, "distance").astype(np.int64))


def dbscan(neighbours: Neighbours, threshold: float) -> IntArray:
    """DBSCAN (Ester et al., 1996); eps = 1 - `threshold`, which is a cosine similarity.

    A core face has at least 3 faces within eps, itself included, as Immich demands.
    """
    from sklearn.cluster import DBSCAN

    # Every pair that is stored lies within eps already: 2, the largest distance, keeps them all.
    model = DBSCAN(eps=2, min_samples=DBSCAN_MIN_FACES, metric="precomputed")
    distances = _distances(similarity_matrix(neighbours, threshold))
    return renumber(model.fit_predict(distances).astype(np.int64))


def hdbscan(neighbours: Neighbours, threshold: float = 0.0) -> IntArray:
    """HDBSCAN (Campello et al., 2013) on the neighbour graph, clusters of two faces and more.

    No cluster holds together by pairs below the cosine similarity `threshold`; at 0 the method
    chooses by itself.
    """
    from sklearn.cluster import HDBSCAN

    distances = _distances(similarity_matrix(neighbours, threshold))
    part = _connected(distances)
    model = HDBSCAN(
        min_cluster_size=HDBSCAN_MIN_SIZE,
        min_samples=HDBSCAN_MIN_SIZE - 1,  # the face itself is not in its row of the matrix
        metric="precomputed",
        copy=True,
    )
    labels = model.fit_predict(distances + _bridges(part, _chord(threshold))).astype(np.int64)
    # A face that hangs on a bridge alone is counted to the cluster at the other end.
    return renumber(np.where(labels < 0, -1, labels * len(part) + part))


def kmeans(x: FloatArray, num_people: int | None, seed: int = 0) -> IntArray:
    """K-means with the true number of people given, as the literature does; no threshold.

    Raises:
        OptionError: the number of people is missing, or is not one of 1..N.
    """
    from sklearn.cluster import KMeans

    if num_people is None or not 1 <= num_people <= len(x):
        raise OptionError(
            f"--method kmeans needs --num-people, the number of people, from 1 to {len(x)}, the"
            f" number of faces; it is {num_people}."
        )
    model = KMeans(num_people, n_init=1, random_state=seed)
    return renumber(model.fit_predict(x).astype(np.int64))


def immich(x: FloatArray, neighbours: Neighbours, threshold: float) -> IntArray:
    """Immich's queue: a core face founds a person, others join the nearest person.

    A face with no other at or above the cosine similarity `threshold` is skipped. One with fewer
    than 3 there, itself included, is put off once to the end of the queue, and founds nobody. The
    result depends on the order of the faces.
    """
    person = np.full(len(x), -1)
    queue = deque((face, False) for face in range(len(x)))
    while queue:
        face, deferred = queue.popleft()
        near = neighbours.index[face][neighbours.similarity[face] >= threshold]
        core = len(near) + 1 >= IMMICH_MIN_FACES
        if not len(near):
            continue
        if not core and not deferred:
            queue.append((face, True))
            continue
        known = near[person[near] >= 0]
        if not len(known) and len(near) == neighbours.index.shape[1]:  # the list was too short
            known = _known_beyond(x, face, person, threshold)
        if len(known):
            person[face] = person[known[0]]
        elif core:
            person[face] = face
    return renumber(person)


def _known_beyond(x: FloatArray, face: int, person: IntArray, threshold: float) -> IntArray:
    """Of all faces that have a person, the nearest to `face` within the threshold, or none."""
    known = np.flatnonzero(person >= 0)
    similarity = x[known] @ x[face]
    near = known[similarity >= threshold]
    return near[:0] if not len(near) else known[[similarity.argmax()]]


def _listed(neighbours: Neighbours, threshold: float) -> Any:
    """The neighbour lists at or above the threshold as an (N, N) CSR matrix, not symmetric."""
    keep = (neighbours.index >= 0) & (neighbours.similarity >= threshold)
    row = np.repeat(np.arange(len(keep)), keep.sum(1))
    return _csr(row, neighbours.index[keep], neighbours.similarity[keep], len(keep))


def _csr(row: IntArray, col: IntArray, data: NDArray[Any], N: int) -> Any:
    from scipy.sparse import csr_matrix

    return csr_matrix((data, (row, col)), shape=(N, N))


def _connected(graph: Any) -> IntArray:
    from scipy.sparse.csgraph import connected_components

    return renumber(connected_components(graph, directed=False)[1].astype(np.int64))


def _heaviest(classes: IntArray, weights: FloatArray, own: int) -> int:
    """The class of the largest total weight; `own` where it is one of several."""
    candidates, inverse = np.unique(classes, return_inverse=True)
    total = np.bincount(inverse, weights)
    best = candidates[total == total.max()]
    return own if own in best else int(best[0])


def _rank_order_distance(seen: IntArray) -> NDArray[np.float64]:
    """Approximate rank-order distance of a face a to each of its m neighbours b.

    (d(a, b) + d(b, a)) / min(O_a(b), O_b(a)), where O_a(b) is the rank of b in the list of a, k
    where it is not listed, and d(a, b) counts the faces in the list of a up to b that b lacks.

    Args:
        seen: (m, k) ranks in the list of a (from 1; a itself 0; more than m: absent) of the
            neighbours of each b, in the order in which a and b list them.
    """
    m, k = seen.shape
    forth = np.arange(1, m + 1)
    back = np.where((seen == 0).any(1), (seen == 0).argmax(1) + 1, k)
    shared = (seen >= 1) & (seen <= forth[:, None])
    lacking = (seen > m) & (np.arange(1, k + 1) <= back[:, None])
    lost = forth - 1 - shared.sum(1) + lacking.sum(1)  # b is no neighbour that b could lack
    distance: NDArray[np.float64] = lost / np.minimum(forth, back)
    return distance


def _cosine_distances(x: FloatArray) -> NDArray[np.float64]:
    """1 - cosine of all pairs i < j, one row of the upper triangle after another."""
    N = len(x)
    distances, start = np.empty(N * (N - 1) // 2), 0
    for block in range(0, N, HAC_BLOCK):
        cosine = x[block : block + HAC_BLOCK] @ x[block:].T
        for i, row in enumerate(cosine):
            stop = start + len(row) - i - 1
            distances[start:stop] = 1 - row[i + 1 :]
            start = stop
    return distances.clip(0, 2, out=distances)


def _chord(similarity: Any) -> Any:
    """Euclidean distance of unit vectors; never 0, which would be no edge in a sparse matrix."""
    return np.sqrt(np.maximum(2 - 2 * similarity, SMALL))


def _distances(similarity: Any) -> Any:
    """A CSR matrix of Euclidean distances in place of the cosine similarities."""
    distances = similarity.astype(np.float64)
    distances.data = _chord(distances.data)
    return distances


def _bridges(part: IntArray, length: float) -> Any:
    """Edges of this length from the first component to every other one, as HDBSCAN demands."""
    first = np.unique(part, return_index=True)[1]
    row, col = np.full(len(first) - 1, first[0]), first[1:]
    bridges = _csr(row, col, np.full(len(row), length), len(part))
    return bridges + bridges.T

import numpy as np
import pytest

from faceclust.cluster import baselines
from faceclust.errors import OptionError
from faceclust.records import FloatArray, IntArray, Neighbours


def lists(x: FloatArray, k: int) -> Neighbours:
    """Exact neighbour lists of few faces, padded; written anew, as rooms do not import."""
    similarity = x @ x.T
    np.fill_diagonal(similarity, -2)
    index = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    near = np.take_along_axis(similarity, index, 1)
    padding = ((0, 0), (0, k - index.shape[1]))
    own = near == -2
    return Neighbours(
        np.pad(np.where(own, -1, index), padding, constant_values=-1),
        np.pad(np.where(own, -1, near), padding, constant_values=-1).astype(np.float32),
    )


def arc(*degrees: float) -> FloatArray:
    """Unit vectors in the plane: the cosine similarity of two is that of their angle."""
    angle = np.radians(degrees)
    return np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)


def people(count: int = 30, faces: int = 6, noise: float = 0.9) -> FloatArray:
    rng = np.random.default_rng(3)
    x = np.repeat(rng.standard_normal((count, 32)), faces, axis=0)
    x += noise * rng.standard_normal(x.shape)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def given_lists(*rows: dict[int, float]) -> Neighbours:
    k = max(len(row) for row in rows)
    padded = [
        sorted(((s, i) for i, s in row.items()), reverse=True) + [(-1.0, -1)] * (k - len(row))
        for row in rows
    ]
    return Neighbours(
        np.array([[i for _, i in row] for row in padded]),
        np.array([[s for s, _ in row] for row in padded], np.float32),
    )


def same_partition(a: IntArray, b: IntArray) -> bool:
    return bool(((a[:, None] == a) == (b[:, None] == b)).all())


COS_10 = float(np.cos(np.radians(10.5)))  # lets steps of 10 degrees through
TRUTH = np.repeat(np.arange(30), 6)
BY_LISTS = {
    "components": lambda x: baselines.components(lists(x, 10), 0.75),
    "cdp": lambda x: baselines.cdp(lists(x, 10), 0.75),
    "aro": lambda x: baselines.aro(lists(x, 5), 0.3),
    "dbscan": lambda x: baselines.dbscan(lists(x, 10), 0.75),
    "hdbscan": lambda x: baselines.hdbscan(lists(x, 10)),
    "hac": lambda x: baselines.hac(x, 0.7),
}
BY_ORDER = {
    "chinese-whispers": lambda x: baselines.chinese_whispers(lists(x, 10), 0.6),
    "immich": lambda x: baselines.immich(x, lists(x, 10), 0.7),
    "kmeans": lambda x: baselines.kmeans(x, 30),
}


@pytest.mark.parametrize("name", [*BY_LISTS, *BY_ORDER])
def test_well_separated_people_are_found(name: str) -> None:
    x = people(noise=0.2)
    labels = (BY_LISTS | BY_ORDER)[name](x)
    assert labels.dtype == np.int64
    if name == "kmeans":  # a single start leaves some centres in one person
        assert np.mean((labels[:, None] == labels) == (TRUTH[:, None] == TRUTH)) > 0.98
    else:
        assert labels.tolist() == TRUTH.tolist()


@pytest.mark.parametrize("name", BY_LISTS)
def test_partition_does_not_depend_on_the_order_of_faces(name: str) -> None:
    x = people()
    labels = BY_LISTS[name](x)
    assert 1 < labels.max() + 1 < len(x)
    for seed in range(3):
        order = np.random.default_rng(seed).permutation(len(x))
        assert same_partition(BY_LISTS[name](x[order]), labels[order])


@pytest.mark.parametrize("name", [*BY_LISTS, *BY_ORDER])
def test_exact_duplicates_end_up_together(name: str) -> None:
    x = np.repeat(people(30, 1), 6, axis=0)
    assert (BY_LISTS | BY_ORDER)[name](x).tolist() == TRUTH.tolist()


def test_components_count_a_pair_that_only_one_face_lists() -> None:
    near = given_lists({1: 0.9}, {2: 0.95}, {1: 0.95}, {2: 0.3})
    assert baselines.components(near, 0.9).tolist() == [0, 0, 0, 1]
    assert baselines.components(near, 0.91).tolist() == [0, 1, 1, 2]


def test_chinese_whispers_follow_the_heavier_side() -> None:
    triangles = [(0, 1), (0, 2), (1, 2), (3, 4), (3, 5), (4, 5)]
    weights = dict.fromkeys(triangles, 0.9) | {(2, 3): 0.7}
    near = given_lists(
        *(
            {j: w for (i, j), w in weights.items() if i == face}
            | {i: w for (i, j), w in weights.items() if j == face}
            for face in range(6)
        ),
        {0: 0.2},
    )
    for seed in range(10):
        assert baselines.chinese_whispers(near, 0.6, seed).tolist() == [0, 0, 0, 1, 1, 1, 2]
    assert baselines.chinese_whispers(near, 0.95).tolist() == list(range(7))


def test_cdp_joins_mutual_neighbours_only() -> None:
    near = given_lists({1: 0.9}, {2: 0.95}, {1: 0.95})
    assert baselines.cdp(near, 0.5).tolist() == [0, 1, 1]


def test_cdp_splits_a_component_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    chain = [0.9, 0.6, 0.9, 0.5, 0.9]  # similarity of each face and the next
    rows: list[dict[int, float]] = [{} for _ in range(8)]
    for i, weight in enumerate(chain):
        rows[i][i + 1] = rows[i + 1][i] = weight
    rows[6][7] = rows[7][6] = 0.4
    near = given_lists(*rows)
    assert baselines.cdp(near, 0.3).tolist() == [0] * 6 + [1, 1]
    monkeypatch.setattr(baselines, "CDP_MAX_SIZE", 4)
    # The threshold rises from 0.4 past 0.5, where four and two are left: both small enough.
    assert baselines.cdp(near, 0.3).tolist() == [0, 0, 0, 0, 1, 1, 2, 2]
    monkeypatch.setattr(baselines, "CDP_MAX_SIZE", 2)
    assert baselines.cdp(near, 0.3).tolist() == [0, 0, 1, 1, 2, 2, 3, 3]


def test_aro_equals_the_published_formula() -> None:
    x = people(8, 4, 0.7)
    near = lists(x, 6)
    ranked = [[face, *row] for face, row in enumerate(near.index.tolist())]

    def d(a: int, b: int) -> int:
        return sum(face not in ranked[b] for face in ranked[a][1 : rank(a, b) + 1])

    def rank(a: int, b: int) -> int:
        return ranked[a].index(b) if b in ranked[a] else 6

    distance = {
        (a, b): (d(a, b) + d(b, a)) / min(rank(a, b), rank(b, a))
        for a in range(len(x))
        for b in ranked[a][1:]
    }
    for threshold in (0.0, 0.25, 0.5, 1.0):
        expected = np.arange(len(x))
        for (a, b), value in distance.items():
            if value <= threshold:
                expected[expected == expected[b]] = expected[a]
        assert same_partition(baselines.aro(near, threshold), expected)


def test_hac_cuts_at_the_mean_similarity() -> None:
    x = arc(0, 10, 40)
    mean = float(np.cos(np.radians([40, 30])).mean())
    assert baselines.hac(x, mean + 0.01).tolist() == [0, 0, 1]
    assert baselines.hac(x, mean - 0.01).tolist() == [0, 0, 0]


def test_hac_refuses_what_does_not_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "HAC_LIMIT", 2)
    with pytest.raises(OptionError, match=r"at most 2 faces, not 3; use --method infomap"):
        baselines.hac(arc(0, 10, 40), 0.5)


def test_dbscan_needs_three_faces_for_a_core() -> None:
    x = arc(0, 10, 20, 90, 100, 150)
    assert baselines.dbscan(lists(x, 5), COS_10).tolist() == [0, 0, 0, 1, 2, 3]


def test_hdbscan_needs_no_threshold_and_heeds_one() -> None:
    x = arc(0, 2, 50, 52, 90, 93)
    assert baselines.hdbscan(lists(x, 5)).tolist() == [0, 0, 1, 1, 2, 2]
    strict = float(np.cos(np.radians(2.5)))
    assert baselines.hdbscan(lists(x, 5), strict).tolist() == [0, 0, 1, 1, 2, 3]


def test_hdbscan_on_the_lists_equals_hdbscan_on_the_vectors() -> None:
    from sklearn.cluster import HDBSCAN

    x = people()
    labels = HDBSCAN(min_cluster_size=2, min_samples=2, copy=True).fit_predict(x)
    together = baselines.hdbscan(lists(x, len(x) - 1))
    noise = labels < 0
    assert same_partition(together[~noise], labels[~noise])
    assert all(np.sum(together == together[face]) == 1 for face in np.flatnonzero(noise))


@pytest.mark.parametrize("num_people", [None, 0, 4])
def test_kmeans_needs_a_possible_number_of_people(num_people: int | None) -> None:
    with pytest.raises(OptionError, match="--num-people"):
        baselines.kmeans(arc(0, 10, 40), num_people)


def test_immich_defers_once_then_joins_but_never_founds() -> None:
    # 0 sees only 1 and waits; 1 is core and founds; 2 sees only 1 and waits; both then join.
    chain = arc(0, 10, 20, 150, 160, 250)
    assert baselines.immich(chain, lists(chain, 5), COS_10).tolist() == [0, 0, 0, 1, 2, 3]


def test_immich_joins_a_person_within_reach_before_it_founds_one() -> None:
    # 0-2 found a person. The two nearest of 3 have nobody yet, but 2 is within reach.
    x = arc(0, 1, 2, 14, 18, 19)
    threshold = float(np.cos(np.radians(12.5)))
    assert baselines.immich(x, lists(x, 5), threshold).tolist() == [0] * 6
    narrow = float(np.cos(np.radians(6)))
    assert baselines.immich(x, lists(x, 5), narrow).tolist() == [0, 0, 0, 1, 1, 1]


def test_immich_depends_on_the_order_of_the_queue() -> None:
    # The outer three come first and found a person; 0 sees 1 and 2 only, and founds another.
    x = arc(18, 14, 19, 0, 1, 2)
    threshold = float(np.cos(np.radians(12.5)))
    assert baselines.immich(x, lists(x, 5), threshold).tolist() == [0, 0, 0, 1, 1, 1]


def test_immich_looks_beyond_lists_that_are_too_short() -> None:
    x = arc(0, 1, 2, 14, 18, 19)
    threshold = float(np.cos(np.radians(12.5)))
    full, short = (baselines.immich(x, lists(x, k), threshold) for k in (5, 2))
    assert short.tolist() == full.tolist()

import numpy as np
import pytest

from faceclust.cluster.fc_es import edge_probability, fc_es
from faceclust.records import FloatArray, Graph, IntArray, Neighbours


def lists(x: FloatArray, k: int) -> Neighbours:
    similarity = x @ x.T
    np.fill_diagonal(similarity, -2)
    index = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
    near = np.take_along_axis(similarity, index, 1)
    return Neighbours(np.where(near < -1, -1, index), near.clip(-1).astype(np.float32))


def people(count: int = 30, faces: int = 6, noise: float = 0.3) -> FloatArray:
    rng = np.random.default_rng(3)
    x = np.repeat(rng.standard_normal((count, 32)), faces, axis=0)
    x += noise * rng.standard_normal(x.shape)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def published(near: Neighbours) -> FloatArray:
    """The formula, one pair after another."""
    N, k = near.index.shape
    p: list[dict[int, float]] = []
    for i in range(N):
        cosine = {i: 1.0} | {
            int(j): max(float(s), 0.0)
            for j, s in zip(near.index[i], near.similarity[i], strict=True)
            if j >= 0
        }
        weight = {j: np.exp(-(2 - 2 * c) / 0.5) for j, c in cosine.items()}
        p.append({j: w / sum(weight.values()) for j, w in weight.items()})
    result = np.zeros((N, k), np.float32)
    for i in range(N):
        for place, j in enumerate(near.index[i]):
            if j >= 0:
                shared = p[i].keys() & p[j].keys()
                result[i, place] = sum(p[i][m] + p[j][m] for m in shared) / 2
    return result


@pytest.mark.parametrize(("faces", "k"), [(180, 8), (5, 8)])
def test_edge_probability_equals_the_published_formula(faces: int, k: int) -> None:
    near = lists(people(noise=0.9)[:faces], k)
    np.testing.assert_allclose(edge_probability(near), published(near), atol=1e-6)


def test_people_are_found_where_lists_are_as_long_as_people_are_large() -> None:
    labels = fc_es(lists(people(), 5))
    assert labels.tolist() == np.repeat(np.arange(30), 6).tolist()


def test_the_same_seed_repeats_itself() -> None:
    near = lists(people(noise=0.9), 8)
    for seed in (0, 2**32 - 2):
        assert fc_es(near, 0.3, seed).tolist() == fc_es(near, 0.3, seed).tolist()


# Two threes; 0 also lists 3, 4 and 5, after the pair at which its list ends.
NEAR = Neighbours(
    np.array([[1, 2, 6, 3], [0, 2, -1, -1], [0, 1, -1, -1], [4, 5, -1, -1], [3, 5, -1, -1],
              [3, 4, -1, -1], [-1, -1, -1, -1]]),
    np.full((7, 4), 0.5, np.float32),
)  # fmt: skip
SURE = np.where(NEAR.index >= 0, np.float32(0.9), np.float32(0))
THREES: IntArray = np.array([0, 0, 0, 1, 1, 1, 2])


def stopped(at: float) -> FloatArray:
    probability = SURE.copy()
    probability[0, 2] = at
    return probability


def arcs_of(monkeypatch: pytest.MonkeyPatch, **options: object) -> dict[tuple[int, int], float]:
    """What Infomap is given."""
    seen: dict[tuple[int, int], float] = {}

    def spy(arcs: IntArray, weight: FloatArray, N: int, *, seed: int) -> IntArray:
        seen.update(zip(zip(*arcs.tolist(), strict=True), weight.tolist(), strict=True))
        return np.arange(N)

    monkeypatch.setattr("faceclust.cluster.fc_es.directed_communities", spy)
    fc_es(NEAR, 0.22, **options)  # type: ignore[arg-type]
    return seen


def test_nothing_is_linked_after_the_first_pair_below_theta(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert (0, 3) in arcs_of(monkeypatch, probability=stopped(0.22))
    assert not {(0, 6), (0, 3)} & arcs_of(monkeypatch, probability=stopped(0.21)).keys()


def test_links_run_one_way_and_weigh_their_probability(monkeypatch: pytest.MonkeyPatch) -> None:
    arcs = arcs_of(monkeypatch, probability=stopped(0.5))
    assert arcs[0, 6] == 0.5
    assert (6, 0) not in arcs


def test_a_face_without_links_stays_alone() -> None:
    assert fc_es(NEAR, probability=stopped(0.1)).tolist() == THREES.tolist()


@pytest.mark.parametrize(
    ("own", "model", "back"),
    [(0.15, 0.6, True), (0.15, 0.59, False), (0.11, 0.99, False), (0.15, None, False)],
)
def test_edge_recall_needs_both_probabilities(
    monkeypatch: pytest.MonkeyPatch, own: float, model: float | None, back: bool
) -> None:
    pairs, weight = np.array([[0], [6 if model else 5]]), np.array([model or 0.9], np.float32)
    recall = Graph(pairs, weight, 7)
    arcs = arcs_of(monkeypatch, probability=stopped(own), recall=recall)
    assert ((0, 6) in arcs) == back
    if back:
        assert arcs[0, 6] == pytest.approx(model)
    assert arcs[0, 1] == pytest.approx(0.9)

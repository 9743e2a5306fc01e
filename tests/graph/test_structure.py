import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from faceclust.embed.arcface import lengths
from faceclust.graph import structure
from faceclust.graph.knn import knn
from faceclust.graph.pairs import Pairs, candidate_pairs
from faceclust.graph.structure import NAMES, features, strangers
from faceclust.records import FloatArray


def people(num_people: int, photos: int, noise: float = 0.5, seed: int = 0) -> FloatArray:
    rng = np.random.default_rng(seed)
    centre = np.repeat(rng.normal(size=(num_people, 64)), photos, axis=0)
    return unit(centre + noise * rng.normal(size=centre.shape))


def unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def of(x: FloatArray, k: int = 10, quality: FloatArray | None = None) -> tuple[Pairs, FloatArray]:
    neighbours = knn(x, k)
    pairs = candidate_pairs(neighbours)
    chunks = list(features(x, neighbours, pairs, strangers(x), quality))
    return pairs, np.concatenate(chunks)


@pytest.mark.parametrize(("num_people", "photos"), [(2000, 1), (200, 10), (10, 40)])
def test_strangers_are_measured_whatever_the_library_looks_like(
    num_people: int, photos: int
) -> None:
    scale = strangers(people(num_people, photos))
    assert scale.mean == pytest.approx(0, abs=0.05)
    assert scale.deviation == pytest.approx(1 / 8, rel=0.35)


@pytest.mark.parametrize("faces", [0, 1, 2])
def test_tiny_libraries(faces: int) -> None:
    x = people(faces, 1)
    neighbours = knn(x, 5)
    pairs = candidate_pairs(neighbours)
    assert pairs.index.shape == (2, faces // 2)
    for chunk in features(x, neighbours, pairs, strangers(x)):
        assert np.isfinite(chunk).all()


def test_features_do_not_depend_on_the_order_of_the_faces() -> None:
    x, quality = people(30, 4), np.linspace(-1, 1, 120, dtype=np.float32)
    shuffle = np.random.default_rng(1).permutation(len(x))
    neighbours, moved = knn(x, 10), knn(x[shuffle], 10)
    scale = strangers(x)
    pairs, other = candidate_pairs(neighbours), candidate_pairs(moved)
    one = np.concatenate(list(features(x, neighbours, pairs, scale, quality)))
    two = np.concatenate(list(features(x[shuffle], moved, other, scale, quality[shuffle])))
    back = np.sort(shuffle[other.index], axis=0)
    order = np.lexsort((back[1], back[0]))
    assert np.array_equal(back[:, order], pairs.index)
    assert two[order] == pytest.approx(one, abs=2e-3)


def test_chunks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    x = people(20, 5)
    _, whole = of(x)
    monkeypatch.setattr(structure, "CHUNK", 37)
    _, pieces = of(x)
    assert pieces == pytest.approx(whole, abs=1e-5)
    assert whole.shape[1] == len(NAMES)


def test_photos_of_one_person_share_neighbours_and_expand_towards_each_other() -> None:
    pairs, table = of(people(40, 8))
    same = pairs.index[0] // 8 == pairs.index[1] // 8
    for name in ("z", "shared_5", "jaccard", "relative_1_min", "expanded", "expanded_min"):
        column = table[:, NAMES.index(name)]
        assert np.median(column[same]) > np.quantile(column[~same], 0.9), name


def test_shared_neighbours_by_hand() -> None:
    x = people(40, 8)
    neighbours = knn(x, 10)
    pairs, table = of(x)
    lists = [{i, *row[:5]} for i, row in enumerate(neighbours.index.tolist())]
    expected = [len(lists[i] & lists[j]) / 5 for i, j in pairs.index.T.tolist()]
    assert table[:, NAMES.index("shared_5")] == pytest.approx(expected)


@given(st.floats(0.1, 100), st.integers(0, 5))
def test_quality_knows_no_unit(unit_of_length: float, seed: int) -> None:
    norms = np.random.default_rng(seed).lognormal(size=(50, 2)).astype(np.float32)
    scaled = norms * np.array([unit_of_length, 1], np.float32)
    assert structure.quality(scaled) == pytest.approx(structure.quality(norms), abs=1e-3)


def test_quality_of_nobody_and_of_equals() -> None:
    assert structure.quality(np.zeros((0, 1), np.float32)).shape == (0,)
    assert structure.quality(np.ones((3, 1), np.float32)).tolist() == [0, 0, 0]


def test_embeddings_that_somebody_has_normalised_say_nothing_of_quality() -> None:
    x = np.random.default_rng(0).normal(size=(500, 64))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    kept = x.astype(np.float16).astype(np.float32)  # as a library keeps them
    assert np.abs(structure.quality(lengths(kept))).max() < 0.02


def test_the_scale_of_strangers_is_usual_where_there_are_none() -> None:
    rng = np.random.default_rng(0)
    one_person = rng.normal(size=64) + 0.3 * rng.normal(size=(300, 64))
    x = (one_person / np.linalg.norm(one_person, axis=1, keepdims=True)).astype(np.float32)
    assert np.mean(x @ x.T) > 0.8
    for count in (0, 2, 5, 300):
        scale = strangers(x[:count])
        assert scale.mean <= 0.12
        assert 0.05 <= scale.deviation <= 0.17


def test_a_face_more_hardly_moves_the_scale_of_strangers() -> None:
    """Not as another sample would."""
    x = people(900, 2)
    scales = [strangers(x[: 1790 + n], most=300) for n in range(10)]
    assert np.ptp([scale.mean for scale in scales]) < 1e-3
    assert np.ptp([scale.deviation for scale in scales]) < 1e-3


@pytest.mark.parametrize("count", [40, 700])
def test_strangers_do_not_depend_on_the_order_in_which_faces_came(count: int) -> None:
    x = people(count // 2, 2)
    mixed = np.random.default_rng(1).permutation(count)
    assert strangers(x[mixed]).mean == pytest.approx(strangers(x).mean, abs=1e-6)
    assert strangers(x[mixed]).deviation == pytest.approx(strangers(x).deviation, abs=1e-6)


def test_lists_hold_faces_beyond_32_bits() -> None:
    """A row of a library of so many faces: that its columns are kept is all that can be tried."""
    N = 2**31 + 10
    row = structure._lists(np.array([N - 1]), np.array([[7, N - 2, -1]]), None, N)
    assert row.indices.tolist() == [7, N - 2, N - 1]
    small = structure._lists(np.array([5]), np.array([[7, -1]]), None, 9)
    assert small.indices.dtype == np.int32  # half of the memory


def test_all_faces_named_are_as_good_as_none() -> None:
    x = people(30, 4)
    pairs, whole = of(x)
    found = features(x, knn(x, 10), pairs, strangers(x), faces=np.arange(len(x)))
    np.testing.assert_array_equal(np.concatenate(list(found)), whole)

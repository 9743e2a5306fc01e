from typing import get_args

import numpy as np
import pytest

from faceclust.cluster import baselines
from faceclust.cluster.methods import DEFAULT_THRESHOLD, ClusterOptions, Method, cluster
from faceclust.cluster.sweep import GRIDS, sweep
from faceclust.records import FloatArray, Neighbours


def people() -> FloatArray:
    rng = np.random.default_rng(3)
    x = np.repeat(rng.standard_normal((30, 32)), 6, axis=0)
    x += 0.9 * rng.standard_normal(x.shape)
    return (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)


def lists(x: FloatArray, k: int) -> Neighbours:
    similarity = x @ x.T
    np.fill_diagonal(similarity, -2)
    index = np.argsort(-similarity, axis=1)[:, :k]
    return Neighbours(index, np.take_along_axis(similarity, index, 1))


@pytest.mark.parametrize("method", GRIDS)
def test_a_sweep_gives_what_one_threshold_at_a_time_gives(method: Method) -> None:
    x = people()
    near = lists(x, 90)  # more than any method takes
    thresholds = GRIDS[method][1::4]
    found = list(sweep(method, x, near, thresholds, seed=2))
    assert len(found) == len(thresholds)
    assert len({labels.max() for labels in found}) > 1
    for threshold, labels in zip(thresholds, found, strict=True):
        options = ClusterOptions(method, threshold=threshold, seed=2)
        assert labels.tolist() == cluster(x, options, near).labels.tolist()


def test_every_method_with_a_threshold_has_a_grid_around_its_default() -> None:
    assert set(GRIDS) == set(get_args(Method)) - {"partition", "kmeans"}
    for method, grid in GRIDS.items():
        default = DEFAULT_THRESHOLD[method]
        assert default is not None
        assert grid[0] <= default < grid[-1]
        assert list(grid) == sorted(set(grid))


def test_hac_equals_scikit_learn() -> None:
    from sklearn.cluster import AgglomerativeClustering

    x, thresholds = people(), (0.3, 0.5, 0.7)
    for threshold, labels in zip(thresholds, baselines.hac_sweep(x, thresholds), strict=True):
        model = AgglomerativeClustering(
            n_clusters=None, metric="cosine", linkage="average", distance_threshold=1 - threshold
        )
        expected = model.fit_predict(x)
        assert ((labels[:, None] == labels) == (expected[:, None] == expected)).all()


def test_hac_takes_the_pairs_of_all_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    x = people()
    whole = baselines.hac(x, 0.5)
    monkeypatch.setattr(baselines, "HAC_BLOCK", 7)
    assert baselines.hac(x, 0.5).tolist() == whole.tolist()

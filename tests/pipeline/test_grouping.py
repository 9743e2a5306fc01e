from __future__ import annotations

import numpy as np

from faceclust.cluster.methods import ClusterOptions
from faceclust.pipeline.grouping import group
from faceclust.pipeline.models import Space
from tests.synthetic import looks

COMPONENTS = ClusterOptions("components", threshold=0.9)


def test_the_length_of_embeddings_does_not_matter() -> None:
    x = np.stack([looks(p) * scale for p, scale in ((1, 1), (1, 9), (2, 0.1), (2, 3))])
    labels = group(x.astype(np.float32), COMPONENTS, Space()).labels
    assert labels[0] == labels[1] != labels[2] == labels[3]


def test_the_space_has_its_own_threshold_unless_one_is_asked_for() -> None:
    x, space = np.stack([looks(1), looks(2)]), Space(thresholds={"infomap": 0.7})
    assert group(x, ClusterOptions("infomap"), space).threshold == 0.7
    assert group(x, ClusterOptions("infomap", threshold=0.6), space).threshold == 0.6
    assert group(x, ClusterOptions("components"), space).threshold == 0.58


def test_each_network_of_the_space_is_normalised() -> None:
    """The second network tells faces 0 and 1 apart, however much longer the first's vectors are."""
    x = np.array([[99, 0, 1, 0], [99, 0, 0, 1], [50, 0, 3, 0]], np.float32)
    assert group(x, COMPONENTS, Space()).labels.tolist() == [0, 0, 0]
    assert group(x, COMPONENTS, Space(parts=(2, 2))).labels.tolist() == [0, 1, 0]

from __future__ import annotations

import numpy as np
import pytest

from faceclust import weights
from faceclust.embed.arcface import normalise
from faceclust.engine import scoring
from faceclust.engine.tasks import Loop
from faceclust.graph import edges, structure
from faceclust.graph.knn import knn
from faceclust.pipeline.models import EDGES
from tests.engine.crowd import faces


@pytest.mark.parametrize("N", [0, 1, 150, 1500])
def test_the_log_odds_are_those_of_a_single_machine_bit_for_bit(
    N: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(structure, "CHUNK", 1000)
    monkeypatch.setattr(scoring, "CHUNK", 1000)
    monkeypatch.setattr(scoring, "CHUNKS", 2)
    raw = faces(N)[0]
    x = normalise(raw, (raw.shape[1],))
    near, model = knn(x, 50), edges.load(weights.own(EDGES))
    quality = structure.quality(np.linalg.norm(raw, axis=1, keepdims=True))
    one = edges.score(model, x, near, quality)
    many = scoring.score(model, x, near, quality, Loop())
    assert np.array_equal(one.edge_index, many.edge_index)
    assert np.array_equal(one.edge_weight, many.edge_weight)
    assert N < 1500 or len(one.edge_weight) > 3000

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from faceclust.train.sampling import SubgraphOptions, Subgraphs, class_centres

OPTIONS = SubgraphOptions(nearest=6, kept=4, nodes=0.5)


def on_a_circle(classes: int, photos: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Classes in order around a circle, so that the nearest are the next ones; shuffled faces."""
    label = np.random.default_rng(0).permutation(np.repeat(np.arange(classes), photos))
    angle = 2 * np.pi * label / classes
    x = np.stack([np.cos(angle), np.sin(angle)], 1) * (1 + label[:, None] % 3)
    return x.astype(np.float32), label


@settings(deadline=None)
@given(
    st.lists(st.integers(-1, 12), max_size=120), st.integers(0, 2**32), st.integers(0, 10**9),
    st.integers(1, 20), st.integers(1, 20), st.floats(0.01, 1),
)  # fmt: skip
def test_what_a_sub_graph_holds(
    labels: list[int], seed: int, step: int, nearest: int, kept: int, nodes: float
) -> None:
    label = np.array(labels, np.int64)
    x = np.random.default_rng(1).normal(size=(len(label), 8)).astype(np.float32)
    options = SubgraphOptions(nearest, kept, nodes)
    ids = Subgraphs(x, label, options, seed)(step)
    assert np.array_equal(ids, Subgraphs(x, label, options, seed)(step))
    assert np.array_equal(ids, np.unique(ids))
    assert (label[ids] >= 0).all()
    classes, count = np.unique(label[label >= 0], return_counts=True)
    there, drawn = np.unique(label[ids], return_counts=True)
    near = min(nearest, len(classes))
    assert len(there) == (max(1, round(min(1, kept / nearest) * near)) if near else 0)
    full = count[np.searchsorted(classes, there)]
    assert np.array_equal(drawn, np.maximum(1, np.round(nodes * full)))


def test_its_classes_are_neighbours() -> None:
    x, label = on_a_circle(40)
    draw = Subgraphs(x, label, OPTIONS)
    for step in range(20):
        classes = np.unique(label[draw(step)])
        assert len(classes) == 4
        gaps = np.diff(np.append(classes, classes[0] + 40))
        assert 40 - gaps.max() < OPTIONS.nearest + 1


def test_steps_and_seeds_differ() -> None:
    x, label = on_a_circle(40)
    drawn = {tuple(Subgraphs(x, label, OPTIONS, s)(t)) for s in range(3) for t in range(5)}
    assert len(drawn) == 15


def test_centres_are_means_of_normalised_faces() -> None:
    x = np.array([[3, 0], [0, 1], [9, 0], [0, 5]], np.float32)
    centres = class_centres(x, np.array([4, 4, -1, 7]))
    assert centres == pytest.approx(np.array([[0.5**0.5, 0.5**0.5], [0, 1]]), abs=1e-6)


def test_memory_grows_with_the_classes_not_with_the_embeddings(tmp_path: Path) -> None:
    path = tmp_path / "x.bin"
    N, D = 200_000, 128
    x = np.memmap(path, np.float32, "w+", shape=(N, D))
    x[:, 0], x[::2, 1] = 1, 1
    tracemalloc.start()
    draw = Subgraphs(x, np.arange(N) % 3000)
    assert len(draw(0)) == pytest.approx(1300 * 60, rel=0.02)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.9 * N * D * 4

"""A small training of CLIP-Cluster: `python -m tests.train.proxy_run RUN`, for a test to kill."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from faceclust.graph import structure
from faceclust.graph.architecture import Architecture
from faceclust.graph.edges import EdgeModel
from faceclust.records import FloatArray
from faceclust.train import crowds
from faceclust.train.crowds import Crowd
from faceclust.train.journal import Journal
from tests.train.embedded import people

E = 12


def unit(x: FloatArray) -> FloatArray:
    return np.asarray(x / np.linalg.norm(x, axis=1, keepdims=True), np.float32)


def crowd(persons: int = 30, photos: int = 6, noise: float = 0.5) -> Crowd:
    """People of whom CLIP knows something, too."""
    made = crowds.crowd_of(people(persons, photos, noise))
    rng = np.random.default_rng(1)
    centre = rng.normal(size=(persons, E))[made.person]
    return replace(made, clip=unit((centre + rng.normal(size=centre.shape)).astype(np.float32)))


def ignorant() -> EdgeModel:
    """A structural model that always says "perhaps"."""
    F = len(structure.NAMES)
    zero = np.zeros((F, 1), np.float32)
    return EdgeModel(zero[:, 0], zero[:, 0] + 1, (zero,), (np.zeros(1, np.float32),))


def words() -> tuple[FloatArray, tuple[int, ...]]:
    """Two attributes of four and two values, without a text tower."""
    return unit(np.random.default_rng(2).normal(size=(6, E)).astype(np.float32)), (4, 2)


def recipe() -> Any:
    """Options of a run of seconds."""
    from faceclust.train.clip_cluster import ProxyTraining

    return ProxyTraining(
        architecture=Architecture(D=16, hidden=8, heads=2, graph=8, edge=16),
        libraries=2, trials=1, neighbours=20, nodes=60, transfer=4, pairs=32, steps=12,
        judge_every=6, save_every=4, threads=1,
    )  # fmt: skip


def long(out: Path) -> Path:
    """A run that can be killed on the way; `words` must stand in for the vocabulary."""
    from faceclust.train import clip_cluster

    tell = Journal(out, lambda row: None)
    options = replace(recipe(), steps=200)
    return clip_cluster.train(crowd(), "made-up", options, out, base=ignorant(), tell=tell)


if __name__ == "__main__":
    from faceclust.train import clip_cluster

    clip_cluster.vocabulary = words
    long(Path(sys.argv[1]))

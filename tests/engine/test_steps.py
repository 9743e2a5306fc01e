"""The commands' own results on a Ray cluster beside those of a single machine."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from faceclust import pipeline
from faceclust.cluster.methods import ClusterOptions
from faceclust.engine import knn as sharded
from faceclust.engine import partition as pieces
from faceclust.engine.connect import RayRunner
from faceclust.errors import OptionError
from faceclust.graph import knn as whole
from faceclust.pipeline import Library
from faceclust.pipeline.steps import LOCAL, Steps, on, steps
from faceclust.records import Person
from faceclust.store import ledger
from tests.engine.crowd import faces
from tests.synthetic import library, photo


def made_up(root: Path, N: int) -> Library:
    """A scanned library of N faces, two in a photo."""
    x, _ = faces(N)
    batch = [
        replace(photo(f"{n:05}.jpg", 1, 2), vectors=x[2 * n : 2 * n + 2]) for n in range(N // 2)
    ]
    return library(root / "album", *batch)


def by_size(opened: Library) -> list[Person]:
    return sorted(pipeline.all_people(opened), key=lambda p: (-len(p.faces), p.id))


def clustered(root: Path, N: int, using: Steps) -> dict[int, int]:
    """Cluster of each face, in a library whose user has already said this and that."""
    with made_up(root, N) as opened:
        pipeline.cluster(opened, ClusterOptions())
        biggest, second, third, *_ = (str(p.id) for p in by_size(opened))
        pipeline.name(opened, biggest, "Ann")
        pipeline.merge(opened, [second, third])
        pipeline.cluster(opened, ClusterOptions(), steps=using)
        newest = ledger.newest_clustering(opened.db)
        assert newest is not None
        return dict(newest.membership)


def test_a_library_is_clustered_as_on_a_single_machine(
    runner: RayRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(whole, "BLOCK", 1024)
    monkeypatch.setattr(sharded, "BLOCK", 1024)
    monkeypatch.setattr(pieces, "PIECE", 2000)
    one = clustered(tmp_path / "one", 3000, LOCAL)
    many = clustered(tmp_path / "many", 3000, on(runner))
    assert one == many
    assert 100 < len(set(one.values())) < 2000


def test_an_engine_that_is_not_known() -> None:
    with pytest.raises(OptionError, match="--engine must be one of local, ray"), steps("spark"):
        pass
    with pytest.raises(OptionError, match="give --engine ray"), steps("local", "auto"):
        pass

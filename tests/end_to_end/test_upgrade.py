"""A library whose photos an earlier version embedded with one network, with the real weights."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from faceclust.cluster.methods import ClusterOptions
from faceclust.config import Config
from faceclust.pipeline import Library, all_people, cluster, for_scan, models, name, scan, status

pytestmark = pytest.mark.slow


@pytest.fixture
def friends(photos: Path, tmp_path: Path) -> Path:
    for folder in ("sheldon", "penny"):
        shutil.copytree(photos / "cast" / folder, tmp_path / "cast" / folder)
    return tmp_path / "cast"


def sheldon(library: Library) -> set[int]:
    return {face for p in all_people(library) if p.name == "Sheldon" for face in p.faces}


def test_names_survive_a_second_network(friends: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    library, folder = for_scan(friends)
    with library, monkeypatch.context() as earlier:
        both = models.resolve("mobile")
        one = replace(both, embedders=both.embedders[:1], model_id="arcface-mobilefacenet-512")
        earlier.setattr(models, "resolve", lambda profile, notify: one)
        photos = scan(library, folder, Config()).read
        cluster(library, ClusterOptions("infomap"))
        name(library, str(max(all_people(library), key=lambda p: len(p.faces)).id), "Sheldon")
        named = sheldon(library)
        earlier.undo()
        assert (
            cluster(library, ClusterOptions("infomap")).threshold == 0.5
        )  # as before, until it is scanned
        assert scan(library, folder, Config()).read == photos
        report = cluster(library, ClusterOptions("infomap"))
        assert report.threshold == models.space(both.model_id).thresholds["infomap"]
        assert sheldon(library) >= named
        assert status(library)["stale_photos"] == 0
        assert scan(library, folder, Config()).unchanged == photos

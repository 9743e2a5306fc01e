from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceclust.cluster import baselines, sweep
from faceclust.cluster.methods import ClusterOptions
from faceclust.cluster.partition import partition
from faceclust.errors import InputError, OptionError, WeightsError
from faceclust.evaluate import scores
from faceclust.pipeline import Library, ablate, variants
from faceclust.pipeline.ablate import compare
from faceclust.pipeline.grouping import group as grouped
from faceclust.pipeline.labelled import Labelled, _photos_named
from faceclust.pipeline.models import Space
from faceclust.pipeline.variants import EdgeScorer, Faces, universal
from faceclust.records import Graph, IntArray


def crowd(people: int = 12, faces: int = 6, noise: float = 0.9) -> Labelled:
    rng = np.random.default_rng(3)
    x = np.repeat(rng.standard_normal((people, 32)), faces, axis=0)
    x += noise * rng.standard_normal(x.shape)
    persons = [f"person {i // faces}" for i in range(people * faces)]
    return Labelled(persons, x.astype(np.float32), Space(thresholds={"hac": 0.4}), None, 1.5)


def by_name(report: dict[str, Any], part: str) -> dict[str, Any]:
    rows = {row["name"]: row for row in report["rows"] if row["part"].startswith(part)}
    assert rows
    return rows


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two thresholds a sweep, where it is not the sweeps that a test is about."""
    grids = {method: grid[::4][:2] for method, grid in sweep.GRIDS.items()}
    monkeypatch.setattr(sweep, "GRIDS", grids)


@pytest.fixture(scope="module")
def report() -> dict[str, Any]:
    return compare(crowd(), 5)


def test_every_rival_is_there_at_its_default_and_at_its_best(report: dict[str, Any]) -> None:
    defaults, best = (
        by_name(report, "rivals at their defaults"),
        by_name(report, "rivals at their best"),
    )
    assert set(defaults) == {
        "infomap", "fc-es", "components", "chinese-whispers", "cdp", "aro", "hac", "dbscan",
        "hdbscan", "kmeans", "immich",
    }  # fmt: skip
    assert set(best) == set(defaults) - {"kmeans"}
    assert defaults["hac"]["threshold"] == 0.4  # of the space
    assert defaults["components"]["threshold"] == 0.58  # the method's own
    for name, row in best.items():
        if row["runs"] == 1:
            assert row["bcubed"]["f"] >= defaults[name]["bcubed"]["f"] - 0.02, name


def test_the_variants_that_the_method_asks_for_are_there(report: dict[str, Any]) -> None:
    assert list(by_name(report, "edge models")) == [
        "universal edges, partition",
        "universal edges, P > 0.5, Infomap",
        "universal edges, P > 0.5, components",
    ]
    assert list(by_name(report, "Infomap on universal"))[:4] == [
        f"{weights} weights, {way}"
        for weights in ("probability", "cosine")
        for way in ("undirected", "directed")
    ]


def test_walks_by_component_stand_beside_those_of_the_whole_graph(report: dict[str, Any]) -> None:
    rows = by_name(report, "Infomap, connected components apart / whole graph")
    by_p, whole = "universal edges, P > 0.5, Infomap", ", whole graph"
    names = [f"{walk}, {how}" for walk in ("cosine, Infomap", by_p)
             for how in ("components apart", "whole graph")]  # fmt: skip
    assert list(rows) == names
    assert rows["cosine, Infomap" + whole]["threshold"] == 0.5
    same = {
        "cosine, Infomap": by_name(report, "rivals at their defaults")["infomap"],
        by_p: by_name(report, "edge models")[by_p],
    }
    for name, row in same.items():
        assert rows[name + whole]["bcubed"] == row["bcubed"]


def test_what_draws_lots_is_run_with_every_seed_and_the_rest_once(report: dict[str, Any]) -> None:
    for row in report["rows"]:
        lots = any(w in row["name"] for w in ("nfomap", "fc-es", "whispers", "kmeans", "weights"))
        assert row["runs"] == (5 if lots else 1), row["name"]
        if not lots:
            assert row["pairwise"]["spread"] == row["bcubed"]["spread"] == 0
    assert by_name(report, "rivals at their defaults")["kmeans"]["bcubed"]["spread"] > 0


def test_the_report_is_json_and_within_bounds(report: dict[str, Any]) -> None:
    assert json.loads(json.dumps(report)) == report
    assert (report["faces"], report["people"], report["neighbours"]) == (72, 12, 79)
    assert report["seconds"]["embed"] == 1.5
    for row in report["rows"]:
        assert 0 < row["bcubed"]["f"] <= 1
        assert 1 <= row["clusters"] <= 72
        assert row["seconds"] >= 0


def test_the_mean_and_spread_are_those_of_the_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    def labels(faces: Faces, seed: int) -> IntArray:
        return np.arange(4) if seed == 1 else np.zeros(4, np.int64)

    row = variants.Variant("made up", labels, draws=True)
    monkeypatch.setattr(variants, "table", lambda *given: {"part": [row]})
    found = compare(crowd(2, 2), 2)["rows"][0]
    # All in one cluster: P = 2/6, R = 1; each alone: P = 1, R = 0. BCubed: F of (1/2, 1), (1, 1/2).
    assert found["pairwise"]["f"] == pytest.approx(0.25)
    assert found["pairwise"]["spread"] == pytest.approx(0.5 / 2**0.5)
    assert found["bcubed"]["f"] == pytest.approx(2 / 3)
    assert found["bcubed"]["spread"] == pytest.approx(0)
    assert found["clusters"] == 2.5


def test_a_tuned_row_takes_the_best_threshold(monkeypatch: pytest.MonkeyPatch) -> None:
    def swept(faces: Faces, thresholds: Any, seed: int) -> Any:
        return (np.repeat([0, 1], 2) if t == 0.5 else np.arange(4) for t in thresholds)

    row = variants.Tuned("made up", swept, (0.1, 0.5, 0.9))
    monkeypatch.setattr(variants, "table", lambda *given: {"part": [row]})
    found = compare(crowd(2, 2), 5)["rows"][0]
    assert (found["threshold"], found["bcubed"]["f"], found["runs"]) == (0.5, 1, 1)


@pytest.mark.usefixtures("short")
def test_rows_that_cannot_finish_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baselines, "HAC_LIMIT", 10)
    monkeypatch.setattr(variants, "KMEANS_LIMIT", 10)

    def missing(faces: Faces, seed: int) -> Graph:
        raise WeightsError("weights.npz is missing; train it.")

    report = compare(crowd(3, 4), 2, [EdgeScorer("trained", missing, seeds=(0, 1))])
    defaults = by_name(report, "rivals at their defaults")
    assert "at most 10 faces, not 12" in defaults["hac"]["note"]
    assert "12 faces of 3 people" in defaults["kmeans"]["note"]
    assert "at most 10" in by_name(report, "rivals at their best")["hac"]["note"]
    assert by_name(report, "edge models")["trained, partition"]["note"] == (
        "weights.npz is missing; train it."
    )
    assert "bcubed" in defaults["components"]


@pytest.mark.usefixtures("short")
def test_a_trained_model_is_run_with_its_own_seeds_each_scored_once() -> None:
    scored: list[int] = []

    def score(faces: Faces, seed: int) -> Graph:
        scored.append(seed)
        return universal(faces, seed)

    scorers = [EdgeScorer("three trainings", score, seeds=(0, 3, 4), walks=True)]
    rows = by_name(compare(crowd(), 5, scorers), "edge models")
    trained = {name: row["runs"] for name, row in rows.items() if name.startswith("three")}
    assert trained == {
        "three trainings, partition": 3,
        "three trainings, P > 0.5, Infomap": 3,
        "three trainings, P > 0.5, components": 3,
    }
    assert scored == [0, 3, 4]


@pytest.mark.usefixtures("short")
def test_clusters_are_regrouped_as_a_scan_does() -> None:
    """People with more photos than neighbour lists hold."""
    many = crowd(3, 180, noise=0.45)
    options = ClusterOptions(edges="universal")
    scanned = grouped(many.embeddings, options, many.space)
    row = by_name(compare(many, 1), "edge models")["universal edges, partition"]
    persons = np.unique(many.persons, return_inverse=True)[1].astype(np.int64)
    assert scanned.edges is not None
    assert row["clusters"] == scanned.labels.max() + 1 < partition(scanned.edges).max() + 1
    assert row["bcubed"]["f"] == scores(persons, scanned.labels).bcubed.f


@pytest.mark.usefixtures("short")
def test_photos_are_used_where_the_names_of_crops_tell_them() -> None:
    paths = ("F1_MID1/P01_face0.webp", "F1_MID2/P01_face1.webp", "F1_MID1/P02_face0.webp")
    photo = _photos_named(paths)
    assert photo is not None
    assert photo.tolist() == [0, 0, 1]
    assert _photos_named((*paths, "ann/1.webp")) is None
    known = crowd()
    known = Labelled(known.persons, known.embeddings, known.space, np.arange(72) % 40, 0.0)
    rows = by_name(compare(known, 1), "edge models")
    assert "universal edges, partition, photos known" in rows


@pytest.mark.usefixtures("short")
def test_faces_without_a_label_are_grouped_but_not_scored() -> None:
    some = crowd()
    persons = [name if i % 2 else "" for i, name in enumerate(some.persons)]
    report = compare(Labelled(persons, some.embeddings, some.space, None, 0.0), 1)
    assert (report["faces"], report["people"]) == (36, 12)
    assert all(row["clusters"] <= 36 for row in report["rows"])


@pytest.mark.usefixtures("short")
def test_a_library_is_compared_and_progress_told(album: Library, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    truth.write_text("file,person\na.jpg,x\nb.jpg,x\nc.jpg,x\nd.jpg,y\ne.jpg,y\nf.jpg,z\n")
    seen: list[tuple[int, int, str]] = []
    report = ablate(
        labels=truth, db=album.db.path, seeds=2, progress=lambda *step: seen.append(step)
    )
    assert (report["faces"], report["people"]) == (6, 3)
    assert report["note"].startswith("No rows for clip-cluster, without-hallucination, random-o")
    assert [row["name"] for row in report["rows"]] == [name for _, _, name in seen]
    assert [done for done, _, _ in seen] == list(range(len(seen)))
    assert {total for _, total, _ in seen} == {len(seen)}
    assert by_name(report, "edge models")["universal edges, partition"]["bcubed"]["f"] == 1


def test_one_face_is_nothing_to_compare() -> None:
    with pytest.raises(InputError, match="fewer than two faces"):
        compare(crowd(1, 1), 1)


def test_labels_or_data() -> None:
    with pytest.raises(OptionError, match=r"--labels CSV.*--data"):
        ablate(labels=Path("a"), data=Path("b"))
    with pytest.raises(OptionError, match="--ablate needs known people"):
        ablate()
    with pytest.raises(OptionError, match="go with --data only"):
        ablate(labels=Path("a"), aligned=True)


def test_runs_need_clip_embeddings(album: Library, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="--runs needs CLIP embeddings of all faces"):
        ablate(labels=tmp_path / "labels.csv", db=album.db.path, runs=tmp_path)

"""`faceclust train --data library`: named people as labels, a verdict, a model that is used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceclust import weights
from faceclust.cluster.methods import ClusterOptions
from faceclust.errors import LibraryError, OptionError, WeightsError
from faceclust.evaluate import PRF, Scores
from faceclust.graph import edges
from faceclust.graph.edges import EdgeModel
from faceclust.pipeline import Library, cluster, name, not_a_face
from faceclust.pipeline.cluster import own_edges, own_edges_or_none
from faceclust.pipeline.models import EDGES
from faceclust.store import Scanned, ledger
from faceclust.train import own
from faceclust.train.data.identities import UNLABELLED, Identities
from faceclust.train.data.library import read_library
from faceclust.train.fitting import FitOptions
from faceclust.train.options import TrainOptions
from faceclust.train.run import train
from tests.conftest import Run
from tests.synthetic import group, library, photo

NAMED, STRANGERS, PHOTOS = 10, 8, 4
QUICK = replace(own.TUNING, libraries=2, calibration=1, trials=1, fit=FitOptions(epochs=2))


def taken(number: int, *people: int) -> Scanned:
    """A photo in which people look like themselves, more or less."""
    made = photo(f"{number:03}.jpg", *people)
    noise = np.random.default_rng((number, 1)).normal(size=made.vectors.shape)
    return replace(made, vectors=(made.vectors + 0.5 * noise).astype(np.float32))


@pytest.fixture
def named(tmp_path: Path) -> Iterator[Library]:
    """Ten people with names in four photos each, two of them together in one, and strangers."""
    everyone = [p for p in range(NAMED + STRANGERS) for _ in range(PHOTOS)]
    batch = [taken(i, p) for i, p in enumerate(everyone)] + [taken(999, 0, 1)]
    with library(tmp_path / "album", *batch) as opened:
        faces = [
            tuple(range(1 + p * PHOTOS, 1 + (p + 1) * PHOTOS)) for p in range(NAMED + STRANGERS)
        ]
        together = len(everyone) + 1
        faces[0], faces[1] = (*faces[0], together), (*faces[1], together + 1)
        ids = group(opened.db, *faces)
        for p in range(NAMED):
            name(opened, str(ids[p]), f"Person {chr(65 + p)}")
        yield opened


def test_named_people_are_the_labels(named: Library) -> None:
    not_a_face(named, 40)
    found = read_library(named)
    assert found.names == tuple(f"Person {chr(65 + p)}" for p in range(NAMED))
    assert np.bincount(found.label[found.label >= 0]).tolist() == [5, 5] + [4] * 7 + [3]
    assert (found.label == UNLABELLED).sum() == STRANGERS * PHOTOS
    assert len(np.unique(found.group)) == NAMED + STRANGERS
    assert np.bincount(found.photo)[-1] == 2
    assert len(np.unique(found.group[found.label == UNLABELLED])) == STRANGERS


def test_who_named_too_few_is_told(tmp_path: Path) -> None:
    with library(tmp_path / "album", taken(0, 1), taken(1, 1)) as opened:
        name(opened, str(group(opened.db, (1, 2))[0]), "Ann")
        with pytest.raises(LibraryError, match=r"more than one face: 1; name at least 6"):
            read_library(opened)


def scores_of(f: float) -> Scores:
    return Scores(PRF(f, f, f), PRF(f, f, f), 9, 3, 3)


@pytest.mark.parametrize(("shipped", "trained"), [(0.8, 0.9), (0.9, 0.8), (0.9, 0.9)])
def test_only_a_better_model_becomes_the_librarys_own(
    named: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, shipped: float, trained: float
) -> None:
    answers = iter([scores_of(shipped), scores_of(trained)])
    monkeypatch.setattr(own, "measure", lambda model, faces, k: next(answers))
    own_edges(named).write_bytes(b"that of an earlier training")
    verdict = own.tune(named, read_library(named), QUICK, tmp_path / "run", lambda row: None)
    better = trained > shipped
    assert verdict.better == better
    assert verdict.kept == (own_edges(named) if better else None)
    assert own_edges(named).exists() == better
    assert [p for p in named.db.path.parent.iterdir() if p.name.startswith(".")] == []
    if better:
        kept, start = edges.load(own_edges(named)), edges.load(weights.own(EDGES))
        assert not np.array_equal(kept.weights[0], start.weights[0])
        assert np.allclose(kept.weights[0], start.weights[0], atol=0.2)


def test_the_people_measured_are_not_those_trained_on(
    named: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[Identities] = []

    def measure(model: EdgeModel, faces: Identities, k: int) -> Scores:
        measured.append(faces)
        return scores_of(0.5)

    trained: list[set[int]] = []
    crowd_of = own.crowd_of
    monkeypatch.setattr(own, "measure", measure)
    monkeypatch.setattr(
        own, "crowd_of", lambda f: (trained.append(set(f.label.tolist())), crowd_of(f))[1]
    )
    own.tune(named, read_library(named), QUICK, tmp_path / "run", lambda row: None)
    assert trained[0] & set(measured[0].label.tolist()) == {UNLABELLED}
    assert len(set(measured[0].label.tolist())) == 1 + round(own.HELD_OUT * NAMED)


def harsh(path: Path) -> None:
    """A model to which everybody is somebody else."""
    model = edges.load(weights.own(EDGES))
    bias = np.full_like(model.biases[-1], -10)
    replace(model, weights=(*model.weights[:-1], model.weights[-1] * 0),
            biases=(*model.biases[:-1], bias)).save(path)  # fmt: skip


def test_clustering_uses_the_librarys_own_model_while_it_is_there(named: Library) -> None:
    few = cluster(named, ClusterOptions()).clusters
    assert few < 40
    assert own_edges_or_none(named) is None
    harsh(own_edges(named))
    assert cluster(named, ClusterOptions()).clusters == NAMED + STRANGERS * PHOTOS  # names bind
    newest = ledger.newest_clustering(named.db)
    assert newest is not None
    assert "own" in str(newest.options["scorer"])
    own_edges(named).unlink()
    assert cluster(named, ClusterOptions()).clusters == few
    own_edges(named).write_bytes(b"damaged")
    with pytest.raises(WeightsError, match=r"edges\.npz"):
        cluster(named, ClusterOptions())


def test_a_model_of_other_networks_is_not_used(named: Library) -> None:
    harsh(own_edges(named))
    named.db.set_setting("model", "another/pack")
    assert own_edges_or_none(named) is None
    assert own_edges(named).parent == named.db.path.parent


@pytest.mark.slow
def test_the_command_says_which_model_is_better(
    named: Library, faceclust: Run, tmp_path: Path
) -> None:
    place = named.db.path
    done = faceclust("train", "--data", "library", "--db", place, "--epochs", 2)
    assert "Held out: " in done.stdout
    assert " of 3 named people" in done.stdout
    better = "The trained model is better" in done.stdout
    assert better != ("uses the shipped one" in done.stdout)
    assert own_edges(named).exists() == better
    out = tmp_path / "run"
    report = json.loads(
        faceclust("train", "--data", "library", "--db", place, "--epochs", 2, "--out", out,
                  "--json").stdout
    )["library"]  # fmt: skip
    higher = report["trained"]["bcubed"]["f"] > report["shipped"]["bcubed"]["f"]
    assert (report["kept"] is not None) == higher == better
    assert (out / "edges" / "losses.png").is_file()


def test_only_the_edge_model_is_tuned(named: Library) -> None:
    with pytest.raises(OptionError, match="use --stage edges"):
        train(["library"], None, TrainOptions("face-clip"), db=named.db.path)
    with pytest.raises(OptionError, match="--variant does not go with --stage edges"):
        train(["library"], None, TrainOptions(variant="average"), db=named.db.path)
    with pytest.raises(OptionError, match="do not go with --data library"):
        train(["library"], None, TrainOptions(), db=named.db.path, profile="mobile")

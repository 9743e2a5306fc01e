"""`eval --ablate` with trained models: tiny ones, of every variant."""

from __future__ import annotations

from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from faceclust import weights
from faceclust.cluster import sweep
from faceclust.cluster.methods import EDGE_LISTS
from faceclust.embed.clip import FACE_CLIP, Clip, model_id
from faceclust.errors import InputError, WeightsError
from faceclust.graph import correction, edges
from faceclust.graph.architecture import VARIANTS, Architecture
from faceclust.graph.edges import EdgeModel
from faceclust.graph.knn import knn
from faceclust.pipeline import Library, ablate
from faceclust.pipeline.ablate import compare
from faceclust.pipeline.labelled import Labelled
from faceclust.pipeline.models import EDGES, MOBILE, Space
from faceclust.pipeline.scoring import Described
from faceclust.pipeline.trained import missing_rows, of_runs, read, shipped
from faceclust.pipeline.variants import Faces, universal
from faceclust.store import intake
from tests.graph.test_correction import SMALL, E, module
from tests.graph.test_streamed import unit
from tests.synthetic import MODEL

SPACE, CLIP = "space-a", "clip-a"


def put(
    path: Path, *, D: int = 32, i: int = E, space: str = SPACE, clip: str = CLIP,
    kind: str | None = None, share: float = 0.5,
    base: EdgeModel | None = None,
) -> None:  # fmt: skip
    """Write a tiny model of the variant that the name says, or of `kind`."""
    made = VARIANTS[kind or path.stem.rpartition("-")[0]]
    architecture = Architecture(**(asdict(made) | SMALL))
    tensors = {k: v.detach().numpy() for k, v in module(architecture, i).state_dict().items()}
    model = correction.Model(tensors, architecture, unit(D, 16), share, space, clip, base)
    model.save(path, {})


def crowd() -> Labelled:
    rng = np.random.default_rng(3)
    x = np.repeat(rng.standard_normal((12, 32)), 6, axis=0) + 0.9 * rng.standard_normal((72, 32))
    persons = [f"person {i // 6}" for i in range(72)]
    described = Described(CLIP, unit(72, E))
    return Labelled(persons, x.astype(np.float32), Space(), None, 0.0, described)


def rows_of(report: dict[str, Any]) -> dict[str, Any]:
    return {r["name"]: r for r in report["rows"] if r["part"].startswith("edge models")}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sweep, "GRIDS", {m: grid[:1] for m, grid in sweep.GRIDS.items()})


@pytest.mark.usefixtures("short")
def test_each_variant_is_a_row_over_its_seeds(tmp_path: Path) -> None:
    for variant in VARIANTS:
        for seed in (0, 2) if variant == "average" else (0, 1, 10):
            put(tmp_path / f"{variant}-{seed}.safetensors", share=seed / 10)
    (tmp_path / "notes.txt").write_text("left alone")
    runs = read(tmp_path, SPACE, CLIP)
    assert list(runs) == list(VARIANTS)
    assert [list(models) for models in runs.values()].count([0, 1, 10]) == 5
    report = compare(crowd(), 5, of_runs(runs))
    rows = rows_of(report)
    own = {name: row for name, row in rows.items() if "universal" not in name}
    assert {name: row["runs"] for name, row in own.items()} == {
        "clip-cluster, partition": 3,
        "clip-cluster, P > 0.5, Infomap": 3,
        "clip-cluster, P > 0.5, components": 3,
        "without-hallucination, partition": 3,
        "random-offsets, partition": 3,
        "average, partition": 2,
        "self-attention, partition": 3,
        "without-attributes, partition": 3,
    }
    assert any(row["bcubed"]["spread"] > 0 for row in own.values())
    walks = {r["name"]: r["runs"] for r in report["rows"] if "Infomap on clip-cluster" in r["part"]}
    assert walks == {
        f"{weights} weights, {way}": 3
        for weights in ("probability", "cosine")
        for way in ("undirected", "directed")
    }


def test_a_model_adds_to_the_edges_that_it_was_trained_with(tmp_path: Path) -> None:
    shipped = edges.load(weights.own(EDGES))
    doubled = replace(shipped, weights=(*shipped.weights[:-1], 2 * shipped.weights[-1]))
    put(tmp_path / "clip-cluster-0.safetensors", share=0.0, base=doubled)
    some = crowd()
    x = some.embeddings / np.linalg.norm(some.embeddings, axis=1, keepdims=True)
    faces = Faces(x, knn(x, 60), 12, np.ones((72, 1), np.float32), described=some.described)
    (scorer,) = of_runs(read(tmp_path, SPACE, CLIP))
    near = faces.nearest(EDGE_LISTS)
    expected, found = edges.score(doubled, x, near, faces.quality), scorer.score(faces, 0)
    np.testing.assert_array_equal(found.edge_index, expected.edge_index)
    np.testing.assert_array_equal(found.edge_weight, expected.edge_weight)
    assert not np.array_equal(found.edge_weight, universal(faces, 0).edge_weight)


def test_a_model_adds_its_share_to_the_universal_edges(tmp_path: Path) -> None:
    put(tmp_path / "clip-cluster-0.safetensors", share=0.0)
    put(tmp_path / "clip-cluster-1.safetensors", share=0.5)
    some = crowd()
    x = some.embeddings / np.linalg.norm(some.embeddings, axis=1, keepdims=True)
    faces = Faces(x, knn(x, 60), 12, np.ones((72, 1), np.float32), described=some.described)
    (scorer,) = of_runs(read(tmp_path, SPACE, CLIP))
    base, nothing, added = universal(faces, 0), scorer.score(faces, 0), scorer.score(faces, 1)
    np.testing.assert_array_equal(nothing.edge_index, base.edge_index)
    np.testing.assert_allclose(nothing.edge_weight, base.edge_weight, atol=1e-6)
    assert added.edge_weight.shape != base.edge_weight.shape or not np.allclose(
        added.edge_weight, base.edge_weight, atol=0.1
    )


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"space": "space-b"}, "was trained on embeddings of space-b, not of space-a; train one"),
        ({"clip": "clip-b"}, "was trained on embeddings of clip-b, not of clip-a; train one"),
        ({"kind": "average"}, "holds another variant than its name says; rename or remove it."),
    ],
)
def test_an_unfit_file_gets_a_sentence(tmp_path: Path, made: dict[str, str], words: str) -> None:
    put(tmp_path / "clip-cluster-0.safetensors", **made)  # type: ignore[arg-type]
    with pytest.raises(InputError) as caught:
        read(tmp_path, SPACE, CLIP)
    assert f"clip-cluster-0.safetensors {words}" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_folder_without_models_and_a_damaged_one_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "clipcluster-0.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"holds no file VARIANT-SEED\.safetensors, such as clip-"):
        read(tmp_path, SPACE, CLIP)
    with pytest.raises(InputError, match="is no folder"):
        read(tmp_path / "nowhere", SPACE, CLIP)
    (tmp_path / "average-0.safetensors").write_bytes(b"damaged")
    with pytest.raises(WeightsError, match="is no CLIP-Cluster model"):
        read(tmp_path, SPACE, CLIP)


@pytest.mark.usefixtures("short")
def test_a_model_whose_space_is_not_known_is_told_by_its_size(tmp_path: Path) -> None:
    put(tmp_path / "average-0.safetensors", space="")
    put(tmp_path / "self-attention-0.safetensors", space="", D=48)
    rows = rows_of(compare(crowd(), 1, of_runs(read(tmp_path, SPACE, CLIP))))
    assert "bcubed" in rows["average, partition"]
    note = rows["self-attention, partition"]["note"]
    assert note == "not run: trained on embeddings of 48 numbers; these have 32."


def test_the_shipped_model_has_a_row_where_it_fits() -> None:
    space, i = Space(proxies="clip-cluster-mobile.safetensors"), unit(4, 8)
    (scorer,) = shipped(space, Described(model_id(FACE_CLIP), i))
    assert (scorer.name, scorer.seeds, scorer.walks) == ("clip-cluster as shipped", (), True)
    assert shipped(space, Described("another", i)) == []
    assert shipped(space, None) == shipped(Space(), Described(model_id(FACE_CLIP), i)) == []


@pytest.mark.usefixtures("short")
def test_a_described_library_is_compared_by_trained_models(album: Library, tmp_path: Path) -> None:
    with album.db.transaction() as sql:
        intake.put_vectors(sql, CLIP, range(1, 7), unit(6, E))
    album.db.set_setting("clip", CLIP)
    truth, runs = tmp_path / "labels.csv", tmp_path / "runs"
    truth.write_text("file,person\na.jpg,x\nb.jpg,x\nc.jpg,x\nd.jpg,y\ne.jpg,y\nf.jpg,z\n")
    runs.mkdir()
    put(runs / "average-0.safetensors", space=MODEL, share=0.0)
    report = ablate(labels=truth, db=album.db.path, seeds=1, runs=runs)
    rows = rows_of(report)
    assert report["note"].startswith("No rows for clip-cluster, without-hallucination, random-off")
    assert rows["average, partition"]["bcubed"]["f"] == 1
    put(runs / "average-1.safetensors", space=MODEL, clip="another")
    with pytest.raises(InputError, match=r"average-1\.safetensors was trained on embeddings of"):
        ablate(labels=truth, db=album.db.path, runs=runs)


def test_what_lacks_rows_is_named() -> None:
    assert missing_rows(VARIANTS) is None
    note = missing_rows([v for v in VARIANTS if v not in ("average", "random-offsets")])
    assert note is not None
    assert note.startswith("No rows for random-offsets, average: give --runs FOLDER with files ")
    assert "faceclust train --stage clip-cluster --variant VARIANT --seed SEED" in note
    assert "\n" not in note


@pytest.mark.slow
@pytest.mark.usefixtures("short")
def test_crops_are_embedded_for_the_models(tmp_path: Path) -> None:
    """The real networks, and the shipped model with them."""
    rng = np.random.default_rng(0)
    data, runs = tmp_path / "faces", tmp_path / "runs"
    for person in ("ann", "bob"):
        (data / person).mkdir(parents=True)
        for i in range(2):
            pixels = rng.integers(0, 255, (112, 112, 3), np.uint8)
            Image.fromarray(pixels).save(data / person / f"{i}.png")
    runs.mkdir()
    known = {"D": 704, "i": Clip().dim, "space": MOBILE, "clip": model_id(FACE_CLIP)}
    for seed in (0, 1):
        put(runs / f"clip-cluster-{seed}.safetensors", **known)  # type: ignore[arg-type]
    rows = rows_of(ablate(data=data, aligned=True, profile="mobile", seeds=1, runs=runs))
    assert rows["clip-cluster, partition"]["runs"] == 2
    assert "clip-cluster as shipped, partition" not in rows
    report = ablate(data=data, aligned=True, profile="mobile", seeds=1)
    rows = rows_of(report)
    assert rows["clip-cluster as shipped, partition"]["runs"] == 1
    assert report["note"].startswith("No rows for without-hallucination, random-offsets, average")

"""Weights that a researcher has trained: used where they fit, refused in a sentence elsewhere."""

from __future__ import annotations

import pickle
import re
import shutil
from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from faceclust import weights
from faceclust.cluster.methods import ClusterOptions
from faceclust.embed.clip import FACE_CLIP, model_id
from faceclust.engine.tasks import Loop
from faceclust.errors import FaceclustError, InputError, OptionError, WeightsError
from faceclust.graph import edges, gpu
from faceclust.pipeline import Library, all_people, cluster, evaluate
from faceclust.pipeline.cluster import own_edges
from faceclust.pipeline.models import EDGES, MOBILE, Space
from faceclust.pipeline.scoring import choose, needs_clip
from faceclust.pipeline.steps import LOCAL, Steps, on
from faceclust.pipeline.steps import steps as opened
from faceclust.store import intake, ledger
from tests.graph.test_correction import E
from tests.graph.test_streamed import unit
from tests.pipeline.test_trained import CLIP, put
from tests.synthetic import MODEL, library
from tests.train.test_own import harsh, taken

PEOPLE, FACES = 18, 72


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Library]:
    """18 people in four photos each: enough for the models to be heard beside the cosine."""
    batch = [taken(i, i // 4) for i in range(FACES)]
    with library(tmp_path / "album", *batch) as opened:
        yield opened


@pytest.fixture
def described(crowd: Library) -> Library:
    """The same with CLIP embeddings."""
    with crowd.db.transaction() as sql:
        intake.put_vectors(sql, CLIP, range(1, FACES + 1), unit(FACES, E))
    crowd.db.set_setting("clip", CLIP)
    return crowd


def scorer_of(library: Library) -> str:
    newest = ledger.newest_clustering(library.db)
    assert newest is not None
    return str(newest.options["scorer"])


def people_of(library: Library) -> set[tuple[int, ...]]:
    return {person.faces for person in all_people(library)}


def given(path: Path, **options: Any) -> ClusterOptions:
    return ClusterOptions(weights=str(path), **options)


def test_an_edge_model_takes_the_place_of_the_shipped_one(crowd: Library, tmp_path: Path) -> None:
    path = tmp_path / "edges.npz"
    harsh(path)
    assert cluster(crowd, ClusterOptions()).clusters == PEOPLE
    shipped = scorer_of(crowd)
    report = cluster(crowd, given(path))
    assert report.clusters == FACES
    assert report.edges == scorer_of(crowd)
    assert str(report.edges).startswith("edges.npz (")
    assert cluster(crowd, ClusterOptions(weights="")).clusters == PEOPLE
    assert scorer_of(crowd) == shipped


def test_a_file_that_was_trained_anew_is_noticed(crowd: Library, tmp_path: Path) -> None:
    path = tmp_path / "edges.npz"
    harsh(path)
    assert cluster(crowd, given(path)).clusters == FACES
    before = ledger.newest_clustering(crowd.db)
    assert cluster(crowd, given(path)).clusters == FACES
    assert ledger.newest_clustering(crowd.db) == before  # nothing was done twice
    shutil.copy(weights.own(EDGES), path)
    assert cluster(crowd, given(path), anew=False).clusters == PEOPLE
    moved = path.rename(tmp_path / "moved.npz")
    assert cluster(crowd, given(moved)).clusters == PEOPLE


def test_the_file_comes_before_the_librarys_own_model(crowd: Library, tmp_path: Path) -> None:
    harsh(own_edges(crowd))
    assert cluster(crowd, ClusterOptions()).clusters == FACES
    shutil.copy(weights.own(EDGES), tmp_path / "edges.npz")
    assert cluster(crowd, given(tmp_path / "edges.npz")).clusters == PEOPLE
    assert cluster(crowd, ClusterOptions(weights="")).clusters == FACES


@pytest.mark.parametrize("steps", [LOCAL, on(Loop())], ids=["local", "in pieces"])
def test_clip_cluster_of_any_variant_is_added(
    described: Library, tmp_path: Path, steps: Steps
) -> None:
    path = tmp_path / "average-0.safetensors"
    put(path, space=MODEL, share=0.0)
    report = cluster(described, given(path), steps=steps)
    assert report.clusters == PEOPLE
    assert scorer_of(described).startswith("average-0.safetensors (")
    before = people_of(described)
    assert cluster(described, given(path, edges="clip-cluster"), steps=steps).clusters == PEOPLE
    harsh(tmp_path / "edges.npz")
    assert people_of(described) == before
    alone = cluster(described, given(tmp_path / "edges.npz"), steps=steps)
    assert alone.clusters == FACES


@pytest.mark.parametrize(
    ("made", "words"),
    [
        ({"space": "another"}, f"was trained on embeddings of another, not of {MODEL}; train one"),
        ({"clip": "clip-b"}, "was trained on embeddings of clip-b, not of clip-a; train one on"),
        ({"space": "", "D": 48}, "was trained on embeddings of 48 numbers; these have 32; give"),
    ],
)
def test_clip_cluster_of_other_spaces_is_refused(
    described: Library, tmp_path: Path, made: dict[str, Any], words: str
) -> None:
    path, before = tmp_path / "clip-cluster-0.safetensors", ledger.newest_clustering(described.db)
    put(path, **({"space": MODEL} | made))
    with pytest.raises((InputError, WeightsError)) as caught:
        cluster(described, given(path))
    assert str(caught.value).startswith(f"{path} {words}")
    assert "--weights '' to go back" in str(caught.value)
    assert ledger.newest_clustering(described.db) == before


def test_clip_cluster_needs_clip_embeddings(crowd: Library, tmp_path: Path) -> None:
    path = tmp_path / "clip-cluster-0.safetensors"
    put(path, space=MODEL)
    with pytest.raises(InputError, match="needs CLIP embeddings of all faces by clip-a; run"):
        cluster(crowd, given(path))


@pytest.mark.parametrize("anew", [True, False])
@pytest.mark.parametrize(
    "content",
    [None, b"", b"PK\x03\x04 cut", b"\x80\x04N.", pickle.dumps({"weight": [1]}), b"\xff\xd8\xff",
     b"\x09\0\0\0\0\0\0\0{damaged}", b"PK\x05\x06" + bytes(18)],
    ids=["folder", "empty", "cut zip", "pickle", "dict", "jpeg", "cut safetensors", "empty zip"],
)  # fmt: skip
def test_other_files_get_a_sentence(
    crowd: Library, tmp_path: Path, content: bytes | None, anew: bool
) -> None:
    path = tmp_path / "weights"
    if content is None:
        path.mkdir()
    else:
        path.write_bytes(content)
    with pytest.raises(FaceclustError) as caught:
        cluster(crowd, given(path), anew=anew)
    words = str(caught.value)
    assert words.startswith(f"{path} ")
    assert words.endswith("; give another file, or --weights '' to go back.")
    assert "\n" not in words


def test_a_file_that_is_gone_gets_a_sentence(crowd: Library, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"cannot be read \(No such file or directory\); give"):
        cluster(crowd, given(tmp_path / "edges.npz"))
    gone = given(tmp_path / "edges.npz", method="components")
    assert cluster(crowd, gone).edges is None  # which scores no pairs


def test_edges_must_not_leave_out_what_the_file_holds(described: Library, tmp_path: Path) -> None:
    whole, alone = tmp_path / "average-0.safetensors", tmp_path / "edges.npz"
    put(whole, space=MODEL)
    harsh(alone)
    with pytest.raises(OptionError, match=r"a CLIP-Cluster model, which --edges universal does no"):
        cluster(described, given(whole, edges="universal"))
    with pytest.raises(OptionError, match=r"an edge model.*--edges universal and --weights\.$"):
        cluster(described, given(alone, edges="clip-cluster"))


def test_only_what_looks_at_clip_embeddings_asks_for_them(tmp_path: Path) -> None:
    path = tmp_path / "average-0.safetensors"
    put(path)
    assert needs_clip(given(path))
    assert needs_clip(ClusterOptions(edges="clip-cluster"))
    assert not needs_clip(ClusterOptions())
    assert not needs_clip(given(weights.own(EDGES)))
    assert not needs_clip(given(path, method="hac"))


def test_labelled_faces_are_scored_by_the_file(crowd: Library, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    rows = [f"{i:03}.jpg,person {i // 4}" for i in range(FACES)]
    truth.write_text("\n".join(["file,person", *rows]), encoding="utf-8")
    cluster(crowd, ClusterOptions())
    before = people_of(crowd)
    harsh(tmp_path / "edges.npz")
    options = {"weights": str(tmp_path / "edges.npz")}
    stands = evaluate(labels=truth, options={}, db=crowd.db.path)
    assert stands["edges"].startswith("edges-universal (")
    report = evaluate(labels=truth, options=options, db=crowd.db.path)
    assert (report["clusters"], report["bcubed"]["precision"]) == (FACES, 1)
    assert report["edges"].startswith("edges.npz (")
    assert people_of(crowd) == before


def test_an_unfit_file_is_told_before_data_are_embedded(tmp_path: Path) -> None:
    path, odd = tmp_path / "average-0.safetensors", tmp_path / "odd"
    put(path, space="another")
    with pytest.raises(InputError, match=re.escape(f"of another, not of {MOBILE}; train")):
        evaluate(data=tmp_path / "nowhere", options={"weights": str(path)}, profile="mobile")
    odd.write_bytes(b"nothing of use")
    with pytest.raises(InputError, match="neither an edge model"):
        evaluate(data=tmp_path / "nowhere", options={"weights": str(odd)})


def test_the_shipped_file_may_be_given_by_name() -> None:
    path = weights.own("clip-cluster-mobile.safetensors")
    found = choose(given(path), Space(model=MOBILE), model_id(FACE_CLIP))
    assert found is not None
    assert (found.trained, found.structural) == (path, weights.own(EDGES))
    assert found.name.startswith("clip-cluster-mobile.safetensors (")


def test_infomap_walks_on_the_models_probabilities_where_edges_are_named(crowd: Library) -> None:
    walk = ClusterOptions("infomap", edges="universal")
    report = cluster(crowd, walk)
    assert (report.method, report.threshold) == ("infomap", None)
    assert str(report.edges).startswith("edges-universal (")
    assert {tuple(sorted(faces)) for faces in people_of(crowd)} == {
        tuple(range(1 + 4 * p, 5 + 4 * p)) for p in range(PEOPLE)
    }
    before = ledger.newest_clustering(crowd.db)
    cluster(crowd, walk)
    assert ledger.newest_clustering(crowd.db) == before
    raw = cluster(crowd, ClusterOptions("infomap"))
    assert (raw.threshold, raw.edges) == (0.5, None)
    assert cluster(crowd, walk, steps=on(Loop())).clusters == PEOPLE


def test_infomap_walks_by_the_given_file(crowd: Library, tmp_path: Path) -> None:
    harsh(tmp_path / "edges.npz")
    options = given(tmp_path / "edges.npz", method="infomap", edges="universal")
    assert cluster(crowd, options).clusters == FACES


def test_clicks_are_counted_for_infomap_on_probabilities(crowd: Library, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    rows = [f"{i:03}.jpg,person {i // 4}" for i in range(FACES)]
    truth.write_text("\n".join(["file,person", *rows]), encoding="utf-8")
    options = {"method": "infomap", "edges": "universal"}
    report = evaluate(labels=truth, options=options, db=crowd.db.path)
    assert (report["bcubed"]["f"], report["threshold"]) == (1, None)
    cluster(crowd, ClusterOptions("infomap", edges="universal"))
    stands = evaluate(labels=truth, options={}, db=crowd.db.path)
    assert report["clicks"] is not None
    assert stands["clicks"] == report["clicks"]
    cluster(crowd, ClusterOptions("infomap"))
    assert evaluate(labels=truth, options={}, db=crowd.db.path)["clicks"] is None


@pytest.fixture
def card(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A GPU, for which the CPU stands in; what it was asked for."""
    pytest.importorskip("torch")
    from faceclust.graph.gpu_correction import GpuCorrection

    asked: list[str] = []
    search, of = partial(gpu.knn, device="cpu"), partial(GpuCorrection.of, device="cpu")
    monkeypatch.setattr(gpu, "unusable", lambda: None)
    monkeypatch.setattr(gpu, "knn", lambda *given: (asked.append("knn"), search(*given))[1])
    opening = lambda *given: (asked.append("clip-cluster"), of(*given))[1]  # noqa: E731
    monkeypatch.setattr(GpuCorrection, "of", staticmethod(opening))
    return asked


def test_a_gpu_groups_by_clip_cluster_as_the_cpu_does(
    described: Library, tmp_path: Path, card: list[str]
) -> None:
    put(path := tmp_path / "clip-cluster-0.safetensors", space=MODEL)
    cluster(described, given(path))
    assert card == []
    expected = people_of(described)
    assert 1 < len(expected) < FACES
    said: list[str] = []
    with opened(device="cuda", notify=said.append) as steps:
        cluster(described, given(weights.own(EDGES)), steps=steps)
        assert set(card) == {"knn"}  # structure alone is the CPU's
        cluster(described, given(path), steps=steps)
        assert set(card) == {"knn", "clip-cluster"}
    assert people_of(described) == expected
    assert said == []


def test_clip_cluster_goes_on_without_a_gpu_that_fails(
    described: Library, tmp_path: Path, card: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from faceclust.graph.gpu_correction import GpuCorrection

    for seed, share in enumerate((0.4, 0.5)):
        put(tmp_path / f"clip-cluster-{seed}.safetensors", space=MODEL, share=share)

    def fail(*_: object) -> None:
        card.append("clip-cluster")
        raise RuntimeError("CUDA out of memory\nand much more")

    monkeypatch.setattr(GpuCorrection, "of", fail)
    said: list[str] = []
    with opened(device="cuda", notify=said.append) as steps:
        for path in sorted(tmp_path.glob("*.safetensors")):
            cluster(described, given(path), steps=steps)
            assert scorer_of(described).startswith(path.name)
    assert card == ["knn", "clip-cluster"]
    assert said == [
        "Pairs are scored on the CPU: the GPU failed (CUDA out of memory) and is not used again."
    ]


def test_clip_cluster_without_torch_says_so(
    described: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(path := tmp_path / "clip-cluster-0.safetensors", space=MODEL)
    monkeypatch.setattr(gpu, "unusable", lambda: "torch is not installed; install it.")
    said: list[str] = []
    with opened(device="cuda", notify=said.append) as steps:
        kept = replace(steps, knn=LOCAL.knn)
        cluster(described, given(path), steps=kept)
    assert said == ["Pairs are scored on the CPU: torch is not installed; install it."]


def test_edges_that_a_model_was_trained_with_come_along_in_its_file(
    described: Library, tmp_path: Path
) -> None:
    harsh(tmp_path / "edges.npz")
    base = edges.load(tmp_path / "edges.npz")
    put(path := tmp_path / "clip-cluster-0.safetensors", space=MODEL, share=0.0, base=base)
    assert cluster(described, ClusterOptions(weights=str(path))).clusters == FACES
    put(path, space=MODEL, share=0.0)
    assert cluster(described, ClusterOptions(weights=str(path))).clusters == PEOPLE

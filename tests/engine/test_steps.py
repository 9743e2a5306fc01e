"""The commands' own results on a Ray cluster beside those of a single machine."""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
import sys
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceclust import pipeline
from faceclust.cluster import by_component as walks
from faceclust.cluster.methods import ClusterOptions
from faceclust.engine import knn as sharded
from faceclust.engine import partition as pieces
from faceclust.engine import scan
from faceclust.engine.connect import RayRunner
from faceclust.engine.tasks import Loop
from faceclust.errors import OptionError
from faceclust.faces.detector import DetectorOptions
from faceclust.graph import knn as whole
from faceclust.pipeline import Library, models
from faceclust.pipeline.extract import ExtractorFactory
from faceclust.pipeline.steps import LOCAL, Steps, on, steps
from faceclust.records import Person
from faceclust.store import ledger
from faceclust.weights import Device
from faceclust.workers import Limits
from tests.conftest import Run
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


def clustered(
    root: Path, N: int, using: Steps, options: ClusterOptions | None = None
) -> dict[int, int]:
    """Cluster of each face, in a library whose user has already said this and that."""
    with made_up(root, N) as opened:
        pipeline.cluster(opened, ClusterOptions())
        biggest, second, third, *_ = (str(p.id) for p in by_size(opened))
        pipeline.name(opened, biggest, "Ann")
        pipeline.merge(opened, [second, third])
        pipeline.cluster(opened, options or ClusterOptions(), steps=using)
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


@pytest.mark.parametrize("edges", [None, "universal"])
def test_components_are_walked_as_on_a_single_machine(
    runner: RayRunner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, edges: Any
) -> None:
    monkeypatch.setattr(walks, "PIECE", 20_000)
    sizes: list[int] = []

    class Counting(RayRunner):
        def each(self, work: Any, pieces: Iterable[Any]) -> Iterator[Any]:
            pieces = list(pieces)
            sizes.append(len(pieces))
            return super().each(work, pieces)

    spread = replace(LOCAL, communities=on(Counting(runner.cpus)).communities)
    options = ClusterOptions("infomap", edges=edges, by_component=True)
    one = clustered(tmp_path / "one", 900, LOCAL, options)
    many = clustered(tmp_path / "many", 900, spread, options)
    assert one == many
    assert len(sizes) == 1
    assert sizes[0] > 1
    assert 30 < len(set(one.values())) < 600


def test_an_engine_that_is_not_known() -> None:
    with pytest.raises(OptionError, match="--engine must be one of local, ray"), steps("spark"):
        pass
    with pytest.raises(OptionError, match="give --engine ray"), steps("local", "auto"):
        pass


@pytest.mark.slow
def test_the_commands_on_real_photos(
    needs_ray: None, faceclust: Run, photos: Path, tmp_path: Path
) -> None:
    """Scan and cluster, each on a cluster of its own; the library is that of a single machine."""
    album = tmp_path / "album"
    shutil.copytree(photos / "people", album)
    (album / "broken.jpg").write_bytes(b"\xff\xd8 is how they begin")
    (album / "elsewhere.jpg").symlink_to("/etc/passwd")
    stored = []
    for engine in ("local", "ray"):
        db = tmp_path / f"{engine}.db"
        ray = ("--engine", "ray", "--shards", tmp_path / "shards") if engine == "ray" else ()
        scan = json.loads(faceclust("scan", album, "--db", db, "--json", *ray).stdout)["scan"]
        group = faceclust("cluster", "--db", db, "--k", 40, "--json", *ray[:2]).stdout
        with sqlite3.connect(db) as sql:
            found = sql.execute(
                """SELECT content_hash, x, y, w, h, landmarks, blur, vector FROM faces
                JOIN photos ON photos.id = photo_id JOIN embeddings ON face_id = faces.id"""
            ).fetchall()
            files = sql.execute("SELECT path, error FROM files").fetchall()
        sql.close()
        assert "elsewhere.jpg" not in dict(files)
        counts = {key: scan[key] for key in ("found", "read", "faces", "errors")}
        clusters = json.loads(group)["clusters"]
        stored.append((counts, clusters, sorted(files), sorted(found, key=repr)))
    assert stored[0] == stored[1]
    assert stored[0][0]["errors"] == 1
    assert stored[0][0]["faces"] > 5
    assert any((tmp_path / "shards").rglob("*.parquet"))


def test_a_cluster_that_is_not_there_is_one_sentence(
    needs_ray: None, faceclust: Run, tmp_path: Path
) -> None:
    made_up(tmp_path, 20).db.close()
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{nobody.getsockname()[1]}"
        given = ("--db", tmp_path / "library.db", "--engine", "ray", "--address", address)
        done = faceclust("cluster", *given, code=2)
    assert done.stderr.startswith(f"faceclust: The Ray cluster at --address {address} cannot be")
    assert done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_neighbours_are_searched_on_a_gpu_or_one_sentence_says_why_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pytest.importorskip("torch")
    from faceclust.graph import gpu
    from faceclust.graph.knn import knn

    said: list[str] = []
    monkeypatch.setattr(gpu, "unusable", lambda: "torch finds no GPU; run `faceclust doctor`.")
    x = np.eye(4, dtype=np.float32)
    with steps(device="cuda", notify=said.append) as local:
        assert said == []
        assert np.array_equal(local.knn(x, 2, exact_below=9).index, knn(x, 2).index)
    assert said == [
        "Neighbours are searched on the CPU: torch finds no GPU; run `faceclust doctor`."
    ]
    monkeypatch.setattr(gpu, "unusable", lambda: None)
    monkeypatch.setattr(gpu, "knn", partial(gpu.knn, device="cpu"))
    with steps(device="cuda", notify=said.append) as local:
        assert local.knn(x, 2, exact_below=9).index.shape == (4, 2)
    assert len(said) == 1

    def fail(*_: object) -> None:
        raise RuntimeError("CUDA out of memory\nand much more")

    monkeypatch.setattr(gpu, "knn", fail)
    with steps(device="cuda", notify=said.append) as local:
        assert local.knn(x, 2, exact_below=9).index.shape == (4, 2)
    assert said.pop().endswith("the GPU failed (CUDA out of memory) and is not used again.")
    with steps(notify=said.append) as local:
        assert local.knn is knn
    assert len(said) == 1


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_readers_on_a_cluster_ask_for_gpus_where_they_compute_on_them(
    monkeypatch: pytest.MonkeyPatch, device: Device, tmp_path: Path
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(scan, "run", lambda *_, gpu, **__: asked.append(gpu))
    make = ExtractorFactory(models.resolve("mobile"), DetectorOptions(), device, 1)
    on(Loop()).read(make, [], workers=1, limits=Limits(), folder=tmp_path)
    assert asked == [device == "cuda"]


def test_a_cluster_says_that_it_searches_on_cpus(monkeypatch: pytest.MonkeyPatch) -> None:
    module = sys.modules[steps.__module__]
    monkeypatch.setattr(module, "connect", lambda *_: nullcontext(Loop()))
    said: list[str] = []
    with steps("ray", device="cpu", notify=said.append), steps("ray", device="cuda"):
        assert said == []
    with steps("ray", device="cuda", notify=said.append):
        assert len(said) == 1
    assert said[0].startswith("Neighbours are searched on the CPUs of the cluster")

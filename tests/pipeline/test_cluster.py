from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceclust.cluster.methods import ClusterOptions
from faceclust.embed.arcface import normalise
from faceclust.embed.clip import FACE_CLIP, model_id
from faceclust.engine.tasks import Loop
from faceclust.errors import LibraryError, OptionError
from faceclust.pipeline import Library, all_people, cluster, name, not_a_face, undo
from faceclust.pipeline.arrive import between, same_photo
from faceclust.pipeline.cluster import _same_partition
from faceclust.pipeline.grouping import group
from faceclust.pipeline.models import MOBILE, space
from faceclust.pipeline.scoring import Described
from faceclust.pipeline.steps import LOCAL, Steps, on
from faceclust.store import catalogue, intake, ledger, nearby, open_database
from tests.synthetic import EXTRACTOR, describe, library, photo, put

COMPONENTS = ClusterOptions("components", threshold=0.9)


def faces(library: Library) -> set[tuple[int, ...]]:
    return {person.faces for person in all_people(library)}


def test_people_are_told_apart(album: Library) -> None:
    report = cluster(album, COMPONENTS)
    assert (report.faces, report.clusters, report.method) == (6, 3, "components")
    assert report.threshold == 0.9
    assert faces(album) == {(1, 2, 3), (4, 5), (6,)}
    kept = ledger.newest_clustering(album.db)
    assert kept is not None
    assert kept.options["threshold_used"] == 0.9


def test_numbers_stay_where_clusters_do(album: Library) -> None:
    put(album.db, photo("new.jpg", 2), photo("other.jpg", 4))
    cluster(album, COMPONENTS)
    assert {p.id: p.faces for p in all_people(album)} == {
        1: (1, 2, 3), 2: (4, 5, 7), 3: (6,), 4: (8,),
    }  # fmt: skip


def test_a_clustering_takes_no_name_away(album: Library) -> None:
    name(album, "1", "Ann")
    cluster(album, ClusterOptions("kmeans", num_people=1))
    assert next(p for p in all_people(album) if p.name == "Ann").faces[:3] == (1, 2, 3)


def test_what_is_not_a_face_is_not_clustered_until_it_is_taken_back(album: Library) -> None:
    not_a_face(album, 6)
    assert cluster(album, COMPONENTS).faces == 5
    undo(album)
    assert cluster(album, COMPONENTS).faces == 6


def test_nothing_to_cluster(album: Library, tmp_path: Path) -> None:
    with album.db.transaction() as sql:
        sql.execute("UPDATE faces SET retired_at = 'now'")
    for options in (ClusterOptions(), COMPONENTS, ClusterOptions("hac")):
        assert cluster(album, options).clusters == 0
    assert all_people(album) == []
    with (
        Library(tmp_path, open_database(tmp_path / "new.db", create=True)) as unscanned,
        pytest.raises(LibraryError, match="faceclust scan"),
    ):
        cluster(unscanned, COMPONENTS)


def test_pairs_of_faces_that_share_a_photo() -> None:
    pairs = {tuple(pair) for pair in same_photo(np.array([5, 7, 5, 9, 5, 7])).T.tolist()}
    assert pairs == {(0, 2), (0, 4), (2, 4), (1, 5)}
    assert same_photo(np.array([1, 2, 3])).shape == (2, 0)
    assert same_photo(np.zeros(0, np.int64)).shape == (2, 0)


def test_nothing_is_clustered_twice(album: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    first = cluster(album, COMPONENTS)
    before = ledger.newest_clustering(album.db)
    with monkeypatch.context() as patch:
        patch.setattr(sys.modules["faceclust.pipeline.cluster"], "group", None)
        again = cluster(album, COMPONENTS)
    assert (again.faces, again.clusters, again.threshold) == (first.faces, first.clusters, 0.9)
    assert ledger.newest_clustering(album.db) == before
    assert cluster(album, ClusterOptions("components", threshold=0.1)).threshold == 0.1
    put(album.db, photo("new.jpg", 9))
    assert cluster(album, COMPONENTS).faces == 7


def test_the_faces_are_counted_once_for_each_model(album: Library) -> None:
    describe(album.db, 1, 2, 3, 4, 5, 6)
    first = cluster(album, COMPONENTS)
    asked: list[str] = []
    album.db.sql.set_trace_callback(asked.append)
    again = cluster(album, COMPONENTS, anew=False)
    album.db.sql.set_trace_callback(None)
    assert (again.faces, again.clusters) == (first.faces, first.clusters)
    counts = [query for query in asked if "embeddings" in query]
    assert len(counts) == 2
    plans = [str(row[-1]) for q in counts for row in album.db.rows(f"EXPLAIN QUERY PLAN {q}")]
    assert not any("CORRELATED" in plan for plan in plans)


def test_a_clustering_that_fails_leaves_the_last_one(album: Library) -> None:
    before = ledger.newest_clustering(album.db)
    with pytest.raises(OptionError):
        cluster(album, ClusterOptions("kmeans"))
    assert ledger.newest_clustering(album.db) == before


def test_partitions_are_compared_by_who_is_with_whom() -> None:
    labels = np.array([0, 0, 1, 2])
    assert _same_partition(labels, np.array([5, 5, 9, 1]))
    assert not _same_partition(labels, np.array([0, 1, 1, 2]))  # as many, but others
    assert not _same_partition(labels, np.array([0, 0, 0, 1]))
    assert _same_partition(labels[:0], labels[:0])


CLIP = model_id(FACE_CLIP)


@pytest.fixture
def described(tmp_path: Path) -> Iterator[Library]:
    """80 faces of 16 people as the mobile profile and face-CLIP embed them, one a photo."""
    rng = np.random.default_rng(0)
    x = np.repeat(rng.normal(size=(16, 704)), 5, axis=0) + rng.normal(size=(80, 704))
    i = np.repeat(rng.normal(size=(16, 256)), 5, axis=0) + rng.normal(size=(80, 256))
    vectors, looks = x.astype(np.float32), i.astype(np.float32)
    with library(tmp_path / "album") as opened:
        for key, value in {"model": MOBILE, "clip": CLIP}.items():
            opened.db.set_setting(key, value)
        batch = [
            replace(photo(f"{n}.jpg", 1), vectors=vectors[n : n + 1], clip_vectors=looks[n : n + 1])
            for n in range(80)
        ]
        with opened.db.transaction() as sql:
            intake.put_scanned(sql, batch, EXTRACTOR, MOBILE, CLIP)
        yield opened


def reads(library: Library, options: ClusterOptions, using: Steps = LOCAL) -> tuple[str, ...]:
    """Models of which embeddings were read while the library was clustered."""
    asked: list[str] = []
    library.db.sql.set_trace_callback(asked.append)
    cluster(library, options, steps=using)
    library.db.sql.set_trace_callback(None)
    read = [query for query in asked if "vector FROM embeddings" in query]
    return tuple(model for model in (MOBILE, CLIP) for query in read if f"'{model}'" in query)


@pytest.mark.parametrize("using", [LOCAL, on(Loop())], ids=["local", "pieces"])
def test_clip_is_read_only_where_a_trained_model_reads_it(described: Library, using: Steps) -> None:
    faces, x = catalogue.live_faces(described.db, MOBILE)
    _, i = catalogue.live_faces(described.db, CLIP)
    whole, photo_of = Described(CLIP, normalise(i)), np.arange(80)
    for options, models in (
        (ClusterOptions(), (MOBILE,)),
        (ClusterOptions("hac"), (MOBILE,)),
        (ClusterOptions(edges="clip-cluster"), (MOBILE, CLIP)),
    ):
        assert reads(described, options, using) == models
        expected = group(x, options, space(MOBILE), photo_of, described=whole)
        newest = ledger.newest_clustering(described.db)
        assert newest is not None
        found = np.array([newest.membership[face] for face in faces.tolist()])
        assert _same_partition(found, expected.labels)
        assert newest.options["scorer"] == expected.scorer
        if expected.neighbours is not None and expected.edges is not None:
            _, log_odds = nearby.doubts(described.db)
            left = between(expected.edges, expected.labels).edge_weight
            np.testing.assert_array_equal(np.sort(log_odds), np.sort(left))


def test_the_stages_of_a_clustering_are_timed(album: Library) -> None:
    report = cluster(album, COMPONENTS)
    assert list(report.stages) == ["read", "compact", "neighbours", "partition", "keep"]
    assert 0 < sum(report.stages.values()) <= report.seconds
    assert cluster(album, COMPONENTS).stages == {}  # nothing has changed
    grouped = ["compact", "neighbours", "edges", "partition", "regroup"]
    assert list(cluster(album, ClusterOptions()).stages) == ["read", *grouped, "keep"]
    put(album.db, photo("new.jpg", 2))
    late = cluster(album, ClusterOptions(), anew=False).stages
    assert list(late) == ["read", "arrive", "keep"]

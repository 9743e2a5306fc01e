"""Where the embeddings lie makes no difference but to memory."""

from __future__ import annotations

import shutil
from collections import Counter, namedtuple
from pathlib import Path

import numpy as np
import pytest

from faceclust.cluster.methods import ClusterOptions
from faceclust.embed import arcface
from faceclust.embed.arcface import Scaled
from faceclust.engine.tasks import Loop
from faceclust.graph import principal
from faceclust.halves import Halves
from faceclust.pipeline import Library, cluster, embeddings, name
from faceclust.pipeline.steps import LOCAL, Steps, on
from faceclust.store import Database, StoredClustering, catalogue, intake, ledger, nearby
from tests.engine.crowd import faces as crowd
from tests.synthetic import MODEL, library, photo, put

FACES = 240
Room = namedtuple("Room", "total used free")


def town(folder: Path) -> Library:
    """Faces of many people, one in each photo."""
    photos = (photo(f"{n:03}.jpg", n) for n in range(FACES))
    opened = library(folder, *photos, db=folder / "library.db")
    x = crowd(FACES, D=48)[0] * np.float32(9)
    with opened.db.transaction() as sql:
        intake.put_vectors(sql, MODEL, range(1, FACES + 1), x)
    return opened


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Small libraries are treated as large ones are."""
    monkeypatch.setattr(arcface, "ROWS", 50)
    monkeypatch.setattr(principal, "BLOCK", 64)
    monkeypatch.setattr(principal, "COMPACT_FROM", 100)


def kept(folder: Path, options: ClusterOptions, steps: Steps) -> tuple[StoredClustering, object]:
    with town(folder) as opened:
        cluster(opened, ClusterOptions())
        largest = Counter(first_of(opened.db).values()).most_common(2)
        for who, (number, _) in zip(("Ann", "Ben"), largest, strict=True):
            name(opened, str(number), who)
        cluster(opened, options, steps=steps)
        newest = ledger.newest_clustering(opened.db)
        assert newest is not None
        return newest, nearby.doubts(opened.db)


def first_of(db: Database) -> dict[int, int]:
    newest = ledger.newest_clustering(db)
    assert newest is not None
    return dict(newest.membership)


@pytest.mark.usefixtures("small_blocks")
@pytest.mark.parametrize(
    ("options", "steps"),
    [
        (ClusterOptions(), LOCAL),
        (ClusterOptions(), on(Loop())),
        (ClusterOptions(exact_below=1), LOCAL),
        (ClusterOptions("infomap"), LOCAL),
        (ClusterOptions("hac"), LOCAL),
        (ClusterOptions("kmeans", num_people=1), LOCAL),
        (ClusterOptions("immich"), LOCAL),
    ],
)
def test_a_clustering_is_the_same_wherever_the_embeddings_lie(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: ClusterOptions, steps: Steps
) -> None:
    held, doubts = kept(tmp_path / "held", options, steps)
    monkeypatch.setattr(embeddings, "MAPPED_FROM", FACES)
    read, others = kept(tmp_path / "read", options, steps)
    assert len(set(held.membership.values())) > 1
    assert read.membership == held.membership
    np.testing.assert_equal(others, doubts)


@pytest.mark.usefixtures("small_blocks")
def test_on_the_default_path_all_are_never_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    most, read = 0, Halves.__getitem__

    def noted(self: Halves, rows: slice) -> np.ndarray:
        nonlocal most
        found = read(self, rows)
        most = max(most, len(found))
        return found

    monkeypatch.setattr(embeddings, "MAPPED_FROM", FACES)
    monkeypatch.setattr(Halves, "__getitem__", noted)
    with town(tmp_path / "town") as opened:
        cluster(opened, ClusterOptions())
    assert 0 < most < 2 * principal.BLOCK < FACES


def test_a_small_librarys_are_held_in_memory(album: Library) -> None:
    live = catalogue.live_face_ids(album.db)
    assert isinstance(embeddings.read(album.db, MODEL, live)[1].x, np.ndarray)


def test_faces_without_an_embedding_are_left_out(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embeddings, "MAPPED_FROM", 3)
    live = catalogue.live_face_ids(album.db)
    with album.db.transaction() as sql:
        sql.execute("DELETE FROM embeddings WHERE face_id = 2")
    faces, unit = embeddings.read(album.db, MODEL, live)
    ids, x = embeddings.held(album.db, MODEL, live)
    assert isinstance(unit.x, Scaled)
    assert faces.tolist() == ids.tolist() == [1, 3, 4, 5, 6]
    np.testing.assert_array_equal(unit.whole, x.whole)
    faces, unit = embeddings.read(album.db, "another", live)
    assert (len(faces), len(unit.x)) == (0, 0)


def test_a_full_disk_is_told_and_memory_used(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    expected = first_of(album.db)
    monkeypatch.setattr(embeddings, "MAPPED_FROM", 3)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: Room(100, 99, 1))
    cluster(album, ClusterOptions("components", threshold=0.9), notify=said.append)
    assert first_of(album.db) == expected
    (sentence,) = said
    assert str(album.db.path.parent) in sentence
    assert "(No space left on device): they are held in memory" in sentence
    cluster(album, ClusterOptions("components", threshold=0.8))


def test_what_new_faces_are_compared_with_is_held_in_memory(
    album: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once for every few of them: a file would be read as often."""
    monkeypatch.setattr(embeddings, "MAPPED_FROM", 3)
    cluster(album, ClusterOptions())
    put(album.db, photo("new.jpg", 2))
    monkeypatch.delattr(catalogue, "mapped_faces")
    report = cluster(album, ClusterOptions(), anew=False)
    assert report.faces == 7
    assert "arrive" in report.stages

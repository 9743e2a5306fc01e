from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from faceclust.store import Database, StoredValue, catalogue, descriptions, intake, open_database
from tests.synthetic import EXTRACTOR, MODEL, photo, put


@pytest.fixture
def db(tmp_path: Path) -> Iterator[Database]:
    with open_database(tmp_path / "library.db", create=True) as opened:
        yield opened


def value(attribute: str, name: str, *weights: float) -> StoredValue:
    return StoredValue(attribute, name, f"digest of {name}", np.array(weights, np.float32))


def test_faces_lack_an_embedding_until_they_get_one(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2), photo("gone.jpg", 3))
    assert descriptions.faces_without(db, "clip") == [1, 2, 3]
    assert descriptions.faces_without(db, MODEL) == []
    with db.transaction() as sql:
        intake.mark_missing(sql, ["gone.jpg"])
        intake.put_vectors(sql, "clip", [2], np.array([[0.5, 0.25]], np.float32))
    assert descriptions.faces_without(db, "clip") == [1]
    faces, i = catalogue.live_faces(db, "clip")
    assert (faces.tolist(), i.tolist()) == ([2], [[0.5, 0.25]])


def test_a_scan_may_bring_both_embeddings(db: Database) -> None:
    from dataclasses import replace

    found = replace(photo("a.jpg", 1, 2), clip_vectors=np.eye(2, dtype=np.float32))
    with db.transaction() as sql:
        intake.put_scanned(sql, [found, photo("b.jpg", 3)], EXTRACTOR, MODEL, "clip")
    assert catalogue.live_faces(db, "clip")[1].tolist() == [[1, 0], [0, 1]]
    assert catalogue.live_faces(db, MODEL)[0].tolist() == [1, 2, 3]
    assert descriptions.faces_without(db, "clip") == [3]


def test_crops_come_with_their_faces(db: Database) -> None:
    put(db, photo("a.jpg", 1, 2))
    assert dict(descriptions.crops_of(db, [2, 1, 99])) == {1: b"jpeg of 1", 2: b"jpeg of 2"}


def test_values_keep_their_order_and_their_space(db: Database) -> None:
    values = [value("mood", "up", 1, 2), value("mood", "down", 3, 4), value("age", "old", 5, 6)]
    descriptions.put_attribute_values(db, "clip", values)
    descriptions.put_attribute_values(db, "other", values[:2])
    found = descriptions.attribute_values(db, "clip")
    assert [(v.attribute, v.value, v.prompts) for v in found] == [
        ("mood", "up", "digest of up"), ("mood", "down", "digest of down"),
        ("age", "old", "digest of old"),
    ]  # fmt: skip
    assert found[1].weights.tolist() == [3, 4]
    descriptions.put_attribute_values(db, "clip", values[2:])
    assert [v.value for v in descriptions.attribute_values(db, "clip")] == ["old"]
    assert len(descriptions.attribute_values(db, "other")) == 2


def test_a_face_leads_to_the_first_of_its_files(db: Database) -> None:
    put(db, photo("b.jpg", 1, content="same"), photo("a.jpg", 1, content="same"))
    assert catalogue.file_of(db, 1) == "a.jpg"
    with db.transaction() as sql:
        intake.mark_missing(sql, ["a.jpg"])
    assert catalogue.file_of(db, 1) == "b.jpg"
    assert catalogue.file_of(db, 2) is None

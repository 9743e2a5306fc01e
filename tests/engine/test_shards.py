from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from faceclust.errors import WriteError
from faceclust.store import Scanned
from tests.synthetic import photo

pytest.importorskip("pyarrow", reason="needs pyarrow: pip install 'faceclust[ray]'")

from faceclust.engine import shards

ITEMS = [
    photo("a.jpg", 1, 2),
    photo(os.fsdecode(b"caf\xe9/b.jpg")),
    Scanned("c.jpg", 5, 7, error_kind="truncated", error="ends too soon"),
    replace(photo("d.jpg", 3), info=replace(photo("d.jpg").info, taken_at=None)),  # type: ignore[type-var]
]


def test_what_is_written_is_read(tmp_path: Path) -> None:
    shards.write(tmp_path, "one", ITEMS)
    found = shards.read(tmp_path, "one")
    assert found is not None
    for given, item in zip(ITEMS, found, strict=True):
        plain = ("path", "size", "mtime_ns", "content_hash", "info", "thumbnails", "error_kind",
                 "error", "clip_vectors")  # fmt: skip
        for name in plain:
            assert getattr(item, name) == getattr(given, name)
        assert [face.box for face in item.faces] == [face.box for face in given.faces]
        for one, two in zip(item.faces, given.faces, strict=True):
            assert np.array_equal(one.landmarks, two.landmarks)
            assert (one.score, one.size, one.blur, one.yaw) == (
                two.score, two.size, two.blur, two.yaw,
            )  # fmt: skip
        assert np.array_equal(
            item.vectors.astype(np.float16), given.vectors.astype(np.float16).reshape(-1, 32)
        )


def test_other_programs_can_read_it(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    shards.write(
        tmp_path, "one", [replace(i, clip_vectors=np.ones((len(i.faces), 4))) for i in ITEMS]
    )
    faces = pq.read_table(tmp_path / "faces" / "one.parquet").to_pandas()
    x, clip = (np.load(tmp_path / kind / "one.npy") for kind in ("embeddings", "clip"))
    assert len(faces) == len(x) == len(clip) == 3
    assert x.dtype == clip.dtype == np.float16
    assert list(shards.finished(tmp_path)) == ["one"]


def test_which_photos_a_shard_holds_is_known_without_its_faces(tmp_path: Path) -> None:
    shards.write(tmp_path, "one", ITEMS)
    for kind in ("faces", "embeddings"):
        next((tmp_path / kind).iterdir()).unlink()
    whole = [(item.path, item.size, item.mtime_ns) for item in ITEMS if item.error is None]
    assert shards.whole(tmp_path, "one") == set(whole)
    (tmp_path / "photos" / "one.parquet").write_bytes(b"PAR1 is how they begin")
    assert shards.whole(tmp_path, "one") == set()


def test_a_shard_without_faces(tmp_path: Path) -> None:
    shards.write(tmp_path, "none", [ITEMS[2]])
    found = shards.read(tmp_path, "none")
    assert found is not None
    assert found[0].error == "ends too soon"


@pytest.mark.parametrize("kind", ["photos", "faces", "embeddings"])
@pytest.mark.parametrize("damage", [b"", b"PAR1 is how they begin", None])
def test_a_damaged_shard_is_none(tmp_path: Path, kind: str, damage: bytes | None) -> None:
    shards.write(tmp_path, "one", ITEMS)
    (path,) = (tmp_path / kind).iterdir()
    path.unlink() if damage is None else path.write_bytes(damage)
    assert shards.read(tmp_path, "one") is None


def test_shards_that_do_not_belong_together_are_none(tmp_path: Path) -> None:
    shards.write(tmp_path, "one", ITEMS)
    shards.write(tmp_path, "two", ITEMS[:2])
    (tmp_path / "faces" / "two.parquet").replace(tmp_path / "faces" / "one.parquet")
    assert shards.read(tmp_path, "one") is None


def test_what_cannot_be_written_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="pass --shards"):
        shards.write(tmp_path / "file", "one", ITEMS)

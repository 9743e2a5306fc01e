"""What several `--data` are put together to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from faceclust.errors import InputError, OptionError
from faceclust.pipeline.identities import Embedded
from faceclust.train.data import cache, sources
from faceclust.train.data.cache import What


def nothing() -> Any:
    raise AssertionError("nothing is embedded before mistakes are told")


@pytest.mark.parametrize("names", [("a/photos", "b/photos"), ("x/set.tar", "set")])
def test_two_data_of_one_name_would_take_each_others_place(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    given = [tmp_path / name for name in names]
    for path in given:
        if path.suffix:
            path.parent.mkdir(parents=True)
            path.write_bytes(b"")
        else:
            (path / "ann").mkdir(parents=True)
    with pytest.raises(OptionError, match=r"two that are called '(photos|set)'; rename one"):
        sources.read([str(path) for path in given], nothing)


def test_the_projects_sets_are_joined_in_the_order_in_which_their_people_are_known(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class SeenError(Exception):
        """Of the first of them."""

    def embed(data: Path, using: object) -> Path:
        raise SeenError(data.stem)

    monkeypatch.setattr(sources.folders, "embed_set", embed)
    for name in ("train-family.tar", "train-celeb.tar"):
        (tmp_path / name).write_bytes(b"")
    data = [str(tmp_path / name) for name in ("train-family.tar", "train-celeb.tar")]
    with pytest.raises(SeenError, match="train-celeb"):
        sources.read(data, lambda: None)  # type: ignore[arg-type, return-value]


def test_what_an_earlier_run_has_embedded_is_taken_whatever_it_is_called(tmp_path: Path) -> None:
    def put(name: str, *faces: str) -> None:
        x = np.arange(1, 1 + 3 * len(faces), dtype=np.float32).reshape(-1, 3)
        found = Embedded(tuple(faces), x, x, x)
        cache.embed(tmp_path, What(name, "digest", "space", 2), lambda _: [found], lambda _: None)

    put("lfw", "ann/1.jpg", "ann/2.jpg", "bob/1.jpg")
    np.savez(tmp_path / "stray.npz", x=np.zeros(3))  # nobody's embeddings
    alone = sources.read([str(tmp_path)], nothing).identities
    assert (alone.names, alone.label.tolist()) == (("ann", "bob"), [0, 0, 1])
    put("more", "ann/9.jpg")
    put("train-pins", "P1/1.webp")
    joined = sources.read([str(tmp_path)], nothing).identities
    assert joined.names == ("0/P1", "1/ann", "1/bob", "2/ann")
    assert joined.label.tolist() == [0, 1, 1, 2, 3]
    put("recordio-ms1m", "1", "2")
    with pytest.raises(InputError, match=r"recordio-ms1m\.npz .* give --data ms1m and the --out"):
        sources.read([str(tmp_path)], nothing)

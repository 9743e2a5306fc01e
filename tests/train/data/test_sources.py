"""What several `--data` are put together to."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from faceclust.errors import OptionError
from faceclust.train.data import sources


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

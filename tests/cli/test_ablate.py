"""`faceclust eval --ablate` on a tiny library made up in memory."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from faceclust.__main__ import main
from faceclust.cli.evaluate import _cells
from faceclust.pipeline import Library
from tests.synthetic import group, library, photo

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def album(tmp_path: Path) -> Iterator[Library]:
    people = {"a": 1, "b": 1, "c": 1, "d": 2, "e": 2, "f": 3}
    batch = [photo(f"{name}.jpg", person) for name, person in people.items()]
    rows = [f"{name}.jpg,person {person}" for name, person in people.items()]
    (tmp_path / "labels.csv").write_text("\n".join(["file,person", *rows]), encoding="utf-8")
    with library(tmp_path / "album", *batch, db=tmp_path / "library.db") as opened:
        group(opened.db, (1, 2, 3), (4, 5), (6,))
        yield opened


def run(capsys: Capture, album: Library, *words: str, code: int = 0) -> tuple[str, str]:
    labels = album.root.parent / "labels.csv"
    given = ["eval", "--ablate", "--labels", str(labels), "--db", str(album.db.path), *words]
    assert main(given) == code
    return capsys.readouterr()


def test_the_table(capsys: Capture, album: Library) -> None:
    out, err = run(capsys, album)
    lines = [" ".join(line.split()) for line in out.splitlines()]
    assert lines[0] == (
        "6 faces of 3 people, one graph of 79 neighbours a face; F in percent, mean ± standard "
        "deviation of 5 seeds, or once where the seed does not matter"
    )
    assert lines[1] == "threshold F pairwise F BCubed clusters seconds seeds"
    assert re.fullmatch(r"\d+ s, embedding included\.", lines[-1])
    rows = [re.sub(r"\d+\.\d\d (once|\d)$", r"- \1", line) for line in lines[2:-1] if line]
    assert rows[:23] == [
        "rivals at their defaults",
        "infomap 0.5 100.00 ± 0.00 100.00 ± 0.00 3 - 5",
        "fc-es 0.22 42.11 ± 0.00 56.00 ± 0.00 1 - 5",
        "components 0.58 100.00 100.00 3 - once",
        "chinese-whispers 0.6 100.00 ± 0.00 100.00 ± 0.00 3 - 5",
        "cdp 0.7 100.00 100.00 3 - once",
        "aro 0 42.11 56.00 1 - once",
        "hac 0.44 100.00 100.00 3 - once",
        "dbscan 0.5 85.71 90.91 4 - once",
        "hdbscan 0 100.00 100.00 3 - once",
        "kmeans 100.00 ± 0.00 100.00 ± 0.00 3 - 5",
        "immich 0.5 85.71 90.91 4 - once",
        "rivals at their best threshold for this set",
        "infomap 0.3 100.00 ± 0.00 100.00 ± 0.00 3 - 5",
        "fc-es 0.1 42.11 ± 0.00 56.00 ± 0.00 1 - 5",
        "components 0.32 100.00 100.00 3 - once",
        "chinese-whispers 0.3 100.00 ± 0.00 100.00 ± 0.00 3 - 5",
        "cdp 0.32 100.00 100.00 3 - once",
        "aro 0 42.11 56.00 1 - once",
        "hac 0.32 100.00 100.00 3 - once",
        "dbscan 0.32 85.71 90.91 4 - once",
        "hdbscan 0 100.00 100.00 3 - once",
        "immich 0.32 85.71 90.91 4 - once",
    ]
    assert "universal edges, partition, photos known 100.00 100.00 3 - once" in rows
    assert "cosine weights, directed 100.00 ± 0.00 100.00 ± 0.00 3 - 5" in rows
    assert lines[-2].startswith("No rows for clip-cluster, without-hallucination, random-offsets, ")
    assert "give --runs FOLDER with files VARIANT-SEED.safetensors; `faceclust train" in lines[-2]
    steps = err.splitlines()
    assert steps[0] == f"1/{len(steps)} infomap"
    assert len(steps) == sum(line[-4:] in ("once", " - 5") for line in rows)


def test_json_holds_every_row_and_quiet_is_quiet(capsys: Capture, album: Library) -> None:
    labels = album.root.parent / "labels.csv"
    words = ["-q", "eval", "--ablate", "--json", "--labels", str(labels)]
    assert main([*words, "--db", str(album.db.path)]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    report = json.loads(out)
    assert (report["faces"], report["people"], report["seeds"]) == (6, 3, 5)
    partition = next(row for row in report["rows"] if row["name"] == "universal edges, partition")
    assert partition["bcubed"]["f"] == 1
    assert partition["runs"] == 1


@pytest.mark.parametrize(
    ("words", "flag"), [(("--method", "hac"), "--method"), (("--num-people", "3"), "--num-people")]
)
def test_options_of_one_method_do_not_go_with_all(
    capsys: Capture, album: Library, words: tuple[str, str], flag: str
) -> None:
    out, err = run(capsys, album, *words, code=1)
    assert out == ""
    assert f"--ablate compares all methods; leave {flag} out." in err


def test_runs_go_with_ablate_only(capsys: Capture, album: Library, tmp_path: Path) -> None:
    assert main(["eval", "--runs", str(tmp_path), "--db", str(album.db.path)]) == 1
    assert "--runs goes with --ablate only." in capsys.readouterr().err


def test_a_row_that_was_not_run_shows_why() -> None:
    row: dict[str, Any] = {"part": "rivals", "name": "hac", "note": "too [many] faces"}
    assert _cells(row) == [r"too \[many] faces"]

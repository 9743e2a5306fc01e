"""`--weights`: named once, remembered from any folder, told by name, taken back by ''."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from faceclust.__main__ import main
from faceclust.pipeline import Library, settings
from tests.synthetic import library
from tests.train.test_own import harsh, taken

Capture = pytest.CaptureFixture[str]
NAME = "edges [bold].npz"


@pytest.fixture
def crowd(tmp_path: Path) -> Iterator[Library]:
    batch = [taken(i, i // 4) for i in range(72)]
    with library(tmp_path / "album", *batch, db=tmp_path / "library.db") as opened:
        harsh(tmp_path / "edges.npz")
        (tmp_path / "edges.npz").rename(tmp_path / NAME)
        yield opened


def run(capsys: Capture, crowd: Library, *words: str, code: int = 0) -> tuple[str, str]:
    assert main([*words, "--db", str(crowd.db.path)]) == code
    return capsys.readouterr()


def test_a_file_is_remembered_told_and_taken_back(
    capsys: Capture, crowd: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    out, err = run(capsys, crowd, "cluster", "--weights", NAME)
    assert out.startswith("72 faces in 72 clusters by partition")
    assert err.startswith(f"Pairs of faces scored by {NAME} (")
    monkeypatch.chdir(crowd.root)
    assert run(capsys, crowd, "cluster")[1].startswith(f"Pairs of faces scored by {NAME} (")
    out, err = run(capsys, crowd, "cluster", "--weights", "")
    assert out.startswith("72 faces in 18 clusters by partition")
    assert err.startswith("Pairs of faces scored by edges-universal (")
    assert run(capsys, crowd, "cluster")[1].startswith("Pairs of faces scored by edges-universal (")


def test_scan_remembers_it_too(
    capsys: Capture, crowd: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run(capsys, crowd, "scan", str(crowd.root), "--weights", NAME)
    assert settings(crowd, {}).cluster.weights == str(tmp_path / NAME)


def test_a_file_that_cannot_be_used_is_not_remembered(
    capsys: Capture, crowd: Library, tmp_path: Path
) -> None:
    odd = tmp_path / "odd.npz"
    odd.write_bytes(b"nothing of use")
    out, err = run(capsys, crowd, "cluster", "--weights", str(odd), code=1)
    assert out == ""
    assert err.startswith(f"faceclust: {odd} is neither an edge model (.npz) nor a CLIP-Cluster")
    assert err.count("\n") == 1
    assert settings(crowd, {}).cluster.weights is None


def test_eval_says_whose_weights_scored(capsys: Capture, crowd: Library, tmp_path: Path) -> None:
    truth = tmp_path / "labels.csv"
    rows = [f"{i:03}.jpg,person {i // 4}" for i in range(72)]
    truth.write_text("\n".join(["file,person", *rows]), encoding="utf-8")
    given = ("--labels", str(truth), "--weights", str(tmp_path / NAME))
    out, _ = run(capsys, crowd, "eval", *given)
    assert f"pairs of faces scored by {NAME} (" in out
    assert settings(crowd, {}).cluster.weights is None
    _, err = run(capsys, crowd, "eval", "--ablate", *given, code=1)
    assert "--ablate compares all methods; leave --weights out." in err


def test_infomap_with_edges_named_or_not(capsys: Capture, crowd: Library) -> None:
    out, err = run(capsys, crowd, "cluster", "--method", "infomap", "--edges", "universal")
    assert out.startswith("72 faces in 18 clusters by infomap (")
    assert err.startswith("Pairs of faces scored by edges-universal (")
    _, err = run(capsys, crowd, "cluster", "--threshold", "0.6", code=1)
    assert "give --method infomap with one of them, not both, be it in faceclust.toml." in err
    out, err = run(capsys, crowd, "cluster", "--method", "infomap")
    assert " by infomap at 0.5 (" in out
    assert "scored by" not in err
    (crowd.root / "faceclust.toml").write_text("[cluster]\nedges = 'universal'\n", encoding="utf-8")
    assert " by infomap (" in run(capsys, crowd, "cluster")[0]

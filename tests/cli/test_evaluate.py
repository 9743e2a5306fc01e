"""`eval`: what is printed of a score."""

from __future__ import annotations

from pathlib import Path

import pytest

from faceclust.__main__ import main
from tests.synthetic import library
from tests.train.test_own import taken


def test_a_share_that_no_clicks_reach_is_said_to_be_out_of_reach(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    truth, db = tmp_path / "labels.csv", tmp_path / "library.db"
    twins = "".join(f"{i:03}.jpg,person {i // 2}\n" for i in range(72))
    truth.write_text(f"file,person\n{twins}", encoding="utf-8")
    with library(tmp_path / "album", *(taken(i, i // 4) for i in range(72)), db=db):
        assert main(["cluster", "--db", str(db)]) == 0
        assert main(["eval", "--labels", str(truth), "--db", str(db)]) == 0
    out, _ = capsys.readouterr()
    assert "  clicks  80% out of reach, 95% out of reach, best question first\n" in out

"""What the benchmark says of its own figures."""

from __future__ import annotations

from tests.benchmarks.edges import STAGES, Row, told


def row(faces: int, seconds: float, search: float) -> Row:
    """A size of which each stage takes as long, but for the search."""
    spent = dict.fromkeys(STAGES, seconds) | {"neighbours": search}
    cpu = {f"{stage} cpu": 2 * value for stage, value in spent.items()}
    return spent | cpu | {"faces": faces, "edge count": 9, "F pairwise": 0.5, "F BCubed": 0.75,
                          "GiB peak": 1.0}  # fmt: skip


def test_shares_and_the_growth_between_sizes_that_follow_each_other() -> None:
    lines = list(told([row(25_000, 1, 4), row(400_000, 16, 1024), row(100_000, 4, 64)]))
    assert lines[1] == (
        "  F 0.5000 / 0.7500; partition 12.5% of the whole, crowded clusters 12.5%; peak 1.00 GiB"
    )
    assert lines[6:] == [
        "growth from 25,000 to 100,000 faces:",
        "  as a whole n^1.66 (cpu n^1.66)",
        "  beyond the search n^1.00 (cpu n^1.00)",
        "growth from 100,000 to 400,000 faces:",
        "  as a whole n^1.88 (cpu n^1.88)",
        "  beyond the search n^1.00 (cpu n^1.00)",
    ]


def test_one_size_does_not_grow() -> None:
    assert len(list(told([row(25_000, 1, 4)]))) == 2
    assert len(list(told([row(25_000, 1, 4)] * 2))) == 4

"""What the benchmark reads off nvidia-smi."""

from __future__ import annotations

from tests.benchmarks.gpu import sample


def test_every_card_is_told_of() -> None:
    said = "0, 30\n1, 70\n2, [N/A]\n\nNVIDIA-SMI has failed\n"
    assert list(sample(said)) == [("0", 30.0), ("1", 70.0)]

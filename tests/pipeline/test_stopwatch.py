from __future__ import annotations

from faceclust.pipeline.stopwatch import Stopwatch


def test_every_second_belongs_to_one_stage() -> None:
    ticks = iter((10.0, 11.0, 13.0, 17.0, 20.0, 21.0))
    watch = Stopwatch(lambda: next(ticks))
    watch.lap("decode")
    watch.lap("detect")
    watch.lap("decode")
    watch.add({"detect": 0.5, "embed": 2.0})  # measured elsewhere, until 20
    watch.lap("keep")
    assert watch.seconds == {"decode": 5.0, "detect": 2.5, "embed": 2.0, "keep": 1.0}

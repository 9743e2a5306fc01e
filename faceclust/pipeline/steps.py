"""The heavy steps of the corridor, on this machine or on a Ray cluster: the same results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Literal, TypeAlias, get_args

from faceclust.cluster.methods import Partition
from faceclust.cluster.partition import partition
from faceclust.engine import knn as sharded
from faceclust.engine import partition as components
from faceclust.engine import scoring as chunked
from faceclust.engine.connect import connect
from faceclust.engine.tasks import Runner
from faceclust.errors import OptionError
from faceclust.graph import edges
from faceclust.graph.knn import knn
from faceclust.pipeline.models import Space
from faceclust.pipeline.scoring import Described, Scorer, quality_of, score
from faceclust.records import FloatArray, Graph, Neighbours

Engine: TypeAlias = Literal["local", "ray"]
Score: TypeAlias = Callable[
    [Scorer, FloatArray, FloatArray, Neighbours, Space, "Described | None"], Graph
]


@dataclass(frozen=True, slots=True)
class Steps:
    """What `cluster` has done for it.

    Attributes:
        knn: as `graph.knn.knn`.
        score: as `scoring.score`.
        partition: as `cluster.partition.partition`.
    """

    knn: Callable[[FloatArray, int], Neighbours]
    score: Score
    partition: Partition


LOCAL = Steps(knn, score, partition)


@contextmanager
def steps(engine: str = "local", address: str | None = None) -> Iterator[Steps]:
    """The steps of an engine, for as long as it is connected to.

    Args:
        engine: one of `Engine`.
        address: of a running Ray cluster; None for one that is started here.

    Raises:
        OptionError: there is no such engine, or it has no address.
        EngineError: Ray is not installed, or its cluster cannot be had.
    """
    if engine not in get_args(Engine):
        raise OptionError(f"--engine must be one of {', '.join(get_args(Engine))}, not {engine}.")
    if engine == "local":
        if address is not None:
            raise OptionError("--address is that of a Ray cluster; give --engine ray with it.")
        yield LOCAL
        return
    with connect(address) as runner:
        yield on(runner)


def on(runner: Runner) -> Steps:
    """The steps as pieces of work."""
    return Steps(
        partial(sharded.knn, runner=runner),
        partial(_score, runner),
        partial(components.partition, runner=runner),
    )


def _score(
    runner: Runner, scorer: Scorer, embeddings: FloatArray, x: FloatArray,
    neighbours: Neighbours, within: Space, described: Described | None,
) -> Graph:  # fmt: skip
    """In pieces where only the neighbourhood of a pair is looked at.

    CLIP-Cluster's graph convolution looks at all faces at once, so its scores are computed here.
    """
    if scorer.trained is not None and described is not None:
        return score(scorer, embeddings, x, neighbours, within, described)
    model, quality = edges.load(scorer.structural), quality_of(embeddings, within)
    return chunked.score(model, x, neighbours, quality, runner)

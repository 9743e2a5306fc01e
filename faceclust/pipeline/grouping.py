"""Group: embeddings to labels. Neighbours, what edges say of them, then the method."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from faceclust.cluster.constraints import Constraints
from faceclust.cluster.methods import ClusterOptions, lists_of, needs_edges
from faceclust.cluster.methods import cluster as partition
from faceclust.cluster.thinning import regroup
from faceclust.embed.arcface import Unit
from faceclust.graph.knn import EXACT_BELOW
from faceclust.graph.principal import compact
from faceclust.pipeline.arrive import same_photo
from faceclust.pipeline.models import Space
from faceclust.pipeline.scoring import Described, choose
from faceclust.pipeline.steps import LOCAL, Steps
from faceclust.pipeline.stopwatch import Stopwatch
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

SEARCH = ("compact", "neighbours")


@dataclass(frozen=True, slots=True, eq=False)
class Grouping:
    """A partition of N faces and what it took.

    Attributes:
        labels: (N,) int64, 0..K-1.
        threshold: the one that was used, or None.
        seconds: of wall-clock time, by stage: compact (fewer dimensions), neighbours, edges,
            partition, regroup; those that the method has.
        neighbours, edges: what it was made from, where the method scores pairs of faces.
        scorer: which models scored them.
    """

    labels: IntArray
    threshold: float | None
    seconds: Mapping[str, float]
    neighbours: Neighbours | None = None
    edges: Graph | None = None
    scorer: str | None = None

    @property
    def knn_seconds(self) -> float:
        """Of the neighbour search."""
        return sum(self.seconds.get(stage, 0.0) for stage in SEARCH)

    @property
    def cluster_seconds(self) -> float:
        """Of all that came after it."""
        return sum(self.seconds.values()) - self.knn_seconds


def group(
    embeddings: FloatArray | Unit,
    options: ClusterOptions,
    within: Space,
    photo: IntArray | None = None,
    constraints: Constraints | None = None,
    described: Described | None = None,
    own: Path | None = None,
    steps: Steps = LOCAL,
) -> Grouping:
    """Cluster faces by their embeddings: neighbours, edges, then the method.

    Args:
        embeddings: (N, D) float32, of any length; the length tells how recognisable a face is. Or
            what became of them, so that many faces need not be held twice.
        options: with None as the threshold, that of the space or else the method's own counts.
        within: the space of the model that made the embeddings.
        photo: (N,) which photo each face is in, where that is known: two faces of one photo are
            hardly ever one person.
        constraints: what the user decided.
        described: the faces' CLIP embeddings, see `described_for`.
        own: the library's own edge model, in place of the shipped ones.
        steps: who searches, scores and groups.
    """
    if options.threshold is None and not needs_edges(options):
        options = replace(options, threshold=within.thresholds.get(options.method))
    scorer = choose(options, within, described.model if described else None, own)
    faces = embeddings
    if not isinstance(faces, Unit):
        faces = Unit.of(faces, within.parts)
    watch, k = Stopwatch(time.perf_counter), lists_of(options)
    small = compact(faces.x)
    watch.lap("compact")
    exact_below = EXACT_BELOW if options.exact_below is None else options.exact_below
    search = partial(steps.knn, exact_below=exact_below, share=options.search_share)
    neighbours = search(small, k) if k else None
    watch.lap("neighbours")
    scored = None
    if neighbours is not None and scorer is not None:
        scored = steps.score(scorer, faces, small, neighbours, described)
        watch.lap("edges")
    apart = None if photo is None else same_photo(photo)
    result = partition(
        faces.x, options, neighbours, scored, apart, constraints, steps.partition, steps.communities
    )
    labels = result.labels
    watch.lap("partition")
    if scorer is not None and scored is not None and options.method == "partition":

        def among(rows: IntArray) -> Graph:
            some = None if described is None else described.select(rows)
            near = search(small[rows], k)
            return steps.score(scorer, faces.select(rows), small[rows], near, some)

        labels = regroup(labels, scored, among, apart=apart, constraints=constraints)
        watch.lap("regroup")
    return Grouping(
        labels,
        result.threshold,
        watch.seconds,
        None if scored is None else neighbours,
        scored,
        None if scorer is None else scorer.name,
    )

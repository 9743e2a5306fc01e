"""Which model says how likely two faces are one person: the best whose spaces these are."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from pathlib import Path

from faceclust import weights
from faceclust.embed.arcface import lengths
from faceclust.graph import correction, edges, structure
from faceclust.pipeline.models import Space
from faceclust.records import FloatArray, Graph, Neighbours

UNIVERSAL = "edges-universal.npz"


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """CLIP embeddings of N faces, (N, E) float32 L2-normalised, and the id of their model."""

    model: str
    i: FloatArray


@dataclass(frozen=True, slots=True, eq=False)
class Scored:
    """Log-odds of pairs of faces, and the name of the model that they come from."""

    edges: Graph
    by: str


def score(
    embeddings: FloatArray,
    x: FloatArray,
    neighbours: Neighbours,
    within: Space,
    described: Described | None = None,
    own: Path | None = None,
) -> Scored:
    """Score the listed pairs.

    The structural model serves every space. Where CLIP-Cluster was trained on the very spaces of
    the embeddings, it is added.

    Args:
        embeddings: (N, D) of any length; x: the same, L2-normalised.
        neighbours: of the N faces.
        within: the space of the identity embeddings.
        described: by CLIP, if they are.
        own: the library's own structural model, which then decides alone.
    """
    quality = structure.quality(lengths(embeddings, within.parts))
    if own is not None:
        return Scored(edges.score(edges.load(own), x, neighbours, quality), "the library's own")
    universal = edges.load(weights.own(UNIVERSAL))
    trained = None
    if within.proxies is not None and described is not None and len(x):
        trained = correction.load(weights.own(within.proxies))
        if trained.clip != described.model:
            trained = None
    if trained is None or described is None:
        return Scored(edges.score(universal, x, neighbours, quality), "universal")
    opened = partial(correction.Correction.of, trained, x, described.i, neighbours)
    found = edges.score(universal, x, neighbours, quality, opened)
    return Scored(found, f"CLIP-Cluster for {trained.space} and {trained.clip}")

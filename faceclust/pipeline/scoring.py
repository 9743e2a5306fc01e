"""Which models say how likely two faces are one person."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path

from faceclust import weights
from faceclust.cluster.methods import ClusterOptions, needs_edges
from faceclust.embed.arcface import lengths, normalise
from faceclust.graph import correction, edges, structure
from faceclust.pipeline.models import EDGES, Space
from faceclust.records import FloatArray, Graph, IntArray, Neighbours


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """CLIP embeddings of N faces, (N, E) float32 L2-normalised, and the id of their model."""

    model: str
    i: FloatArray

    def select(self, rows: IntArray) -> Described:
        """Some of the faces."""
        return Described(self.model, self.i[rows])


@dataclass(frozen=True, slots=True)
class Scorer:
    """Models that together score pairs of faces.

    Attributes:
        structural: an edge model of `graph.edges`; serves every space.
        trained: a CLIP-Cluster model of `graph.correction` that is added, or None.
        name: for the user, with the digest of what was chosen.
    """

    structural: Path
    trained: Path | None
    name: str


def choose(
    options: ClusterOptions, within: Space, described: str | None, own: Path | None = None
) -> Scorer | None:
    """The models for faces of these spaces; None where the method scores no pairs.

    The structural model serves every space. CLIP-Cluster, if asked for, is added where it was
    trained on the very spaces of the embeddings; a model of the library's own decides alone.

    Args:
        options: with `edges` "clip-cluster", CLIP-Cluster is added where it can be.
        within: the space of the identity embeddings.
        described: id of the CLIP model, where all faces have its embeddings.
        own: the library's own structural model.
    """
    if not needs_edges(options.method):
        return None
    if own is not None:
        return Scorer(own, None, f"the library's own ({_digest(own)})")
    universal = weights.own(EDGES)
    if options.edges == "clip-cluster" and described is not None and within.proxies is not None:
        trained = weights.own(within.proxies)
        if correction.load(trained).clip == described:
            return Scorer(universal, trained, f"{trained.stem} ({_digest(trained)})")
    return Scorer(universal, None, f"{universal.stem} ({_digest(universal)})")


@lru_cache(maxsize=8)
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def score(
    scorer: Scorer,
    embeddings: FloatArray,
    x: FloatArray,
    neighbours: Neighbours,
    within: Space,
    described: Described | None,
) -> Graph:
    """Log-odds of the listed pairs.

    Args:
        scorer: from `choose`.
        embeddings: (N, D) of any length.
        x: (N, <= D) the same, L2-normalised, perhaps in fewer dimensions (`principal.compact`).
        neighbours: of the N faces.
        within: the space of the identity embeddings.
        described: the faces' CLIP embeddings, where the scorer has a trained model.
    """
    quality = quality_of(embeddings, within)
    opened = None
    if scorer.trained is not None and described is not None and len(x):
        model = correction.load(scorer.trained)
        whole = normalise(embeddings, within.parts)
        opened = partial(correction.Correction.of, model, whole, described.i, neighbours)
    return edges.score(edges.load(scorer.structural), x, neighbours, quality, corrected=opened)


def quality_of(embeddings: FloatArray, within: Space) -> FloatArray:
    """How recognisable each face is for its library, (N,), by the lengths of (N, D) embeddings."""
    return structure.quality(lengths(embeddings, within.parts))

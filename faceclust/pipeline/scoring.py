"""Which models say how likely two faces are one person."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

from faceclust import weights
from faceclust.cluster.methods import ClusterOptions, needs_edges
from faceclust.embed.arcface import Unit
from faceclust.errors import InputError, OptionError, WeightsError
from faceclust.graph import correction, edges, structure
from faceclust.graph.correction import Model
from faceclust.graph.edges import Addition
from faceclust.halves import Rows
from faceclust.pipeline.models import EDGES, Space
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

BACK = "give --weights '' to go back"
REMEDY = "give another file, or --weights '' to go back"


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """CLIP embeddings of N faces, (N, E) float32 L2-normalised, and the id of their model.

    They may lie in a file.
    """

    model: str
    i: Rows

    def select(self, rows: IntArray) -> Described:
        """Some of the faces."""
        return Described(self.model, self.i[rows])


@dataclass(frozen=True, slots=True)
class Scorer:
    """Models that together score pairs of faces.

    Attributes:
        structural: an edge model of `graph.edges`; serves every space.
        trained: a CLIP-Cluster model of `graph.correction` that is added, or None; one that brings
            the edge model that it was trained with is added to that.
        name: for the user, with the digest of what was chosen.
    """

    structural: Path
    trained: Path | None
    name: str

    def adds(self, described: Described | None) -> bool:
        """Whether CLIP-Cluster has a say, of faces that may have CLIP embeddings."""
        return self.trained is not None and described is not None


def choose(
    options: ClusterOptions, within: Space, described: str | None, own: Path | None = None
) -> Scorer | None:
    """The models for faces of these spaces; None where the method scores no pairs.

    The structural model serves every space. CLIP-Cluster, if asked for, is added where it was
    trained on the very spaces of the embeddings; a model of the library's own decides alone.

    Args:
        options: with `edges` "clip-cluster", CLIP-Cluster is added where it can be; a file of
            `weights` comes before all others.
        within: the space of the identity embeddings.
        described: id of the CLIP model, where all faces have its embeddings.
        own: the library's own structural model.

    Raises:
        InputError: the file of `weights` cannot be read, is of another kind, or was trained on
            other spaces.
        OptionError: `edges` leaves out what the file holds.
        WeightsError: a file is damaged.
    """
    if not needs_edges(options):
        return None
    if options.weights:
        return _given(Path(options.weights), options.edges, within, described)
    if own is not None:
        return Scorer(own, None, f"the library's own ({_digest(own)})")
    universal = weights.own(EDGES)
    if options.edges == "clip-cluster" and described is not None and within.proxies is not None:
        trained = weights.own(within.proxies)
        if correction.load(trained).clip == described:
            return Scorer(universal, trained, f"{trained.stem} ({_digest(trained)})")
    return Scorer(universal, None, f"{universal.stem} ({_digest(universal)})")


def needs_clip(options: ClusterOptions) -> bool:
    """Whether what scores the pairs looks at CLIP embeddings, too.

    Raises:
        InputError: the file of `weights` cannot be read, or is of another kind.
    """
    if not needs_edges(options):
        return False
    kind = kind_of(Path(options.weights)) if options.weights else options.edges
    return kind == "clip-cluster"


def kind_of(path: Path) -> Literal["universal", "clip-cluster"]:
    """Which of the models a file holds, by its first bytes: an edge model, or CLIP-Cluster.

    Raises:
        InputError: it cannot be read, or neither can be.
    """
    try:
        with path.open("rb") as file:
            start = file.read(9)
    except OSError as error:
        raise InputError(f"{path} cannot be read ({error.strerror}); {REMEDY}.") from error
    if start.startswith(b"PK\x03\x04"):
        return "universal"
    if start[8:] == b"{":
        return "clip-cluster"
    raise InputError(
        f"{path} is neither an edge model (.npz) nor a CLIP-Cluster model (.safetensors) of "
        f"`faceclust train`; {REMEDY}."
    )


def _given(path: Path, asked: str | None, within: Space, described: str | None) -> Scorer:
    """What a file that the user named scores with."""
    kind = kind_of(path)
    if asked not in (None, kind):
        what = "an edge model" if kind == "universal" else "a CLIP-Cluster model"
        raise OptionError(
            f"{path} is {what}, which --edges {asked} does not use; run `faceclust cluster` with "
            f"--edges {kind} and --weights."
        )
    name = f"{path.name} ({_digest(path)})"
    if kind == "universal":
        edges.load(path, REMEDY)
        return Scorer(path, None, name)
    model = correction.load(path, REMEDY)
    correction.require_whole(model, path, REMEDY)
    if described is None:
        raise InputError(
            f"{path} is a CLIP-Cluster model, which needs CLIP embeddings of all faces by "
            f"{model.clip}; run `faceclust scan` first, or {BACK}."
        )
    require_fit(model, path, within.model, described, f"train one on those, or {BACK}")
    return Scorer(weights.own(EDGES), path, name)


def require_fit(model: Model, path: Path, space: str, clip: str, remedy: str) -> None:
    """Check that a CLIP-Cluster model was trained on the spaces that it is to be used in.

    Args:
        path: its file, for the sentence.
        space: id of the identity embeddings' model.
        clip: id of the CLIP model.
        remedy: how the sentence ends.

    Raises:
        InputError: it was trained on others.
    """
    # Embeddings without a model id make a model without one; then their size alone can tell.
    for made, here in ((model.space or space, space), (model.clip, clip)):
        if made != here:
            raise InputError(
                f"{path} was trained on embeddings of {made}, not of {here}; {remedy}."
            )


def _digest(path: Path) -> str:
    """Of the content now: who trains anew may write to the same file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()[:8]


def score(
    scorer: Scorer,
    faces: Unit,
    x: FloatArray,
    neighbours: Neighbours,
    described: Described | None,
    opening: Callable[..., Addition] = correction.Correction.of,
) -> Graph:
    """Log-odds of the listed pairs.

    Args:
        scorer: from `choose`.
        faces: the N faces.
        x: (N, <= D) the same, perhaps in fewer dimensions (`principal.compact`).
        neighbours: of the N faces.
        described: the faces' CLIP embeddings, where the scorer has a trained model.
        opening: that model, as `correction.Correction.of`.
    """
    opened, structural = None, None
    if scorer.trained is not None and described is not None and len(x):
        model = correction.load(scorer.trained)
        structural = model.base
        if faces.x.shape[1] != len(model.basis):
            raise WeightsError(
                f"{scorer.trained} was trained on embeddings of {len(model.basis)} numbers; these "
                f"have {faces.x.shape[1]}; {REMEDY}."
            )
        opened = partial(opening, model, faces.x, described.i, neighbours)
    quality = structure.quality(faces.lengths)
    structural = structural or edges.load(scorer.structural)
    return edges.score(structural, x, neighbours, quality, corrected=opened)

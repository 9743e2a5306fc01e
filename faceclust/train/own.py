"""The edge model of one library: tuned on its named people, kept only if it serves them better."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from faceclust import weights
from faceclust.cluster.partition import partition
from faceclust.engine.tasks import Runner
from faceclust.evaluate import Scores, scores
from faceclust.graph import edges
from faceclust.graph.edges import EdgeModel
from faceclust.graph.knn import knn
from faceclust.graph.structure import quality
from faceclust.pipeline.arrive import same_photo
from faceclust.pipeline.cluster import own_edges
from faceclust.pipeline.library import Library
from faceclust.pipeline.models import EDGES
from faceclust.train import edges as training
from faceclust.train.crowds import crowd_of
from faceclust.train.data.identities import Identities
from faceclust.train.edges import EdgeTraining
from faceclust.train.fitting import FitOptions, Row

HELD_OUT = 0.3
# A library has few pairs, and what was learned from thousands of people must not be forgotten.
TUNING = EdgeTraining(
    libraries=12, calibration=4, trials=3, quality_unknown=0.0,
    fit=FitOptions(epochs=30, patience=6, rate=3e-4, batch=512),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Verdict:
    """How two edge models tell apart people of a library whom neither was trained on.

    Attributes:
        people, faces: how many were held out.
        shipped, trained: scores of the two models on them.
        kept: where the trained model was put, or None where the shipped one stays.
    """

    people: int
    faces: int
    shipped: Scores
    trained: Scores
    kept: Path | None

    @property
    def better(self) -> bool:
        """Whether the trained model has the higher BCubed F."""
        return self.trained.bcubed.f > self.shipped.bcubed.f


def tune(
    library: Library,
    identities: Identities,
    options: EdgeTraining,
    out: Path,
    tell: Callable[[Row], None],
    runner: Runner | None = None,
) -> Verdict:
    """Go on training the shipped edge model on most named people, and measure it on the others.

    The model becomes the library's own, see `pipeline.cluster.own_edges`, if BCubed F of the people
    held out is higher with it; else the library goes back to the shipped one.

    Raises:
        InputError, OptionError: as `train.edges.train`.
    """
    shipped = edges.load(weights.own(EDGES))
    rows, apart = identities.split(HELD_OUT, options.seed)
    crowd = crowd_of(identities.select(rows))
    path = training.train(crowd, options, out, start=shipped, tell=tell, runner=runner)
    trained = edges.load(path)
    unseen = identities.select(apart)
    verdict = Verdict(
        len(np.unique(unseen.label[unseen.labelled])), int(unseen.labelled.sum()),
        measure(shipped, unseen, options.neighbours), measure(trained, unseen, options.neighbours),
        None,
    )  # fmt: skip
    kept = own_edges(library)
    if not verdict.better:
        kept.unlink(missing_ok=True)
        return verdict
    part = kept.with_name(f".{kept.name}.part.npz")
    trained.save(part)
    part.replace(kept)
    return replace(verdict, kept=kept)


def measure(model: EdgeModel, faces: Identities, k: int) -> Scores:
    """Scores of the labelled faces, clustered together with the strangers, as `cluster` would."""
    x = faces.normalised()
    graph = edges.score(model, x, knn(x, k), quality(faces.norms()))
    photo = np.where(faces.photo < 0, -1 - np.arange(len(faces)), faces.photo)
    labels = partition(graph, apart=same_photo(photo))
    known = faces.labelled
    return scores(faces.label[known], labels[known])

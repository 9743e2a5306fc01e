"""CLIP-Cluster models that `eval --ablate` compares: the shipped one, or each variant and seed."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from functools import partial
from pathlib import Path
from typing import TypeAlias

from faceclust import weights
from faceclust.cluster.methods import EDGE_LISTS, ClusterOptions
from faceclust.errors import InputError, WeightsError
from faceclust.graph import correction, edges
from faceclust.graph.architecture import VARIANTS, Architecture
from faceclust.graph.correction import Correction, Model
from faceclust.pipeline.models import EDGES, Space
from faceclust.pipeline.scoring import Described, choose, require_fit
from faceclust.pipeline.variants import EdgeScorer, Faces
from faceclust.records import Graph

WHOLE = "clip-cluster"
FILE = re.compile(rf"({'|'.join(VARIANTS)})-(\d{{1,9}})\.safetensors")
Runs: TypeAlias = Mapping[str, Mapping[int, Model]]


def read(folder: Path, space: str, clip: str) -> Runs:
    """The models of a folder, by variant, in the order of `VARIANTS`, and by seed.

    Args:
        folder: holds files `<variant>-<seed>.safetensors`; others are left alone.
        space: model id of the identity embeddings that are to be scored.
        clip: id of the CLIP model of their other embeddings.

    Raises:
        InputError: there is no such file, or one is of another variant, space or CLIP model.
        WeightsError: a file is damaged.
    """
    if not folder.is_dir():
        raise InputError(f"{folder} is no folder; --runs takes one with trained models.")
    found: dict[str, dict[int, Model]] = {variant: {} for variant in VARIANTS}
    for path in sorted(folder.iterdir()):
        if match := FILE.fullmatch(path.name):
            variant, seed = match.groups()
            found[variant][int(seed)] = _read(path, VARIANTS[variant], space, clip)
    if not any(found.values()):
        raise InputError(
            f"{folder} holds no file VARIANT-SEED.safetensors, such as {WHOLE}-0.safetensors; the "
            f"variants are {', '.join(VARIANTS)}."
        )
    return {variant: dict(sorted(models.items())) for variant, models in found.items() if models}


def _read(path: Path, named: Architecture, space: str, clip: str) -> Model:
    model = correction.load(path)
    if _kind(model.architecture) != _kind(named):
        raise InputError(f"{path} holds another variant than its name says; rename or remove it.")
    require_fit(model, path, space, clip, "train one on those, or remove it")
    return model


def _kind(architecture: Architecture) -> tuple[object, ...]:
    return architecture.offsets, architecture.fusion, architecture.attributes


def of_runs(runs: Runs) -> list[EdgeScorer]:
    """One model of edges a variant, with the seeds that it was trained with."""
    return [
        EdgeScorer(variant, partial(_corrected, models), tuple(models), walks=variant == WHOLE)
        for variant, models in runs.items()
    ]


def shipped(space: Space, described: Described | None) -> list[EdgeScorer]:
    """The shipped model, if it was trained on these spaces, as `--edges clip-cluster` uses it."""
    chosen = choose(
        ClusterOptions(edges="clip-cluster"), space, described.model if described else None
    )
    if chosen is None or chosen.trained is None:
        return []
    models = {0: correction.load(chosen.trained)}
    return [EdgeScorer(f"{WHOLE} as shipped", partial(_corrected, models), walks=True)]


def missing_rows(there: Collection[str]) -> str | None:
    """Which variants but those that are there have no rows, and how to make them; None for none."""
    missing = [variant for variant in VARIANTS if variant not in there]
    if not missing:
        return None
    return (
        f"No rows for {', '.join(missing)}: give --runs FOLDER with files VARIANT-SEED.safetensors;"
        " `faceclust train --stage clip-cluster --variant VARIANT --seed SEED` makes one, as"
        " clip-cluster.safetensors."
    )


def _corrected(models: Mapping[int, Model], faces: Faces, seed: int) -> Graph:
    """What the model of this seed says, together with the edges that it was trained to add to."""
    model, near = models[seed], faces.nearest(EDGE_LISTS)
    assert faces.described is not None
    if faces.x.shape[1] != len(model.basis):
        raise WeightsError(
            f"not run: trained on embeddings of {len(model.basis)} numbers; these have "
            f"{faces.x.shape[1]}."
        )
    opened = partial(Correction.of, model, faces.x, faces.described.i, near)
    base = model.base or edges.load(weights.own(EDGES))
    return edges.score(base, faces.x, near, faces.quality, corrected=opened)

"""Sampled libraries as graphs: what CLIP-Cluster learns on, drawn once and kept on disk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from faceclust.errors import InputError
from faceclust.graph import edges, structure
from faceclust.graph.architecture import AROUND
from faceclust.graph.edges import EdgeModel
from faceclust.graph.knn import knn
from faceclust.graph.streamed import neighbourhood
from faceclust.records import BoolArray, FloatArray, IntArray
from faceclust.train import crowds, libraries
from faceclust.train.crowds import Crowd, View


@dataclass(frozen=True, slots=True, eq=False)
class FaceGraph:
    """One library: faces, their candidate pairs, and what the structural model says of those.

    Attributes:
        f: (N, D) identity embeddings in the model's dimensions; around: (N, D) A_0 f.
        i: (N, E) CLIP embeddings.
        person: (N,) who it is; counts: (N,) whether the labels say so.
        near: (N, k) int32 first neighbours, -1 where there are fewer.
        index: (2, E) candidate pairs; s: (E, S) their features; base: (E,) log-odds.
        same, sure: (E,) whether a pair is one person, and whether that is known.
        spread: (1,) of the cosine between strangers.
    """

    f: FloatArray
    around: FloatArray
    i: FloatArray
    person: IntArray
    counts: BoolArray
    near: IntArray
    index: IntArray
    s: FloatArray
    base: FloatArray
    same: BoolArray
    sure: BoolArray
    spread: FloatArray

    def __len__(self) -> int:
        return len(self.person)

    def subgraph(self, nodes: int, rng: np.random.Generator) -> tuple[IntArray, IntArray, IntArray]:
        """The graph that random faces and their neighbours induce, about `nodes` in all.

        Every chosen face has all its neighbours beside it, as in STAR-FC's structure-preserving
        sampling (Shen et al., 2021), but faces are drawn one by one, not as cores of components;
        neighbours at the edge have fewer of their own, so A~ is the sub-graph's.

        Returns:
            The faces (n,) ascending, the pairs among them (2, e) by place in `faces`, and which
            rows of `index` those are (e,).
        """
        chosen = np.zeros(len(self), np.bool_)
        for face in rng.permutation(len(self)):
            if chosen.sum() >= nodes:
                break
            near = self.near[face]
            chosen[near[near >= 0]] = chosen[face] = True
        faces = np.flatnonzero(chosen)
        place = np.full(len(self), -1)
        place[faces] = np.arange(len(faces))
        pairs = place[self.index]
        rows = np.flatnonzero((pairs >= 0).all(0))
        return faces, pairs[:, rows], rows


def build(
    crowd: Crowd, library: libraries.Library, which: View, model: EdgeModel, basis: FloatArray,
    k: int,
) -> FaceGraph:  # fmt: skip
    """The graph of a sampled library as a user would have it embedded."""
    x = np.ascontiguousarray(crowds.view(library.faces, crowd.widths, which))
    neighbours = knn(x, k)
    pairs, scale = edges.candidates(x, neighbours)
    quality = structure.quality(library.norms)
    nothing = np.zeros((0, len(structure.NAMES)), np.float32)
    s = np.concatenate([nothing, *structure.features(x, neighbours, pairs, scale, quality)])
    a, b = library.person[pairs.index]
    f = x @ basis
    return FaceGraph(
        f=f,
        around=np.asarray(neighbourhood(neighbours.index, AROUND) @ f, np.float32),
        i=library.clip,
        person=library.person,
        counts=library.person < crowd.known,
        near=neighbours.index[:, :AROUND].astype(np.int32),
        index=pairs.index,
        s=s,
        base=model.log_odds(s),
        same=a == b,
        sure=~crowd.is_unsure(a, b),
        spread=np.array([scale.deviation], np.float32),
    )


def drawn(
    crowd: Crowd, mask: BoolArray, side: int, count: int, seed: int, folder: Path,
    model: EdgeModel, basis: FloatArray, k: int,
) -> Iterator[FaceGraph]:  # fmt: skip
    """`count` graphs of people under a mask; those that an earlier attempt drew are read.

    Raises:
        InputError: a kept one is damaged.
    """
    folder.mkdir(parents=True, exist_ok=True)
    which: View = "both" if "both" in crowd.views else "first"
    for number in range(count):
        path = folder / f"{side}-{number:03}.safetensors"
        if not path.is_file():
            rng = np.random.default_rng((seed, 6, side, number))
            shape = crowd.shapes[number % len(crowd.shapes)]
            library = libraries.sample(crowd, mask, shape, rng)
            found = build(crowd, library, which, model, basis, k)
            part = path.with_suffix(".part")
            save_file({f.name: np.ascontiguousarray(getattr(found, f.name)) for f in fields(found)},
                      part)  # fmt: skip
            part.replace(path)
        try:
            yield FaceGraph(**load_file(path))
        except (OSError, SafetensorError, TypeError) as error:
            raise InputError(
                f"{path} is damaged ({error}); remove it, or pass --no-resume."
            ) from error

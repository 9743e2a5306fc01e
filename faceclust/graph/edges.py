"""The edge model: how likely two faces are one person, from the structure of their neighbourhood.

A multilayer perceptron with ReLU over the features of `graph.structure`. Its output is the
log-odds that the pair is one person, calibrated on people that were held out of the training.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import TypeAlias
from zipfile import BadZipFile

import numpy as np

from faceclust.errors import WeightsError
from faceclust.graph import structure
from faceclust.graph.pairs import Pairs, candidate_pairs, pairs_among
from faceclust.records import FloatArray, Graph, IntArray, Neighbours

REMEDY = "remove it if you trained it, else install faceclust again"
# What numpy and zipfile raise at files of any content; AttributeError is np.load's of an array.
_UNREADABLE = (
    OSError, ValueError, TypeError, KeyError, EOFError, AttributeError, NotImplementedError,
    RuntimeError, MemoryError, BadZipFile, zlib.error, struct.error,
)  # fmt: skip
LIMIT = 6.0
LARGEST = 12.0
HOPELESS = 2.7
FLOOR = -4.0
# Log-odds of a pair by its standardised cosine alone: their slope, and where they are even. Fitted
# on small libraries of the training families (`python -m tests.benchmarks.small --fit`).
SLOPE, EVEN = 1.7, 4.0


@dataclass(frozen=True, slots=True, eq=False)
class EdgeModel:
    """h_{l+1} = ReLU(h_l W_l + b_l), h_0 = clip((features - mean) / deviation); log-odds = h_L.

    Attributes:
        mean, deviation: (F,) float32 of the training features.
        weights: W_l, (F_l, F_{l+1}) float32; the last one (F_L, 1).
        biases: b_l, (F_{l+1},) float32.
    """

    mean: FloatArray
    deviation: FloatArray
    weights: tuple[FloatArray, ...]
    biases: tuple[FloatArray, ...]

    def log_odds(self, features: FloatArray) -> FloatArray:
        """Natural logarithm of P(one person) / P(two people), within +-`LARGEST`.

        Args:
            features: (E, F) float32 from `structure.features`.

        Returns:
            (E,) float32.
        """
        return self.activations(features)[-1][:, 0].clip(-LARGEST, LARGEST)

    def activations(self, features: FloatArray) -> list[FloatArray]:
        """h_0 .. h_L, (E, F_l) each; training needs them all."""
        h = [((features - self.mean) / self.deviation).clip(-LIMIT, LIMIT)]
        last = len(self.weights) - 1
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            z = h[-1] @ W + b
            h.append(np.maximum(z, 0) if layer < last else z)
        return h

    def arrays(self) -> dict[str, FloatArray]:
        """All its numbers by name, as `of` takes them."""
        arrays = {"mean": self.mean, "deviation": self.deviation}
        for layer, (W, b) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays |= {f"weight_{layer}": W, f"bias_{layer}": b}
        return arrays

    @classmethod
    def of(cls, arrays: Mapping[str, FloatArray]) -> EdgeModel:
        """The model with these numbers; ValueError or KeyError where they make none."""
        layers = range(sum(name.startswith("weight_") for name in arrays))
        model = cls(
            _floats(arrays["mean"]),
            _floats(arrays["deviation"]),
            tuple(_floats(arrays[f"weight_{layer}"]) for layer in layers),
            tuple(_floats(arrays[f"bias_{layer}"]) for layer in layers),
        )
        if not _fits(model):
            raise ValueError("its arrays do not fit one another")
        return model

    def save(self, path: Path) -> None:
        """Write the arrays and the names of the features to an .npz file."""
        np.savez(path, features=np.array(structure.NAMES), **self.arrays())  # type: ignore[arg-type]


def load(path: Path, remedy: str = REMEDY) -> EdgeModel:
    """Read a model that `EdgeModel.save` wrote.

    Args:
        remedy: how an error's sentence ends.

    Raises:
        WeightsError: the file is missing, no such model, or made for other features.
    """
    try:
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            if tuple(file["features"].tolist()) != structure.NAMES:
                raise WeightsError(f"{path} was trained on other features; {remedy}.")
            return EdgeModel.of(file)
    except _UNREADABLE as error:
        raise WeightsError(f"{path} is no edge model ({error}); {remedy}.") from error


def _floats(array: FloatArray) -> FloatArray:
    return np.asarray(array, np.float32)


def _fits(model: EdgeModel) -> bool:
    """Whether the layers fit the features and one another, and all numbers are finite."""
    F = len(structure.NAMES)
    widths = [F, *(b.size for b in model.biases)]
    shapes = [(W.shape, b.shape) for W, b in zip(model.weights, model.biases, strict=True)]
    arrays = (model.mean, model.deviation, *model.weights, *model.biases)
    return (
        model.mean.shape == model.deviation.shape == (F,)
        and shapes == [((n, m), (m,)) for n, m in pairwise(widths)]
        and len(shapes) > 0
        and widths[-1] == 1
        and all(np.isfinite(array).all() for array in arrays)
    )


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A part of a library's pairs, to be scored as they would be among all.

    Attributes:
        faces: (F,) rows, ascending; only pairs of these.
        label: (N,) int64; no pairs of faces that have one label.
        scale: of all faces.
    """

    faces: IntArray
    label: IntArray
    scale: structure.Scale


def candidates(
    x: FloatArray, neighbours: Neighbours, part: Part | None = None
) -> tuple[Pairs, structure.Scale]:
    """The listed pairs (of a part) that are not hopeless, and the scale that says so."""
    if part is None:
        scale, pairs = structure.strangers(x), candidate_pairs(neighbours)
    else:
        scale, pairs = part.scale, pairs_among(neighbours, part.faces)
    near = pairs.similarity > scale.mean + HOPELESS * scale.deviation
    if part is not None:
        near &= part.label[pairs.index[0]] != part.label[pairs.index[1]]
    return Pairs(pairs.index[:, near], pairs.similarity[near], pairs.rank[:, near]), scale


def by_cosine(features: FloatArray) -> FloatArray:
    """Log-odds by the standardised cosine alone: (E, F) features of `structure` -> (E,)."""
    z = features[:, structure.NAMES.index("z")]
    return np.asarray((SLOPE * (z - EVEN)).clip(-LARGEST, LARGEST), np.float32)


# What is added to the log-odds of some pairs, from their places (2, e) and features (e, F).
Addition: TypeAlias = Callable[[IntArray, FloatArray], FloatArray]


def score(
    model: EdgeModel,
    x: FloatArray,
    neighbours: Neighbours,
    quality: FloatArray | None = None,
    corrected: Callable[[Pairs, structure.Scale], Addition] | None = None,
    part: Part | None = None,
) -> Graph:
    """The log-odds of every listed pair that is not hopeless.

    In a small library ranks, densities and shared neighbours mean little, and the model, which
    has only seen larger ones, is far too sure: there the cosine alone has a say as well.

    Args:
        x: (N, D) float32, L2-normalised.
        neighbours: of the same N faces, 50 each as in training.
        quality: (N,) from `structure.quality`, or None.
        corrected: opens what knows more than structure does, see `correction.Correction.of`.
        part: which pairs; None for all.

    Returns:
        Each pair once, i < j, weighted by its log-odds > `FLOOR`; a pair that is left out is
        less likely than that.
    """
    pairs, scale = candidates(x, neighbours, part)
    addition = corrected(pairs, scale) if corrected else None
    faces = None if part is None else np.unique(pairs.index)
    weights, start = [np.zeros(0, np.float32)], 0
    for features in structure.features(x, neighbours, pairs, scale, quality, faces):
        log_odds = trusted(model, features, len(x))
        if addition:
            index = pairs.index[:, start : start + len(features)]
            log_odds = (log_odds + addition(index, features)).clip(-LARGEST, LARGEST)
        weights.append(log_odds)
        start += len(features)
    return likely(pairs, np.concatenate(weights), len(x))


def trusted(model: EdgeModel, features: FloatArray, N: int) -> FloatArray:
    """Log-odds (E,) by the model, and in a library of few faces by the cosine as well."""
    log_odds = model.log_odds(features)
    trust = np.float32(min(1.0, N / structure.TRUSTED))
    if trust < 1:
        log_odds = trust * log_odds + (1 - trust) * by_cosine(features)
    return log_odds


def likely(pairs: Pairs, weight: FloatArray, N: int) -> Graph:
    """The pairs of log-odds (E,) above `FLOOR`."""
    keep = weight > FLOOR
    return Graph(pairs.index[:, keep], weight[keep], N)

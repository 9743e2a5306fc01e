"""Train the edge model on sampled libraries and calibrate it on people it has not seen.

    python -m faceclust.train.edges EMBEDDINGS OUTPUT [--seed 0]

EMBEDDINGS is the folder that `libraries.read` describes, OUTPUT an .npz file.
"""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np

from faceclust.graph import edges, structure
from faceclust.graph.edges import EdgeModel
from faceclust.graph.knn import knn
from faceclust.records import FloatArray, IntArray
from faceclust.train import libraries
from faceclust.train.libraries import BoolArray, Crowd, Library, Shape, View

log = logging.getLogger(__name__)

VIEWS: tuple[View, ...] = get_args(View)
VIEW_ODDS = (0.25, 0.15, 0.4, 0.2)
SHAPES: tuple[Shape, ...] = ("tail", "family", "mixed", "heavy", "small", "clan", "tail", "clan")


@dataclass(frozen=True, slots=True)
class EdgeTraining:
    """How the edge model is trained.

    Attributes:
        libraries: how many are sampled, the shapes in turn.
        calibration: how many more of people held out.
        held_out: share of the people kept for the calibration.
        neighbours: k of the neighbour lists; the model must be used with the same.
        quality_unknown: share of the libraries in which the lengths of embeddings are withheld.
        hidden: widths of the hidden layers.
        epochs, batch, rate, decay: of Adam; the rate falls to 0 along a cosine.
        seed: of everything.
    """

    libraries: int = 56
    calibration: int = 16
    held_out: float = 0.25
    neighbours: int = 50
    quality_unknown: float = 0.2
    hidden: tuple[int, ...] = (64, 32)
    epochs: int = 6
    batch: int = 2048
    rate: float = 3e-3
    decay: float = 1e-5
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Examples:
    """Pairs of faces: features (E, F), same (E,) 0 or 1, weight (E,), all float32."""

    features: FloatArray
    same: FloatArray
    weight: FloatArray

    @classmethod
    def joined(cls, parts: Iterable[Examples]) -> Examples:
        """Those of several libraries; at least one."""
        columns = zip(*((p.features, p.same, p.weight) for p in parts), strict=True)
        return cls(*(np.concatenate(column) for column in columns))


def train(crowd: Crowd, options: EdgeTraining) -> EdgeModel:
    """Fit on most people, calibrate on the others."""
    rng = np.random.default_rng(options.seed)
    apart = libraries.held_out(crowd, options.held_out, options.seed)
    seen = Examples.joined(_sampled(crowd, ~apart, options.libraries, options, rng))
    log.info("%d pairs of %d libraries", len(seen.same), options.libraries)
    model = fit(seen, options)
    unseen = Examples.joined(_sampled(crowd, apart, options.calibration, options, rng))
    log.info("log loss on held-out people before calibration: %.4f", log_loss(model, unseen))
    model = calibrate(model, unseen)
    log.info("log loss on held-out people after calibration: %.4f", log_loss(model, unseen))
    return model


def examples(crowd: Crowd, library: Library, which: View, k: int, *, quality: bool) -> Examples:
    """The listed pairs of a library, without those whose label is in doubt.

    A pair weighs less the larger its library is, so that one of 10,000 faces counts as three of
    1,000.
    """
    x = np.ascontiguousarray(libraries.view(library.faces, crowd.widths, which))
    neighbours = knn(x, k)
    pairs, scale = edges.candidates(x, neighbours)
    columns = {"first": [0], "second": [1]}.get(which, [0, 1])
    known = structure.quality(library.norms[:, columns]) if quality else None
    chunks = list(structure.features(x, neighbours, pairs, scale, known))
    a, b = library.person[pairs.index]
    sure = ~crowd.is_unsure(a, b)
    weight = np.full(sure.sum(), 1 / np.sqrt(max(sure.sum(), 1)), np.float32)
    return Examples(np.concatenate(chunks)[sure], (a == b)[sure].astype(np.float32), weight)


def fit(data: Examples, options: EdgeTraining) -> EdgeModel:
    """Minimise the weighted cross-entropy by Adam (Kingma and Ba, 2015)."""
    rng = np.random.default_rng(options.seed)
    model = _initial(data.features, options.hidden, rng)
    parameters = [*model.weights, *model.biases]
    moment = [np.zeros_like(p) for p in parameters]
    square = [np.zeros_like(p) for p in parameters]
    weight = data.weight / data.weight.mean()
    steps = options.epochs * -(-len(weight) // options.batch)
    for step, rows in enumerate(_batches(len(weight), options, rng), start=1):
        rate = options.rate * min(1, step / 200) * (1 + np.cos(np.pi * step / steps)) / 2
        gradient = _gradient(model, data.features[rows], data.same[rows], weight[rows])
        for p, g, m, v in zip(parameters, gradient, moment, square, strict=True):
            m += (g - m) * np.float32(0.1)
            v += (g * g - v) * np.float32(0.001)
            towards = (m / (1 - 0.9**step)) / (np.sqrt(v / (1 - 0.999**step)) + 1e-8)
            p -= (rate * (towards + options.decay * p)).astype(np.float32)
    return model


def calibrate(model: EdgeModel, data: Examples) -> EdgeModel:
    """Scale the log-odds to fit unseen people (temperature; Guo et al., 2017), in the last layer.

    They are not shifted: a shift would fit the share of strangers among the people held out, and
    libraries differ in that.
    """
    from scipy.optimize import minimize_scalar

    z = model.log_odds(data.features).astype(np.float64) * (1 - 2 * data.same)

    def loss(scale: float) -> float:
        return float(np.average(np.logaddexp(0, scale * z), weights=data.weight))

    scale = np.float32(minimize_scalar(loss, bounds=(0.1, 3), method="bounded").x)
    log.info("calibration: log-odds x %.3f", scale)
    return replace(
        model,
        weights=(*model.weights[:-1], model.weights[-1] * scale),
        biases=(*model.biases[:-1], model.biases[-1] * scale),
    )


def log_loss(model: EdgeModel, data: Examples) -> float:
    """Mean cross-entropy in nats, weighted."""
    z = model.log_odds(data.features) * (1 - 2 * data.same)
    return float(np.average(np.logaddexp(0, z), weights=data.weight))


def _sampled(
    crowd: Crowd, mask: BoolArray, count: int, options: EdgeTraining, rng: np.random.Generator
) -> Iterator[Examples]:
    for number in range(count):
        library = libraries.sample(crowd, mask, SHAPES[number % len(SHAPES)], rng)
        which: View = VIEWS[rng.choice(len(VIEWS), p=VIEW_ODDS)]
        known = bool(rng.random() >= options.quality_unknown)
        yield examples(crowd, library, which, options.neighbours, quality=known)


def _initial(features: FloatArray, hidden: tuple[int, ...], rng: np.random.Generator) -> EdgeModel:
    """He initialisation; the features standardised."""
    widths = [features.shape[1], *hidden, 1]
    shapes = list(pairwise(widths))
    return EdgeModel(
        features.mean(0, dtype=np.float64).astype(np.float32),
        (features.std(0, dtype=np.float64) + 1e-6).astype(np.float32),
        tuple((rng.normal(size=s) * np.sqrt(2 / s[0])).astype(np.float32) for s in shapes),
        tuple(np.zeros(s[1], np.float32) for s in shapes),
    )


def _batches(total: int, options: EdgeTraining, rng: np.random.Generator) -> Iterator[IntArray]:
    for _ in range(options.epochs):
        order = rng.permutation(total)
        yield from (order[s : s + options.batch] for s in range(0, total, options.batch))


def _gradient(
    model: EdgeModel, features: FloatArray, same: FloatArray, weight: FloatArray
) -> list[FloatArray]:
    """Of the mean cross-entropy, in the order weights, biases."""
    layers = model.activations(features)
    p = 1 / (1 + np.exp(-layers[-1][:, 0]))
    delta = ((p - same) * weight / len(weight)).astype(np.float32)[:, None]
    by_weights: list[FloatArray] = []
    by_biases: list[FloatArray] = []
    for layer in range(len(model.weights) - 1, -1, -1):
        by_weights.insert(0, layers[layer].T @ delta)
        by_biases.insert(0, delta.sum(0))
        if layer:
            delta = (delta @ model.weights[layer].T) * (layers[layer] > 0)
    return [*by_weights, *by_biases]


def main(arguments: list[str] | None = None) -> None:
    """Run the command in the module's docstring."""
    parser = argparse.ArgumentParser(description="Train the edge model.")
    parser.add_argument("embeddings", type=Path)
    parser.add_argument("output", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(message)s")
    train(libraries.read(given.embeddings), EdgeTraining(seed=given.seed)).save(given.output)


if __name__ == "__main__":
    main()

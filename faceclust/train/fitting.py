"""Fitting the edge model: AdamW on pairs, early stopping, checkpoints that resume bit for bit.

Which pairs a step sees is a function of the seed and the step alone, so the checkpoint of a step
holds all that the next one needs: parameters, moments, and the best model so far.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from faceclust.errors import InputError, OptionError
from faceclust.graph.edges import EdgeModel
from faceclust.records import FloatArray

Row: TypeAlias = dict[str, Any]
Judge: TypeAlias = Callable[[EdgeModel], float]
LOG_EVERY = 100


@dataclass(frozen=True, slots=True)
class FitOptions:
    """How the edge model is fitted.

    Attributes:
        hidden: widths of the hidden layers.
        epochs: passes through the pairs at most; the rate falls to 0 along a cosine over them.
        steps: a limit on all steps, for trying things out.
        patience: epochs without a better F after which the fit ends.
        batch, rate, decay: of AdamW; the decay is decoupled from the gradient.
        save_every: steps between checkpoints; there is one after each epoch, too.
        seed: of everything.
    """

    hidden: tuple[int, ...] = (64, 32)
    epochs: int = 8
    steps: int | None = None
    patience: int = 3
    batch: int = 2048
    rate: float = 3e-3
    decay: float = 1e-5
    save_every: int = 1000
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


@dataclass(slots=True, eq=False)
class State:
    """A fit at one step: the model, Adam's moments of its parameters, and the best so far."""

    model: EdgeModel
    moment: list[FloatArray]
    square: list[FloatArray]
    best: EdgeModel
    best_f: float = -1.0
    best_epoch: int = 0
    step: int = 0

    @classmethod
    def fresh(cls, model: EdgeModel) -> State:
        """Before the first step."""
        moments = [[np.zeros_like(p) for p in parameters(model)] for _ in range(2)]
        return cls(model, moments[0], moments[1], copied(model))

    def save(self, path: Path, recipe: str) -> None:
        """Write a checkpoint, whole or not at all; `recipe` is the whole configuration."""
        tensors: dict[str, FloatArray] = {}
        for name, model in (("model", self.model), ("best", self.best)):
            tensors |= {f"{name}/mean": model.mean, f"{name}/deviation": model.deviation}
            tensors |= {f"{name}/{i}": p for i, p in enumerate(parameters(model))}
        tensors |= {f"moment/{i}": m for i, m in enumerate(self.moment)}
        tensors |= {f"square/{i}": v for i, v in enumerate(self.square)}
        progress = json.dumps([self.step, self.best_epoch, self.best_f])
        part = path.with_suffix(".part")
        contiguous = {key: np.ascontiguousarray(value) for key, value in tensors.items()}
        save_file(contiguous, part, {"recipe": recipe, "progress": progress})
        part.replace(path)

    @classmethod
    def load(cls, path: Path, recipe: str) -> State:
        """Go on from a checkpoint.

        Raises:
            InputError: it is damaged.
            OptionError: it is of a run with other options or data.
        """
        try:
            with safe_open(path, "numpy") as file:
                meta, names = file.metadata() or {}, list(file.keys())
                tensors = {key: file.get_tensor(key) for key in names}
            kept = meta["recipe"]
            step, best_epoch, best_f = json.loads(meta["progress"])
            layers = sum(key.startswith("moment/") for key in names) // 2
            columns = [[tensors[f"{name}/{i}"] for i in range(2 * layers)]
                       for name in ("model", "best", "moment", "square")]  # fmt: skip
            if any(len({array.shape for array in same}) > 1 for same in zip(*columns, strict=True)):
                raise ValueError("its arrays do not fit together")
            models = [
                EdgeModel(tensors[f"{name}/mean"], tensors[f"{name}/deviation"],
                          tuple(column[:layers]), tuple(column[layers:]))
                for name, column in zip(("model", "best"), columns[:2], strict=True)
            ]  # fmt: skip
        except (OSError, SafetensorError, KeyError, ValueError) as error:
            raise InputError(
                f"{path} is no checkpoint of the edge model ({error}); remove it, or pass "
                "--no-resume."
            ) from error
        if kept != recipe:
            raise OptionError(
                f"{path} is of a run with other options or data ({difference(kept, recipe)}); "
                "give the same ones, another --out, or --no-resume."
            )
        return cls(models[0], columns[2], columns[3], models[1], best_f, best_epoch, step)


def difference(kept: str, recipe: str) -> str:
    """What two configurations, in JSON, differ by, in words."""
    before, now = json.loads(kept), json.loads(recipe)
    names = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    return ", ".join(f"{key} {before.get(key)} there, {now.get(key)} here" for key in names)


def parameters(model: EdgeModel) -> list[FloatArray]:
    """The arrays that are trained: weights, then biases."""
    return [*model.weights, *model.biases]


def copied(model: EdgeModel) -> EdgeModel:
    """The model as it is now."""
    weights, biases = (tuple(p.copy() for p in ps) for ps in (model.weights, model.biases))
    return replace(model, weights=weights, biases=biases)


def fit(
    data: Examples,
    options: FitOptions,
    *,
    start: EdgeModel | None = None,
    judge: Judge | None = None,
    checkpoint: Path | None = None,
    recipe: str = "{}",
    tell: Callable[[Row], None] = lambda row: None,
) -> EdgeModel:
    """Minimise the weighted cross-entropy by AdamW (Loshchilov and Hutter, 2019).

    Args:
        data: the pairs.
        options: see there.
        start: go on from this model, in place of a random one.
        judge: F of a model on people held out; the model of the best epoch is returned, and the
            fit ends when `patience` epochs brought nothing better. Without it the last one is.
        checkpoint: where to keep the state; gone on from where it exists.
        recipe: the whole configuration as JSON, kept in the checkpoint.
        tell: given the mean loss of some steps, and the F of each epoch.
    """
    if checkpoint and checkpoint.is_file():
        state = State.load(checkpoint, recipe)
    else:
        initial = copied(start) if start else _initial(data.features, options)
        state = State.fresh(initial)
    weight = data.weight / data.weight.mean()
    per_epoch = -(-len(weight) // options.batch)
    total = min(options.epochs * per_epoch, options.steps or options.epochs * per_epoch)
    losses: list[float] = []
    while state.step < total and not _is_done(state, per_epoch, options, judge):
        epoch, place = divmod(state.step, per_epoch)
        order = permutation(options.seed, epoch, len(weight))
        rows = order[place * options.batch : (place + 1) * options.batch]
        losses.append(_step(state, data, weight, rows, total, options))
        ended = state.step % per_epoch == 0 or state.step == total
        if state.step % LOG_EVERY == 0 or ended:
            tell({"step": state.step, "of": total, "loss": float(np.mean(losses))})
            losses = []
        if ended:
            _judge(state, epoch + 1, judge, tell)
        if checkpoint and (ended or state.step % options.save_every == 0):
            state.save(checkpoint, recipe)
    return state.best


def _is_done(state: State, per_epoch: int, options: FitOptions, judge: Judge | None) -> bool:
    return judge is not None and state.step // per_epoch - state.best_epoch >= options.patience


def _judge(state: State, epoch: int, judge: Judge | None, tell: Callable[[Row], None]) -> None:
    if judge is None:
        state.best, state.best_epoch = copied(state.model), epoch
        return
    f = judge(state.model)
    tell({"step": state.step, "epoch": epoch, "f": f})
    if f > state.best_f:
        state.best, state.best_f, state.best_epoch = copied(state.model), f, epoch


@lru_cache(maxsize=1)
def permutation(seed: int, epoch: int, count: int) -> NDArray[np.intp]:
    """The order of one pass through `count` pairs."""
    return np.random.default_rng((seed, 1, epoch)).permutation(count)


def _step(
    state: State, data: Examples, weight: FloatArray, rows: NDArray[np.intp], total: int,
    options: FitOptions,
) -> float:  # fmt: skip
    """One step of AdamW in place; the loss before it."""
    state.step += 1
    t = state.step
    rate = options.rate * min(1, t / 200) * (1 + np.cos(np.pi * t / total)) / 2
    loss, gradient = loss_and_gradient(
        state.model, data.features[rows], data.same[rows], weight[rows]
    )
    ours = zip(parameters(state.model), gradient, state.moment, state.square, strict=True)
    for p, g, m, v in ours:
        m += (g - m) * np.float32(0.1)
        v += (g * g - v) * np.float32(0.001)
        towards = (m / (1 - 0.9**t)) / (np.sqrt(v / (1 - 0.999**t)) + 1e-8)
        p -= (rate * (towards + options.decay * p)).astype(np.float32)
    return loss


def loss_and_gradient(
    model: EdgeModel, features: FloatArray, same: FloatArray, weight: FloatArray
) -> tuple[float, list[FloatArray]]:
    """The mean cross-entropy, and its gradient in the order of `parameters`."""
    layers = model.activations(features)
    z = layers[-1][:, 0]
    p = 1 / (1 + np.exp(-z))
    loss = float(np.mean(np.logaddexp(0, z * (1 - 2 * same)) * weight))
    delta = ((p - same) * weight / len(weight)).astype(np.float32)[:, None]
    by_weights: list[FloatArray] = []
    by_biases: list[FloatArray] = []
    for layer in range(len(model.weights) - 1, -1, -1):
        by_weights.insert(0, layers[layer].T @ delta)
        by_biases.insert(0, delta.sum(0))
        if layer:
            delta = (delta @ model.weights[layer].T) * (layers[layer] > 0)
    return loss, [*by_weights, *by_biases]


def _initial(features: FloatArray, options: FitOptions) -> EdgeModel:
    """He initialisation; the features standardised."""
    rng = np.random.default_rng((options.seed, 0))
    shapes = list(pairwise([features.shape[1], *options.hidden, 1]))
    return EdgeModel(
        features.mean(0, dtype=np.float64).astype(np.float32),
        (features.std(0, dtype=np.float64) + 1e-6).astype(np.float32),
        tuple((rng.normal(size=s) * np.sqrt(2 / s[0])).astype(np.float32) for s in shapes),
        tuple(np.zeros(s[1], np.float32) for s in shapes),
    )

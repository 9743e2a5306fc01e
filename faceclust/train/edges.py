"""Train the edge model on sampled libraries and calibrate it on people it has not seen.

`faceclust train --stage edges` runs it. Everything random is a function of the seed and of the
number of the library, epoch or step, so a run that was killed goes on from what it left in its
folder and ends with the same weights, bit for bit.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save_file

from faceclust.cluster.partition import partition
from faceclust.engine.tasks import Loop, Runner, Shared
from faceclust.errors import InputError
from faceclust.evaluate import bcubed, pairwise
from faceclust.graph import edges, structure
from faceclust.graph.edges import FLOOR, EdgeModel
from faceclust.graph.knn import knn
from faceclust.records import BoolArray, FloatArray, Graph, IntArray
from faceclust.train import crowds, libraries
from faceclust.train.crowds import VIEWS, Crowd, View
from faceclust.train.fitting import Examples, FitOptions, Row, State, fit
from faceclust.train.libraries import Library

VIEW_ODDS = (0.25, 0.15, 0.4, 0.2)
Side = Literal["seen", "calibration", "trial"]
SIDES: tuple[Side, ...] = ("seen", "calibration", "trial")
Tell = Callable[[Row], None]


@dataclass(frozen=True, slots=True)
class EdgeTraining:
    """How the edge model is trained.

    Attributes:
        libraries: how many are sampled, the shapes in turn.
        calibration: how many more of people held out.
        trials: how many of people held out tell when to stop.
        held_out: share of the people kept for calibration and trials.
        neighbours: k of the neighbour lists; the model must be used with the same.
        quality_unknown: share of the libraries in which the lengths of embeddings are withheld.
        fit: of the model.
        seed: of everything.
    """

    libraries: int = 56
    calibration: int = 16
    trials: int = 4
    held_out: float = 0.25
    neighbours: int = 50
    quality_unknown: float = 0.2
    fit: FitOptions = field(default_factory=FitOptions)
    seed: int = 0


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A library of people held out: its scored pairs, and who is who.

    Attributes:
        features: (E, F) of `pairs` (2, E).
        truth: (N,) person of each face; `counts` (N,) whether the labels say who it is.
    """

    features: FloatArray
    pairs: IntArray
    truth: IntArray
    counts: BoolArray

    def labels(self, model: EdgeModel) -> IntArray:
        """(N,) clusters that the model leads to."""
        weight = model.log_odds(self.features)
        keep = weight > FLOOR
        return partition(Graph(self.pairs[:, keep], weight[keep], len(self.truth)))

    def f(self, model: EdgeModel) -> tuple[float, float]:
        """Pairwise and BCubed F of the labelled faces."""
        truth, labels = self.truth[self.counts], self.labels(model)[self.counts]
        return pairwise(truth, labels).f, bcubed(truth, labels).f


def train(
    crowd: Crowd,
    options: EdgeTraining,
    out: Path,
    *,
    start: EdgeModel | None = None,
    tell: Tell = lambda row: None,
    runner: Runner | None = None,
) -> Path:
    """Fit on most people until the others are told apart no better, and calibrate on the others.

    Args:
        crowd: all faces.
        options: see there.
        out: folder of the run; what a killed one left in it is gone on from.
        start: the model to go on from, in place of a random one.
        tell: given the losses, the F of each epoch and the libraries drawn.
        runner: draws the libraries, each a piece of work; None for one after the other, here.

    Returns:
        `out/edges.npz`.

    Raises:
        OptionError: the folder holds a run with other options or data.
        InputError: what it holds is damaged, or nothing can be learned from the data.
    """
    out.mkdir(parents=True, exist_ok=True)
    apart = libraries.held_out(crowd, options.held_out, options.seed)
    digest = digest_of(crowd, options, start)
    recipe = json.dumps({**asdict(options), "data": digest})
    kept = out / "examples" / digest[:16]
    if (out / "edges.npz").is_file() and (out / "state.safetensors").is_file():
        State.load(out / "state.safetensors", recipe)
        return out / "edges.npz"

    runner = runner or Loop()
    shared = runner.share((crowd, apart))

    def drawn(side: Side, count: int) -> Examples:
        parts = list(_kept(_Draw(shared, side, options), count, kept, tell, runner))
        return Examples.joined(parts)

    trials = list(runner.each(_Try(shared, options), range(options.trials)))
    seen = drawn("seen", options.libraries)
    if not 0 < seen.same.mean() < 1:
        raise InputError("The data hold no two faces of one person, or no two people; give others.")
    model = fit(
        seen, replace(options.fit, seed=options.seed), start=start,
        judge=(lambda model: float(np.mean([t.f(model)[1] for t in trials]))) if trials else None,
        checkpoint=out / "state.safetensors", recipe=recipe, tell=tell,
    )  # fmt: skip
    del seen
    model = calibrate(model, unseen := drawn("calibration", options.calibration))
    tell({"log_loss": log_loss(model, unseen)})
    part = out / "edges.part.npz"
    model.save(part)
    part.replace(out / "edges.npz")
    shutil.rmtree(out / "examples")
    return out / "edges.npz"


def digest_of(crowd: Crowd, options: EdgeTraining, start: EdgeModel | None) -> str:
    """What tells this run's pairs from another's."""
    digest = hashlib.sha256(json.dumps({**asdict(options), "fit": None}).encode())
    for array in (crowd.person, crowd.group, crowd.faces[:: 1 + len(crowd.faces) // 1000]):
        digest.update(np.ascontiguousarray(array).tobytes())
    for array in (*start.weights, *start.biases) if start else ():
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


def examples(crowd: Crowd, library: Library, which: View, k: int, *, quality: bool) -> Examples:
    """The listed pairs of a library, without those whose label is in doubt.

    A pair weighs less the larger its library is, so that one of 10,000 faces counts as three of
    1,000.
    """
    features, index = scored_pairs(crowd, library, which, k, quality=quality)
    a, b = library.person[index]
    sure = ~crowd.is_unsure(a, b)
    weight = np.full(sure.sum(), 1 / np.sqrt(max(sure.sum(), 1)), np.float32)
    return Examples(features[sure], (a == b)[sure].astype(np.float32), weight)


def scored_pairs(
    crowd: Crowd, library: Library, which: View, k: int, *, quality: bool
) -> tuple[FloatArray, IntArray]:
    """Features (E, F) and faces (2, E) of the pairs that the edge model looks at.

    By one thread, as on a cluster: products that several compute together may differ in their last
    bits.
    """
    from threadpoolctl import threadpool_limits

    x = np.ascontiguousarray(crowds.view(library.faces, crowd.widths, which))
    neighbours = knn(x, k)
    columns = {"first": [0], "second": [1]}.get(which, list(range(library.norms.shape[1])))
    known = structure.quality(library.norms[:, columns]) if quality else None
    with threadpool_limits(1):
        pairs, scale = edges.candidates(x, neighbours)
        chunks = list(structure.features(x, neighbours, pairs, scale, known))
    nothing = np.zeros((0, len(structure.NAMES)), np.float32)
    return np.concatenate([nothing, *chunks]), pairs.index


def trial(crowd: Crowd, mask: BoolArray, number: int, options: EdgeTraining) -> Trial:
    """One library of the people under a mask, as a user would have it embedded."""
    library = _library(crowd, mask, "trial", number, options)[0]
    which: View = "both" if "both" in crowd.views else "first"
    features, pairs = scored_pairs(crowd, library, which, options.neighbours, quality=True)
    return Trial(features, pairs, library.person, library.person < crowd.known)


def calibrate(model: EdgeModel, data: Examples) -> EdgeModel:
    """Scale the log-odds to fit unseen people (temperature; Guo et al., 2017), in the last layer.

    They are not shifted: a shift would fit the share of strangers among the people held out, and
    libraries differ in that.
    """
    from scipy.optimize import minimize_scalar

    if not len(data.same):
        return model
    z = model.log_odds(data.features).astype(np.float64) * (1 - 2 * data.same)

    def loss(scale: float) -> float:
        return float(np.average(np.logaddexp(0, scale * z), weights=data.weight))

    scale = np.float32(minimize_scalar(loss, bounds=(0.1, 3), method="bounded").x)
    return replace(
        model,
        weights=(*model.weights[:-1], model.weights[-1] * scale),
        biases=(*model.biases[:-1], model.biases[-1] * scale),
    )


def log_loss(model: EdgeModel, data: Examples) -> float:
    """Mean cross-entropy in nats, weighted."""
    if not len(data.same):
        return 0.0
    z = model.log_odds(data.features) * (1 - 2 * data.same)
    return float(np.average(np.logaddexp(0, z), weights=data.weight))


@dataclass(frozen=True, slots=True, eq=False)
class _Draw:
    """Draws libraries by number.

    Attributes:
        of: the crowd, and (N,) which of its faces are held out.
    """

    of: Shared[tuple[Crowd, BoolArray]]
    side: Side
    options: EdgeTraining

    def __call__(self, number: int) -> tuple[Examples, int]:
        """The pairs of a library, and how many faces it has."""
        crowd, apart = self.of.get()
        mask = ~apart if self.side == "seen" else apart
        library, which, known = _library(crowd, mask, self.side, number, self.options)
        found = examples(crowd, library, which, self.options.neighbours, quality=known)
        return found, len(library.person)


@dataclass(frozen=True, slots=True, eq=False)
class _Try:
    """Draws trials by number."""

    of: Shared[tuple[Crowd, BoolArray]]
    options: EdgeTraining

    def __call__(self, number: int) -> Trial:
        """See `trial`."""
        crowd, apart = self.of.get()
        return trial(crowd, apart, number, self.options)


def _kept(draw: _Draw, count: int, folder: Path, tell: Tell, runner: Runner) -> Iterator[Examples]:
    """The pairs of `count` sampled libraries; those that an earlier attempt drew are read."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"{draw.side}-{number:03}.safetensors" for number in range(count)]
    known = [path.is_file() for path in paths]
    drawn = runner.each(draw, [number for number in range(count) if not known[number]])
    for number, path in enumerate(paths):
        if known[number]:
            yield _read(path)
            continue
        found, faces = next(drawn)
        tell({"library": number + 1, "libraries": count, "faces": faces})
        part = path.with_suffix(".part")
        save_file({"features": found.features, "same": found.same, "weight": found.weight}, part)
        part.replace(path)
        yield found


def _read(path: Path) -> Examples:
    try:
        return Examples(**load_file(path))
    except (OSError, SafetensorError, TypeError) as error:
        raise InputError(f"{path} is damaged ({error}); remove it, or pass --no-resume.") from error


def _library(
    crowd: Crowd, mask: BoolArray, side: Side, number: int, options: EdgeTraining
) -> tuple[Library, View, bool]:
    """A sampled library, how it is embedded, and whether the embeddings' lengths are known."""
    rng = np.random.default_rng((options.seed, 2, SIDES.index(side), number))
    library = libraries.sample(crowd, mask, crowd.shapes[number % len(crowd.shapes)], rng)
    odds = np.array([VIEW_ODDS[VIEWS.index(view)] for view in crowd.views])
    which: View = crowd.views[rng.choice(len(odds), p=odds / odds.sum())]
    return library, which, bool(rng.random() >= options.quality_unknown)

import numpy as np
import pytest

from faceclust.train.edges import calibrate, log_loss
from faceclust.train.fitting import Examples, FitOptions, fit, loss_and_gradient, parameters
from tests.graph.test_edges import tiny


def separable(pairs: int = 20_000, seed: int = 0) -> Examples:
    """Pairs whose true log-odds are 2 x_0 - 1."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(pairs, 4)).astype(np.float32)
    p = 1 / (1 + np.exp(1 - 2 * features[:, 0]))
    same = (rng.random(pairs) < p).astype(np.float32)
    return Examples(features, same, np.ones(pairs, np.float32))


def test_gradient_is_the_slope_of_the_loss() -> None:
    model, rng = tiny(), np.random.default_rng(2)
    features = rng.normal(1, 0.5, (64, len(model.mean))).astype(np.float32)
    same = (rng.random(64) < 0.5).astype(np.float32)
    data = Examples(features, same, rng.uniform(0.5, 2, 64).astype(np.float32))
    weight = data.weight / data.weight.mean()
    loss, gradient = loss_and_gradient(model, features, same, weight)
    assert loss == pytest.approx(log_loss(model, data), rel=1e-4)
    for p, g in zip(parameters(model), gradient, strict=True):
        at = np.unravel_index(np.argmax(np.abs(g)), g.shape)
        before = p[at]
        losses = []
        for step in (1e-2, -1e-2):
            p[at] = before + step
            losses.append(log_loss(model, data))
        p[at] = before
        assert g[at] == pytest.approx((losses[0] - losses[1]) / 2e-2, rel=0.05)


def test_fit_finds_the_true_odds_and_repeats_itself() -> None:
    options = FitOptions(hidden=(8,), epochs=30, batch=256)
    model = fit(separable(), options)
    best = log_loss(model, separable(seed=1))
    assert best < 0.50  # the entropy of the labels themselves is 0.47
    assert log_loss(fit(separable(), options), separable(seed=1)) == best


def test_calibration_undoes_overconfidence() -> None:
    options = FitOptions(hidden=(8,), epochs=30, batch=256)
    model, unseen = fit(separable(), options), separable(seed=1)
    honest = log_loss(model, unseen)
    model.weights[-1][:] *= 3
    model.biases[-1][:] *= 3
    assert log_loss(model, unseen) > honest + 0.1
    assert log_loss(calibrate(model, unseen), unseen) == pytest.approx(honest, abs=0.02)

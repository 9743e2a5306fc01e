"""Losses of CLIP-Cluster: their values by hand, and their gradients by differences."""

from __future__ import annotations

from typing import Any

import pytest

torch = pytest.importorskip("torch")

from faceclust.graph.hallucinate import Hallucinated, SpaceTransfer  # noqa: E402
from faceclust.train import proxy_losses  # noqa: E402

N, A, V, D, E = 4, 2, 6, 5, 3
TARGET = torch.tensor([[0, 4], [1, 5], [2, 4], [3, 5]])


def double(*shape: int) -> Any:
    return torch.randn(*shape, dtype=torch.double, requires_grad=True)


def seen(f: Any, di: Any, dt: Any) -> Hallucinated:
    """Hallucinations (N, A, ...) for the values `TARGET`."""
    return Hallucinated(own=TARGET[:0], target=TARGET, dt=dt, di=di, f=f)


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def test_gradients_of_the_clip_loss_are_right() -> None:
    f = torch.zeros(N, A, D, dtype=torch.double)
    given = double(N, A, E), double(N, A, E), double(N, E), double(V, E)
    assert torch.autograd.gradcheck(
        lambda di, dt, i, t: proxy_losses.clip_loss(seen(f, di, dt), i, t), given
    )


def test_gradients_of_the_identity_and_the_real_loss_are_right() -> None:
    nothing = torch.zeros(N, A, E, dtype=torch.double)
    own = torch.tensor([[0, 5], [0, 4], [2, 4], [3, 4]])
    given = double(N, A, D), double(N, D)
    assert torch.autograd.gradcheck(
        lambda f_hat, f: proxy_losses.identity_loss(seen(f_hat, nothing, nothing), f), given
    )
    assert torch.autograd.gradcheck(
        lambda f_hat, f: proxy_losses.real_loss(seen(f_hat, nothing, nothing), own, f), given
    )


def test_gradients_of_the_transfer_loss_are_right() -> None:
    transfer = SpaceTransfer(E, D, 4).double()
    given = double(N, E), double(N, D), double(N, E), double(N, D), *transfer.parameters()
    assert torch.autograd.gradcheck(
        lambda i, f, i_r, f_r, *_: proxy_losses.transfer_loss(transfer, i, f, i_r, f_r), given
    )


def test_gradients_of_the_cross_entropy_are_right_and_none_is_of_what_is_unsure() -> None:
    log_odds = double(N)
    same = torch.tensor([1, 0, 1, 0], dtype=torch.double)
    sure = torch.tensor([True, True, False, False])
    assert torch.autograd.gradcheck(
        lambda z: proxy_losses.cross_entropy(z, same, sure), (log_odds,)
    )
    proxy_losses.cross_entropy(log_odds, same, sure).backward()
    assert log_odds.grad[2:].tolist() == [0, 0]
    assert proxy_losses.cross_entropy(log_odds, same, ~sure & sure) == 0


def test_only_values_that_the_other_photo_has_count_in_the_real_loss() -> None:
    f = torch.eye(D, dtype=torch.double)[:N]
    f_hat = torch.stack([f, -f], 1)
    nothing = torch.zeros(N, A, E, dtype=torch.double)
    first, last, neither = TARGET[:, :1], TARGET[:, 1:], torch.full((N, 1), 99)
    losses = [
        float(proxy_losses.real_loss(seen(f_hat, nothing, nothing), own, f))
        for own in (first, last, neither)
    ]
    assert losses == pytest.approx([0, 2, 0])

from __future__ import annotations

from typing import get_args

import pytest

from faceclust.graph.architecture import Fusion
from tests.graph.test_streamed import unit

torch = pytest.importorskip("torch")

N, M, D = 6, 10, 24


def generator(fusion: Fusion = "cross-attention", blocks: int = 2):
    from faceclust.graph.proxy import ProxyGenerator

    torch.manual_seed(0)
    return ProxyGenerator(D, heads=4, blocks=blocks, fusion=fusion)


@pytest.mark.parametrize("fusion", get_args(Fusion))
@pytest.mark.parametrize("values", [0, M])
def test_proxies_are_points_of_the_identity_space(fusion: Fusion, values: int) -> None:
    f, around = torch.from_numpy(unit(N, D)), torch.from_numpy(unit(N, D, seed=1))
    v = generator(fusion)(f, around, torch.from_numpy(unit(N, M, D, seed=2))[:, :values])
    assert v.shape == (N, D)
    torch.testing.assert_close(v.norm(dim=1), torch.ones(N))


def test_the_average_without_hallucinations_is_the_face() -> None:
    f = torch.from_numpy(unit(N, D))
    torch.testing.assert_close(generator("average")(f, f, f[:, None][:, :0]), f)


def test_the_order_of_the_values_is_no_matter() -> None:
    f, around = torch.from_numpy(unit(N, D)), torch.from_numpy(unit(N, D, seed=1))
    values = torch.from_numpy(unit(N, M, D, seed=2))
    model = generator()
    torch.testing.assert_close(model(f, around, values), model(f, around, values.flip(1)))


def test_only_cross_attention_asks_the_neighbours() -> None:
    f, values = torch.from_numpy(unit(N, D)), torch.from_numpy(unit(N, M, D, seed=2))
    here, there = (torch.from_numpy(unit(N, D, seed=s)) for s in (3, 4))
    asked = generator("cross-attention")
    assert not torch.allclose(asked(f, here, values), asked(f, there, values))
    alone = generator("self-attention")
    torch.testing.assert_close(alone(f, here, values), alone(f, there, values))


def test_gradients_of_a_block_are_right() -> None:
    block = generator(blocks=1).blocks[0].double()
    q = torch.randn(2, D, dtype=torch.double, requires_grad=True)
    values = torch.randn(2, 3, D, dtype=torch.double, requires_grad=True)
    assert torch.autograd.gradcheck(block, (q, values))


def test_heads_must_divide_the_width() -> None:
    from faceclust.graph.proxy import ProxyGenerator

    with pytest.raises(ValueError, match="5 heads"):
        ProxyGenerator(D, heads=5)

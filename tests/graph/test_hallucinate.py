from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.graph.test_streamed import VALUES, unit

torch = pytest.importorskip("torch")

E, D, V, M = 16, 24, sum(VALUES), sum(VALUES) - len(VALUES)


def hallucinator():
    from faceclust.graph.hallucinate import Hallucinator

    torch.manual_seed(0)
    return Hallucinator(torch.from_numpy(unit(V, E)), VALUES, D, 8)


def test_shapes() -> None:
    seen = hallucinator()(torch.from_numpy(unit(5, D)), torch.from_numpy(unit(5, E)))
    assert seen.own.shape == (5, len(VALUES))
    assert seen.target.shape == (5, M)
    assert seen.dt.shape == seen.di.shape == (5, M, E)
    assert seen.f.shape == (5, M, D)


@settings(max_examples=25)
@given(st.integers(1, 20), st.integers(0, 9999))
def test_a_face_has_one_value_of_each_attribute_and_lacks_all_others(n: int, seed: int) -> None:
    model = hallucinator()
    own = model.own_values(torch.from_numpy(unit(n, E, seed=seed)))
    target = model.reversed_values(own)
    ends = np.cumsum(VALUES)
    for face in range(n):
        for value, end, size in zip(own[face].tolist(), ends, VALUES, strict=True):
            assert end - size <= value < end
        assert sorted([*own[face].tolist(), *target[face].tolist()]) == list(range(V))


def test_bfloat16_mistakes_no_value_for_one_that_is_nearly_as_likely() -> None:
    model, i = hallucinator(), torch.from_numpy(unit(500, E))
    with torch.autocast("cpu", torch.bfloat16):
        half = model.own_values(i)
    assert torch.equal(half, model.own_values(i))


def test_offsets_point_from_the_own_value_to_the_other() -> None:
    model = hallucinator()
    own = torch.tensor([[1, 4, 11]])
    target = model.reversed_values(own)
    dt = model.offsets(own, target)
    for m, value in enumerate(target[0].tolist()):
        mine = own[0, int(model.attribute[value])]
        torch.testing.assert_close(dt[0, m], model.t[value] - model.t[mine])


def test_probabilities_add_up_within_an_attribute() -> None:
    p = hallucinator().probabilities(torch.from_numpy(unit(6, E)))
    for part in p.split(list(VALUES), 1):
        torch.testing.assert_close(part.sum(1), torch.ones(6))


def test_gradients_of_both_modules_are_right() -> None:
    model = hallucinator().double()
    dt = torch.randn(2, M, E, dtype=torch.double, requires_grad=True)
    i = torch.randn(2, E, dtype=torch.double, requires_grad=True)
    f = torch.randn(2, D, dtype=torch.double, requires_grad=True)

    def both(dt: object, i: object, f: object) -> object:
        return model.space_transfer(model.text_to_image(dt, i), f)

    assert torch.autograd.gradcheck(both, (dt, i, f))


def test_random_offsets_keep_the_attributes_but_not_the_words() -> None:
    from faceclust.graph.hallucinate import Hallucinator

    words = torch.from_numpy(unit(V, E, seed=9))
    model = Hallucinator(torch.from_numpy(unit(V, E)), VALUES, D, 8, words)
    own = model.own_values(torch.from_numpy(unit(3, E, seed=1)))
    torch.testing.assert_close(own, hallucinator().own_values(torch.from_numpy(unit(3, E, seed=1))))
    target = model.reversed_values(own)
    torch.testing.assert_close(
        model.offsets(own, target)[0, 0], words[target[0, 0]] - words[own[0, 0]]
    )

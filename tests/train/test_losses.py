from __future__ import annotations

import pytest

torch = pytest.importorskip("torch", reason="needs faceclust[clip]")

from faceclust.train.captions import NAMES, OFFSETS, UNKNOWN, VALUES  # noqa: E402
from faceclust.train.losses import (  # noqa: E402
    WEIGHTS,
    Imagined,
    Weighting,
    caption_loss,
    prompt_loss,
)


def test_prompt_loss_counts_only_what_is_known() -> None:
    i = torch.nn.functional.normalize(torch.randn(2, 8), dim=1)
    t = torch.nn.functional.normalize(torch.randn(OFFSETS[-1], 8), dim=1)
    labels = torch.full((2, len(NAMES)), UNKNOWN)
    scale, prior = torch.tensor(10.0), torch.zeros(OFFSETS[-1])
    assert prompt_loss(i, t, labels, scale, prior, Weighting()) == 0
    labels[0, 1] = 1
    logits = 10 * i[0] @ t[OFFSETS[1] : OFFSETS[2]].T
    expected = WEIGHTS["gender"] * -logits.log_softmax(0)[1]
    assert torch.allclose(prompt_loss(i, t, labels, scale, prior, Weighting()), expected)


def test_the_gender_of_a_baby_is_believed_less_than_that_of_an_adult() -> None:
    t = torch.zeros(OFFSETS[-1], 8)
    gender, life = NAMES.index("gender"), NAMES.index("life")
    t[OFFSETS[gender], 0] = t[OFFSETS[gender] + 1, 1] = 1
    labels = torch.full((1, len(NAMES)), UNKNOWN)
    labels[0, gender] = 0
    wrong, prior = torch.eye(8)[1:2], torch.zeros(OFFSETS[-1])

    def lost(stage: str) -> float:
        labels[0, life] = VALUES[life].index(stage)
        weighting = Weighting(gender=1.0, doubt=0.2)
        without = prompt_loss(wrong, t, labels, torch.tensor(10.0), prior, Weighting(gender=0.0))
        return float(prompt_loss(wrong, t, labels, torch.tensor(10.0), prior, weighting) - without)

    assert lost("adult") == pytest.approx(10, abs=1e-3)
    # A target of 0.9 and 0.1 costs 0.9 * 10.
    assert lost("baby") == pytest.approx(9, abs=1e-3)


def test_caption_loss_is_least_where_true_pairs_are_near() -> None:
    near = torch.eye(3)
    true = torch.eye(3, dtype=torch.bool)
    known = torch.ones(3, 3, dtype=torch.bool)
    scale = torch.tensor(20.0)
    assert caption_loss(near, near, true, known, scale) < 1e-3
    assert caption_loss(near, near.roll(1, 0), true, known, scale) > 10
    known[0, 1:] = known[1:, 0] = False
    twisted = near[[0, 2, 1]]
    half = caption_loss(near, twisted, true, known, scale)
    assert torch.isfinite(half)
    assert 1 < half < 20


def test_a_face_without_known_captions_spoils_no_gradient() -> None:
    i = torch.eye(3).requires_grad_()
    known = torch.tensor([[True, True, True], [True, True, True], [False, False, False]])
    caption_loss(i, torch.eye(3), torch.eye(3).bool() & known, known, torch.tensor(5.0)).backward()
    assert torch.isfinite(i.grad).all()


def test_an_imagined_face_is_the_sum_of_its_facts() -> None:
    imagined = Imagined(16)
    labels = torch.zeros(2, len(VALUES), dtype=torch.int8)
    labels[1, 0] = 1
    x = imagined(labels)
    assert torch.allclose(x.norm(dim=1), torch.ones(2), atol=1e-5)
    whole = imagined.vectors[list(OFFSETS[:-1])].sum(0)
    assert torch.allclose(x[0], whole / whole.norm(), atol=1e-5)
    assert not torch.allclose(x[0], x[1])

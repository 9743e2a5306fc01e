"""Losses of CLIP-Cluster (Shen et al., ICCV 2023, 3.2 and 3.5), and one that the paper lacks."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import binary_cross_entropy_with_logits, cosine_similarity

from faceclust.graph.hallucinate import Hallucinated, SpaceTransfer


def clip_loss(seen: Hallucinated, i: Tensor, t: Tensor) -> Tensor:
    """L_CLIP = D(dt, di) + D(t~, i + di), D the cosine distance.

    Args:
        seen: hallucinations of N faces.
        i: (N, E) image embeddings.
        t: (V, E) what dt was made of.
    """
    along = cosine_similarity(seen.dt, seen.di, dim=2)
    there = cosine_similarity(t[seen.target], i[:, None] + seen.di, dim=2)
    return (1 - along).mean() + (1 - there).mean()


def identity_loss(seen: Hallucinated, f: Tensor) -> Tensor:
    """L_ID = 1 - <f^, f>, f: (N, D)."""
    return (1 - cosine_similarity(seen.f, f[:, None], dim=2)).mean()


def transfer_loss(
    transfer: SpaceTransfer, i: Tensor, f: Tensor, i_other: Tensor, f_other: Tensor
) -> Tensor:
    """L = 1 - <B(i - i_r, f_r) + f_r, f> over real pairs of one person, (N, E) and (N, D) each."""
    df = transfer((i - i_other)[:, None], f_other)[:, 0]
    return (1 - cosine_similarity(df + f_other, f)).mean()


def real_loss(seen: Hallucinated, own_other: Tensor, f_other: Tensor) -> Tensor:
    """Supervises f^ by a real photo that has the value: not in the paper.

    Args:
        seen: hallucinations of N faces.
        own_other: (N, A) values of another photo of each person.
        f_other: (N, D) its identity embedding.

    Returns:
        The mean cosine distance of f^_m and f_other where the other photo has the value m.
    """
    has = (seen.target[:, :, None] == own_other[:, None]).any(2)
    distance = 1 - cosine_similarity(seen.f, f_other[:, None], dim=2)
    return (distance * has).sum() / has.sum().clamp(min=1)


def cross_entropy(log_odds: Tensor, same: Tensor, sure: Tensor) -> Tensor:
    """L_cross over the pairs (E,) whose label is sure."""
    if not bool(sure.any()):
        return torch.zeros((), device=log_odds.device) * log_odds.sum()
    return binary_cross_entropy_with_logits(log_odds[sure], same[sure])

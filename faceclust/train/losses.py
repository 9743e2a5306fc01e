"""The two losses of face-CLIP, on cosines in the shared space.

prompts   for each label group, a softmax over one freshly worded prompt for each value:
          zero-shot classification itself (Radford et al., 2021, 3.1), with the values'
          frequencies added to the logits (Menon et al., 2021), so that rare ones count;
captions  each face against all captions of the batch and each caption against all faces,
          where every caption that is true of a face is a positive (Khosla et al., 2020) and
          pairs whose truth is unknown are left out.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from faceclust.train.captions import NAMES, OFFSETS, UNKNOWN

# Weights of the groups' losses; the 39 yes-or-no attributes share theirs.
WEIGHTS = {"age": 2.0, "gender": 2.0, "expression": 3.0, "pose": 1.0, "life": 1.0}
YES_NO = 8.0 / 39


def prompt_loss(i: Tensor, t: Tensor, labels: Tensor, scale: Tensor, prior: Tensor,
                smoothing: float) -> Tensor:  # fmt: skip
    """Cross-entropy of each group's softmax over its prompts, weighted over the groups.

    Args:
        i: (B, E), t: (V, E), normalised.
        labels: (B, G) value, -1 unknown.
        scale: temperature.
        prior: (V,) log frequencies.
        smoothing: label smoothing of expressions.
    """
    logits = scale * i @ t.T + prior
    total = torch.zeros(())
    for g, name in enumerate(NAMES):
        known = labels[:, g] != UNKNOWN
        if known.any():
            part = logits[known, OFFSETS[g] : OFFSETS[g + 1]]
            smooth = smoothing if name == "expression" else 0.0
            loss = functional.cross_entropy(part, labels[known, g].long(), label_smoothing=smooth)
            total = total + WEIGHTS.get(name, YES_NO) * loss
    return total


def caption_loss(i: Tensor, t: Tensor, true: Tensor, known: Tensor, scale: Tensor) -> Tensor:
    """Contrastive loss with many positives, in both directions, over the known pairs.

    Args:
        i: (B, E), t: (T, E), normalised.
        true, known: (B, T) from `captions.truth`.
        scale: temperature.
    """
    logits = (scale * i @ t.T).masked_fill(~known, -torch.inf)
    loss = torch.zeros(())
    for dim in (0, 1):
        log_p = logits.log_softmax(dim)
        positives = true.sum(dim)
        mean = log_p.masked_fill(~true, 0).sum(dim) / positives.clamp(min=1)
        loss = loss - mean[positives > 0].mean() / 2
    return loss


class Imagined(nn.Module):
    """Faces that are nothing but their facts: the sum of one learned vector for each value.

    Shapes:
        labels: (B, G) value of every group -> (B, E), normalised.
    """

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.vectors = nn.Parameter(torch.randn(OFFSETS[-1], dim))

    def forward(self, labels: Tensor) -> Tensor:
        """See the class."""
        index = labels.long() + torch.tensor(OFFSETS[:-1])
        return functional.normalize(self.vectors[index].sum(1), dim=1)

"""The two losses of face-CLIP, on cosines in the shared space.

prompts   for each label group, a softmax over one freshly worded prompt for each value:
          zero-shot classification itself (Radford et al., 2021, 3.1), with the values'
          frequencies added to the logits (Menon et al., 2021), so that rare ones count;
captions  each face against all captions of the batch and each caption against all faces,
          where every caption that is true of a face is a positive (Khosla et al., 2020) and
          pairs whose truth is unknown are left out.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from faceclust.train.captions import NAMES, OFFSETS, UNKNOWN, VALUES

# Weights of the groups' losses; the 39 yes-or-no attributes share theirs.
WEIGHTS = {"age": 2.0, "gender": 2.0, "expression": 3.0, "pose": 1.0, "life": 1.0}
YES_NO = 8.0 / 39
_GENDER, _LIFE = NAMES.index("gender"), NAMES.index("life")
_BABY = VALUES[_LIFE].index("baby")


@dataclass(frozen=True, slots=True)
class Weighting:
    """How much each group counts, and how far its labels are trusted.

    Attributes:
        smoothing: label smoothing of expressions, whose labels are noisy.
        gender: weight of the gender.
        doubt: label smoothing of the gender of babies: of two copies of one photo 18 in 100
            carry different labels.
    """

    smoothing: float = 0.1
    gender: float = WEIGHTS["gender"]
    doubt: float = 0.0

    def weight(self, name: str) -> float:
        """The factor of one group's loss."""
        return self.gender if name == "gender" else WEIGHTS.get(name, YES_NO)

    def smooth(self, g: int, labels: Tensor) -> Tensor:
        """(B,) label smoothing of group `g` for faces with `labels` (B, G)."""
        if g == _GENDER:
            return self.doubt * (labels[:, _LIFE] == _BABY).float()
        smoothing = self.smoothing if NAMES[g] == "expression" else 0.0
        return torch.full((len(labels),), smoothing, device=labels.device)


def prompt_loss(i: Tensor, t: Tensor, labels: Tensor, scale: Tensor, prior: Tensor,
                weighting: Weighting) -> Tensor:  # fmt: skip
    """Cross-entropy of each group's softmax over its prompts, weighted over the groups.

    Args:
        i: (B, E), t: (V, E), normalised.
        labels: (B, G) value, -1 unknown.
        scale: temperature.
        prior: (V,) log frequencies.
        weighting: of the groups.
    """
    logits = scale * i @ t.T + prior
    total = torch.zeros((), device=i.device)
    for g, name in enumerate(NAMES):
        log_p = logits[:, OFFSETS[g] : OFFSETS[g + 1]].log_softmax(1)
        right = log_p.gather(1, labels[:, g, None].long().clamp(min=0))[:, 0]
        loss = -right.lerp(log_p.mean(1), weighting.smooth(g, labels))
        total = total + weighting.weight(name) * _mean(loss, labels[:, g] != UNKNOWN)
    return total


def caption_loss(i: Tensor, t: Tensor, true: Tensor, known: Tensor, scale: Tensor) -> Tensor:
    """Contrastive loss with many positives, in both directions, over the known pairs.

    Args:
        i: (B, E), t: (T, E), normalised.
        true, known: (B, T) from `captions.truth`.
        scale: temperature.
    """
    logits = (scale * i @ t.T).masked_fill(~known, -torch.inf)
    loss = torch.zeros((), device=i.device)
    for dim in (0, 1):
        log_p = logits.log_softmax(dim)
        positives = true.sum(dim)
        mean = log_p.masked_fill(~true, 0).sum(dim) / positives.clamp(min=1)
        loss = loss - _mean(mean, positives > 0) / 2
    return loss


def _mean(x: Tensor, counts: Tensor) -> Tensor:
    """Mean of the x that count, 0 if none does; picking them out would stop a GPU each time."""
    return (x * counts).sum() / counts.sum().clamp(min=1)


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
        index = labels.long() + torch.tensor(OFFSETS[:-1], device=labels.device)
        return functional.normalize(self.vectors[index].sum(1), dim=1)

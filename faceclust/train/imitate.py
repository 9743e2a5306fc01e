"""Teach an image tower to say what another one says, on the very same views.

A tower whose activations have been simplified (`checkpoint.Options.rectify`) learns more from what
the tower it comes from says of every view, in every label group, than from the few labels that a
face has (Hinton et al., 2015; the same view for both, and many of them: Beyer et al., 2022).
"""

from __future__ import annotations

from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from faceclust.embed.open_clip_model import architecture
from faceclust.train.captions import NAMES, OFFSETS
from faceclust.train.checkpoint import load_start
from faceclust.train.losses import Weighting

# Weight of the angle between both embeddings, beside what they say about prompts.
ANGLE = 10.0


class Teacher(nn.Module):
    """The image tower that is imitated; it does not learn.

    Args:
        config: open_clip's configuration of the tower.
        weights: its weights.

    Shapes:
        x: (B, 3, S, S) normalised pixels -> (B, E), normalised.
    """

    def __init__(self, config: Path, weights: Path) -> None:
        super().__init__()
        model, _ = architecture(config)
        load_start(model, weights)
        self.visual = model.visual.eval().requires_grad_(False)

    @torch.no_grad()
    def forward(self, x: Tensor) -> Tensor:
        """See the class."""
        return functional.normalize(self.visual(x).float(), dim=1)


def imitation_loss(
    i: Tensor, taught: Tensor, t: Tensor, scale: Tensor, weighting: Weighting
) -> Tensor:
    """How far what is said is from what the teacher says, and the embeddings from each other.

    Args:
        i, taught: (B, E) embeddings of the same views, by the tower and by its teacher, normalised.
        t: (V, E) one prompt for every value, normalised.
        scale: temperature.
        weighting: of the groups.
    """
    said, right = scale * i @ t.T, scale * taught @ t.T
    total = ANGLE * (1 - (i * taught).sum(1)).mean()
    for g, name in enumerate(NAMES):
        values = slice(OFFSETS[g], OFFSETS[g + 1])
        log_p, log_q = said[:, values].log_softmax(1), right[:, values].log_softmax(1)
        unlike = functional.kl_div(log_p, log_q, reduction="batchmean", log_target=True)
        total = total + weighting.weight(name) * unlike
    return total

"""The image tower of face-CLIP: MobileFaceNet (Chen et al., 2018), known to timm by name.

open_clip builds image towers from timm's models, and tells them no image size, so this one is
registered there as `face_mobile` and, for 80 x 80 pixels, as `face_mobile_80`; importing this
module is what makes the names known.
"""

from __future__ import annotations

from typing import Any

import torch
from timm.models import register_model
from torch import Tensor, nn

# Output channels, hidden channels and number of residual bottlenecks of each stage.
STAGES = ((64, 128, 4), (128, 256, 6), (128, 256, 2))
# Hidden channels of the bottleneck that halves the resolution before each stage.
DOWN = (128, 256, 512)
FEATURES = 512


class ConvAct(nn.Sequential):
    """A convolution with bias and, unless `linear`, a PReLU: batch norms are folded in."""

    def __init__(
        self, c_in: int, c_out: int, kernel: int = 1, *, stride: int = 1, groups: int = 1,
        linear: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(nn.Conv2d(c_in, c_out, kernel, stride, kernel // 2, groups=groups))
        if not linear:
            self.append(nn.PReLU(c_out, init=0.25))


class Bottleneck(nn.Module):
    """Inverted bottleneck: widen, filter each channel, narrow; residual where shapes allow."""

    def __init__(self, c_in: int, hidden: int, c_out: int, stride: int = 1) -> None:
        super().__init__()
        self.residual = stride == 1 and c_in == c_out
        self.layers = nn.Sequential(
            ConvAct(c_in, hidden),
            ConvAct(hidden, hidden, 3, stride=stride, groups=hidden),
            ConvAct(hidden, c_out, linear=True),
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, c_in, H, W) -> (B, c_out, H / stride, W / stride)."""
        out: Tensor = self.layers(x)
        return x + out if self.residual else out


class FaceMobile(nn.Module):
    """MobileFaceNet without its identity head.

    Shapes:
        x: (B, 3, S, S) -> (B, 512), S a multiple of 16.

    Args:
        image_size: S; the last convolution sees all of the S/16 x S/16 map, one weight a place,
            because in an aligned face each place has its own meaning.
    """

    def __init__(self, image_size: int) -> None:
        super().__init__()
        self.num_features = FEATURES
        self.default_cfg: dict[str, Any] = {"input_size": (3, image_size, image_size)}
        blocks: list[nn.Module] = [ConvAct(3, 64, 3, stride=2), ConvAct(64, 64, 3, groups=64)]
        width = 64
        for down, (c_out, hidden, depth) in zip(DOWN, STAGES, strict=True):
            blocks.append(Bottleneck(width, down, c_out, stride=2))
            blocks.extend(Bottleneck(c_out, hidden, c_out) for _ in range(depth))
            width = c_out
        self.blocks = nn.Sequential(*blocks)
        self.widen = ConvAct(width, FEATURES)
        self.gather = nn.Conv2d(FEATURES, FEATURES, image_size // 16, groups=FEATURES)
        self.norm = nn.LayerNorm(FEATURES)

    def reset_classifier(self, num_classes: int, global_pool: str = "") -> None:
        """Part of timm's interface; there is no classifier to take off."""

    def forward(self, x: Tensor) -> Tensor:
        """(B, 3, S, S), pixels in [-1, 1] -> (B, 512)."""
        out: Tensor = self.norm(torch.flatten(self.gather(self.widen(self.blocks(x))), 1))
        return out


@register_model
def face_mobile(pretrained: bool = False, **kwargs: Any) -> FaceMobile:
    """The constructor that timm finds by name; weights come through open_clip only."""
    return FaceMobile(112)


@register_model
def face_mobile_80(pretrained: bool = False, **kwargs: Any) -> FaceMobile:
    """The same for smaller images, which a first training run makes do with."""
    return FaceMobile(80)

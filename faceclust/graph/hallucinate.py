"""Attribute hallucination (Shen et al., ICCV 2023, 3.2): a face at other ages, poses, expressions.

A face with embedding f has one value of each attribute. For every value that it does *not* have,
the change of words dt = t~ - t (its prompts against those of the face's own value) is carried
into the CLIP image space by M, and from there into the identity space by B:

    di = M(dt, i)        df = B(di, f)        f^ = f + df

The paper writes dt = t - t~, which points away from the value that i + di is then pulled to; the
sign here is the one that its loss asks for.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from faceclust.graph.architecture import SHARPNESS


class TextToImage(nn.Module):
    """M: di = W_o GELU(W_t dt + W_i i + b), a change of words to a change of the image.

    The first layer is linear in the concatenation [dt, i] and therefore a sum of two: W_t dt is
    the same for all faces, W_i i for all values.

    Shapes:
        dt: (N, M, E) text offsets; i: (N, E) image embeddings -> di: (N, M, E).
    """

    def __init__(self, E: int, hidden: int) -> None:
        super().__init__()
        self.words = nn.Linear(E, hidden, bias=False)
        self.image = nn.Linear(E, hidden)
        self.out = nn.Linear(hidden, E, bias=False)

    def forward(self, dt: Tensor, i: Tensor) -> Tensor:
        """Shapes as in the class."""
        di: Tensor = self.out(gelu(self.words(dt) + self.image(i)[:, None]))
        return di


class SpaceTransfer(nn.Module):
    """B: df = W_o GELU(W_d di + W_f f + b), from the CLIP space to the identity space.

    Shapes:
        di: (N, M, E), f: (N, D) -> df: (N, M, D).
    """

    def __init__(self, E: int, D: int, hidden: int) -> None:
        super().__init__()
        self.change = nn.Linear(E, hidden, bias=False)
        self.face = nn.Linear(D, hidden)
        self.out = nn.Linear(hidden, D, bias=False)

    def forward(self, di: Tensor, f: Tensor) -> Tensor:
        """Shapes as in the class."""
        df: Tensor = self.out(gelu(self.change(di) + self.face(f)[:, None]))
        return df


class Hallucinated(NamedTuple):
    """A face at the values it does not have, and how it got there.

    Attributes:
        own: (N, A) ids of r, the values it has.
        target: (N, M) ids of r~, the others.
        dt, di: (N, M, E) the change of words and of the image.
        f: (N, M, D) f^.
    """

    own: Tensor
    target: Tensor
    dt: Tensor
    di: Tensor
    f: Tensor


class Hallucinator(nn.Module):
    """f^ = f + B(M(t~ - t, i), f) for the M = V - A values that a face does not have.

    Args:
        t: (V, E) text embeddings of all values of all A attributes, one attribute after another.
        values: V_a, how many values each attribute has.
        D: of the identity space.
        hidden: width of M and of B.
        words: (V, E) what dt is made of where it is not t: the ablation with random offsets.
    """

    t: Tensor
    words: Tensor
    first: Tensor
    attribute: Tensor

    def __init__(
        self, t: Tensor, values: Sequence[int], D: int, hidden: int, words: Tensor | None = None
    ) -> None:
        super().__init__()
        E = t.shape[1]
        sizes = torch.tensor(values)
        self.register_buffer("t", t)
        self.register_buffer("words", t if words is None else words)
        self.register_buffer("first", sizes.cumsum(0) - sizes)
        self.register_buffer("attribute", torch.arange(len(sizes)).repeat_interleave(sizes))
        self.text_to_image = TextToImage(E, hidden)
        self.space_transfer = SpaceTransfer(E, D, hidden)

    def probabilities(self, i: Tensor) -> Tensor:
        """Zero-shot probability of every value within its attribute, (N, E) -> (N, V)."""
        sizes = self.attribute.bincount().tolist()
        return torch.cat([p.softmax(1) for p in (SHARPNESS * i @ self.t.T).split(sizes, 1)], 1)

    def own_values(self, i: Tensor) -> Tensor:
        """r: the likeliest value of each attribute by zero-shot, (N, E) -> (N, A) ids in 0..V-1."""
        with torch.autocast(i.device.type, enabled=False):  # bfloat16 confuses near ones
            cosine = i @ self.t.T
        best = [part.argmax(1) for part in cosine.split(self.attribute.bincount().tolist(), 1)]
        return torch.stack(best, 1) + self.first

    def reversed_values(self, own: Tensor) -> Tensor:
        """r~: the values that a face does not have, (N, A) -> (N, M) ids, ascending."""
        V = len(self.t)
        has = torch.zeros(len(own), V, dtype=torch.bool, device=own.device).scatter_(1, own, True)
        everything = torch.arange(V, device=own.device).expand(len(own), V)
        return everything[~has].view(len(own), V - own.shape[1])

    def offsets(self, own: Tensor, target: Tensor) -> Tensor:
        """The change of words t~ - t, (N, A) own and (N, M) target values -> (N, M, E)."""
        return self.words[target] - self.words[own.gather(1, self.attribute[target])]

    def forward(self, f: Tensor, i: Tensor) -> Hallucinated:
        """f: (N, D), i: (N, E), both L2-normalised."""
        own = self.own_values(i)
        target = self.reversed_values(own)
        dt = self.offsets(own, target)
        di = self.text_to_image(dt, i)
        return Hallucinated(own, target, dt, di, f[:, None] + self.space_transfer(di, f))

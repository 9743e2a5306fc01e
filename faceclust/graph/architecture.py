"""What a CLIP-Cluster model is made of; training and inference both read it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, TypeAlias

Offsets: TypeAlias = Literal["text", "random", "none"]
Fusion: TypeAlias = Literal["cross-attention", "self-attention", "average"]
# Structural and other standardised features of a pair are cut off here.
LIMIT = 6.0
# Of the softmax over the values of an attribute: softer than face-CLIP's own temperature, so that
# a face between two ages is seen as between them.
SHARPNESS = 20.0
# k of the neighbourhood A_0 in Eq. 3: about as many as are one person's.
AROUND = 20


@dataclass(frozen=True, slots=True)
class Architecture:
    """What the model is made of.

    Attributes:
        offsets: "text" hallucinates by dt = t~ - t, "random" by differences of random vectors,
            "none" not at all: the proxy is made from f and its neighbourhood.
        fusion: how a face and its hallucinations become a proxy: "cross-attention" is the paper's;
            in "self-attention" the face itself asks; "average" is their mean.
        attributes: whether the edge head is told the attributes of both ends.
        D: dimensions of the identity space in here: the leading principal ones.
        hidden: width of M and of B.
        heads, blocks: of the proxy's decoder.
        graph, edge: widths of the graph convolution and of the edge head.
        dropout: of the proxies in training: thousands of people are few to learn faces from.
    """

    offsets: Offsets = "text"
    fusion: Fusion = "cross-attention"
    attributes: bool = True
    D: int = 256
    hidden: int = 128
    heads: int = 4
    blocks: int = 1
    graph: int = 64
    edge: int = 64
    dropout: float = 0.2


# What an ablation compares; the first is what is shipped.
VARIANTS: Mapping[str, Architecture] = {
    "clip-cluster": Architecture(),
    "without-hallucination": Architecture(offsets="none"),
    "random-offsets": Architecture(offsets="random"),
    "average": Architecture(fusion="average"),
    "self-attention": Architecture(fusion="self-attention"),
    "without-attributes": Architecture(attributes=False),
}

"""Which files a profile runs on, and the names under which its results are kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from faceclust import weights
from faceclust.cluster.methods import Method
from faceclust.embed.arcface import Network
from faceclust.weights import Notify

MOBILE = "mobilefacenet-512+192"
EDGES = "edges-universal.npz"


@dataclass(frozen=True, slots=True)
class Models:
    """The networks of a scan.

    Attributes:
        detector: an SCRFD ONNX file.
        embedders: the networks whose embeddings, one after another, are a face's.
        detector_id, model_id: stable names; embeddings are keyed by (face, model id).
    """

    detector: Path
    embedders: tuple[Network, ...]
    detector_id: str
    model_id: str


@dataclass(frozen=True, slots=True)
class Space:
    """What has to be known to compare the embeddings of a model.

    Attributes:
        parts: sizes of the networks' embeddings, where there are several; see `normalise`.
        thresholds: of the clustering methods whose own default is another network's.
        proxies: the CLIP-Cluster model of `pretrained/` that was trained on this space, if any.
        model: id of the networks; "" where it is not known.
    """

    parts: tuple[int, ...] = ()
    thresholds: Mapping[Method, float] = field(default_factory=dict)
    proxies: str | None = None
    model: str = ""


def space(model_id: str) -> Space:
    """The space that the embeddings of a model lie in."""
    if model_id == MOBILE:
        # The second network finds faces more alike than the first does, of one person and of two.
        return Space(
            parts=(512, 192),
            thresholds={"infomap": 0.55, "hac": 0.47},
            proxies="clip-cluster-mobile.safetensors",
            model=model_id,
        )
    return Space(model=model_id)


def resolve(profile: str, notify: Notify | None = None) -> Models:
    """Find, and on first use fetch, the networks of a profile.

    Args:
        profile: "mobile", the name of an InsightFace pack ("buffalo_l"), or a pack's folder.
        notify: is told what is being fetched and under which terms.

    Raises:
        WeightsError: they cannot be fetched, verified or found.
    """
    if profile == "mobile":
        names = ("arcface-mobilefacenet-512", "mobilefacenet-192")
        return Models(
            detector=weights.path_of("scrfd-2.5g", notify=notify),
            embedders=tuple(Network(weights.path_of(n, notify=notify), 128.0) for n in names),
            detector_id="scrfd-2.5g",
            model_id=MOBILE,
        )
    folder = weights.pack(profile, notify)
    detector, embedder = weights.pack_files(folder)
    return Models(
        detector=detector,
        embedders=(Network(embedder, 127.5),),
        detector_id=f"{folder.name}/{detector.stem}",
        model_id=f"{folder.name}/{embedder.stem}",
    )

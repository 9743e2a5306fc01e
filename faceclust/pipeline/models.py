"""Which files a profile runs on, and the names under which its results are kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from faceclust import weights
from faceclust.weights import Notify


@dataclass(frozen=True, slots=True)
class Models:
    """The networks of a scan.

    Attributes:
        detector: an SCRFD ONNX file.
        embedder: an ArcFace ONNX file.
        scale: what the embedder divides pixels by, 128 or 127.5.
        detector_id, model_id: stable names; embeddings are keyed by (face, model id).
    """

    detector: Path
    embedder: Path
    scale: float
    detector_id: str
    model_id: str


def resolve(profile: str, notify: Notify | None = None) -> Models:
    """Find, and on first use fetch, the networks of a profile.

    Args:
        profile: "mobile", the name of an InsightFace pack ("buffalo_l"), or a pack's folder.
        notify: is told what is being fetched and under which terms.

    Raises:
        WeightsError: they cannot be fetched, verified or found.
    """
    if profile == "mobile":
        return Models(
            detector=weights.path_of("scrfd-2.5g", notify=notify),
            embedder=weights.path_of("arcface-mobilefacenet-512", notify=notify),
            scale=128.0,
            detector_id="scrfd-2.5g",
            model_id="arcface-mobilefacenet-512",
        )
    folder = weights.pack(profile, notify)
    detector, embedder = weights.pack_files(folder)
    return Models(
        detector=detector,
        embedder=embedder,
        scale=127.5,
        detector_id=f"{folder.name}/{detector.stem}",
        model_id=f"{folder.name}/{embedder.stem}",
    )

